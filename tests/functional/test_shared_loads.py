"""Whatever makes load can be made by several processes: functions, users, caches, databases. Together they are one."""

import asyncio
import os
import select
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy

from paceline import (
    AsgiTarget,
    CacheClientTarget,
    CacheTarget,
    ClosedLoop,
    PerformanceTestFramework,
    Poisson,
    Scenario,
    SqlTarget,
    TestResult,
)
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine import runs
from paceline.engine.request import RunRequest
from paceline.records.load import LoadRecord
from paceline.records.run_record import TestType
from paceline.targets.call import CallTarget
from paceline.targets.sharing import CallShares
from paceline.workload.keys import Sequential
from paceline.workload.models import FixedIterations, Workload
from tests.functional.commands import paceline
from tests.functional.queue_server import queue_server
from tests.functional.same import LOAD, SERVICE, assert_same, target_of
from tests.functional.small_server import small_server
from tests.functional.test_legs import Watching
from tests.functional.valkeys import Valkey, valkey

pytestmark = pytest.mark.real

HELD = threading.Lock()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert not _legs()


def _legs() -> list[int]:
    return sorted(child.pid for child in psutil.Process().children() if "engine.child" in " ".join(child.cmdline()))


def load(operation: Any, workload: Workload, processes: int = 2, **more: Any) -> TestResult:
    more = {"warmup_s": 0, **more}
    return PerformanceTestFramework().run_load("load", operation, workload, processes=processes, **more)


def legs_of(result: TestResult) -> LoadRecord:
    assert result.record.load is not None
    return result.record.load


def noted(folder: Path, word: str) -> Callable[[], None]:
    """What notes by which process it was called: a function of no module, with a variable of this one's."""

    def note() -> None:
        assert select.select([0], [], [], 0)[0] == [0]  # its standard input is empty: orders come by another way
        with (folder / word).open("a") as file:
            file.write(f"{os.getpid()}\n")

    return note


def pids(folder: Path, word: str) -> list[str]:
    return (folder / word).read_text().split()


@pytest.mark.parametrize("is_async", [False, True])
def test_calls_of_a_function_are_dealt_out(tmp_path: Path, *, is_async: bool) -> None:
    note = noted(tmp_path, "called")

    async def anote() -> None:
        note()
        await asyncio.sleep(0)

    async def around() -> None:
        noted(tmp_path, "around")()

    setup = around if is_async else noted(tmp_path, "around")
    operation = anote if is_async else note
    result = load(operation, FixedIterations(101, 7, 5), 3, setup=setup, teardown=setup)
    record = result.record
    assert record.counts.ok == 101
    assert record.circumstances.warmup_attempts == 7
    assert [leg.counts.attempts for leg in legs_of(result).legs] == [34, 34, 33]
    called = pids(tmp_path, "called")
    assert len(called) == 108
    assert len(set(called)) == 3
    assert str(os.getpid()) not in called
    # What belongs to one process is made in each: once before, once afterwards.
    assert sorted(pids(tmp_path, "around")) == sorted([*set(called)] * 2)
    assert record.definition.workers == 5


@pytest.mark.parametrize("is_async", [False, True])
def test_arrivals_of_a_function_are_those_of_one_process(*, is_async: bool) -> None:
    async def nothing() -> None:
        await asyncio.sleep(0)

    workload = Poisson(200, 0.5, seed=3)
    result = load(nothing if is_async else lambda: None, workload)
    alone = load(nothing if is_async else lambda: None, workload, 1)
    assert result.record.counts == alone.record.counts
    assert result.record.definition == alone.record.definition
    arrivals = legs_of(result).arrivals
    assert arrivals is not None
    assert arrivals.planned == result.record.counts.attempts
    assert max(leg.planned or 0 for leg in legs_of(result).legs) < arrivals.planned


