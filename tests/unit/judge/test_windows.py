"""Limits on windows and on single requests: judged, worded, and refused where the run has no such thing."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.judge.result import judge
from paceline.judge.thresholds import PerformanceThreshold, Violation, violations_of
from paceline.judge.windows import slice_s
from paceline.records.histogram import Histogram
from paceline.records.load import LoadRecord, Part
from paceline.records.metrics import metrics_of
from paceline.records.recorder import Counts
from paceline.records.run_record import Circumstances, Definition, RunRecord
from paceline.records.time_series import TimeSeries, TimeSlice
from tests.fakes import MS, S, make_latency, make_record


def _slice(place: int, *, ok: int = 100, errors: int = 0, ms: int = 10) -> TimeSlice:
    histogram = Histogram.of(np.full(ok, ms * MS, dtype=np.int64))
    return TimeSlice(place, ok=ok, errors=errors, histogram=histogram, hits=ok // 2, misses=ok - ok // 2)


def _record(*slices: TimeSlice, duration_s: float = 10.0, interruption: str | None = None) -> RunRecord:
    """A load with slices of 1 s."""
    return make_record(
        [10 * MS] * sum(piece.ok for piece in slices),
        errors_counted=sum(piece.errors for piece in slices),
        definition=Definition(iterations=None, duration_s=duration_s),
        elapsed_ns=round(duration_s * S),
        window_ns=round(duration_s * S),
        series=TimeSeries(S, slices),
        circumstances=Circumstances(interruption=interruption),
    )


def _broken(record: RunRecord, *expressions: str) -> tuple[Violation, ...]:
    return violations_of(PerformanceThreshold(expressions=expressions), record, metrics_of(record))


def test_the_worst_window_is_named_with_its_value() -> None:
    # From 4 s to 6 s it is slow: windows of 3 s that touch that are broken, those in the middle of it most.
    record = _record(*(_slice(place, ms=500 if 4 <= place < 6 else 10) for place in range(10)))
    assert _broken(record, "p(95)<1s over 3s", "error_rate<1% over 3s") == ()
    (broken,) = _broken(record, "p(50)<100 over 3s")
    assert broken.measured == pytest.approx(500, rel=1e-3)
    assert (broken.from_s, broken.to_s, broken.bound, broken.unit) == (3.0, 6.0, 100.0, "ms")
    assert broken.message == (
        "p50 over 3 s 500 ms > limit 100 ms from 3 s to 6 s, the worst of 2 windows (p(50)<100 over 3s)"
    )
    # Of all of it only a fifth was slow: the whole run keeps the limit that its windows break.
    assert _broken(record, "p(50)<100") == ()
    assert "over 3 s" in PerformanceThreshold(expressions=["p(50)<100 over 3s"]).limits()[0].text


@pytest.mark.parametrize(
    ("expression", "measured", "from_s"),
    [
        ("error_rate<1% over 2s", 0.25, 6.0),
        ("throughput>=100 over 1s", 50.0, 7.0),
        ("throughput>90 over 2s", 75.0, 6.0),
        ("hit_rate>60% over 4s", 0.5, 0.0),
        ("max<15 over 1s", 20.0, 2.0),
        ("min>10 over 1s", 10.0, 0.0),
        ("avg<12 over 2s", 15.0, 1.0),
    ],
)
def test_every_figure_of_a_window(expression: str, measured: float, from_s: float) -> None:
    slices = [_slice(place) for place in range(10)]
    slices[2] = _slice(2, ms=20)
    slices[7] = _slice(7, ok=50, errors=50)
    (broken,) = _broken(_record(*slices), expression)
    assert broken.measured == pytest.approx(measured, rel=1e-3)
    assert broken.from_s == from_s


def test_what_ended_after_the_load_did_is_looked_at_for_latency_and_not_for_rates() -> None:
    late = TimeSlice(10, ok=1, histogram=Histogram.of(np.array([2 * S], dtype=np.int64)))
    record = _record(*(_slice(place) for place in range(10)), late)
    assert [violation.source for violation in _broken(record, "max<1s over 2s", "throughput>=100 over 2s")] == [
        "max<1s over 2s"
    ]


def test_a_load_that_answered_nothing_at_its_end_has_windows_up_to_its_end() -> None:
    record = _record(*(_slice(place) for place in range(8)))
    (broken,) = _broken(record, "p(95)<1s over 10s", "throughput>10 over 2s")
    assert (broken.source, broken.measured, broken.from_s) == ("throughput>10 over 2s", 0.0, 8.0)


def test_windows_that_a_broken_off_run_never_had_hold_nothing() -> None:
    record = _record(_slice(0), _slice(1), interruption="KeyboardInterrupt")
    record = make_record(
        definition=record.definition, series=record.series, window_ns=2 * S, circumstances=record.circumstances
    )
    (broken,) = _broken(record, "p(95)<500 over 3s", "p(95)<500 over 2s")
    assert broken.source == "p(95)<500 over 3s"
    assert broken.message.startswith("p95 latency over 3 s could not be measured in this run")


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(1, 2_000)), min_size=1, max_size=15),
    st.integers(1, 15),
    st.sampled_from(["p(90)<=500", "avg<=400", "error_rate<=10%", "throughput>=12", "max<=900"]),
)
def test_windows_are_judged_as_if_each_was_a_run(
    seconds: list[tuple[int, int, int]], width: int, expression: str
) -> None:
    slices = [_slice(place, ok=ok, errors=errors, ms=ms) for place, (ok, errors, ms) in enumerate(seconds)]
    record = _record(*slices, duration_s=float(len(slices)))
    values = []
    for begin in range(len(slices) - width + 1):
        some = slices[begin : begin + width]
        alone = make_record(
            [ms * MS for ok, _, ms in seconds[begin : begin + width] for _ in range(ok)],
            keep_samples=False,
            errors_counted=sum(piece.errors for piece in some),
            window_ns=width * S,
        )
        (limit,) = PerformanceThreshold(expressions=[expression]).limits()
        if alone.counts.attempts or limit.metric.label == "throughput":
            values.append(limit.metric.value(alone, metrics_of(alone)))
    values = [value for value in values if not math.isnan(value)]
    (limit,) = PerformanceThreshold(expressions=[f"{expression} over {width}s"]).limits()
    measured = limit.metric.value(record, metrics_of(record))
    if not values:
        assert math.isnan(measured)
    else:
        worst = max(values) if limit.sign == "<=" else min(values)
        assert measured == pytest.approx(worst, rel=1e-3)


def test_a_limit_on_errors_in_windows_is_a_limit_on_errors() -> None:
    record = _record(*(_slice(place, errors=1) for place in range(10)))
    held = judge(record, PerformanceThreshold(expressions=["error_rate<2% over 5s"]))
    assert "errors" not in [finding.code for finding in held.findings]
    assert "errors" in [finding.code for finding in judge(record, PerformanceThreshold(max_p95_ms=50)).findings]


@pytest.mark.parametrize(
    ("expression", "duration_s", "complaint"),
    [
        ("p(95)<5 over 30s", 20.0, "a window of 30 s is longer than the run, which lasts 20 s"),
        ("p(95)<5 over 500ms", 20.0, "a window of 0.5 s is shorter than a slice of a run of 20 s, which is 1 s long"),
        ("p(95)<5 over 1.5s", 20.0, "a whole number of slices, which are 1 s long in a run of 20 s; 1.5 s is none"),
        ("p(95)<5 over 15s", 7_200.0, "a whole number of slices, which are 10 s long in a run of 7200 s; 15 s is none"),
        ("error_rate<5% over 5s", None, "windows need a load that lasts a time that is known, and is made once"),
    ],
)
def test_windows_that_the_run_does_not_have_are_refused(
    expression: str, duration_s: float | None, complaint: str
) -> None:
    threshold = PerformanceThreshold(expressions=[expression])
    with pytest.raises(ConfigurationError, match=re.escape(complaint)) as caught:
        threshold.check_measurable(batched=False, duration_s=duration_s)
    assert repr(expression) in str(caught.value)


@pytest.mark.parametrize(("expression", "duration_s"), [("p(95)<5 over 20s", 20.0), ("p(95)<5 over 30s", 7_200.0)])
def test_windows_that_it_has_are_not(expression: str, duration_s: float) -> None:
    # Windows overlap: each begins one slice after the other, and two limits may look at the same ones.
    threshold = PerformanceThreshold(expressions=[expression, expression.replace("95", "99")])
    threshold.check_measurable(batched=False, duration_s=duration_s)


def test_slices_are_as_wide_as_a_series_of_that_length_makes_them() -> None:
    assert [slice_s(length) for length in (0.5, 10, 3_540, 3_541, 35_940, 35_941)] == [1, 1, 1, 10, 10, 100]


# Single requests.

PARTS = (
    Part("login", Counts(ok=100), make_latency([5 * MS] * 100)),
    Part("checkout", Counts(ok=90, errors=10), make_latency([50 * MS] * 90)),
)
NAMED = make_record([20 * MS] * 190, errors_counted=10, window_ns=10 * S, load=LoadRecord(parts=PARTS))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("p(95){checkout}<40", "p95 of checkout 50 ms > limit 40 ms (p(95){checkout}<40)"),
        ("error_rate{checkout}<=5%", "error rate of checkout 10 % > limit 5 % (error_rate{checkout}<=5%)"),
        ("throughput{login}>11", "throughput of login 10/s < limit 11/s (throughput{login}>11)"),
    ],
)
def test_a_request_is_judged_by_its_own_attempts(expression: str, message: str) -> None:
    assert [violation.message for violation in _broken(NAMED, expression)] == [message]
    other = expression.replace("checkout", "x").replace("login", "checkout").replace("x", "login")
    assert len(_broken(NAMED, other)) == (1 if "throughput" in expression else 0)


def test_a_name_that_never_came_could_not_be_measured() -> None:
    (broken,) = _broken(NAMED, "p(95){logout}<40")
    assert broken.message.startswith("p95 latency of logout could not be measured in this run")
    assert broken.measured is None


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        (("login", "checkout"), "no request is called 'chekout'; did you mean 'checkout'?"),
        (("a", "b"), "no request is called 'chekout'; there are 'a', 'b'"),
        (("GET /",), "there are no requests of several names here: leave out {chekout}"),
        ((), "there are no requests of several names here"),
        (None, None),  # virtual users decide what they send
    ],
)
def test_a_name_that_cannot_come_is_refused(parts: tuple[str, ...] | None, complaint: str | None) -> None:
    threshold = PerformanceThreshold(expressions=["p(95){chekout}<40"])
    if complaint is None:
        threshold.check_measurable(batched=False, parts=parts)
        return
    with pytest.raises(ConfigurationError, match=re.escape(complaint)):
        threshold.check_measurable(batched=False, parts=parts)


@pytest.mark.parametrize(
    ("expression", "seen"),
    [
        ("p(95)<900 over 2s", None),  # 200 of them
        ("p(95)<900 over 1s", "p95 latency over 1 s of about 100 samples."),
        ("max<900 over 1s", None),
        ("error_rate<1% over 1s", None),
        ("p(99){login}<900", "p99 latency of login of about 100 samples."),
        ("p(50){login}<900", None),
    ],
)
def test_percentiles_of_few_are_told(expression: str, seen: str | None) -> None:
    record = _record(*(_slice(place) for place in range(10)))
    record = make_record(
        [10 * MS] * 1_000,
        definition=record.definition,
        elapsed_ns=10 * S,
        series=record.series,
        load=LoadRecord(parts=PARTS),
    )
    findings = judge(record, PerformanceThreshold(expressions=[expression])).findings
    assert [each.seen for each in findings if each.code == "few-samples-in-limit"] == ([] if seen is None else [seen])


def _full(*dropped: int) -> RunRecord:
    """A load of slices of 1 s with 100 answers each, and what was dropped in them."""
    slices = [replace(_slice(place), dropped=count) for place, count in enumerate(dropped)]
    record = _record(*slices, duration_s=float(len(dropped)))
    return replace(
        record,
        counts=replace(record.counts, dropped=sum(dropped)),
        latency=replace(record.latency, dropped=sum(dropped)),
    )


def test_what_was_dropped_counts_in_windows_as_it_does_in_the_whole_run() -> None:
    record = _full(0, 0, 0, 3, 8, 0, 0, 0, 0, 0)
    # 11 of 1,011 are beyond p98 of the whole run, but not beyond p95 of it; of the two seconds, 11 of 211 are.
    assert _broken(record, "p(98)<50", "p(95)<50", "p(94)<50 over 2s", "max<50", "avg<50 over 1s") == _broken(
        record, "max<50"
    )
    (broken,) = _broken(record, "p(95)<50 over 2s")
    assert broken.message == (
        "p95 latency over 2 s falls among dropped arrivals, which count as infinite: it is not below the limit of 50 ms"
        " from 3 s to 5 s (p(95)<50 over 2s)"
    )
    assert (broken.measured, broken.from_s, broken.to_s) == (None, 3.0, 5.0)
    assert _broken(record, "error_rate<=0 over 1s", "error_rate<=0", "throughput>=100 over 1s") == ()


def test_a_window_in_which_all_was_dropped_keeps_no_limit_on_percentiles() -> None:
    slices = [_slice(0), TimeSlice(1, dropped=5), _slice(2)]
    record = _record(*slices, duration_s=3.0)
    assert [each.from_s for each in _broken(record, "p(0)<50 over 1s", "avg<50 over 1s")] == [1.0]
