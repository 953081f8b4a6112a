"""Runs with time in hand: the clock stands still unless the operation under test moves it."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from paceline.campaign.suite import Suite
from paceline.core.clock import Clock
from paceline.engine import runs
from paceline.engine.request import Observer, Run, RunRequest
from paceline.framework import PerformanceTestFramework
from paceline.judge.result import TestResult
from paceline.records.run_record import RunRecord, TestType
from paceline.targets.call import CallTarget
from paceline.workload.models import ClosedLoop, FixedIterations
from tests.fakes import ManualClock

PATIENCE_S = 20.0  # for events that come in time unless the code under test is broken


class Work:
    """An operation that takes ``seconds`` of manual time, and counts its calls also when threads make them.

    Args:
        clock: moved by each call.
        seconds: how far.
        on_call: what a call does besides, given its number, from 0.
    """

    def __init__(
        self, clock: ManualClock | None = None, seconds: float = 0.0, on_call: Callable[[int], object] | None = None
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._on_call = on_call
        self._numbers = itertools.count()
        self._made: list[int] = []  # appending is atomic, adding one is not

    @property
    def calls(self) -> int:
        """How many there were."""
        return len(self._made)

    def __call__(self) -> object:
        number = next(self._numbers)
        self._made.append(number)
        if self._clock is not None and self._seconds:
            self._clock.advance(self._seconds)
        return None if self._on_call is None else self._on_call(number)


def raising(error: type[BaseException], *, on: int) -> Callable[[int], None]:
    """For :class:`Work`: the call with the number ``on`` raises."""

    def on_call(number: int) -> None:
        if number == on:
            raise error(f"call {number}")

    return on_call


def awaited(work: Callable[[], Any]) -> Callable[[], Any]:
    """``work`` as a coroutine function that lets the other tasks run, too."""

    async def operation() -> Any:
        returned = work()
        await asyncio.sleep(0)
        return returned

    return operation


def request(
    operation: Callable[[], Any],
    iterations: int = 10,
    warmup_iterations: int = 0,
    workers: int = 1,
    *,
    batch: int | str | None = None,
    duration_s: float | None = None,
    timeout_s: float | None = None,
    setup: Callable[[], Any] | None = None,
    teardown: Callable[[], Any] | None = None,
    setup_each: Callable[[], Any] | None = None,
    name: str = "checkout",
) -> RunRequest:
    """A request; for a duration where ``duration_s`` is given."""
    workload: FixedIterations | ClosedLoop = FixedIterations(iterations, warmup_iterations, workers, batch)
    if duration_s is not None:
        workload = ClosedLoop(workers, duration_s, warmup_iterations)
    return RunRequest(
        name=name,
        test_type=TestType.API_ENDPOINT,
        target=CallTarget(operation, setup, teardown, setup_each),
        workload=workload,
        timeout_s=timeout_s,
    )


def run(asked: RunRequest, clock: ManualClock | None = None, observer: Observer | None = None) -> Run:
    """Make the run in manual time."""
    return runs.run(asked, (clock or ManualClock()).as_clock(), observer)


def record_of(asked: RunRequest, clock: ManualClock | None = None, observer: Observer | None = None) -> RunRecord:
    """The record of a run that nothing stopped."""
    ended = run(asked, clock, observer)
    assert ended.stopped_by is None
    return ended.record


def make_framework(clock: ManualClock | None = None, **options: Any) -> PerformanceTestFramework:
    """A framework in manual time."""
    return PerformanceTestFramework(clock=(clock or ManualClock()).as_clock(), **options)


def make_suite(clock: Clock | None = None, **options: Any) -> Suite:
    """A suite in manual time."""
    return Suite(clock=clock or ManualClock().as_clock(), **options)


def codes(result: TestResult) -> set[str]:
    """The findings of a result."""
    return {finding.code for finding in result.findings}
