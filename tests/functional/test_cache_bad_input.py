"""What can be wrong with a cache, and what is said about it, by a real Valkey."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paceline import CacheTarget, ClosedLoop, ConstantRate, PerformanceTestFramework, TestResult, TestStatus
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine.request import LoadNow
from paceline.records.run_record import RunRecord
from paceline.workload.models import FixedIterations, Workload
from tests.functional import commands
from tests.functional.small_server import small_server
from tests.functional.valkeys import Valkey, free_port, listening, valkey
from tests.waiting import wait_for

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with valkey() as found:
        yield found


def load(target: CacheTarget, workload: Workload | None = None) -> TestResult:
    return PerformanceTestFramework().run_load("cache", target, workload or ClosedLoop(3, 0.2), warmup_s=0)


def refused(target: CacheTarget) -> str:
    with pytest.raises(MeasurementError) as caught:
        load(target)
    return str(caught.value)


def paceline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.paceline(folder, "cache", *arguments)


def test_nobody_listens_or_somebody_else_does() -> None:
    port = free_port()
    assert refused(CacheTarget(f"redis://127.0.0.1:{port}")) == f"nobody listens at redis://127.0.0.1:{port} [refused]"
    assert "there is no such socket" in refused(CacheTarget("unix:///no/such/socket"))
    assert "cannot be resolved" in refused(CacheTarget("redis://no-such-host.invalid"))
    with small_server() as url:
        said = refused(CacheTarget(url.replace("http", "redis"), connect_timeout_s=0.2))
    assert "within 0.2 s" in said


@pytest.mark.parametrize("credentials", [":wr0ngword@", "somebody:wr0ngword@", "wr0ngword@", ""])
def test_a_wrong_password_is_said_and_not_shown(credentials: str) -> None:
    with listening(requirepass="s3cretword") as (_, port):
        said = refused(CacheTarget(f"redis://{credentials}127.0.0.1:{port}"))
    assert "check user and password in the URL" in said
    assert "wr0ngword" not in said
    assert "***" not in said  # nor is the remedy taken for a secret
    assert said.endswith("[WRONGPASS]" if credentials else "[NOAUTH]")


def test_a_password_where_none_is_wanted_and_a_database_that_is_not_there(server: Valkey) -> None:
    assert "wr0ngword" not in refused(CacheTarget(f"unix://:wr0ngword@{server.socket}"))
    assert "DB index is out of range" in refused(CacheTarget(f"{server.url}?db=99"))


def test_a_read_only_replica_takes_no_load_that_writes_and_one_that_reads() -> None:
    with listening() as (_, port), valkey(replicaof=f"127.0.0.1 {port}") as replica:
        wait_for(lambda: replica.information.get("master_link_status") == "up")
        said = refused(CacheTarget(replica.url))
        assert "is a read-only replica: name its primary" in said
        reading = load(CacheTarget(replica.url, "get", prefill=0))
        assert reading.record.counts.errors == 0
        assert reading.record.counts.misses > 0


def test_a_server_of_a_cluster_is_refused() -> None:
    with valkey(cluster_enabled="yes") as server:
        assert "is part of a cluster, which is not supported" in refused(CacheTarget(server.url))
        # Where its user may not ask for INFO, the server's own words are taken.
        server.call("ACL", "SETUSER", "default", "-info")
        assert "is part of a cluster, which is not supported" in refused(CacheTarget(server.url))


def test_keys_that_do_not_fit_into_memory_are_refused_before_the_run() -> None:
    with valkey(maxmemory="10mb", maxmemory_policy="noeviction") as server:
        said = refused(CacheTarget(server.url, keys=1_000_000))
        assert "1,000,000 keys need about" in said
        assert "of its maxmemory and evicts nothing" in said
        assert server.call("DBSIZE") == 0
        said = refused(CacheTarget(server.url, keys=1_000_000_000, value_bytes=1_000_000, prefill=0.9))
        assert "of its maxmemory" in said


def test_memory_that_runs_out_in_mid_run_is_an_error_with_a_remedy() -> None:
    with valkey(maxmemory="8mb", maxmemory_policy="noeviction") as server:
        result = load(
            CacheTarget(server.url, "set", keys=1_000_000, value_bytes=10_000), FixedIterations(3_000, workers=4)
        )
        (group,) = result.record.errors
        assert group.kind == "OOM"
        assert "use fewer or smaller values, or raise the limit" in group.message
        assert result.record.counts.ok > 0
        assert server.call("DBSIZE") == 0


def test_a_cache_that_evicts_says_so() -> None:
    with valkey(maxmemory="4mb", maxmemory_policy="allkeys-lru") as server:
        result = load(
            CacheTarget(server.url, keys=10_000, value_bytes=1_000, ratio="1:1"), FixedIterations(10_000, workers=4)
        )
    finding = next(finding for finding in result.findings if finding.code == "evictions")
    assert "its memory is at the limit of 4.2 MB (allkeys-lru)" in finding.seen
    assert result.record.counts.misses > 0


def test_keys_of_others_are_evicted_only_where_that_is_permitted() -> None:
    target: dict[str, Any] = {"keys": 10_000, "value_bytes": 1_000}
    with valkey(maxmemory="4mb", maxmemory_policy="allkeys-lru") as server:
        server.call("SET", "somebody's", "own")
        for operation in ("get", "set"):  # what fills it is the prefill or the load
            said = refused(CacheTarget(server.url, operation, **target))
            assert "it would evict some of what is there (1 key, allkeys-lru)" in said
            assert "--allow-destructive" in said
        assert server.call("KEYS", "*") == [b"somebody's"]
        assert load(CacheTarget(server.url, "get", keys=100)).record.counts.errors == 0
        result = load(CacheTarget(server.url, "get", allow_destructive=True, **target))
    assert "prefill-lost" in {finding.code for finding in result.findings}
    assert result.record.cache is not None
    assert result.record.cache.kept is not None
    assert 0 < result.record.cache.kept < 0.5


def test_keys_that_expired_before_the_window_are_said_to_be_lost(server: Valkey) -> None:
    result = load(CacheTarget(server.url, "get", keys=50, ttl_s=0.001))
    assert "prefill-lost" in {finding.code for finding in result.findings}


@pytest.mark.parametrize("right", ["unlink", "dbsize", "scan"])
def test_a_user_that_may_not_clean_up_is_refused_before_anything_is_put_in(server: Valkey, right: str) -> None:
    server.call("ACL", "SETUSER", "half", "reset", "on", ">word", "~*", "+@all", f"-{right}")
    said = refused(CacheTarget(f"unix://half:word@{server.socket}", keys=2_000))
    assert "NOPERM" in said
    assert right.upper() in said
    assert server.call("DBSIZE") == 0


def test_values_that_are_too_large_are_refused() -> None:
    with valkey(proto_max_bulk_len="1mb") as server:
        said = refused(CacheTarget(server.url, keys=2, value_bytes=2_000_000))
        assert "values of 2,000,000 bytes are more than" in said
        assert "proto-max-bulk-len is 1,048,576" in said
        assert server.call("DBSIZE") == 0


def test_a_key_of_another_type_is_an_error_of_its_own(server: Valkey) -> None:
    target = CacheTarget(server.url, "get", keys=4, key_pattern="sequential", prefill=0)
    server.call("LPUSH", target.names.name(2), "x")
    result = load(target)
    server.call("DEL", target.names.name(2))
    (group,) = result.record.errors
    assert group.kind == "WRONGTYPE"
    assert result.record.counts.misses > group.count


class Killing:
    """An observer that kills the server once the load is on its way, and starts it again."""

    def __init__(self, server: Valkey) -> None:
        self._server = server
        self._thread: threading.Thread | None = None

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        if attempts and self._thread is None:
            self._thread = threading.Thread(target=self._kill)
            self._thread.start()

    def _kill(self) -> None:
        self._server.kill()
        self._server.start()

    def partial(self, record: RunRecord) -> None:
        """Nothing."""

    def join(self) -> None:
        assert self._thread is not None
        self._thread.join()


@pytest.mark.parametrize("workload", [ClosedLoop(4, 2.5), ConstantRate(500, 2.5)])
def test_a_server_that_is_killed_and_comes_back_is_gone_on_with(workload: Workload) -> None:
    with valkey() as server:
        killing = Killing(server)
        framework = PerformanceTestFramework(observer=killing)
        result = framework.run_load("killed", CacheTarget(server.url, "get", keys=100), workload, warmup_s=0)
        killing.join()
        record = result.record
        assert server.call("DBSIZE") == 0
    assert record.counts.hits > 0
    assert record.counts.misses > 0  # what it held is gone
    assert {group.kind for group in record.errors} <= {"closed", "reset", "refused", "connect", "LOADING"}
    assert record.errors
    assert record.load is not None
    assert record.load.traffic is not None
    assert record.load.traffic.reconnects >= 4
    assert "cache-restarted" in {finding.code for finding in result.findings}
    assert result.status is not TestStatus.PASSED


def test_a_server_that_stays_away_ends_the_run_with_what_was_seen() -> None:
    with valkey() as server:
        killing = Killing(server)
        killing._kill = server.kill  # type: ignore[method-assign]
        framework = PerformanceTestFramework(observer=killing)
        result = framework.run_load("gone", CacheTarget(server.url, "get", keys=100), ClosedLoop(2, 1.5), warmup_s=0)
        killing.join()
        server.start()
    assert result.record.counts.hits > 0
    assert result.record.counts.errors > 0
    assert "teardown-failed" in {finding.code for finding in result.findings}
    finding = next(finding for finding in result.findings if finding.code == "teardown-failed")
    assert "could not be deleted" in finding.seen


def test_a_whole_database_is_emptied_only_by_who_says_so_twice(server: Valkey, tmp_path: Path) -> None:
    server.call("SET", "somebody's", "own")
    ended = paceline(tmp_path, server.url, "--flush", "-n", "10")
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "--allow-destructive" in ended.stderr
    assert server.call("DBSIZE") == 1
    ended = paceline(tmp_path, server.url, "--flush", "--allow-destructive", "-n", "10")
    assert ended.returncode == 0, ended.stderr
    assert server.call("DBSIZE") == 0
    with pytest.raises(ConfigurationError, match="flush empties the whole database"):
        CacheTarget(server.url, flush=True)


@pytest.mark.parametrize(
    ("code", "arguments", "says"),
    [
        (4, ["localhost", "--ratio", "0:0"], "ratio must be SETs to GETs"),
        (4, ["localhost", "--value-size", "2000-100"], "value_bytes must be"),
        (4, ["localhost", "--value-size", "big"], "is no length such as"),
        (4, ["localhost", "--prefill", "0.5"], "is no percentage"),
        (4, ["localhost", "--keys", "0"], "keys must be a whole number"),
        (4, ["localhost", "--pipeline", "0"], "pipeline must be a whole number"),
        (4, ["localhost", "--ca", "/dev/null"], "only for rediss"),
        (4, ["http://localhost"], "is not of redis, valkey or rediss"),
        (4, ["redis://user:s3cretword@localhost/x"], "the database is a number"),
        (4, [":s3cretword@localhost"], "begins with redis://"),
        (3, ["redis://:s3cretword@127.0.0.1:1", "-n", "5"], "nobody listens"),
    ],
)
def test_wrong_use_has_its_exit_code_and_shows_no_password(
    tmp_path: Path, code: int, arguments: list[str], says: str
) -> None:
    ended = paceline(tmp_path, *arguments)
    assert ended.returncode == code, ended.stderr
    assert says in ended.stderr
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "s3cretword" not in ended.stdout + ended.stderr + written


def test_the_command_does_it_all(server: Valkey, tmp_path: Path) -> None:
    arguments = ["-c", "5", "-d", "300ms", "-w", "50ms", "--keys", "500", "--key-pattern", "zipf", "--prefill", "50%"]
    more = ["--value-size", "10-200", "--pipeline", "4", "--ttl", "100s", "-t", "hit_rate>10%", "--json", "out.json"]
    ended = paceline(tmp_path, server.url, *arguments, *more)
    assert ended.returncode == 0, ended.stderr
    for part in ("cache_operation", "hit rate", "hits", "server        valkey", "pipeline 4", "TTL 100 s"):
        assert part in ended.stdout
    record = json.loads((tmp_path / "out.json").read_text())["results"][0]["record"]
    assert record["cache"]["pipeline"] == 4
    assert record["load"]["own_process"]
    assert server.call("DBSIZE") == 0


@pytest.mark.parametrize("when", ["filling", "measuring"])
def test_nothing_is_left_of_a_run_that_is_interrupted(server: Valkey, tmp_path: Path, when: str) -> None:
    keys = "3000000" if when == "filling" else "1000"
    hits_before = int(server.information["keyspace_hits"])
    command = [sys.executable, "-m", "paceline.cli.main", "cache", server.url, "-d", "60s", "--keys", keys, "-w", "0"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if when == "filling":
        wait_for(lambda: server.call("DBSIZE") > 2_000)
    else:
        wait_for(lambda: int(server.information["keyspace_hits"]) > hits_before + 2_000)
    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=30)
    assert running.returncode == 2, stderr
    assert server.call("DBSIZE") == 0
