"""What a loop that reads the clock notices: gaps, their waits, a clock that goes backwards or stands."""

import os
from collections.abc import Callable, Iterator
from itertools import chain, count, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.sysmon import jitter
from paceline.sysmon.jitter import GAP_S, wait_at_one_in, watch, watch_cores


def reader(readings: Iterator[float]) -> Callable[[], float]:
    return lambda: next(readings)


def test_gaps_are_counted_and_added_up() -> None:
    # 0.1 us a reading; away for 1 ms and for 3 ms, and for less than counts
    steps = [1e-7] * 100 + [1e-3] + [1e-7] * 100 + [3e-3] + [1e-7] * 100 + [GAP_S * 0.9]
    at_s = 5.0
    readings = [at_s] + [at_s := at_s + step for step in steps] + [at_s + 10.0]
    seen = watch(3, reader(iter(readings)), 0.005)
    assert (seen.core, seen.gaps) == (3, 3)  # the last one is the end
    assert seen.longest_ns == pytest.approx(10e9)
    assert seen.backwards == 0
    assert seen.readings == len(readings) - 1
    assert seen.lost_ns == pytest.approx(10_004_000_000)
    assert seen.lost_share == pytest.approx(1.0, abs=1e-4)


def test_an_undisturbed_core() -> None:
    seen = watch(None, reader(number * 1e-7 for number in count()), 0.01)
    assert (seen.gaps, seen.lost_ns, seen.longest_ns, seen.wait_p999_ns, seen.lost_share) == (0, 0, 0, 0, 0.0)
    assert seen.readings == pytest.approx(100_000, abs=2)
    assert seen.elapsed_ns == pytest.approx(10_000_000, rel=1e-4)


def test_a_clock_that_goes_backwards() -> None:
    seen = watch(0, reader(iter([1.0, 1.000_001, 0.9, 0.900_001, 0.8, 2.0])), 0.5)
    assert seen.backwards == 2


def test_a_clock_that_stands_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jitter, "_MOST_READINGS", 1_000)
    seen = watch(0, reader(repeat(1.0)), 0.5)
    assert (seen.readings, seen.elapsed_ns, seen.lost_share) == (999, 0, 0.0)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores cannot be chosen here")
def test_the_thread_may_run_where_it_might_before() -> None:
    before = os.sched_getaffinity(0)
    on = []

    def now_s() -> float:
        on.append(os.sched_getaffinity(0))
        return float(len(on))

    seen = watch_cores(sorted(before), now_s, 0.5)
    assert [core.core for core in seen] == sorted(before)
    assert {frozenset(cores) for cores in on} == {frozenset({core}) for core in before}
    assert os.sched_getaffinity(0) == before

    def broken() -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch_cores(sorted(before), broken, 0.5)
    assert os.sched_getaffinity(0) == before


def test_where_cores_cannot_be_chosen_one_is_watched() -> None:
    (seen,) = watch_cores((), reader(iter(chain([0.0], repeat(1.0)))), 0.5)
    assert seen.core is None


@pytest.mark.parametrize(
    ("gaps", "wait"),
    [
        ([], 0),
        ([50], 0),  # less than one moment in a thousand
        ([100], 0),
        ([150], 50),  # the first 100 of 150 wait for more than 50
        ([150, 30], 50),
        ([150, 150], 100),
        ([150, 80, 80], 70),  # (80 + 10 + 10) at 70
    ],
)
def test_waits(gaps: list[float], wait: float) -> None:
    assert wait_at_one_in(1_000, gaps, 100_000) == pytest.approx(wait)


@given(st.lists(st.floats(20, 1e6), max_size=40), st.floats(1e3, 1e9))
def test_as_many_moments_wait_for_longer_as_was_asked(gaps: list[float], elapsed: float) -> None:
    wait = wait_at_one_in(1_000, gaps, elapsed)
    excess = sum(max(gap - wait, 0.0) for gap in gaps)
    if wait > 0:
        assert excess == pytest.approx(elapsed / 1_000, rel=1e-6)
    else:
        assert excess <= elapsed / 1_000 * (1 + 1e-9)
