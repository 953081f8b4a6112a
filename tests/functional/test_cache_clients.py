"""Clients of caches as targets: objects of a test, pymemcache on memcached where it is installed."""

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from paceline import CacheClientTarget, ClosedLoop, PerformanceTestFramework, TestResult, TestType
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.records.run_record import RunRecord
from tests.functional.valkeys import free_port, listening
from tests.waiting import wait_for

pytestmark = pytest.mark.real


class Store:
    """Somebody's cache."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.full_at: int | None = None

    def get(self, key: str) -> bytes | None:
        return self.held.get(key)

    def set(self, key: str, value: bytes) -> None:
        if len(self.held) == self.full_at:
            raise OSError("no disk")
        self.held[key] = value

    def delete(self, key: str) -> None:
        self.held.pop(key, None)


class AsyncStore:
    """Likewise, with coroutine functions."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.full_at: int | None = None

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.held.get(key)

    async def set(self, key: str, value: bytes) -> None:
        if len(self.held) == self.full_at:
            raise OSError("no disk")
        self.held[key] = value


class AsyncDeletingStore(AsyncStore):
    """The same, of which keys can be deleted."""

    async def delete(self, key: str) -> None:
        self.held.pop(key, None)


def benchmark(target: CacheClientTarget, **around: Any) -> TestResult:
    return PerformanceTestFramework().run_benchmark(
        "client", TestType.CACHE_OPERATION, target, 20, warmup_iterations=0, **around
    )


def run(target: CacheClientTarget, iterations: int = 400) -> RunRecord:
    framework = PerformanceTestFramework()
    result = framework.run_benchmark("client", TestType.CACHE_OPERATION, target, iterations, warmup_iterations=0)
    assert "hit rate" in framework.generate_report()
    return result.record


def test_any_object_with_get_and_set() -> None:
    store = Store()
    record = run(CacheClientTarget(store, "get", keys=100, key_pattern="sequential", prefill=0.25))
    assert (record.counts.hits, record.counts.misses) == (100, 300)
    assert record.cache is not None
    assert record.cache.hit.moments.count == 100
    assert store.held == {}


def test_an_asynchronous_one_loads_what_is_missing() -> None:
    store = AsyncStore()

    async def loader(key: str) -> str:
        await asyncio.sleep(0)
        return key.upper()

    record = run(CacheClientTarget(store, "get-or-fetch", keys=50, key_pattern="sequential", loader=loader))
    assert (record.counts.hits, record.counts.misses) == (350, 50)
    assert record.cache is not None
    assert record.cache.loads is not None
    assert record.cache.loads.latency.moments.count == 50
    assert all(value == key.upper().encode() for key, value in store.held.items())


def test_threads_share_keys_and_a_stampede_is_seen() -> None:
    users = 4
    together = threading.Barrier(users)

    def loader(_: str) -> bytes:
        together.wait()
        return b"x"

    result = PerformanceTestFramework().run_concurrent_benchmark(
        "stampede",
        CacheClientTarget(Store(), "get-or-fetch", keys=1, loader=loader),
        [users],
        iterations_per_level=200,
        warmup_iterations=0,
    )[0]
    assert result.record.counts.misses == users
    assert "cache-stampede" in {finding.code for finding in result.findings}


def test_values_that_are_filled_have_all_lengths() -> None:
    store = Store()
    lengths: set[int] = set()
    target = CacheClientTarget(store, "get", keys=500, value_bytes=(1, 20))
    benchmark(target, setup=lambda: lengths.update(map(len, store.held.values())))
    assert lengths == set(range(1, 21))


@pytest.mark.parametrize("is_async", [True, False])
def test_a_users_own_setup_and_teardown_are_called_inside(*, is_async: bool) -> None:
    """A synchronous client takes functions, an asynchronous one either."""
    seen: list[int] = []
    store = AsyncStore() if is_async else Store()
    benchmark(
        CacheClientTarget(store, "get", keys=30),
        setup=lambda: seen.append(len(store.held)),
        teardown=lambda: seen.append(len(store.held)),
    )
    assert seen == [30, 30]


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("where", ["fill", "setup", "teardown"])
def test_no_key_stays_whatever_fails(where: str, *, is_async: bool) -> None:
    store = AsyncDeletingStore() if is_async else Store()
    if where == "fill":
        store.full_at = 7

    def fail() -> None:
        assert len(store.held) == 30
        raise OSError("no disk")

    target = CacheClientTarget(store, "get", keys=30)
    if where == "teardown":
        result = benchmark(target, teardown=fail)
        assert "teardown-failed" in {finding.code for finding in result.findings}
    else:
        with pytest.raises(MeasurementError, match="no disk"):
            benchmark(target, setup=fail if where == "setup" else None)
    assert store.held == {}


def test_why_it_failed_is_said_also_where_nothing_can_be_deleted() -> None:
    class Broken(Store):
        def delete(self, key: str) -> None:
            raise ConnectionError(f"no line to delete {key}")

    store = Broken()
    store.full_at = 3
    with pytest.raises(MeasurementError, match="no disk") as raised:
        benchmark(CacheClientTarget(store, "get", keys=30))
    assert raised.value.__cause__ is not None
    assert "no line to delete" in raised.value.__cause__.__notes__[0]


def test_a_coroutine_function_around_a_synchronous_client_is_refused() -> None:
    async def setup() -> None:
        raise AssertionError("never awaited")

    with pytest.raises(ConfigurationError, match="make them plain functions"):
        benchmark(CacheClientTarget(Store(), "get", keys=5), setup=setup)


@pytest.mark.parametrize(
    ("client", "options", "says"),
    [
        ({}, {}, "dict has no set"),
        (Store(), {"operation": "delete"}, "operation must be one of"),
        (Store(), {"operation": "get-or-fetch"}, "go together"),
        (Store(), {"prefill": 2}, "prefill must be"),
        (AsyncStore(), {"operation": "get-or-fetch", "loader": str}, "must both be asynchronous"),
        (Store(), {"key_pattern": "odd"}, "key_pattern must be one of"),
    ],
)
def test_what_cannot_be_measured(client: object, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        CacheClientTarget(client, **options)


def test_redis_py_on_a_real_valkey() -> None:
    redis = pytest.importorskip("redis")
    with listening() as (server, port), redis.Redis(port=port) as client:
        framework = PerformanceTestFramework()
        target = CacheClientTarget(client, ratio="1:3", keys=200, key_pattern="zipf", value_bytes=(5, 50), prefill=0.5)
        result = framework.run_load("redis-py", target, ClosedLoop(2, 0.3), warmup_s=0)
        assert result.record.counts.errors == 0
        assert result.record.counts.hits > result.record.counts.misses > 0
        assert server.call("DBSIZE") == 0


@pytest.fixture
def memcached() -> Iterator[int]:
    program = shutil.which("memcached")
    if program is None or find_spec("pymemcache") is None:
        pytest.skip("memcached and pymemcache are not both installed")
    port = free_port()
    running = subprocess.Popen([program, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-u", "nobody"])
    try:
        yield port
    finally:
        running.terminate()
        running.wait()


def test_memcached(memcached: int) -> None:
    from pymemcache.client.base import PooledClient

    client = PooledClient(("127.0.0.1", memcached), connect_timeout=5)

    def answers() -> bool:
        try:
            return bool(client.version())
        except OSError:
            return False

    wait_for(answers)
    record = run(CacheClientTarget(client, "get", keys=50, key_pattern="sequential", prefill=0.5), 200)
    assert (record.counts.hits, record.counts.misses) == (100, 100)
    client.close()
