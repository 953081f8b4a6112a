"""Legs on the workers of a real Dask cluster, in processes of this machine, and what becomes of them when those end."""

import contextlib
import os
import re
import signal
import socketserver
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paceline import CacheTarget, Cluster, ConstantRate, HttpTarget, PerformanceTestFramework, SqlTarget, TestStatus
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine import examination, legs, line, runs
from paceline.engine.cluster import check_reach
from paceline.engine.request import LoadNow, RunRequest
from paceline.judge.result import judge
from paceline.records.run_record import RunRecord, TestType
from paceline.scenario.files import FileScenario
from paceline.workload.models import ClosedLoop, FixedIterations, Poisson, Stages, Workload
from tests.functional.commands import paceline
from tests.functional.dask_cluster import DaskCluster, dask_cluster, generators
from tests.functional.queue_server import queue_server
from tests.functional.same import LOAD, SERVICE, assert_same, target_of
from tests.functional.small_server import small_server
from tests.functional.valkeys import valkey
from tests.waiting import wait_for

distributed = pytest.importorskip("distributed", reason="a cluster needs the extra 'cluster'")
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def machines() -> Iterator[DaskCluster]:
    with dask_cluster(workers=2) as cluster:
        cluster.wait()
        yield cluster


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


def load(url: str, cluster: Cluster, workload: Workload, **changes: Any) -> RunRequest:
    request = RunRequest("load", TestType.API_ENDPOINT, HttpTarget(url), workload, own_process=True, cluster=cluster)
    return replace(request, **changes)


