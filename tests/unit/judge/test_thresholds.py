import math
import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.judge.limits import METRICS, Limit, percentile_metric, watched
from paceline.judge.thresholds import PerformanceThreshold, Threshold, violations_of
from paceline.records.load import LoadRecord
from paceline.records.metrics import metrics_of
from paceline.records.resources import Gauge, ResourceUsage, SystemUsage
from paceline.records.run_record import Definition, RunRecord
from tests.fakes import MS, S, make_arrivals, make_load, make_record
from tests.strategies import limits, records, thresholds

MB = 1_000_000


def _violations(record: RunRecord, *expressions: str, **limits: float) -> list[str]:
    threshold = PerformanceThreshold(expressions=expressions, **limits)
    return [violation.message for violation in violations_of(threshold, record, metrics_of(record))]


def _usage(cpu_percent: float | None = None, memory_mb: float | None = None, subject: str = "process") -> ResourceUsage:
    return ResourceUsage(
        subject,
        cpu_percent=None if cpu_percent is None else Gauge(0.0, cpu_percent, 1e6),
        memory_bytes=None if memory_mb is None else Gauge(0.0, 1.0, memory_mb * MB),
    )


# 1,000 samples of 1 to 1,000 ms: every quantile is another number. Half of the reads hit, 10 of 1,010 attempts failed.
RECORD = make_record(
    [number * MS for number in range(1, 1_001)],
    errors_counted=10,
    hits=5,
    misses=5,
    window_ns=10 * S,
    window_ok=1_000,
    usage=SystemUsage(host=_usage(77.0, subject="host"), process=_usage(55.0, 66.0)),
)
MEASURED = {
    "max_p50_ms": 500.5,
    "max_p95_ms": 950.05,
    "max_p99_ms": 990.01,
    "max_p999_ms": 999.001,
    "max_mean_ms": 500.5,
    "max_max_ms": 1_000.0,
    "max_error_rate": 10 / 1_010,
    "max_cpu_percent": 55.0,
    "max_memory_mb": 66.0,
    "min_throughput_ops": 100.0,
    "min_hit_rate": 0.5,
}


def test_the_table_above_has_every_field() -> None:
    assert {field.name for field in fields(PerformanceThreshold)} == {*MEASURED, "expressions"}


@pytest.mark.parametrize(("name", "measured"), MEASURED.items())
def test_a_value_equal_to_its_limit_holds_and_the_next_number_does_not(name: str, measured: float) -> None:
    threshold = PerformanceThreshold(**{name: 1.0})  # type: ignore[arg-type]
    (limit,) = threshold.limits()
    assert limit.metric.value(RECORD, metrics_of(RECORD)) == pytest.approx(measured, rel=1e-12)
    exact = limit.metric.value(RECORD, metrics_of(RECORD))
    beyond = math.nextafter(exact, math.inf if name.startswith("min") else 0.0)
    assert _violations(RECORD, **{name: exact}) == []
    assert len(_violations(RECORD, **{name: beyond})) == 1


@pytest.mark.parametrize("name", MEASURED)
def test_zero_is_a_limit_and_none_sets_none(name: str) -> None:
    broken = _violations(RECORD, **{name: 0})
    assert len(broken) == (0 if name.startswith("min") else 1)
    assert len(PerformanceThreshold(**{name: 0}).limits()) == 1  # type: ignore[arg-type]
    assert PerformanceThreshold(**{name: None}).limits() == ()  # type: ignore[arg-type]


def test_zero_errors_keep_a_limit_of_zero() -> None:
    assert _violations(make_record(), max_error_rate=0) == []


