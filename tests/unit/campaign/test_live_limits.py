"""A run that is judged while it goes on: what is told of it, put together, and which limit ends it when."""

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.campaign.live_limits import LiveLimits, _SoFar
from paceline.engine.drive import Drive
from paceline.engine.live import Looks, Seen
from paceline.engine.request import RunRequest
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.histogram import Histogram
from paceline.records.load import Part
from paceline.records.recorder import Counts, Recorder
from paceline.records.run_record import Aborted, TestType
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.targets.call import CallTarget
from paceline.workload.models import ClosedLoop, ConstantRate, Workload
from tests.fakes import MS, S, make_latency
from tests.strategies import Attempt, attempts_of_a_worker, stamps_of


class _Drive:
    """A drive that has seen what its recorder has."""

    def __init__(self) -> None:
        self.recorder = Recorder(0.0)
        self.origin_s = 0.0

    def snapshot(self) -> Recorder:
        return self.recorder.copy()


@given(attempts_of_a_worker(), st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_what_is_told_comes_to_what_was_recorded(attempts: list[Attempt], looks_s: list[int]) -> None:
    drive, so_far, now_s = _Drive(), _SoFar(), 0.0
    told: list[Seen] = []
    looks = Looks(told.append, parts=False)
    for pause_s in looks_s:
        ended = [each for each in attempts if now_s * S <= each.end_ns < (now_s + pause_s) * S]
        drive.recorder.fold(stamps_of(ended))
        now_s += pause_s
        assert not looks.end(cast("Drive", drive), now_s)
    assert len(told) == sum(pause_s > 0 for pause_s in looks_s)  # at most once a second
    for seen in told:
        so_far.add(seen.series)
    series = drive.recorder.series
    assert so_far.histogram() == Histogram.merged(piece.histogram for piece in series.slices)
    assert so_far.since(0) == (series if series.slices else TimeSeries())
    if told:
        assert (told[-1].counts, told[-1].moments) == (drive.recorder.counts, drive.recorder.moments)


def test_slices_are_told_once_and_the_last_again() -> None:
    drive, told = _Drive(), list[Seen]()
    looks = Looks(told.append, parts=False)
    for second in range(1, 4):
        drive.recorder.fold(stamps_of([Attempt((second - 1) * S, (second - 1) * S + 50 * MS, 0)]))  # type: ignore[arg-type]
        looks.end(cast("Drive", drive), float(second))
    assert [[piece.position for piece in seen.series.slices] for seen in told] == [[0], [0, 10], [10, 20]]


def _limits(*expressions: str, workload: Workload | None = None) -> LiveLimits:
    target = CallTarget(lambda: None)
    request = RunRequest("load", TestType.CONCURRENT_LOAD, target, workload or ClosedLoop(1, 60.0))
    return LiveLimits(PerformanceThreshold(expressions=expressions), request)


def _seen(second: int, *slices: TimeSlice, **changes: Any) -> Seen:
    """What is told after so many seconds; the counts are those of the slices."""
    counts = Counts(ok=sum(piece.ok for piece in slices), errors=sum(piece.errors for piece in slices))
    moments = make_latency([10 * MS] * counts.ok).moments
    return Seen(**{
        "elapsed_ns": second * S + 30 * MS, "counts": counts, "moments": moments, "series": TimeSeries(S, slices),
        **changes,
    })  # fmt: skip


def _slice(place: int, *, ok: int = 10, errors: int = 0) -> TimeSlice:
    return TimeSlice(place, ok=ok, errors=errors, histogram=make_latency([10 * MS] * ok).histogram)


def test_the_first_limit_that_is_broken_ends_the_load() -> None:
    judged = _limits("error_rate<10%, abort", "p(95)<5, abort all", "avg<1")
    aborted = judged(_seen(1, _slice(0)))
    assert aborted == Aborted(
        limit="p(95)<5, abort all",
        after_s=1.03,
        measured=pytest.approx(10, rel=1e-3),  # type: ignore[arg-type]
        bound=5.0,
        unit="ms",
        message="p95 10 ms > limit 5 ms (p(95)<5, abort all)",
        everything=True,
    )


def test_limits_without_abort_end_nothing() -> None:
    assert _limits("avg<1")(_seen(1, _slice(0))) is None


def test_a_limit_is_looked_at_once_its_delay_is_over() -> None:
    judged = _limits("error_rate<10%, abort after 3s")
    slices = [_slice(place, errors=5) for place in range(4)]
    assert [judged(_seen(second, *slices[:second])) is not None for second in (1, 2, 3)] == [False, False, True]


def test_what_cannot_be_measured_yet_ends_nothing() -> None:
    judged = _limits("p(95)<5, abort", "error_rate<10%, abort", "hit_rate>50%, abort", "avg<1 over 2s, abort")
    assert judged(_seen(1)) is None
    assert judged(_seen(5)) is None
    aborted = judged(_seen(6, _slice(5)))
    assert aborted is not None
    assert aborted.limit == "p(95)<5, abort"


def test_windows_are_looked_at_when_they_have_ended() -> None:
    judged = _limits("error_rate<10% over 3s, abort")
    slices = [_slice(0), _slice(1), _slice(2), _slice(3, errors=10), _slice(4)]
    assert judged(_seen(3, *slices[:4])) is None  # the slice under way is in no window yet
    aborted = judged(_seen(4, *slices[3:]))
    assert aborted is not None
    assert aborted.message == "error rate over 3 s 25 % > limit 10 % from 1 s to 4 s (error_rate<10% over 3s, abort)"


def test_windows_that_ended_before_the_delay_end_nothing() -> None:
    judged = _limits("error_rate<10% over 1s, abort after 3s")
    slices = [_slice(0, errors=10), _slice(1, errors=10), _slice(2, errors=10)]
    assert judged(_seen(2, *slices[:2])) is None
    assert judged(_seen(3, *slices[1:])) is None  # the third second ended just then, not after it
    assert judged(_seen(4, _slice(3))) is None
    assert judged(_seen(5, _slice(4, errors=5))) is not None


def test_single_requests_and_dropped_arrivals() -> None:
    part = Part("pay", Counts(ok=1, errors=1), make_latency([MS]))
    aborted = _limits("error_rate{pay}<10%, abort")(_seen(1, _slice(0), parts=(part,)))
    assert aborted is not None
    assert aborted.measured == 0.5
    judged = _limits("dropped<=0, abort", workload=ConstantRate(10, 60.0))
    assert judged(_seen(1, _slice(0))) is None
    aborted = judged(_seen(2, _slice(0), counts=Counts(ok=10, dropped=2)))
    assert aborted is not None
    assert aborted.message == "dropped 2 arrivals > limit 0 arrivals (dropped<=0, abort)"


def test_a_percentile_among_what_was_dropped_ends_a_load() -> None:
    """It has no finite value, but is measured: of the whole run so far, and of windows."""
    full = replace(_slice(1), dropped=10)
    counts = Counts(ok=20, dropped=10)
    for limit in ("p(95)<50, abort", "p(95)<50 over 1s, abort"):
        judged = _limits(limit, "error_rate<=0, abort", workload=ConstantRate(10, 60.0))
        assert judged(_seen(1, _slice(0), full)) is None  # the second slice has not ended
        aborted = judged(_seen(2, full, counts=counts, moments=make_latency([10 * MS] * 20).moments))
        assert aborted is not None
        assert (aborted.limit, aborted.measured) == (limit, None)
        assert "falls among dropped arrivals" in aborted.message