@contextlib.contextmanager
def answering_with(answer: bytes) -> Iterator[str]:
    """The address of what says so, and nothing else, to whoever comes."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(answer)
            while self.request.recv(4096):
                pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "tcp://{}:{}".format(*server.server_address)
        server.shutdown()


class Watching:
    """Calls ``then`` when attempts are shown that are more than ``least``."""

    def __init__(self, then: Callable[[], object], least: int = 0) -> None:
        self._then, self._least, self.done = then, least, False

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        if attempts > self._least and not self.done:
            self.done = True
            self._then()

    def partial(self, record: RunRecord) -> None:
        pass


def test_workers_make_just_the_load_that_one_process_would_make(url: str, machines: DaskCluster) -> None:
    asked = load(url + "/{{n}}", Cluster(machines.address), Poisson(300, 1.0, seed=3))
    record = runs.run(asked).record
    alone = runs.run(replace(asked, cluster=None)).record
    assert record.counts == alone.counts
    assert record.definition == alone.definition
    assert record.load is not None
    assert alone.load is not None
    assert record.load.traffic is not None
    assert alone.load.traffic is not None
    assert record.load.traffic.sent_bytes == alone.load.traffic.sent_bytes
    assert [leg.lost for leg in record.load.legs] == ["", ""]
    assert all(leg.start_skew_ns is not None for leg in record.load.legs)
    assert [leg.machine for leg in record.load.legs] == list(machines.wait())
    for leg in record.load.legs:
        assert leg.memory_bytes is not None
        assert leg.memory_bytes > 10e6
        assert leg.cpu_percent is not None
        assert leg.host_cpu_percent is not None
        assert leg.host_cores == os.cpu_count()
        assert leg.before is not None
        assert leg.before.cores == os.cpu_count()
        assert leg.before.busy_cores is not None
        assert leg.before.clock_error_ns is not None
        assert leg.before.clock_error_ns > 0
    wait_for(lambda: not generators())


def test_a_client_of_the_callers_is_used_and_left_open(url: str, machines: DaskCluster) -> None:
    fixed = FixedIterations(20, workers=2)
    with distributed.Client(machines.address, set_as_default=False) as client:
        for _ in range(2):
            assert runs.run(load(url, Cluster(client), fixed)).record.counts.ok == 20
        framework = PerformanceTestFramework()
        result = framework.run_load("load", HttpTarget(url), fixed, warmup_s=0, cluster=client)
        assert result.record.counts.ok == 20
        assert client.status == "running"
    with pytest.raises(ConfigurationError, match="the client is closed: give one that is connected"):
        runs.run(load(url, Cluster(client), fixed))


def test_the_same_as_by_one_process_within_its_interval(machines: DaskCluster) -> None:
    with queue_server() as server:
        asked = load("http://127.0.0.1", Cluster(machines.address), LOAD, target=target_of(server))
        seen = [runs.run(replace(asked, cluster=where)).record for where in (None, asked.cluster)]
        assert server.report(SERVICE).sent == sum(record.counts.ok for record in seen)
    assert_same(seen)
    assert seen[1].load is not None
    assert len(seen[1].load.legs) == 2


def test_functions_travel(machines: DaskCluster, tmp_path: Path) -> None:
    """Those of a script by value, those of a file with it; a module has to be there already."""
    where = Cluster(machines.address)
    added = 1
    framework = PerformanceTestFramework()
    fixed = FixedIterations(40, workers=4)
    result = framework.run_load("local", lambda: 41 + added, fixed, warmup_s=0, cluster=where)
    assert result.record.counts.ok == 40
    (tmp_path / "lookups.py").write_text("import threading\nLOCK = threading.Lock()\ndef look():\n    LOCK.locked()\n")
    words = ("-n", "40", "-c", "4", "--cluster", machines.address)
    done = paceline(tmp_path, "call", "lookups.py:look", *words)
    assert done.returncode == 0, done.stderr
    assert "processes     2 together" in done.stdout
    done = paceline(tmp_path, "call", "lookups:look", *words)
    assert done.returncode == 4
    assert re.search("worker tcp://.*: there is no module 'lookups'", done.stderr)


def test_a_cache_and_a_database_from_several_machines(machines: DaskCluster, tmp_path: Path) -> None:
    where = Cluster(machines.address)
    framework = PerformanceTestFramework()
    with valkey() as server:
        target = CacheTarget(server.url, "set", keys=400, key_pattern="sequential", prefill=0)
        result = framework.run_load("cache", target, FixedIterations(400, workers=4), warmup_s=0, cluster=where)
        assert result.record.cache is not None
        assert result.record.cache.server is not None
        assert result.record.cache.server.keys_after == 400
        assert server.call("DBSIZE") == 0
    rows = tmp_path / "rows.csv"
    rows.write_text("id\n" + "".join(f"{number}\n" for number in range(30)))
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY)")
    insert = SqlTarget(f"sqlite:///{tmp_path}/a.db", "INSERT INTO records VALUES (:id)", rows=rows, commit=True)
    result = framework.run_load("sql", insert, FixedIterations(30, workers=2), warmup_s=0, cluster=where)
    assert result.record.counts.ok == 30


def test_a_scenario_file_travels(url: str, machines: DaskCluster, tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text(
        "from paceline import Scenario\n"
        "async def buy(user):\n"
        "    await user.client.get('/', name=f'{user.number} {__file__}')\n"
        f"shop = Scenario(buy, {url!r})\n"
    )
    cluster = Cluster(machines.address)
    target = FileScenario(str(file), "buy")
    record = runs.run(load(url, cluster, FixedIterations(12, workers=4), target=target, processes=3)).record
    assert record.load is not None
    assert record.load.iterations == 12
    assert len(record.load.legs) == 3
    assert sorted(part.name[:1] for part in record.load.parts) == ["0", "1", "2", "3"]
    assert not any(str(tmp_path) in part.name for part in record.load.parts)


def test_a_worker_that_is_killed_is_missed_and_its_leg_not_made_again(url: str, machines: DaskCluster) -> None:
    first, _ = machines.wait().values()
    watching = Watching(lambda: os.kill(first, signal.SIGKILL), least=300)
    run = runs.run(load(url, Cluster(machines.address), ConstantRate(300, 3.0)), observer=watching)
    assert run.stopped_by is None
    assert run.record.load is not None
    lost, whole = run.record.load.legs
    assert "lost with its worker" in lost.lost
    assert whole.lost == ""
    assert whole.counts.attempts == 450
    assert lost.counts.attempts < 450
    assert run.record.counts.attempts == 450 + lost.counts.attempts
    result = judge(run.record, None)
    assert result.status is TestStatus.WARNING
    assert "legs-lost" in {finding.code for finding in result.findings}
    tolerant = replace(run.record, load=replace(run.record.load, tolerated_loss=0.6))
    (finding,) = [each for each in judge(tolerant, None).findings if each.code == "legs-lost"]
    assert not finding.serious
    wait_for(lambda: not generators())
    machines.add()  # for the tests that follow


def test_a_worker_that_freezes_is_lost(url: str, machines: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "_SILENT_S", 1.5)
    monkeypatch.setattr(legs, "_LOOK_S", 0.1)
    first, _ = machines.wait().values()
    watching = Watching(lambda: os.kill(first, signal.SIGSTOP))
    try:
        record = runs.run(load(url, Cluster(machines.address), ClosedLoop(2, 2.5)), observer=watching).record
    finally:
        os.kill(first, signal.SIGCONT)
    assert record.load is not None
    assert "said nothing" in record.load.legs[0].lost
    assert record.load.legs[1].lost == ""
    wait_for(lambda: not generators())  # thawed, it finds that nobody asks any more


def test_a_load_ends_when_nobody_asks_for_it_any_more(
    url: str, machines: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the driver is killed."""
    quiet = threading.Event()
    ask = line.Line._ask

    async def ask_until_quiet(self: line.Line, asked: Sequence[line.Speaker]) -> None:
        if quiet.is_set():
            for leg in asked:
                leg.lost("was lost with its worker")
        else:
            await ask(self, asked)

    monkeypatch.setattr(line.Line, "_ask", ask_until_quiet)
    with pytest.raises(MeasurementError, match="lost with its worker"):
        runs.run(load(url, Cluster(machines.address), ClosedLoop(2, 600.0)), observer=Watching(quiet.set))
    wait_for(lambda: not generators())