@pytest.mark.parametrize(
    ("limits", "messages"),
    [
        ({"max_p95_ms": 500}, ["p95 950 ms > limit 500 ms (max_p95_ms)"]),
        ({"max_max_ms": 0.5}, ["maximum 1,000 ms > limit 0.5 ms (max_max_ms)"]),
        ({"max_mean_ms": 500.499}, ["mean 500.5 ms > limit 500.499 ms (max_mean_ms)"]),
        ({"max_error_rate": 0.005}, ["error rate 0.99 % > limit 0.5 % (max_error_rate)"]),
        ({"min_hit_rate": 1}, ["hit rate 50 % < limit 100 % (min_hit_rate)"]),
        ({"min_throughput_ops": 12_345}, ["throughput 100/s < limit 12,345/s (min_throughput_ops)"]),
        ({"max_cpu_percent": 54}, ["CPU 55 % > limit 54 % (max_cpu_percent)"]),
        ({"max_memory_mb": 65.99}, ["memory 66 MB > limit 65.99 MB (max_memory_mb)"]),
    ],
)
def test_a_violation_says_measured_value_limit_and_unit(limits: dict[str, float], messages: list[str]) -> None:
    assert _violations(RECORD, **limits) == messages


def test_violations_come_in_the_order_limits_were_written_fields_first() -> None:
    threshold = PerformanceThreshold(max_p99_ms=1, max_p95_ms=2, expressions=["med<3", "hit_rate>0.9"])
    broken = violations_of(threshold, RECORD, metrics_of(RECORD))
    assert [violation.source for violation in broken] == ["max_p95_ms", "max_p99_ms", "med<3", "hit_rate>0.9"]
    assert (broken[2].measured, broken[2].bound, broken[2].unit) == (500.5, 3.0, "ms")
    assert str(broken[3]) == broken[3].message == "hit rate 50 % < limit 90 % (hit_rate>0.9)"
    assert violations_of(None, RECORD, metrics_of(RECORD)) == ()


@pytest.mark.parametrize(
    ("sign", "below", "equal", "above"),
    [("<", True, False, False), ("<=", True, True, False), (">", False, False, True), (">=", False, True, True)],
)
def test_a_limit_holds_as_its_sign_says_and_never_for_nan(sign: str, below: bool, equal: bool, above: bool) -> None:  # noqa: FBT001
    limit = Limit("x", METRICS["avg"], sign, 5.0)
    assert [limit.holds(value) for value in (4.9, 5.0, 5.1)] == [below, equal, above]
    assert not limit.holds(math.nan)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("p(95)<=0.1s", "p95 latency <= 100 ms"),
        ("throughput>=1000", "throughput >= 1,000/s"),
        ("error_rate<0.7%", "error rate < 0.7 %"),
        ("memory>12.345", "memory > 12.345 MB"),
        ("cpu<80", "CPU < 80 %"),
        ("p(95)<0.05ms", "p95 latency < 50 us"),
        ("avg<1500ms", "mean latency < 1.5 s"),
        ("max<=0", "maximum latency <= 0 ms"),
    ],
)
def test_a_limit_can_be_read_aloud(expression: str, text: str) -> None:
    (limit,) = PerformanceThreshold(expressions=[expression]).limits()
    assert limit.text == text


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("med<500.5", "500.5 ms = limit 500.5 ms"),
        ("med<=500", "500.5 ms > limit 500 ms"),
        ("med>500.5", "500.5 ms = limit 500.5 ms"),
        ("med>=501", "500 ms < limit 501 ms"),
    ],
)
def test_how_each_sign_is_broken(expression: str, told: str) -> None:
    assert _violations(RECORD, expression) == [f"median {told} ({expression})"]


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("max_p95_ms", make_record([], errors_counted=1)),
        ("max_mean_ms", make_record([], errors_counted=1)),
        ("min_hit_rate", make_record()),
        ("max_cpu_percent", make_record()),
        ("max_memory_mb", make_record()),
    ],
)
def test_what_could_not_be_measured_keeps_no_limit(name: str, record: RunRecord) -> None:
    (violation,) = violations_of(PerformanceThreshold(**{name: 1}), record, metrics_of(record))  # type: ignore[arg-type]
    assert (violation.measured, violation.bound) == (None, 1)
    assert "could not be measured in this run; it is held against the limit of 1" in violation.message


