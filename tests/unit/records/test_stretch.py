"""A stretch of a run as a run of its own."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.units import NS_PER_S
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.recorder import Counts
from paceline.records.run_record import Definition, RunRecord, TestType
from paceline.records.stretch import stretch_of
from paceline.records.time_series import TimeSeries, TimeSlice


def record_of(took_ms: list[float]) -> RunRecord:
    """A run of one ok attempt each 100 ms, with one error beside the first."""
    values = [np.array([round(each * 1e6)], dtype=np.int64) for each in took_ms]
    slices = tuple(
        TimeSlice(place, ok=1, errors=int(place == 0), histogram=Histogram.of(value))
        for place, value in enumerate(values)
    )
    length_ns = round(0.1 * len(took_ms) * NS_PER_S)
    return RunRecord(
        "x", TestType.API_ENDPOINT, Definition(None, 0.1 * len(took_ms)), "", length_ns, length_ns, float(len(took_ms)),
        Counts(ok=len(took_ms), errors=1), Latency.of(np.concatenate(values)), TimeSeries(slices=slices),
    )  # fmt: skip


@given(st.lists(st.floats(0.01, 1e4), min_size=2, max_size=30), st.data())
def test_two_stretches_hold_together_what_the_whole_holds(took_ms: list[float], data: st.DataObject) -> None:
    record = record_of(took_ms)
    cut_s = 0.1 * data.draw(st.integers(0, len(took_ms)))
    first, second = stretch_of(record, 0.0, cut_s), stretch_of(record, cut_s)
    assert first.counts.ok + second.counts.ok == record.counts.ok
    assert first.counts.errors + second.counts.errors == record.counts.errors
    assert first.latency.merge(second.latency).histogram == record.latency.histogram
    assert first.window_ns + second.window_ns == record.window_ns


def test_its_figures_are_its_own() -> None:
    record = record_of([1.0, 1.0, 5.0, 7.0])
    later = stretch_of(record, 0.2)
    assert later.counts == Counts(ok=2)
    assert later.throughput_per_s == pytest.approx(10)
    assert later.latency.quantile_ns(0.5) == pytest.approx(6e6, rel=1e-3)
    assert later.latency.moments.mean == pytest.approx(6e6, rel=1e-3)
    assert stretch_of(record, 0.1, 0.3).latency.quantile_ns(1) == pytest.approx(5e6, rel=1e-3)


def test_a_stretch_without_anything_has_no_figures() -> None:
    empty = stretch_of(record_of([1.0]), 5.0)
    assert empty.counts.attempts == 0
    assert math.isnan(empty.latency.quantile_ns(0.5))
    assert empty.throughput_per_s == 0


def test_what_is_answered_after_the_window_counts_for_the_latency_and_not_for_the_throughput() -> None:
    record = record_of([1.0] * 6)
    behind = replace(record, window_ns=round(0.4 * NS_PER_S), window_ok=4.0)
    seen = stretch_of(behind, 0.1)
    assert seen.counts.ok == 5
    assert seen.throughput_per_s == pytest.approx(10)
    within = stretch_of(replace(record, window_ns=round(0.55 * NS_PER_S)), 0.1)  # in the midst of the last interval
    assert within.throughput_per_s == pytest.approx(10)


def test_what_was_dropped_in_it_is_its_own_too() -> None:
    record = record_of([1.0] * 4)
    slices = [*record.series.slices, TimeSlice(9, dropped=3)]
    record = replace(record, series=TimeSeries(slices=tuple(slices)))
    assert [stretch_of(record, begin_s).counts.dropped for begin_s in (0.0, 0.9, 1.0)] == [3, 3, 0]
    assert stretch_of(record, 0.9).latency.quantile_ns(0.5) == math.inf
