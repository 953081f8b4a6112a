"""What of a series is called a change, what of the newest points unexpected; each quantity in its better direction."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.judge.trend import HistoryTrend, judge_trend
from paceline.records.history import HistoryPoint, Series, SeriesKey
from paceline.records.quantities import ERROR_RATE, MEDIAN, PEAK_RSS, QUANTITIES, THROUGHPUT, Quantity

KEY = SeriesKey("main", "machine", "definition")


def series_of(values: Sequence[float], quantity: Quantity = MEDIAN) -> Series:
    points = (
        HistoryPoint(f"2026-11-22T18:{place // 60:02}:{place % 60:02}.000000Z", f"c{place}", value)
        for place, value in enumerate(values)
    )
    return Series("checkout", quantity, KEY, tuple(points))


def trend_of(values: Sequence[float], quantity: Quantity = MEDIAN) -> HistoryTrend:
    return judge_trend(series_of(values, quantity))


def noisy(levels: Sequence[float], spread: float = 0.02) -> list[float]:
    noise = np.random.default_rng(1).normal(0, spread, len(levels))
    return [level * math.exp(each) for level, each in zip(levels, noise.tolist(), strict=True)]


def test_a_step_is_told_with_its_commit_and_its_size() -> None:
    trend = trend_of(noisy([1e6] * 50 + [1.1e6] * 30))
    (change,) = trend.changes
    assert (change.at, change.point.commit, change.sessions_before, change.sessions_after) == (50, "c50", 50, 30)
    assert change.change == pytest.approx(0.10, abs=0.02)
    assert change.before == pytest.approx(1e6, rel=0.01)
    assert change.after == trend.level == pytest.approx(1.1e6, rel=0.01)
    assert change.worse


@pytest.mark.parametrize("quantity", [MEDIAN, THROUGHPUT])
def test_better_is_the_quantitys_own_direction(quantity: Quantity) -> None:
    (up,) = trend_of(noisy([1e6] * 40 + [1.2e6] * 40), quantity).changes
    (down,) = trend_of(noisy([1.2e6] * 40 + [1e6] * 40), quantity).changes
    assert (up.worse, down.worse) == ((False, True) if quantity.higher_is_better else (True, False))


def test_a_change_below_the_smallest_that_matters_is_not_named() -> None:
    assert trend_of(noisy([1e6] * 100 + [1.015e6] * 100, spread=0.002)).changes == ()
    assert len(trend_of(noisy([1e6] * 100 + [1.03e6] * 100, spread=0.002)).changes) == 1


def test_small_steps_that_make_a_large_one_are_one_change() -> None:
    levels = [1e6] * 60 + [1.018e6] * 60 + [1.1e6] * 60
    (change,) = trend_of(noisy(levels, spread=0.002)).changes
    assert (change.at, change.sessions_before) == (120, 120)


def test_an_error_rate_changes_by_points_also_from_zero() -> None:
    (change,) = trend_of([0.0] * 30 + [0.02] * 30, ERROR_RATE).changes
    assert (change.before, change.after, change.change) == (0.0, 0.02, 0.02)
    assert trend_of([0.0] * 30 + [0.003] * 30, ERROR_RATE).changes == ()


def test_peak_rss_changes_by_bytes() -> None:
    (change,) = trend_of([50e6] * 30 + [60e6] * 30, PEAK_RSS).changes
    assert change.change == 10e6
    assert trend_of([50e6] * 30 + [51e6] * 30, PEAK_RSS).changes == ()


def test_points_that_no_ratio_can_be_taken_to_are_left_out_and_counted() -> None:
    trend = trend_of([0.0, -1.0, math.nan, math.inf, *[1e6] * 12], THROUGHPUT)
    assert trend.unusable == 4
    assert trend.level == pytest.approx(1e6)
    assert trend_of([0.0] * 12, ERROR_RATE).unusable == 0


@pytest.mark.parametrize("values", [[], [1e6], [0.0] * 3])
def test_too_little_is_no_trend(values: list[float]) -> None:
    trend = trend_of(values)
    assert (trend.changes, trend.newest, trend.withheld) == ((), None, 0)
    assert (trend.level is None) == (values != [1e6])


def test_the_newest_is_as_expected_where_nothing_changed() -> None:
    newest = trend_of(noisy([1e6] * 60)).newest
    assert newest is not None
    assert (newest.outside, newest.foreseen_by) == (0, 55)
    assert 0.9e6 < newest.low < 1e6 < newest.high < 1.1e6


@pytest.mark.parametrize("count", [1, 2])
def test_the_newest_are_unexpected_before_they_are_a_level(count: int) -> None:
    trend = trend_of(noisy([1e6] * 60 + [1.2e6] * count))
    assert trend.changes == ()
    assert trend.newest is not None
    assert (trend.newest.outside, trend.newest.worse) == (count, True)
    assert trend.newest.change == pytest.approx(0.2, abs=0.05)


def test_one_that_is_back_is_not_unexpected() -> None:
    newest = trend_of(noisy([1e6] * 60 + [1.2e6, 1e6])).newest
    assert newest is not None
    assert newest.outside == 0


def test_the_newest_are_held_against_their_own_level() -> None:
    newest = trend_of(noisy([1e6] * 60 + [1.2e6] * 20)).newest
    assert newest is not None
    assert (newest.outside, newest.foreseen_by) == (0, 15)


def test_a_level_without_spread_is_no_reason_to_call_a_rounding_unexpected() -> None:
    newest = trend_of([1e6] * 40 + [1.01e6]).newest
    assert newest is not None
    assert newest.outside == 0


@given(st.lists(st.floats(0, 1e300), max_size=60), st.sampled_from(list(QUANTITIES.values())))
def test_any_series_gets_an_answer(values: list[float], quantity: Quantity) -> None:
    trend = trend_of(values, quantity)
    assert (trend.level is None) == (trend.unusable == len(values))
    assert all(change.sessions_before >= 6 and change.sessions_after >= 6 for change in trend.changes)
    assert all(change.change != 0 for change in trend.changes)