@pytest.mark.parametrize(
    ("measured_ms", "limit_ms", "shown"),
    [
        (500.0001, 500, "500.0001 ms > limit 500 ms"),
        (500.00000001, 500, "500.00000001000001 ms > limit 500 ms"),
        (501.234_567, 500, "501 ms > limit 500 ms"),
        (500.123_456, 500.1, "500.123 ms > limit 500.1 ms"),
        (500.000_123_456, 500, "500.000123 ms > limit 500 ms"),
        (5.0, 0.123_456_789_012_345, "5,000 us > limit 123.456789012345 us"),
        (123_456.0, 123_455.0, "123.456 s > limit 123.455 s"),
        (0.000_01, 0, "10 ns > limit 0 ns"),
        (1_234.56, 1_234.55, "1.23456 s > limit 1.23455 s"),
        (0.0816, 0.05, "81.6 us > limit 50 us"),
        (9.252, 0.5, "9,252 us > limit 500 us"),
        (98_765.4, 5, "98,770 ms > limit 5 ms"),
        (123_456.0, 5, "123 s > limit 0.005 s"),
        (98_765.4, 12_345.678, "98.8 s > limit 12.345678 s"),
        (1e21, 0.3, "1,000,000,000,000,000,000 s > limit 0.0003 s"),
    ],
)
def test_there_are_as_many_digits_as_it_takes_to_tell_them_apart(
    measured_ms: float, limit_ms: float, shown: str
) -> None:
    threshold = PerformanceThreshold(max_mean_ms=limit_ms)
    metrics = replace(metrics_of(RECORD), mean_time_ms=measured_ms)
    (violation,) = violations_of(threshold, RECORD, metrics)
    assert violation.message == f"mean {shown} (max_mean_ms)"


@given(limits, st.floats(1e-9, 1e12))
def test_measured_value_and_limit_never_read_the_same(limit_ms: float, measured_ms: float) -> None:
    metrics = replace(metrics_of(RECORD), mean_time_ms=measured_ms)
    for violation in violations_of(PerformanceThreshold(max_mean_ms=limit_ms), RECORD, metrics):
        shown = re.findall(r"mean (\S+) (\S+) > limit (\S+) (\S+) ", violation.message)
        assert shown[0][0] != shown[0][2]
        assert shown[0][1] == shown[0][3], "one unit"


@given(records(), thresholds)
def test_every_record_can_be_held_against_every_threshold(record: RunRecord, threshold: PerformanceThreshold) -> None:
    metrics = metrics_of(record)
    broken = {violation.source for violation in violations_of(threshold, record, metrics)}
    for limit in threshold.limits():
        assert (limit.source in broken) or limit.holds(limit.metric.value(record, metrics))


def test_targets_if_named_are_what_cpu_and_memory_limits_mean() -> None:
    process, first, second = _usage(10, 10), _usage(40, 40, "target"), _usage(50, 60, "target")
    alone = make_record(usage=SystemUsage(process=process))
    watching = make_record(usage=SystemUsage(process=process, targets=(first, second)))
    assert watched(alone) == (process,)
    assert watched(watching) == (first, second)
    assert _violations(watching, max_cpu_percent=90, max_memory_mb=100) == []
    assert [message.split(" >")[0] for message in _violations(watching, max_cpu_percent=89, max_memory_mb=99)] == [
        "CPU 90 %",
        "memory 100 MB",
    ]


@pytest.mark.parametrize("name", ["max_cpu_percent", "max_memory_mb"])
def test_one_target_that_was_not_seen_leaves_the_sum_unknown(name: str) -> None:
    usage = SystemUsage(targets=(_usage(1, 1, "target"), _usage(subject="target")))
    (message,) = _violations(make_record(usage=usage), **{name: 1_000})
    assert "could not be measured" in message


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("value", [-1, -0.001, math.nan, math.inf, -math.inf, "500", True, [500], 1 + 2j])
def test_a_limit_is_a_finite_number_of_at_least_0(name: str, value: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=re.escape(f"{name} must be a finite number of at least 0, not {value!r}")
    ):
        PerformanceThreshold(**{name: value})


