"""Attempts that do not come back: a synchronous one is left behind and ends the run, a coroutine is cancelled."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from paceline.engine.crew import Crew
from paceline.engine.drive import Load
from paceline.engine.threads import ThreadsDrive
from paceline.targets.call import CallTarget
from tests.fakes import ManualClock
from tests.runs import PATIENCE_S, Work, record_of, request

LIMIT_S = 0.004  # of manual time, and how long the watcher sleeps in between is a quarter of it


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds operations back; opened at the end, so that no thread outlives its test."""
    held = threading.Event()
    before = set(threading.enumerate())
    yield held
    held.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


class TestThreads:
    def test_the_attempt_counts_as_a_timeout_and_ends_the_run(self, gate: threading.Event) -> None:
        clock, torn_down = ManualClock(), []

        def on_call(number: int) -> None:
            if number == 3:
                clock.advance(1.0)
                gate.wait()

        work = Work(clock, LIMIT_S / 2, on_call)
        asked = request(work, 100, timeout_s=LIMIT_S, teardown=lambda: torn_down.append(1))
        record = record_of(asked, clock)
        assert work.calls == 4
        assert (record.counts.ok, record.counts.errors, record.counts.timeouts) == (3, 0, 1)
        assert record.latency.samples_ns == (2_000_000, 2_000_000, 2_000_000, 1_002_000_000)
        assert [(group.kind, group.message, group.count) for group in record.errors] == [
            ("timeout", "no answer within 0.004 s", 1)
        ]
        assert record.circumstances.abandoned_workers == 1
        assert record.circumstances.interruption is None
        assert torn_down == [1]

    def test_one_that_hangs_ends_the_run_of_all(self, gate: threading.Event) -> None:
        clock = ManualClock()
        stuck = threading.Event()

        def on_call(number: int) -> None:
            if number == 5:
                clock.advance(1.0)
                stuck.set()
                gate.wait()
            elif number > 5:
                assert stuck.wait(PATIENCE_S)

        record = record_of(request(Work(clock, 0.0, on_call), 10**7, workers=4, timeout_s=LIMIT_S), clock)
        assert record.counts.timeouts >= 1
        assert record.circumstances.abandoned_workers == 1
        assert record.counts.attempts < 10**7

    def test_all_hang(self, gate: threading.Event) -> None:
        clock = ManualClock()
        inside = threading.Barrier(3, action=lambda: clock.advance(1.0))

        def operation() -> None:
            inside.wait(PATIENCE_S)
            gate.wait()

        record = record_of(request(operation, 30, workers=3, timeout_s=LIMIT_S), clock)
        assert (record.counts.attempts, record.counts.timeouts) == (3, 3)
        assert record.circumstances.abandoned_workers == 3

    def test_in_the_warmup(self, gate: threading.Event) -> None:
        clock = ManualClock()

        def on_call(number: int) -> None:
            if number == 1:
                clock.advance(1.0)
                gate.wait()

        record = record_of(request(Work(clock, 0.0, on_call), 5, 4, timeout_s=LIMIT_S), clock)
        assert record.counts.ok == 5
        assert record.circumstances.abandoned_workers == 1
        assert [(group.kind, group.count) for group in record.circumstances.warmup_errors] == [("timeout", 1)]

    @pytest.mark.parametrize("failed", [False, True], ids=["returned", "raised"])
    def test_an_attempt_that_ends_while_it_is_given_up_counts_once(
        self,
        gate: threading.Event,
        failed: bool,  # noqa: FBT001
    ) -> None:
        clock = ManualClock()

        def operation() -> None:
            clock.advance(1.0)
            assert gate.wait(PATIENCE_S)
            if failed:
                raise ValueError

        class Stop(list[object]):
            """Lets the attempt end at the worst moment: after it was found late, before that is written down."""

            def append(self, item: object) -> None:
                super().append(item)
                gate.set()
                drive._workers[0].finished.wait(PATIENCE_S)

        drive = ThreadsDrive(
            CallTarget(operation), Load(iterations=9, timeout_s=LIMIT_S), clock.as_clock(), crew=Crew()
        )
        drive.stop = Stop()
        drive.run()
        assert (drive.recorder.counts.attempts, drive.recorder.counts.timeouts) == (1, 1)
        assert drive.abandoned == 1


@pytest.fixture(params=["uvloop", "asyncio"])
def either_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The loop that a run of its own gets: uvloop's, or asyncio's as where uvloop is not installed."""
    name: str = request.param
    if name == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    else:
        pytest.importorskip("uvloop")
    return name


@pytest.mark.usefixtures("either_loop")
class TestTasks:
    @pytest.mark.parametrize("workers", [1, 3])
    def test_the_attempt_is_cancelled_and_the_run_goes_on(self, workers: int) -> None:
        cancelled: list[int] = []
        numbers = Work()

        async def operation() -> None:
            number = numbers.calls
            numbers()
            if number % 3:
                return
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise

        record = record_of(request(operation, 9, workers=workers, timeout_s=LIMIT_S))
        assert sorted(cancelled) == [0, 3, 6]
        assert (record.counts.ok, record.counts.errors, record.counts.timeouts) == (6, 0, 3)
        assert record.circumstances.abandoned_workers == 0
        # The clock stood still, but a timeout lasted at least its limit.
        assert sorted(record.latency.samples_ns or ()) == [0] * 6 + [4_000_000] * 3

    def test_what_is_raised_after_the_limit_is_a_timeout_too(self) -> None:
        clock = ManualClock()

        async def operation() -> None:
            clock.advance(1.0)
            raise ConnectionError

        record = record_of(request(operation, 3, timeout_s=LIMIT_S), clock)
        assert (record.counts.errors, record.counts.timeouts) == (0, 3)

    @pytest.mark.parametrize("raised", [ConnectionError, TimeoutError])
    def test_what_is_raised_before_the_limit_is_an_error(self, raised: type[Exception]) -> None:
        async def operation() -> None:
            raise raised("refused")

        record = record_of(request(operation, 3, timeout_s=1e6))
        assert [(group.kind, group.count) for group in record.errors] == [(raised.__name__, 3)]

    def test_cleaning_up_after_the_cancellation_may_raise_anything(self) -> None:
        async def operation() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise ConnectionError

        record = record_of(request(operation, 3, timeout_s=LIMIT_S))
        assert (record.counts.errors, record.counts.timeouts) == (0, 3)


def test_the_loop_that_ran_the_tasks_is_recorded(either_loop: str) -> None:
    async def operation() -> Any:
        await asyncio.sleep(0)

    event_loop = record_of(request(operation, 1)).circumstances.event_loop
    assert event_loop is not None
    assert event_loop.startswith(either_loop)