def test_threads_of_a_function_that_are_interrupted_say_what_they_have_seen() -> None:
    target = CallTarget(lambda: time.sleep(0.001))
    request = RunRequest(
        "load",
        TestType.CONCURRENT_LOAD,
        target,
        ClosedLoop(2, 600.0),
        own_process=True,
        processes=2,
        shares=CallShares(target),
    )
    run = runs.run(request, observer=Watching(lambda: signal.raise_signal(signal.SIGINT), least=10))
    assert isinstance(run.stopped_by, KeyboardInterrupt)
    assert run.record.load is not None
    assert all(leg.counts.ok for leg in run.record.load.legs)
    assert not any(leg.lost for leg in run.record.load.legs)


def test_a_killed_leg_of_a_function_is_missed() -> None:
    def wait() -> None:
        time.sleep(0.001)

    def kill() -> None:
        os.kill(_legs()[0], signal.SIGKILL)

    framework = PerformanceTestFramework(observer=Watching(kill, least=10))
    result = framework.run_load("load", wait, ClosedLoop(2, 2.5), warmup_s=0, processes=2)
    assert sorted(leg.lost for leg in legs_of(result).legs) == ["", "was killed by SIGKILL"]
    assert "legs-lost" in {finding.code for finding in result.findings}


def test_by_name_where_there_is_one(tmp_path: Path) -> None:
    """A lock of a module cannot travel, and need not: each process imports the module's file itself."""
    (tmp_path / "bench.py").write_text(
        "import threading\nLOCK = threading.Lock()\ndef look():\n    with LOCK:\n        pass\n"
    )
    done = paceline(tmp_path, "call", "bench.py:look", "-n", "30", "-c", "3", "--processes", "2")
    assert done.returncode == 0, done.stderr
    assert "processes     2 together" in done.stdout
    assert "1: 15 attempts" in done.stdout
    done = paceline(tmp_path, "call", "bench:look", "-n", "30", "--processes", "2")
    assert "2 workers" in done.stdout  # one each, where nobody says how many


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-c", "2", "--processes", "3"], "3 processes for a load of 2 workers"),
        (["--processes", "2", "--runs", "2"], "runs and epochs are processes one after the other"),
        (["--processes", "2", "--batch", "auto"], "batch"),
        (["--processes", "2", "--tolerate-loss", "1.5"], "tolerated_loss is a share between 0 and 1, not 1.5"),
        (["--processes", "2", "--tolerate-loss", "150%"], "tolerated_loss is a share between 0 and 1, not 1.5"),
        (["--processes", "2", "--tolerate-loss", "much"], "'much' is no share such as 5% or 0.05"),
        (["--tolerate-loss", "50%"], "one process makes the load, and there is no part of it to lose"),
        (["--processes", "some"], "is no number of processes"),
    ],
)
def test_what_a_command_cannot_share(tmp_path: Path, words: list[str], says: str) -> None:
    done = paceline(tmp_path, "call", "os:getpid", *words)
    assert done.returncode == 4
    assert says in done.stderr


