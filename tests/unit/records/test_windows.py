"""Windows against an oracle that looks at every attempt again for every window."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.records.histogram import Histogram
from paceline.records.outcome import AttemptEnd
from paceline.records.recorder import Recorder
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.records.windows import windows_of
from tests.fakes import MS, S
from tests.strategies import Attempt, attempts_of_a_worker, stamps_of


@given(attempts_of_a_worker(), st.integers(1, 30), st.integers(0, 60))
def test_a_window_holds_what_ended_within_it(attempts: list[Attempt], width: int, beyond: int) -> None:
    recorder = Recorder(0.0)
    recorder.fold(stamps_of(attempts))
    interval_ns = recorder.series.interval_ns
    found = list(windows_of(recorder.series, width * interval_ns, beyond))
    every = [
        replace(window, from_ns=window.from_ns + place * interval_ns, to_ns=window.to_ns + place * interval_ns)
        for window in found
        for place in range(window.alike)
    ]
    assert [window.from_ns for window in every] == [place * interval_ns for place in range(max(beyond - width + 1, 0))]
    for window in every:
        assert window.to_ns - window.from_ns == width * interval_ns
        within = [each for each in attempts if window.from_ns <= each.end_ns < window.to_ns]
        ended = Counter(each.end for each in within)
        counts = window.counts
        assert (counts.errors, counts.timeouts) == (ended[AttemptEnd.ERROR], ended[AttemptEnd.TIMEOUT])
        assert (counts.hits, counts.misses) == (ended[AttemptEnd.HIT], ended[AttemptEnd.MISS])
        assert counts.attempts == len(within)
        # As the recorder sees them: a clock that counts seconds rounds.
        took_ns = [round((each.end_ns / S - each.start_ns / S) * S) for each in within if each.end != AttemptEnd.ERROR]
        latency = window.latency
        assert latency.histogram == Histogram.of(np.array(took_ns, dtype=np.int64))
        assert latency.moments.count == len(took_ns)
        if took_ns:
            assert latency.moments.mean == pytest.approx(np.mean(took_ns), rel=1e-3, abs=1)
            assert latency.quantile_ns(0) == pytest.approx(min(took_ns), rel=1e-3, abs=1)
            assert latency.quantile_ns(1) == pytest.approx(max(took_ns), rel=1e-3, abs=1)
            assert latency.quantile_ns(0.5) == pytest.approx(np.quantile(took_ns, 0.5), rel=1e-3, abs=1)


def test_a_silence_is_looked_at_once() -> None:
    """However long: a file may say anything."""
    series = TimeSeries(S, (TimeSlice(3, ok=1), TimeSlice(10**15, ok=1)))
    found = list(windows_of(series, 4 * S, 10**16))
    assert [window.alike for window in found] == [4, 10**15 - 4 - 3, 4, 10**16 - 10**15 - 4]
    assert [window.counts.ok for window in found] == [1, 0, 1, 0]
    assert sum(window.alike for window in found) == 10**16 - 3


def test_what_is_no_whole_number_of_slices_has_no_windows() -> None:
    series = TimeSeries(S, (TimeSlice(0, ok=1), TimeSlice(9, ok=1)))
    assert [list(windows_of(series, length_ns, 10)) for length_ns in (500 * MS, 1_500 * MS, 0)] == [[], [], []]
    assert [window.alike for window in windows_of(series, 10 * S, 10)] == [1]
    assert list(windows_of(series, 11 * S, 10)) == []
