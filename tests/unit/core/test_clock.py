import math
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from paceline.core.clock import SYSTEM_CLOCK, ClockQuality, measure_clock, utc_text
from tests.fakes import ManualClock


def test_the_system_clock_reads_the_counters_it_documents() -> None:
    assert SYSTEM_CLOCK.now_s is time.perf_counter
    assert SYSTEM_CLOCK.cpu_s is time.process_time
    assert SYSTEM_CLOCK.thread_cpu_s is time.thread_time
    assert SYSTEM_CLOCK.utc_now().tzinfo is UTC


def test_a_manual_clock_moves_only_when_told() -> None:
    manual = ManualClock(origin_s=5.0)
    clock = manual.as_clock()
    before = clock.utc_now()
    manual.advance(2.5, cpu_s=1.5)
    assert (clock.now_s(), clock.now_s()) == (7.5, 7.5)
    assert (clock.cpu_s(), clock.thread_cpu_s()) == (1.5, 1.5)
    assert clock.utc_now() - before == timedelta(seconds=2.5)


def test_cost_is_the_median_step_and_resolution_the_smallest() -> None:
    readings = iter([0.0, 3.0, 4.0, 9.0, 11.0])  # steps 3, 1, 5, 2: sorted 1, 2, 3, 5
    assert measure_clock(readings.__next__, readings=5) == ClockQuality(resolution_ns=1e9, cost_ns=3e9)


def test_a_steady_clock_costs_its_tick() -> None:
    quality = measure_clock(ManualClock(tick_s=2.0**-20).now_s)
    assert quality == ClockQuality(resolution_ns=1e9 / 2**20, cost_ns=1e9 / 2**20)


def test_on_a_coarse_clock_most_steps_are_nothing() -> None:
    readings = iter([0.0, 0.0, 0.0, 0.5, 0.5])
    assert measure_clock(readings.__next__, readings=5) == ClockQuality(resolution_ns=5e8, cost_ns=0.0)


@pytest.mark.parametrize("readings", [[1.0, 1.0, 1.0], [3.0, 2.0, 1.0]], ids=["stands", "goes back"])
def test_a_clock_without_a_forward_step_has_no_resolution(readings: list[float]) -> None:
    assert measure_clock(iter(readings).__next__, readings=3) == ClockQuality(0.0, 0.0)


@pytest.mark.parametrize(("resolution_ns", "cost_ns", "grain_ns"), [(1.0, 40.0, 40.0), (15e6, 40.0, 15e6)])
def test_the_grain_is_the_larger_of_both(resolution_ns: float, cost_ns: float, grain_ns: float) -> None:
    assert ClockQuality(resolution_ns, cost_ns).grain_ns == grain_ns


def test_the_system_clock_can_be_measured() -> None:
    quality = measure_clock(SYSTEM_CLOCK.now_s)
    assert math.isfinite(quality.grain_ns)
    assert quality.resolution_ns > 0


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 18, 0, 0, tzinfo=UTC), "2026-11-22T18:00:00.000000Z"),
        (datetime(2026, 1, 1, 0, 30, 0, 5, tzinfo=timezone(timedelta(hours=1))), "2025-12-31T23:30:00.000005Z"),
    ],
)
def test_time_stamps_are_utc_with_microseconds(moment: datetime, text: str) -> None:
    assert utc_text(moment) == text