def test_a_scheduler_that_is_none(url: str) -> None:
    with pytest.raises(MeasurementError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"):
        runs.run(load(url, Cluster("tcp://127.0.0.1:1", connect_timeout_s=0.5), ClosedLoop(2, 1.0)))


def test_something_else_answers(url: str) -> None:
    address = url.replace("http", "tcp")
    with pytest.raises(MeasurementError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1"):
        runs.run(load(url, Cluster(address, connect_timeout_s=1.0), ClosedLoop(2, 1.0)))


@pytest.mark.parametrize("answer", [b"\xff" * 64, b"\0" * 4096])
def test_garbage_answers(url: str, tmp_path: Path, answer: bytes) -> None:
    """Dask deletes its client only when the process ends, waits for it, and shows where it no longer waits."""
    with answering_with(answer) as address:
        done = paceline(tmp_path, "http", url, "-c", "2", "-d", "1s", "--cluster", address)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"paceline: no Dask scheduler answers at {address}: ")


def test_workers_without_the_package_or_with_another_version(
    url: str, machines: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = load(url, Cluster(machines.address), ClosedLoop(2, 1.0))
    monkeypatch.setattr(examination, "_VERSION", "'0.0.1'")
    with pytest.raises(MeasurementError, match=r"has paceline 0\.0\.1, this is"):
        runs.run(asked)
    monkeypatch.setattr(examination, "_VERSION", "__import__('no_such_package')")
    with pytest.raises(MeasurementError, match="has no paceline: install version"):
        runs.run(asked)


def test_more_workers_than_users(url: str, machines: DaskCluster) -> None:
    with pytest.raises(ConfigurationError, match="2 processes for a load of 1 user:"):
        runs.run(load(url, Cluster(machines.address), ClosedLoop(1, 1.0)))


@pytest.mark.parametrize(
    ("host", "workload", "words"),
    [
        ("93.184.215.14", ClosedLoop(2, 1.0), "on the public internet"),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", ClosedLoop(2, 1.0), "on the public internet"),
        ("no-such-host.invalid", ClosedLoop(2, 1.0), "has no address here"),
        ("127.0.0.1", ConstantRate(200_000, 1.0), "more than the cluster's cap of 100,000"),
        ("127.0.0.1", Stages([(1, 200_000)]), "more than the cluster's cap"),
    ],
)
def test_what_would_be_an_attack_is_refused(host: str, workload: Workload, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        check_reach(Cluster("tcp://127.0.0.1:8786"), host, workload)
    allowed = Cluster("tcp://127.0.0.1:8786", allow_public_target=True, max_per_second=1e6)
    check_reach(allowed, host, workload)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "localhost", None])
def test_what_is_at_home_is_not(host: str | None) -> None:
    check_reach(Cluster("tcp://127.0.0.1:8786"), host, ClosedLoop(2, 1.0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"at": 7}, "address of a Dask scheduler"),
        ({"at": ""}, "is that of a host and a port"),
        ({"at": "tcp://me:hidden@a:1"}, "with no user in it"),
        ({"at": "tcp://a:1", "ca_file": "ca.pem"}, "go together"),
        ({"at": "tcp://a:1", "ca_file": "a", "cert_file": "b", "key_file": "c"}, "begins with tls://"),
        ({"at": "tcp://a:1", "max_per_second": 0}, "above 0"),
    ],
)
def test_what_is_no_cluster(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        Cluster(**arguments)
