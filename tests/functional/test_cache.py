"""Loads on a real Valkey: what comes of them agrees with what the server counts, and nothing is left behind."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from paceline import (
    CacheTarget,
    ClosedLoop,
    ConstantRate,
    Outcome,
    PerformanceTestFramework,
    PerformanceThreshold,
    TestResult,
    TestStatus,
    TestType,
    Zipf,
)
from paceline.core.errors import MeasurementError
from paceline.engine import runs
from paceline.engine.request import RunRequest
from paceline.records.cache import CacheRecord
from paceline.records.run_record import RunRecord
from paceline.store.codec import read_results
from paceline.targets.cache_commands import GET, SET
from paceline.targets.operation import measured
from paceline.wire.cache_address import parse_cache_url
from paceline.wire.resp import packed
from paceline.wire.resp_client import RespClient
from paceline.workload.models import FixedIterations, Workload
from tests.functional.valkeys import Valkey, listening, tls_in_front, valkey

pytestmark = pytest.mark.real

SHORT = ClosedLoop(4, 0.3)


@pytest.fixture(scope="module")
def shared() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture
def server(shared: Valkey) -> Iterator[Valkey]:
    shared.call("SET", "somebody's", "own")
    shared.call("CONFIG", "RESETSTAT")
    yield shared
    assert shared.call("KEYS", "*") == [b"somebody's"]


def run(target: CacheTarget, workload: Workload = SHORT, *, warmup_s: float = 0.0) -> RunRecord:
    """In this process: what a target does needs no process of its own to be seen."""
    what = measured(target)
    request = RunRequest(
        "cache",
        TestType.CACHE_OPERATION,
        what.target,
        workload,
        setup=what.setup,
        teardown=what.teardown,
        warmup_s=warmup_s,
    )
    return runs.run(request).record


def cache_of(record: RunRecord) -> CacheRecord:
    assert record.cache is not None
    return record.cache


def calls(server: Valkey) -> dict[str, int]:
    """How often the server was sent each command."""
    said = server.call("INFO", "commandstats").decode()
    return {
        line.partition(":")[0].removeprefix("cmdstat_"): int(line.partition("calls=")[2].partition(",")[0])
        for line in said.splitlines()
        if line.startswith("cmdstat_")
    }


@pytest.mark.parametrize("depth", [1, 3, 16])
def test_a_mix_is_what_the_server_counts(server: Valkey, depth: int) -> None:
    target = CacheTarget(server.url, ratio="1:3", keys=500, key_pattern="zipf", pipeline=depth, prefill=0.5)
    record = run(target, FixedIterations(4_000, workers=4))
    cache, load = cache_of(record), record.load
    assert load is not None
    assert cache.server is not None
    assert load.traffic is not None
    parts = {part.name: part.counts for part in load.parts}
    assert record.counts.attempts == record.counts.ok == 4_000
    assert calls(server)["get"] == parts["GET"].ok == record.counts.hits + record.counts.misses
    assert calls(server)["set"] == parts["SET"].ok + 250
    said = server.information
    # Whether what was put in is still there was asked beforehand, of each of the 250.
    assert cache.kept == 1.0
    assert (int(said["keyspace_hits"]) - 250, int(said["keyspace_misses"])) == (
        record.counts.hits,
        record.counts.misses,
    )
    # With connections of the keeper: the two INFO, and a PING.
    assert 4_000 <= cache.server.commands <= 4_003
    assert (cache.hit.moments.count, cache.miss.moments.count) == (record.counts.hits, record.counts.misses)
    assert 0.15 < parts["SET"].ok / 4_000 < 0.35
    assert cache.server.keys_before == 251  # with somebody's
    assert cache.server.name.startswith("valkey ")
    assert cache.pipeline == depth
    # "$100", the value, line ends; "$-1"; "+OK".
    assert load.traffic.received_bytes == 108 * record.counts.hits + 5 * record.counts.misses + 5 * parts["SET"].ok


def test_hits_are_those_keys_that_were_filled(server: Valkey) -> None:
    record = run(
        CacheTarget(server.url, "get", keys=100, key_pattern="sequential", prefill=0.3), FixedIterations(1_000)
    )
    assert (record.counts.hits, record.counts.misses) == (300, 700)


def test_values_have_the_lengths_asked_for_and_expire(server: Valkey) -> None:
    target = CacheTarget(server.url, "set", keys=50, value_bytes=(10, 20), ttl_s=1_000)
    source = target.source()
    server_saw = [next(source) for _ in range(200)]
    assert {kind for kind, _, _ in server_saw} == {SET}
    lengths = set()
    ttls = set()
    what = measured(target)
    assert what.setup is not None
    asyncio.run(what.setup())

    def look() -> None:
        for key in server.call("KEYS", f"{target.names.prefix}*"):
            lengths.add(server.call("STRLEN", key))
            ttls.add(server.call("TTL", key))

    record = runs.run(
        RunRequest("set", TestType.CACHE_OPERATION, what.target, FixedIterations(500), teardown=look)
    ).record
    assert what.teardown is not None
    asyncio.run(what.teardown())
    assert record.counts.ok == 500
    assert lengths <= set(range(10, 21))
    assert len(lengths) > 5
    assert all(990 < ttl <= 1_000 for ttl in ttls)


@pytest.mark.parametrize(("ratio", "hits", "sets"), [("1:0", 0, 300), ("0:1", 300, 0)], ids=["only SETs", "only GETs"])
def test_a_mix_of_one_kind_is_that_kind(server: Valkey, ratio: str, hits: int, sets: int) -> None:
    record = run(CacheTarget(server.url, ratio=ratio, keys=50), FixedIterations(300))
    assert (record.counts.ok, record.counts.hits, record.counts.misses) == (300, hits, 0)
    assert calls(server)["set"] == 50 + sets


def test_delete_deletes_and_is_no_read(server: Valkey) -> None:
    record = run(CacheTarget(server.url, "delete", keys=100, key_pattern="sequential"), FixedIterations(300))
    assert record.counts.ok == 300
    assert (record.counts.hits, record.counts.misses) == (0, 0)
    assert calls(server)["del"] == 300


def test_get_or_fetch_loads_what_is_missing_once_and_stores_it(server: Valkey) -> None:
    loaded: list[str] = []

    def loader(key: str) -> str:
        loaded.append(key)
        return f"value of {key}"

    target = CacheTarget(server.url, "get-or-fetch", keys=40, key_pattern="sequential", loader=loader)
    record = run(target, FixedIterations(400))
    assert sorted(loaded) == [target.names.name(number) for number in range(40)]
    assert (record.counts.hits, record.counts.misses) == (360, 40)
    loads = cache_of(record).loads
    assert loads is not None
    assert (loads.latency.moments.count, loads.overlapping, loads.most_at_once) == (40, 0, 1)


@pytest.mark.parametrize("is_async", [True, False])
def test_a_stampede_is_seen(server: Valkey, *, is_async: bool) -> None:
    """All users miss the only key before the first of them has loaded it."""
    users = 7
    together = threading.Barrier(users)
    arrived = 0
    all_there = asyncio.Event()

    def in_a_thread(_: str) -> bytes:
        together.wait()
        return b"x"

    async def on_the_loop(_: str) -> bytes:
        nonlocal arrived
        arrived += 1
        if arrived == users:
            all_there.set()
        await all_there.wait()
        return b"x"

    target = CacheTarget(
        server.url, "get-or-fetch", keys=1, loader=on_the_loop if is_async else in_a_thread, timeout_s=30
    )
    framework = PerformanceTestFramework()
    result = framework.run_load("stampede", target, ClosedLoop(users, 0.3), warmup_s=0)
    loads = cache_of(result.record).loads
    assert loads is not None
    assert (loads.overlapping, loads.most_at_once) == (users - 1, users)
    finding = next(finding for finding in result.findings if finding.code == "cache-stampede")
    assert f"{users - 1} of {users} loads" in finding.seen
    assert loads.busiest_key in finding.seen
    assert "times as fast as the loader" in framework.generate_report()


def test_others_on_the_server_are_seen(server: Valkey) -> None:
    def loader(_: str) -> bytes:
        with RespClient(parse_cache_url(server.url), None, 30) as client:
            client.ask(*[packed("PING")] * 1_500)
        return b"x"

    target = CacheTarget(server.url, "get-or-fetch", keys=1, loader=loader)
    results = [
        PerformanceTestFramework().run_benchmark("shared", TestType.CACHE_OPERATION, each, 50, warmup_iterations=0)
        for each in (target, CacheTarget(server.url, keys=50))
    ]
    shared = ["shared-cache" in {finding.code for finding in result.findings} for result in results]
    assert shared == [True, False]


@pytest.mark.parametrize(
    ("value", "kind"), [(ValueError("no such row"), "ValueError"), (object(), "TypeError"), (True, "TypeError")]
)
def test_a_loader_that_fails_is_an_error(server: Valkey, value: object, kind: str) -> None:
    def loader(_: str) -> object:
        if isinstance(value, Exception):
            raise value
        return value

    record = run(CacheTarget(server.url, "get-or-fetch", keys=5, loader=loader), FixedIterations(20))
    assert record.counts.errors == 20
    assert record.errors[0].kind == kind


def test_a_loader_that_hangs_is_a_timeout(server: Valkey) -> None:
    async def loader(_: str) -> bytes:
        await asyncio.Event().wait()
        return b""

    target = CacheTarget(server.url, "get-or-fetch", keys=5, loader=loader, timeout_s=0.2)
    record = run(target, FixedIterations(4, workers=2))
    assert record.counts.timeouts == 4
    assert "not loaded within 0.2 s" in record.errors[0].message


def test_a_rate_is_kept_from_a_process_of_its_own_and_stored(server: Valkey, tmp_path: Path) -> None:
    framework = PerformanceTestFramework()
    threshold = PerformanceThreshold(min_hit_rate=0.2, max_error_rate=0, expressions=["dropped<=0"])
    target = CacheTarget(server.url, "get", keys=1_000, prefill=0.5, connections=4)
    result = framework.run_load("rate", target, ConstantRate(1_000, 0.5), threshold, warmup_s=0)
    record = result.record
    assert record.load is not None
    assert record.load.own_process
    assert record.counts.attempts == 500
    assert 0.3 < record.counts.hits / 500 < 0.7
    assert result.status is not TestStatus.FAILED
    framework.export_json(tmp_path / "results.json")
    (stored,) = read_results(tmp_path / "results.json")
    assert stored.record.cache == record.cache


def test_a_limit_on_the_hit_rate_fails(server: Valkey) -> None:
    framework = PerformanceTestFramework()
    target = CacheTarget(server.url, "get", keys=1_000, prefill=0.0)
    result = framework.run_load("cold", target, SHORT, PerformanceThreshold(min_hit_rate=0.5), warmup_s=0)
    assert result.status is TestStatus.FAILED
    assert "no-hits" in {finding.code for finding in result.findings}


def test_benchmarks_levels_and_fresh_processes(server: Valkey) -> None:
    framework = PerformanceTestFramework()
    target = CacheTarget(server.url, "get", keys=100)
    single = framework.run_benchmark("one", TestType.CACHE_OPERATION, target, iterations=50)
    levels = framework.run_concurrent_benchmark("many", target, [1, 3], iterations_per_level=60)
    several = framework.run_benchmark("fresh", TestType.CACHE_OPERATION, target, iterations=20, runs=2, epochs=2)
    assert [result.record.counts.hits for result in (single, *levels, several)] == [50, 60, 60, 80]
    merged = cache_of(several.record)
    assert merged.hit.moments.count == 80
    assert merged.server is not None
    assert 80 <= merged.server.commands < 200  # of four epochs, with greetings


def test_hits_of_hand_written_operations_are_apart_too() -> None:
    turns = iter(range(10_000))
    result = PerformanceTestFramework().run_benchmark(
        "by hand",
        TestType.CACHE_OPERATION,
        lambda: Outcome.hit() if next(turns) % 4 else Outcome.miss(),
        iterations=100,
        warmup_iterations=0,
    )
    cache = cache_of(result.record)
    assert (cache.hit.moments.count, cache.miss.moments.count) == (75, 25)
    assert cache.server is None


def test_over_tls_with_a_password_and_a_database(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with valkey(requirepass="s3cretword") as server, tls_in_front(server, context) as port:
        server.url = f"unix://:s3cretword@{server.socket}?db=3"
        url = f"rediss://:s3cretword@localhost:{port}/3"
        target = CacheTarget(url, keys=100, ca_file=str(tmp_path / "ca.pem"), pipeline=4)
        keys: list[int] = []
        what = measured(target, teardown=lambda: keys.append(server.call("DBSIZE")))
        request = RunRequest(
            "tls",
            TestType.CACHE_OPERATION,
            what.target,
            FixedIterations(500, workers=3),
            setup=what.setup,
            teardown=what.teardown,
        )
        record = runs.run(request).record
        assert record.counts.ok == 500
        assert (keys, server.call("DBSIZE")) == ([100], 0)
        assert record.load is not None
        assert record.load.traffic is not None
        assert record.load.traffic.tls.moments.count == 3
        assert "s3cretword" not in f"{record!r} {target!r} {target.text}"
        with pytest.raises(MeasurementError, match="certificate is not trusted"):
            run(CacheTarget(url))


def test_two_runs_at_once_leave_each_other_alone(server: Valkey) -> None:
    targets = [CacheTarget(server.url, keys=200) for _ in range(2)]
    records: list[RunRecord] = []
    threads = [threading.Thread(target=lambda each=each: records.append(run(each))) for each in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record.counts.misses for record in records] == [0, 0]


def test_a_user_of_a_lot_of_keys_scans_for_what_is_there(server: Valkey) -> None:
    """A thousand million names are not gone through where a few hundred keys were set."""
    target = CacheTarget(server.url, "set", key_pattern=Zipf(1_000_000_000))
    record = run(target, FixedIterations(300))
    assert record.counts.ok == 300
    assert "scan" in calls(server)


def test_what_is_put_in_beforehand_depends_on_the_seed(server: Valkey) -> None:
    values = []
    for seed in (1, 1, 2):
        target = CacheTarget(server.url, "get", keys=1, seed=seed)
        asyncio.run(target.keeper.prepare())
        values.append(server.call("GET", target.names.name(0)))
        asyncio.run(target.keeper.tidy())
    assert values[0] == values[1] != values[2]


def test_sources_begin_anew_and_depend_on_the_seed() -> None:
    def first(seed: int) -> list[tuple[int, int]]:
        target = CacheTarget("redis://localhost", keys=1_000, seed=seed)
        source = target.source()
        return [(kind, hash(command.split(b":")[-1])) for kind, command, _ in (next(source) for _ in range(50))]

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert {kind for kind, _ in first(1)} == {GET, SET}


def test_on_a_port_with_the_load_in_its_own_process() -> None:
    with listening() as (server, port):
        result: TestResult = PerformanceTestFramework().run_load(
            "tcp", CacheTarget(f"valkey://127.0.0.1:{port}", keys=100), SHORT, warmup_s=0.1
        )
        assert result.record.counts.misses == 0
        assert server.call("DBSIZE") == 0