async def application(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


class Client:
    def get(self, key: str) -> None: ...
    def set(self, key: str, value: bytes) -> None: ...


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (lambda: bool(HELD), r"operation .*variable 'HELD', of type lock"),
        (AsgiTarget(application), "serve it, and load it by HttpTarget"),
        (CacheClientTarget(Client()), "belongs to one process: load the server by CacheTarget"),
        (SqlTarget("sqlite://", "SELECT 1"), "in memory belongs to one connection"),
        (SqlTarget("sqlite:///x.db", "SELECT 1", pool=1), "pool=1 is too few for 2 processes"),
        (SqlTarget(sqlalchemy.create_engine("sqlite:///x.db"), "SELECT 1"), "engine of SQLAlchemy's belongs to"),
    ],
)
def test_what_cannot_be_shared_says_why(operation: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load(operation, ClosedLoop(2, 1.0))


def test_a_scenario_of_python_travels_with_its_functions() -> None:
    with small_server() as url:

        async def buy(user: Any) -> None:
            await user.client.get(f"/{user.number}", name=str(user.number))

        result = load(Scenario(buy, url), FixedIterations(20, workers=5), probe=False)
        assert sorted(part.name for part in legs_of(result).parts) == ["0", "1", "2", "3", "4"]
        assert legs_of(result).iterations == 20

        async def holds(user: Any) -> None:
            HELD.locked()

        with pytest.raises(ConfigurationError, match=r"run cannot be handed .*variable 'HELD', of type lock"):
            load(Scenario(holds, url), FixedIterations(20, workers=5), probe=False)


@pytest.fixture(scope="module")
def cache() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


def test_keys_of_a_cache_are_drawn_as_by_one_process(cache: Valkey) -> None:
    """Each of a thousand keys is stored once, whoever stores it; filled, counted and deleted once."""
    target = CacheTarget(cache.url, "set", keys=1_000, key_pattern="sequential", prefill=0)
    result = load(target, FixedIterations(1_000, workers=4))
    seen = result.record.cache
    assert result.record.counts.ok == 1_000
    assert seen is not None
    assert seen.server is not None
    assert (seen.server.keys_before, seen.server.keys_after) == (0, 1_000)
    assert seen.prefilled == 0
    assert cache.call("DBSIZE") == 0
    read = CacheTarget(cache.url, "get", keys=1_000, key_pattern="zipf", prefill=0.5, seed=2)
    shared, alone = (load(read, FixedIterations(3_000, workers=4), processes) for processes in (2, 1))
    # In fixed numbers each leg draws just its own: hits and misses are those of one process.
    assert shared.record.counts == alone.record.counts
    assert shared.record.cache is not None
    assert alone.record.cache is not None
    assert shared.record.cache.hit.moments.count == alone.record.cache.hit.moments.count
    assert (shared.record.cache.kept, shared.record.cache.prefilled) == (1.0, 0.5)
    assert shared.record.cache.server is not None
    assert shared.record.cache.server.commands >= 3_000
    assert legs_of(shared).traffic is not None
    assert cache.call("DBSIZE") == 0


def test_a_loader_travels(cache: Valkey) -> None:
    suffix = "!"
    target = CacheTarget(cache.url, "get-or-fetch", keys=50, key_pattern="sequential", loader=lambda key: key + suffix)
    result = load(target, FixedIterations(100, workers=2))
    seen = result.record.cache
    assert seen is not None
    assert seen.loads is not None
    assert seen.loads.latency.moments.count == result.record.counts.misses == 50
    held = CacheTarget(cache.url, "get-or-fetch", loader=lambda key: str(HELD.locked()))
    with pytest.raises(ConfigurationError, match=r"loader cannot be handed .*variable 'HELD'"):
        load(held, FixedIterations(100, workers=2))
    assert cache.call("DBSIZE") == 0


@pytest.mark.parametrize("driver", ["sqlite", "sqlite+aiosqlite"])
def test_rows_of_a_database_are_those_of_one_process(tmp_path: Path, driver: str) -> None:
    """Every number is inserted once: the key of the table would refuse it a second time."""
    path = tmp_path / "records.db"
    made: list[int] = []

    def make() -> None:
        made.append(os.getpid())
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY)")

    target = SqlTarget(
        f"{driver}:///{path}", "INSERT INTO records VALUES (:id)", {"id": Sequential(1_000)}, commit=True, pool=3
    )
    path.touch()
    result = load(target, FixedIterations(60, workers=4), setup=make)
    assert result.record.counts.ok == 60
    assert made == [os.getpid()]
    with sqlite3.connect(path) as connection:
        assert [row for (row,) in connection.execute("SELECT id FROM records ORDER BY id")] == [*range(1, 61)]
    seen = result.record.database
    assert seen is not None
    assert seen.pool == 3
    assert seen.server.startswith("SQLite")
    assert seen.statements[0].executions == 60
    assert seen.plans
    assert seen.connecting.moments.count == 3


def test_a_statement_that_cannot_be_executed_is_found_before_there_is_a_process(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    sqlite3.connect(path).close()
    with pytest.raises((ConfigurationError, MeasurementError), match="no such table"):
        load(SqlTarget(f"sqlite:///{path}", "SELECT * FROM nowhere"), ClosedLoop(2, 1.0))


def test_the_same_as_by_one_process_within_its_interval() -> None:
    with queue_server() as server:
        seen = []
        for processes in (1, 2):
            server.forget(SERVICE)
            seen.append(load(target_of(server), LOAD, processes, probe=False).record)
            assert server.report(SERVICE).sent == seen[-1].counts.ok
    assert_same(seen)