def test_a_limit_too_large_for_a_float_is_refused_in_one_line() -> None:
    with pytest.raises(
        ConfigurationError, match="max_p95_ms must be a finite number of at least 0, not 1000"
    ) as caught:
        PerformanceThreshold(max_p95_ms=10**400)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("given", "kept"), [(5, int), (5.0, float), (np.float64(5), float), (type("Own", (int,), {})(5), float)]
)
def test_a_limit_is_kept_as_a_number_that_files_can_hold(given: float, kept: type) -> None:
    threshold = PerformanceThreshold(max_p95_ms=given)
    assert threshold.max_p95_ms == 5
    assert type(threshold.max_p95_ms) is kept


@pytest.mark.parametrize("name", ["max_error_rate", "min_hit_rate"])
def test_a_share_is_at_most_1(name: str) -> None:
    assert len(PerformanceThreshold(**{name: 1}).limits()) == 1  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=f"{name} is a share between 0 and 1, not 1.5: write 0.01 for 1 %"):
        PerformanceThreshold(**{name: 1.5})  # type: ignore[arg-type]


def test_other_limits_may_be_above_1() -> None:
    for name in set(MEASURED) - {"max_error_rate", "min_hit_rate"}:
        assert len(PerformanceThreshold(**{name: 1.5}).limits()) == 1  # type: ignore[arg-type]


def test_expressions_are_a_list_of_texts() -> None:
    with pytest.raises(ConfigurationError, match=re.escape("expressions is a list of texts: write ['avg<5']")):
        PerformanceThreshold(expressions="avg<5")
    with pytest.raises(ConfigurationError, match="a threshold expression is a text such as 'p\\(95\\)<500', not 5"):
        PerformanceThreshold(expressions=[5])  # type: ignore[list-item]
    assert PerformanceThreshold(expressions=["avg<5"]).expressions == ("avg<5",)
    assert PerformanceThreshold().limits() == ()


@pytest.mark.parametrize(
    ("limits", "percentile"),
    [
        ({"max_p50_ms": 1}, True),
        ({"max_p95_ms": 1}, True),
        ({"max_p99_ms": 1}, True),
        ({"max_p999_ms": 1}, True),
        ({"max_max_ms": 1}, True),
        ({"expressions": ["p(75)<1"]}, True),
        ({"expressions": ["min>1"]}, True),
        ({"expressions": ["avg<1", "max<1"]}, True),
        ({"max_mean_ms": 1}, False),
        ({"min_throughput_ops": 1}, False),
        ({"max_error_rate": 1}, False),
        ({"expressions": ["med<1", "avg<1", "cpu<80"]}, False),
        ({}, False),
    ],
)
def test_a_percentile_limit_on_a_batched_run_is_refused_before_it_starts(
    limits: dict[str, Any],
    percentile: bool,  # noqa: FBT001
) -> None:
    threshold = PerformanceThreshold(**limits)
    threshold.check_measurable(batched=False)
    if not percentile:
        threshold.check_measurable(batched=True)
        return
    source = next(iter(limits)) if "expressions" not in limits else limits["expressions"][-1]
    with pytest.raises(ConfigurationError, match=re.escape(f"{source}: a batched run has means of several calls")):
        threshold.check_measurable(batched=True)


@pytest.mark.parametrize("name", ["dropped", "late", "lag_p99"])
def test_figures_of_arrivals_are_refused_where_there_are_none(name: str) -> None:
    threshold = PerformanceThreshold(expressions=("avg<5", f"{name}<=1"))
    threshold.check_measurable(batched=False, open_loop=True)
    refused = (
        f"threshold '{name}<=1': {name} is measured only under an arrival rate; here each attempt starts when the "
        "last one has ended"
    )
    with pytest.raises(ConfigurationError, match=re.escape(refused)):
        threshold.check_measurable(batched=False, open_loop=False)


