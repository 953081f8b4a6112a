"""How often the operation is called: exactly as often as was asked for, whoever calls it."""

import asyncio
import itertools
import threading

import pytest

from paceline.workload.models import AUTO
from tests.fakes import ManualClock
from tests.runs import PATIENCE_S, Work, awaited, raising, record_of, request
from tests.unit.engine.ways import WAYS, Wrapped, plain


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("iterations", "warmup_iterations"), [(1, 0), (1, 1), (7, 0), (20, 5), (2, 10)])
def test_warmup_and_measured_calls_are_exactly_those_asked_for(
    way: str, iterations: int, warmup_iterations: int
) -> None:
    wrapped, options, execution = WAYS[way]
    work = Work()
    record = record_of(request(wrapped(work), iterations, warmup_iterations, **options))
    assert work.calls == warmup_iterations + iterations
    assert record.counts.attempts == record.counts.ok == iterations
    assert record.circumstances.warmup_attempts == warmup_iterations
    assert record.definition.execution is execution


@pytest.mark.parametrize("iterations", [1, 4_096, 4_097, 20_000, 40_000])
@pytest.mark.parametrize("way", ["caller", "threads", "tasks"])
def test_no_attempt_is_lost_where_stretches_are_folded(way: str, iterations: int) -> None:
    wrapped, options, _ = WAYS[way]
    work = Work()
    record = record_of(request(wrapped(work), iterations, **options))
    assert record.counts.attempts == record.latency.moments.count == work.calls == iterations


class TestBatch:
    def test_a_number_of_calls_a_sample(self) -> None:
        work = Work(clock := ManualClock(), seconds=2.0)
        record = record_of(request(work, 5, 3, batch=7), clock)
        assert work.calls == 3 + 5 * 7
        assert record.counts.ok == 35
        assert record.latency.moments.count == 5
        assert record.latency.samples_ns == (14_000_000_000,) * 5
        assert record.window_ok == 35
        assert record.window_ns == 70_000_000_000

    def test_calibration_doubles_until_a_sample_is_a_thousand_grains_long(self) -> None:
        # One reading lets 1 ms pass, so the grain is 1 ms and a sample must last a second: 128 calls of 8 ms.
        clock = ManualClock(tick_s=2**-10)
        work = Work(clock, seconds=2**-7)
        record = record_of(request(work, 2, batch=AUTO), clock)
        assert record.definition.calls_per_sample == 128
        assert record.circumstances.warmup_attempts == 255  # 1 + 2 + 4 + ... + 128
        assert work.calls == 255 + 2 * 128

    def test_a_call_that_raises_breaks_its_batch_off(self) -> None:
        work = Work(on_call=raising(ValueError, on=2))
        record = record_of(request(work, 3, batch=4))
        assert work.calls == 3 + 4 + 4
        assert (record.counts.ok, record.counts.errors) == (2 + 4 + 4, 1)


class TestDuration:
    @pytest.mark.parametrize(
        ("duration_s", "attempts"), [(0.5, 1), (1.0, 1), (1.5, 2), (10.0, 10)], ids=lambda value: f"{value:g}"
    )
    @pytest.mark.parametrize("wrapped", [plain, awaited])
    def test_attempts_start_until_the_time_is_up(self, wrapped: Wrapped, duration_s: float, attempts: int) -> None:
        work = Work(clock := ManualClock(), seconds=1.0)
        record = record_of(request(wrapped(work), duration_s=duration_s, warmup_iterations=3), clock)
        assert work.calls == 3 + attempts
        assert record.counts.ok == attempts
        assert record.elapsed_ns == attempts * 1_000_000_000
        assert record.definition.iterations is None
        assert record.definition.duration_s == duration_s

    def test_a_duration_keeps_no_raw_samples(self) -> None:
        record = record_of(request(Work(clock := ManualClock(), 1.0), duration_s=5.0), clock)
        assert record.latency.samples_ns is None
        assert record.latency.histogram.count == 5


class TestSharing:
    def test_threads_take_iterations_from_one_supply(self) -> None:
        workers = 4
        everyone = threading.Barrier(workers)
        taken: dict[str, int] = {}

        def operation() -> None:
            # All four are inside at the same time in each round, or the barrier breaks.
            everyone.wait(PATIENCE_S)
            name = threading.current_thread().name
            taken[name] = taken.get(name, 0) + 1

        record = record_of(request(operation, 5 * workers, workers=workers))
        assert record.counts.ok == 5 * workers
        assert sorted(taken.values()) == [5] * workers

    def test_tasks_take_iterations_from_one_supply(self) -> None:
        workers = 4
        tasks: dict[str, int] = {}

        async def operation() -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks[task.get_name()] = tasks.get(task.get_name(), 0) + 1
            await asyncio.sleep(0)

        record = record_of(request(operation, 5 * workers, workers=workers))
        assert record.counts.ok == 5 * workers
        assert sorted(tasks.values()) == [5] * workers

    @pytest.mark.parametrize("warmup_iterations", [2, 30])
    def test_never_more_at_once_than_workers_not_even_in_the_warmup(self, warmup_iterations: int) -> None:
        inside = 0
        most: list[int] = []

        async def operation() -> None:
            nonlocal inside
            inside += 1
            most.append(inside)
            await asyncio.sleep(0)
            inside -= 1

        record_of(request(operation, 30, warmup_iterations, workers=4))
        assert max(most[:warmup_iterations]) == min(4, warmup_iterations)
        assert max(most[warmup_iterations:]) == 4

    @pytest.mark.parametrize("wrapped", [plain, awaited])
    def test_fewer_iterations_than_workers(self, wrapped: Wrapped) -> None:
        work = Work()
        assert record_of(request(wrapped(work), 2, workers=9)).counts.ok == work.calls == 2


def test_each_attempt_is_timed_on_its_own() -> None:
    # Tasks whose times overlap: starts 0, 0, 0; the clock moves by 1 s with each step of each task.
    clock, numbers = ManualClock(), itertools.count(1)

    async def operation() -> None:
        for _ in range(next(numbers)):
            await asyncio.sleep(0)
            clock.advance(1.0)

    record = record_of(request(operation, 3, workers=3), clock)
    # Round 1: all three step (t = 1, 2, 3), the first has ended at 1. Round 2: t = 4, 5; the second ended at 4.
    assert record.latency.samples_ns == (1_000_000_000, 4_000_000_000, 6_000_000_000)
