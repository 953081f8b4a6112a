from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.records.histogram import Histogram
from paceline.records.time_series import COARSENING, FINEST_INTERVAL_NS, TimeSeries, TimeSlice
from tests.strategies import time_series

_KINDS = ("ok", "errors", "timeouts")


def _by_position(series: TimeSeries, factor: int) -> dict[str, Counter[int]]:
    """How many of each kind in each interval ``factor`` times as wide, counted by hand."""
    found: dict[str, Counter[int]] = {kind: Counter() for kind in _KINDS}
    for piece in series.slices:
        for kind in _KINDS:
            found[kind][piece.position // factor] += getattr(piece, kind)
    return found


def _histogram(series: TimeSeries, begin_ns: int, width_ns: int) -> Histogram:
    return Histogram.merged(
        piece.histogram for piece in series.slices if piece.position * series.interval_ns // width_ns == begin_ns
    )


@given(time_series())
def test_coarser_is_the_same_in_wider_intervals(series: TimeSeries) -> None:
    wide = series.coarser()
    assert wide.interval_ns == series.interval_ns * COARSENING == series.interval_ns * 10
    assert _by_position(wide, 1) == _by_position(series, 10)
    assert [piece.position for piece in wide.slices] == sorted({piece.position // 10 for piece in series.slices})
    for piece in wide.slices:
        assert piece.histogram == _histogram(series, piece.position, wide.interval_ns)


@given(time_series(), time_series())
def test_merging_is_counting_both(one: TimeSeries, other: TimeSeries) -> None:
    merged = one.merge(other)
    assert merged == other.merge(one)
    assert merged.interval_ns == max(one.interval_ns, other.interval_ns)
    parts = [_by_position(series, merged.interval_ns // series.interval_ns) for series in (one, other)]
    for kind in _KINDS:
        assert +_by_position(merged, 1)[kind] == parts[0][kind] + parts[1][kind]  # both without their zeros
    positions = [piece.position for piece in merged.slices]
    assert positions == sorted(set(positions))
    for piece in merged.slices:
        both = [_histogram(series, piece.position, merged.interval_ns) for series in (one, other)]
        assert piece.histogram == Histogram.merged(both)


@given(time_series(), time_series(), time_series())
def test_the_order_of_merging_means_nothing(one: TimeSeries, two: TimeSeries, three: TimeSeries) -> None:
    assert one.merge(two).merge(three) == one.merge(two.merge(three))


@given(time_series())
def test_an_empty_series_is_neutral(series: TimeSeries) -> None:
    assert series.merge(TimeSeries()) == series == TimeSeries().merge(series)


def test_slices_add_up() -> None:
    histograms = [Histogram.of(np.array([value])) for value in (1, 2)]
    one = TimeSlice(3, ok=1, errors=2, timeouts=4, histogram=histograms[0])
    other = TimeSlice(5, ok=10, errors=20, timeouts=40, histogram=histograms[1])
    assert one.merge(other, 7) == TimeSlice(7, ok=11, errors=22, timeouts=44, histogram=Histogram.of(np.array([1, 2])))
    assert TimeSlice(0) == TimeSlice(0, ok=0, errors=0, timeouts=0, histogram=Histogram())


@pytest.mark.parametrize(("one", "other"), [(3, 100), (100, 250), (1_001, 100)])
def test_intervals_that_do_not_fit_are_refused(one: int, other: int) -> None:
    complaint = f"series of {one} ns and {other} ns an interval cannot be merged"
    with pytest.raises(ConfigurationError, match=complaint):
        TimeSeries(one).merge(TimeSeries(other))


def test_the_finest_interval_is_a_tenth_of_a_second() -> None:
    assert TimeSeries() == TimeSeries(interval_ns=100_000_000, slices=())


@pytest.mark.parametrize(
    ("interval_ns", "last", "kept_ns"),
    [
        (FINEST_INTERVAL_NS, 99, FINEST_INTERVAL_NS),  # 10 s at 100 ms
        (FINEST_INTERVAL_NS, 100, 10 * FINEST_INTERVAL_NS),
        (FINEST_INTERVAL_NS, 35_999, 10 * FINEST_INTERVAL_NS),  # an hour at 1 s
        (FINEST_INTERVAL_NS, 36_000, 100 * FINEST_INTERVAL_NS),
        (10 * FINEST_INTERVAL_NS, 3_599, 10 * FINEST_INTERVAL_NS),
        (10 * FINEST_INTERVAL_NS, 3_600, 100 * FINEST_INTERVAL_NS),
        (100 * FINEST_INTERVAL_NS, 35_999, 1_000 * FINEST_INTERVAL_NS),
    ],
)
def test_a_series_is_as_fine_as_memory_allows(interval_ns: int, last: int, kept_ns: int) -> None:
    series = TimeSeries(interval_ns, (TimeSlice(0, ok=1), TimeSlice(last, ok=1)))
    bounded = series.bounded()
    assert bounded.interval_ns == kept_ns
    assert sum(piece.ok for piece in bounded.slices) == 2
    assert bounded.slices[-1].position == last * interval_ns // kept_ns


@given(time_series(), st.integers(0, 4_000))
def test_what_needs_no_bound_is_left_alone(series: TimeSeries, last: int) -> None:
    assume(all(piece.position < 100 for piece in series.slices) or series.interval_ns > FINEST_INTERVAL_NS)
    assume(all(piece.position < 3_600 for piece in series.slices))
    assert series.bounded() is series