_AMONG_DROPPED = "falls among dropped arrivals, which count as infinite: it"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("dropped<=2", None),
        ("dropped<=1", "dropped 2 arrivals > limit 1 arrivals (dropped<=1)"),
        ("late<91", None),
        ("late<90", "late 90 arrivals = limit 90 arrivals (late<90)"),
        ("lag_p99<=10", None),
        ("lag_p99<5ms", "p99 lag 9.9 ms > limit 5 ms (lag_p99<5ms)"),
        (
            "p(99)<500",
            f"p99 latency {_AMONG_DROPPED} is not below the limit of 500 ms (p(99)<500)",
        ),
        ("p(97)<500", None),
        ("p(99)>=500", None),
    ],
)
def test_limits_on_arrivals(expression: str, message: str | None) -> None:
    lags = [number * 100_000 for number in range(1, 101)]
    record = make_load([MS] * 100, LoadRecord(arrivals=make_arrivals(lags)), dropped=2)
    found = violations_of(PerformanceThreshold(expressions=(expression,)), record, metrics_of(record))
    assert [str(violation) for violation in found] == ([] if message is None else [message])
    assert all(violation.measured is None for violation in found if _AMONG_DROPPED in str(violation))


def test_what_a_closed_loop_has_not_does_not_hold() -> None:
    record = make_load()
    threshold = PerformanceThreshold(expressions=("dropped<=0", "late<=0", "lag_p99<1"))
    found = violations_of(threshold, record, metrics_of(record))
    assert [violation.measured for violation in found] == [None] * 3


def test_percentiles_are_labelled_as_people_write_them() -> None:
    assert [percentile_metric(p).label for p in (50, 99.9, 99.99)] == ["p50 latency", "p99.9 latency", "p99.99 latency"]
    assert (METRICS["min"].percentile, METRICS["max"].percentile) == (0, 100)
    batched = make_record([MS] * 5, definition=Definition(calls_per_sample=2))
    assert math.isnan(percentile_metric(50).value(batched, metrics_of(batched)))


def test_pytest_does_not_take_a_threshold_for_a_test() -> None:
    assert PerformanceThreshold.__test__ is False


# Thresholds that end a load.


@pytest.mark.parametrize(
    ("threshold", "text"),
    [
        (Threshold("p(95)<500"), "p(95)<500"),
        (Threshold(" p(95)<500 over 30s ", abort_on_fail=True), "p(95)<500 over 30s, abort"),
        (Threshold("avg<5", abort_on_fail="all", delay_s=0.1), "avg<5, abort all after 0.1s"),
        (Threshold("avg<5", abort_on_fail=True, delay_s=1e9), "avg<5, abort after 1000000000s"),
        (Threshold("avg<5", abort_on_fail=True, delay_s=1e-7), "avg<5, abort after 0.0000001s"),
    ],
)
def test_a_threshold_becomes_the_line_that_says_the_same(threshold: Threshold, text: str) -> None:
    assert PerformanceThreshold(expressions=[threshold, "max<9"]).expressions == (text, "max<9")
    (limit,) = PerformanceThreshold(expressions=[text]).limits()
    assert (limit.delay_s, bool(limit.ends)) == (threshold.delay_s, bool(threshold.abort_on_fail))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"expression": "p95<5"}, "did you mean p(95)?"),
        ({"expression": 5}, "a threshold expression is a text"),
        ({"expression": "avg<5", "abort_on_fail": 1}, "abort_on_fail must be True, False or 'all', not 1"),
        ({"expression": "avg<5", "abort_on_fail": "both"}, "abort_on_fail must be True, False or 'all', not 'both'"),
        ({"expression": "avg<5", "delay_s": 5}, "give it with abort_on_fail"),
        (
            {"expression": "avg<5", "abort_on_fail": True, "delay_s": -1},
            "delay_s must be a finite number of at least 0",
        ),
        ({"expression": "avg<5, abort", "abort_on_fail": True}, "says itself that it aborts: say it once"),
        ({"expression": "cpu<5", "abort_on_fail": True}, "CPU is not looked at while a load runs"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)):
        Threshold(**arguments)
