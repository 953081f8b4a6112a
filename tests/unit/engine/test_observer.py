"""Whoever watches a run is shown its progress, and every 10 s all that was seen so far."""

import asyncio
import threading
from typing import Any

import pytest

from paceline.records.run_record import RunRecord
from tests.fakes import ManualClock
from tests.runs import PATIENCE_S, Work, awaited, record_of, request


class Screen:
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.attempts: list[int] = []
        self.records: list[RunRecord] = []
        self.shown = threading.Event()
        self.on_partial = self.shown.set

    def progress(self, record_name: str, share: float, attempts: int, load: object = None) -> None:
        assert record_name == "checkout"
        self.shares.append(share)
        self.attempts.append(attempts)

    def partial(self, record: RunRecord) -> None:
        self.records.append(record)
        self.on_partial()


def test_progress_in_the_callers_thread_is_exact() -> None:
    clock, screen = ManualClock(), Screen()
    record_of(request(Work(clock, 1.0), 25), clock, screen)
    assert screen.attempts == list(range(1, 26))
    assert screen.shares == [done / 25 for done in range(1, 26)]


def test_progress_of_a_duration_is_a_share_of_its_time() -> None:
    clock, screen = ManualClock(), Screen()
    record_of(request(Work(clock, 3.0), duration_s=10.0), clock, screen)
    assert screen.shares == [0.3, 0.6, 0.9, 1.0]  # 12 of 10 seconds are no more than all


def test_progress_comes_at_most_twice_a_second() -> None:
    clock, screen = ManualClock(), Screen()
    record_of(request(Work(clock, 2**-5), 320), clock, screen)  # ten seconds
    assert 15 <= len(screen.shares) <= 20
    assert screen.shares == sorted(screen.shares)


def test_a_batch_is_shown_by_its_calls() -> None:
    clock, screen = ManualClock(), Screen()
    record_of(request(Work(clock, 1.0), 3, batch=4), clock, screen)
    assert screen.attempts == [4, 8, 12]
    assert screen.shares == [1 / 3, 2 / 3, 1.0]


def test_a_slice_every_ten_seconds_in_the_callers_thread() -> None:
    clock, screen = ManualClock(), Screen()
    record = record_of(request(Work(clock, 1.0), 25), clock, screen)
    assert [partial.counts.ok for partial in screen.records] == [10, 20]
    for partial in screen.records:
        assert partial.elapsed_ns == partial.window_ns == partial.counts.ok * 1_000_000_000
        assert partial.throughput_per_s == 1.0
        assert partial.circumstances.interruption == "still running"
    assert record.counts.ok == 25
    assert record.circumstances.interruption is None


def test_a_run_under_ten_seconds_has_no_slice() -> None:
    clock, screen = ManualClock(), Screen()
    record_of(request(Work(clock, 1.0), 9), clock, screen)
    assert not screen.records


@pytest.mark.parametrize("workers", [1, 2])
def test_a_slice_of_tasks_has_seen_all_that_ended(workers: int) -> None:
    clock, screen = ManualClock(), Screen()
    shown = asyncio.Event()
    screen.on_partial = shown.set
    work = Work(clock, 1.0)

    async def operation() -> Any:
        if work.calls >= 12:
            await shown.wait()
        await awaited(work)()

    record_of(request(operation, 16, workers=workers), clock, screen)
    partial = screen.records[0]
    assert partial.counts.ok == 12
    assert partial.elapsed_ns == partial.window_ns == 12_000_000_000
    assert screen.shares
    assert all(0 < share <= 1 for share in screen.shares)


@pytest.mark.parametrize("options", [{"workers": 2}, {"timeout_s": 1e6}], ids=str)
def test_a_slice_of_threads_has_seen_all_that_ended(options: dict[str, Any]) -> None:
    clock, screen = ManualClock(), Screen()

    def on_call(number: int) -> None:
        if number >= 12:
            assert screen.shown.wait(PATIENCE_S)

    record = record_of(request(Work(clock, 1.0, on_call), 16, **options), clock, screen)
    partial = screen.records[0]
    # What the last two were doing at that moment is anybody's guess, but nothing before them is missing.
    assert 8 <= partial.counts.ok <= 12
    assert partial.elapsed_ns == partial.window_ns >= partial.counts.ok * 500_000_000
    assert record.counts.ok == 16
