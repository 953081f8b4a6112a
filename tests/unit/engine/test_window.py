"""The window that throughput is taken over: with several workers it ends when nothing is left to hand out."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes import ManualClock
from tests.runs import PATIENCE_S, Work, record_of, request

S = 1_000_000_000


def straggling_threads(clock: ManualClock, seconds: float, last: int) -> Callable[[], Any]:
    """The first call ends only after the call with the number ``last``, which other workers come to."""
    over = threading.Event()

    def on_call(number: int) -> None:
        if number == 0:
            assert over.wait(PATIENCE_S)
            return
        clock.advance(seconds)
        if number == last:
            over.set()

    return Work(on_call=on_call)


def straggling_tasks(clock: ManualClock, seconds: float, last: int) -> Callable[[], Any]:
    """The same for tasks."""
    over = asyncio.Event()
    count = Work()

    async def operation() -> None:
        number = count.calls
        count()
        if number == 0:
            await over.wait()
            return
        clock.advance(seconds)
        if number == last:
            over.set()

    return operation


@pytest.mark.parametrize("straggling", [straggling_threads, straggling_tasks])
@pytest.mark.parametrize(
    ("iterations", "window_s", "ok", "elapsed_s"),
    [
        # Attempts of 1 s follow each other at 0, 1, 2, ... while one straggles to the end of all.
        pytest.param(6, 4, 4 + 4 / 5, 5, id="the sixth starts at 4 and ends at 5, beside the straggler"),
        pytest.param(40, 38, 38 + 38 / 39, 39, id="more of the same"),
        pytest.param(5, 4, 5, 4, id="fewer than three a worker: the whole counts"),
        pytest.param(2, 1, 2, 1, id="one each"),
    ],
)
def test_iterations(straggling: Callable[..., Any], iterations: int, window_s: int, ok: float, elapsed_s: int) -> None:
    clock = ManualClock()
    record = record_of(request(straggling(clock, 1.0, iterations - 1), iterations, workers=2), clock)
    assert record.counts.ok == iterations
    assert record.window_ns == window_s * S
    assert record.window_ok == pytest.approx(ok)
    assert record.elapsed_ns == elapsed_s * S
    assert record.throughput_per_s == pytest.approx(ok / window_s)


@pytest.mark.parametrize("straggling", [straggling_threads, straggling_tasks])
@pytest.mark.parametrize(
    ("seconds", "duration_s", "last", "window_s", "ok", "elapsed_s"),
    [
        pytest.param(1.0, 4.0, 4, 4, 5, 4, id="all end at the deadline"),
        pytest.param(3.0, 4.0, 2, 4, 1 + 1 / 3 + 4 / 6, 6, id="what ends after the deadline counts by its share"),
    ],
)
def test_duration(
    straggling: Callable[..., Any],
    seconds: float,
    duration_s: float,
    last: int,
    window_s: int,
    ok: float,
    elapsed_s: int,
) -> None:
    clock = ManualClock()
    record = record_of(request(straggling(clock, seconds, last), duration_s=duration_s, workers=2), clock)
    assert record.counts.ok == last + 1
    assert record.window_ns == window_s * S
    assert record.window_ok == pytest.approx(ok)
    assert record.elapsed_ns == elapsed_s * S


def test_one_worker_is_busy_to_the_end() -> None:
    clock = ManualClock()
    record = record_of(request(Work(clock, 1.0), 10), clock)
    assert (record.window_ns, record.window_ok) == (10 * S, 10)


def test_failed_attempts_are_no_throughput() -> None:
    clock = ManualClock()

    def on_call(number: int) -> None:
        if number % 2:
            raise ValueError

    record = record_of(request(Work(clock, 1.0, on_call), 10), clock)
    assert (record.window_ns, record.window_ok) == (10 * S, 5)


def test_threads_wait_for_the_last_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = 5
    work = Work()
    calls_before_the_last: list[int] = []
    waiting = threading.Semaphore(0)
    start = threading.Thread.start
    wait = threading.Barrier.wait

    def announced_wait(barrier: threading.Barrier, timeout: float | None = None) -> int:
        waiting.release()
        return wait(barrier, timeout)

    def start_when_the_others_wait(thread: threading.Thread) -> None:
        if thread.name == f"paceline-worker-{workers - 1}":
            for _ in range(workers - 1):
                assert waiting.acquire(timeout=PATIENCE_S)
            calls_before_the_last.append(work.calls)
        start(thread)

    monkeypatch.setattr(threading.Barrier, "wait", announced_wait)
    monkeypatch.setattr(threading.Thread, "start", start_when_the_others_wait)
    assert record_of(request(work, 50, workers=workers)).counts.ok == 50
    assert calls_before_the_last == [0]


def test_the_window_begins_when_the_last_worker_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    start = threading.Thread.start

    def slow_start(thread: threading.Thread) -> None:
        clock.advance(100.0)  # whatever it takes to start a thread
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", slow_start)
    asked = request(straggling_threads(clock, 1.0, 5), 6, workers=2)
    assert record_of(asked, clock).elapsed_ns == 5 * S
