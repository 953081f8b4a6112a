"""Callables as lanes: tasks and threads under arrivals, stages and think time; nothing of them is left."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import MeasurementError
from paceline.engine import call_lanes, runs
from paceline.engine.call_lanes import CallLanes
from paceline.engine.request import Run, RunRequest
from paceline.records.outcome import Outcome
from paceline.records.run_record import Execution, TestType
from paceline.targets.call import CallTarget
from paceline.workload.models import ClosedLoop, ConstantRate, Poisson, Stages, Workload
from tests.runs import Work

WORKLOADS: dict[str, tuple[Workload, int | None]] = {
    "constant": (ConstantRate(400, 0.1), 40),
    "poisson": (Poisson(400, 0.1, seed=3), None),
    "ramp": (Stages([(0.1, 400)]), 20),
    "users": (Stages([(0.0, 2), (0.25, 2)], of="users"), None),
    "think time": (ClosedLoop(3, 0.1, think_time_s=0.01), None),
}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


def run(operation: Callable[[], Any], workload: Workload, *, warmup_s: float = 0.0) -> Run:
    target = CallTarget(operation)
    return runs.run(RunRequest("load", TestType.CONCURRENT_LOAD, target, workload, warmup_s=warmup_s))


def coroutine(work: Callable[[], Any]) -> Callable[[], Any]:
    async def operation() -> Any:
        await asyncio.sleep(0)
        return work()

    return operation


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("wrapped", [coroutine, lambda work: work], ids=["task", "thread"])
def test_each_attempt_is_a_call(workload: str, wrapped: Callable[[Callable[[], Any]], Callable[[], Any]]) -> None:
    planned, count = WORKLOADS[workload]
    work = Work()
    operation = wrapped(work)
    ended = run(operation, planned)
    record = ended.record
    assert ended.stopped_by is None
    assert record.counts.ok == record.counts.attempts == work.calls > 0
    assert count is None or work.calls == count
    assert record.definition.execution is (Execution.TASKS if operation is not work else Execution.THREADS)
    assert record.load is not None
    assert (record.load.arrivals is not None) == (workload in {"constant", "poisson", "ramp"})
    assert record.load.traffic is None
    assert not record.load.own_process
    assert record.circumstances.abandoned_workers == 0


@pytest.mark.parametrize("wrapped", [coroutine, lambda work: work], ids=["task", "thread"])
def test_what_an_operation_says_and_raises_is_counted(wrapped: Callable[[Any], Callable[[], Any]]) -> None:
    says = [Outcome.hit(), Outcome.miss(), Outcome.error("HTTP 503"), None, "an answer"]

    def on_call(number: int) -> object:
        if number % 8 == 5:
            raise LookupError("no such record")
        if number % 8 == 6:
            raise SystemExit(3)
        if number % 8 == 7:
            raise asyncio.CancelledError
        return says[number % 8]

    record = run(wrapped(Work(on_call=on_call)), ConstantRate(800, 0.1)).record
    counts = record.counts
    assert (counts.ok, counts.errors, counts.hits, counts.misses) == (40, 40, 10, 10)
    groups = {group.kind: group for group in record.errors}
    assert {kind: group.count for kind, group in groups.items()} == {
        "HTTP 503": 10,
        "LookupError": 10,
        "SystemExit": 10,
        "asyncio.exceptions.CancelledError": 10,
    }
    assert "raise LookupError" in groups["LookupError"].traceback
    assert "src/paceline/engine" not in groups["LookupError"].traceback


@pytest.mark.parametrize("workload", [ConstantRate(50, 600.0), ClosedLoop(3, 600.0, think_time_s=0.001)])
def test_an_interrupt_that_an_operation_raises_ends_the_load(workload: Workload) -> None:
    calls: list[int] = []

    async def operation() -> None:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt

    ended = run(operation, workload)
    assert isinstance(ended.stopped_by, KeyboardInterrupt)
    assert ended.record.circumstances.interruption == "KeyboardInterrupt"
    assert ended.record.counts.ok == ended.record.counts.attempts >= 4


def test_a_task_that_never_ends_is_cancelled_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallLanes, "grace_s", 0.05)
    cancelled: list[int] = []

    async def operation() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    record = run(operation, ConstantRate(50, 0.1)).record
    assert (record.counts.ok, record.counts.timeouts) == (0, 5)
    assert len(cancelled) == 5
    (group,) = record.errors
    assert (group.kind, group.count) == ("timeout", 5)
    assert group.message == "no end 0.05 s after the load had ended"


def test_a_thread_that_never_ends_is_left_behind_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallLanes, "grace_s", 0.05)
    monkeypatch.setattr(call_lanes, "_END_S", 0.01)
    gate = threading.Event()
    before = set(threading.enumerate())
    record = run(gate.wait, ConstantRate(50, 0.1)).record
    left = set(threading.enumerate()) - before
    gate.set()
    for thread in left:
        thread.join(20.0)
    assert record.counts.timeouts == 5
    assert record.circumstances.abandoned_workers == len(left) == 5


def test_what_was_given_up_in_the_warmup_is_not_taken_for_an_attempt_of_the_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CallLanes, "grace_s", 0.05)
    calls, cancelled, late = 0, [], asyncio.Event

    async def operation() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            try:
                await late().wait()
            finally:
                cancelled.append(1)

    record = run(operation, ConstantRate(20, 0.2), warmup_s=0.1).record
    assert record.counts.ok == 4
    assert record.counts.timeouts == 0
    assert record.circumstances.warmup_attempts == 2
    assert [group.kind for group in record.circumstances.warmup_errors] == ["timeout"]
    assert cancelled == [1]


def test_an_answer_that_comes_after_its_attempt_was_given_up_says_nothing_about_the_next() -> None:
    told: list[str] = []

    class Sink:
        def ended(self, lane: object, start_s: float, end_s: float) -> None:
            told.append("ended")

        def failed(self, *_: object, **__: object) -> None:
            told.append("failed")

    async def both() -> None:
        gates = [asyncio.Event(), asyncio.Event()]
        waiting = iter(gates)

        async def operation() -> None:
            gate = next(waiting)
            try:
                await gate.wait()
            except asyncio.CancelledError:
                return  # takes a cancellation for an answer

        lanes = CallLanes(CallTarget(operation), "load", SYSTEM_CLOCK)
        (lane,) = await lanes.open(1)
        lanes.attach(Sink())  # type: ignore[arg-type]
        lane.begin()
        await asyncio.sleep(0)
        lanes.give_up()
        lane.begin()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert told == ["failed"]
        gates[1].set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert told == ["failed", "ended"]
        await lanes.close()

    asyncio.run(both())


def test_more_users_than_arrivals_would_get_threads_all_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_lanes, "MOST_THREADS", 2)
    seen: set[int] = set()
    barrier = threading.Barrier(4, timeout=20.0)

    def operation() -> None:
        if len(seen) < 4:
            seen.add(threading.get_ident())
            barrier.wait()

    record = run(operation, ClosedLoop(4, 0.05, think_time_s=0.5)).record
    assert record.counts.ok == len(seen) == 4


def until_an_arrival_waits(monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """An operation that ends when an arrival has found no free thread, and could not have another one."""
    another, waiting = CallLanes.another, threading.Event()

    def watched(lanes: CallLanes) -> Any:
        lane = another(lanes)
        if lane is None:
            waiting.set()
        return lane

    monkeypatch.setattr(CallLanes, "another", watched)
    return lambda: waiting.wait(20.0)


def test_arrivals_wait_when_there_are_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_lanes, "MOST_THREADS", 2)
    held = until_an_arrival_waits(monkeypatch)
    record = run(held, ConstantRate(500, 0.1)).record
    assert record.counts.ok == 50
    assert record.load is not None
    assert record.load.arrivals is not None
    assert record.load.arrivals.connection_wait.moments.maximum > 0


def test_a_system_without_threads_is_said_or_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    real = threading.Thread.start
    lanes_started: list[str] = []

    def start(thread: threading.Thread) -> None:
        if thread.name.startswith("paceline-lane"):
            if len(lanes_started) == 2:
                raise RuntimeError("can't start new thread")
            lanes_started.append(thread.name)
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    held = until_an_arrival_waits(monkeypatch)
    record = run(held, ConstantRate(300, 0.1)).record
    assert record.counts.ok == 30
    lanes_started.clear()
    with pytest.raises(MeasurementError, match="2 threads, not 3: can't start new thread"):
        run(held, ClosedLoop(3, 0.1, think_time_s=0.1))
