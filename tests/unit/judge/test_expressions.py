"""The grammar of threshold expressions: what each says, and what is refused in which words."""

import math
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.judge.expressions import parse_expression
from paceline.judge.limits import METRICS
from paceline.judge.thresholds import PerformanceThreshold, violations_of
from paceline.records.metrics import metrics_of
from paceline.records.resources import Gauge, ResourceUsage, SystemUsage
from tests.fakes import MS, S, make_record

RECORD = make_record(
    [number * MS for number in range(1, 1_001)],
    errors_counted=10,
    hits=5,
    misses=5,
    window_ns=10 * S,
    window_ok=1_000,
    usage=SystemUsage(
        host=ResourceUsage("host", cpu_percent=Gauge(0, 77.0, 99)),
        process=ResourceUsage("process", cpu_percent=Gauge(0, 55.0, 99), memory_bytes=Gauge(0, 1, 66_000_000)),
    ),
)


@pytest.mark.parametrize(
    ("text", "label", "sign", "bound", "unit"),
    [
        ("p(95)<500", "p95 latency", "<", 500, "ms"),
        ("p(95)<500ms", "p95 latency", "<", 500, "ms"),
        ("p(95)<0.5s", "p95 latency", "<", 500, "ms"),
        ("p(99.9)<=250", "p99.9 latency", "<=", 250, "ms"),
        ("p(0)>1us", "p0 latency", ">", 0.001, "ms"),
        ("p(100)<2m", "p100 latency", "<", 120_000, "ms"),
        ("avg<100", "mean latency", "<", 100, "ms"),
        ("med<50µs", "median latency", "<", 0.05, "ms"),
        ("min>=7ns", "minimum latency", ">=", 7e-6, "ms"),
        ("max<2e3", "maximum latency", "<", 2_000, "ms"),
        ("max<2E+3", "maximum latency", "<", 2_000, "ms"),
        ("max<.5e-1", "maximum latency", "<", 0.05, "ms"),
        ("error_rate<0.01", "error rate", "<", 0.01, "share"),
        ("error_rate<=1%", "error rate", "<=", 0.01, "share"),
        ("error_rate<=1", "error rate", "<=", 1, "share"),
        ("error_rate<=100%", "error rate", "<=", 1, "share"),
        ("hit_rate>=0.8", "hit rate", ">=", 0.8, "share"),
        ("throughput>=100", "throughput", ">=", 100, "per second"),
        ("cpu<80", "CPU", "<", 80, "percent"),
        ("cpu<180%", "CPU", "<", 180, "percent"),
        ("host_cpu<90 %", "host CPU", "<", 90, "percent"),
        ("memory<512", "memory", "<", 512, "MB"),
        ("dropped<=0", "dropped", "<=", 0, "arrivals"),
        ("late<5", "late", "<", 5, "arrivals"),
        ("lag_p99<0.5", "p99 lag", "<", 0.5, "ms"),
        ("lag_p99<100us", "p99 lag", "<", 0.1, "ms"),
        ("  p ( 95 )  <  500  ms  ", "p95 latency", "<", 500, "ms"),
    ],
)
def test_an_expression_is_read(text: str, label: str, sign: str, bound: float, unit: str) -> None:
    limit = parse_expression(text)
    assert (limit.metric.label, limit.sign, limit.bound, limit.metric.unit) == (label, sign, bound, unit)
    assert limit.source == text.strip()


@pytest.mark.parametrize(
    ("text", "label", "window_s", "part", "ends", "delay_s"),
    [
        ("p(95)<500 over 30s", "p95 latency over 30 s", 30, None, "", 0),
        ("error_rate<1%over 1m", "error rate over 60 s", 60, None, "", 0),
        ("p(95){checkout}<500", "p95 latency of checkout", None, "checkout", "", 0),
        ("med { GET /items/{id} } < 5 ms", "median latency of GET /items/{id}", None, "GET /items/{id}", "", 0),
        ("throughput{a<b}>=5", "throughput of a<b", None, "a<b", "", 0),
        ("avg<5, abort", "mean latency", None, None, "load", 0),
        ("avg<5 , abort all", "mean latency", None, None, "all", 0),
        ("hit_rate>80% over 10s, abort after 1m30s", "hit rate over 10 s", 10, None, "load", 90),
        ("dropped<=0, abort all after 5s", "dropped", None, None, "all", 5),
        ("max{a, abort}<5,abort after 0s", "maximum latency of a, abort", None, "a, abort", "load", 0),
    ],
)
def test_windows_requests_and_aborts_are_read(
    text: str, label: str, window_s: float | None, part: str | None, ends: str, delay_s: float
) -> None:
    limit = parse_expression(text)
    assert (limit.metric.label, limit.window_s, limit.part) == (label, window_s, part)
    assert (limit.ends, limit.delay_s, limit.source) == (ends, delay_s, text)


@pytest.mark.parametrize(
    ("metric", "measured"),
    [
        ("p(50)", 500.5),
        ("p(95)", 950.05),
        ("avg", 500.5),
        ("med", 500.5),
        ("min", 1.0),
        ("max", 1_000.0),
        ("error_rate", 10 / 1_010),
        ("throughput", 100.0),
        ("hit_rate", 0.5),
        ("cpu", 55.0),
        ("host_cpu", 77.0),
        ("memory", 66.0),
    ],
)
def test_a_metric_reads_its_own_figure(metric: str, measured: float) -> None:
    limit = parse_expression(f"{metric}<=1")
    assert limit.metric.value(RECORD, metrics_of(RECORD)) == pytest.approx(measured, rel=1e-12)


def test_every_metric_is_in_the_table_above() -> None:
    assert set(METRICS) == {
        *("avg", "med", "min", "max", "error_rate", "throughput", "hit_rate", "cpu", "host_cpu", "memory"),
        *("dropped", "late", "lag_p99"),
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "cannot be read: write METRIC SIGN NUMBER"),
        ("p(95)", "cannot be read"),
        ("p(95)=500", "cannot be read"),
        ("p(95)==500", "cannot be read"),
        ("p(95)<", "cannot be read"),
        ("p(95)<abc", "cannot be read"),
        ("p(95)<-5", "cannot be read"),
        ("p(95)<5.", "cannot be read"),
        ("p(95)<nan", "cannot be read"),
        ("p(95)<500 hours", "cannot be read"),
        ("p(95)<500, avg<100", "cannot be read"),
        ("p(95<500", "cannot be read"),
        ("500>p(95)", "cannot be read"),
        ("P(95)<500", "cannot be read"),
        ("memory<512MB", "cannot be read"),
        ("latency<500", "unknown metric 'latency'; known are p(N), avg, med"),
        ("p95<500", "unknown metric 'p95'; did you mean p(95)?"),
        ("p<500", "p needs a percentile in brackets, as in p(99.9)"),
        ("p(9.9.9)<500", "p needs a percentile in brackets"),
        ("p(.)<500", "p needs a percentile in brackets"),
        ("p(100.5)<500", "a percentile lies between 0 and 100, not 100.5"),
        ("avg(95)<500", "only p takes a number in brackets, as in p(95)"),
        ("avg<5%", "mean latency has no unit '%', it is in ms"),
        ("p(95)<5%", "p95 latency has no unit '%', it is in ms"),
        ("error_rate<5ms", "error rate has no unit 'ms', it is in share"),
        ("throughput>5%", "throughput has no unit '%', it is in per second"),
        ("throughput>5s", "throughput has no unit 's', it is in per second"),
        ("cpu<5ms", "CPU has no unit 'ms', it is in percent"),
        ("memory<5%", "memory has no unit '%', it is in MB"),
        ("error_rate<1.01", "error rate is a share: write 0.01 or 1%"),
        ("hit_rate>80", "hit rate is a share: write 0.01 or 1%"),
        ("error_rate<101%", "error rate is a share: write 0.01 or 1%"),
        ("dropped<1%", "dropped has no unit '%', it is in arrivals"),
        ("late<5ms", "late has no unit 'ms', it is in arrivals"),
        ("lag_p99<1%", "p99 lag has no unit '%', it is in ms"),
        ("max<1e999", "the limit is too large a number"),
        ("lag_p99<1 over 5s", "p99 lag is known of the whole run only: leave out 'over 5s'"),
        ("cpu{checkout}<80", "CPU is known of the whole run only: leave out {checkout}"),
        ("p(95)<500 over 30", "after 'over', '30' is not a duration: write it as 500ms, 30s or 1h30m"),
        ("p(95)<500 over 0s", "a window must be longer than nothing"),
        ("p(95)<500 over", "cannot be read"),
        ("p(95){}<500", "cannot be read"),
        ("p(95){checkout<500", "cannot be read"),
        ("p(95){checkout}<500 over 30s", "single requests have no time series: leave out {checkout} or 'over 30s'"),
        ("cpu<80, abort", "CPU is not looked at while a load runs: leave out 'abort'"),
        ("lag_p99<1, abort", "p99 lag is not looked at while a load runs"),
        ("p(95)<500, abort after soon", "after 'after', 'soon' is not a duration"),
        ("p(95)<500, abort 20s", "cannot be read"),
        ("p(95)<500 abort", "cannot be read"),
        ("cpu<1e999", "the limit is too large a number"),
    ],
)
def test_what_does_not_do_is_refused_in_words_that_help(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)) as caught:
        PerformanceThreshold(expressions=("avg<5", text))
    assert f"threshold {text!r}" in str(caught.value)


def test_the_grammar_is_told_with_every_metric_there_is() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_expression("faster!")
    assert all(name in str(caught.value) for name in METRICS)


@given(st.integers(0, 10_000), st.sampled_from([("ns", -6), ("us", -3), ("ms", 0), ("s", 3)]))
def test_a_limit_in_any_unit_is_the_nearest_number_to_what_was_written(number: int, unit: tuple[str, int]) -> None:
    # In floats 9 * 1e-3 is not 9 / 1000: a latency equal to its limit would fall on either side of it.
    name, power = unit
    assert parse_expression(f"max<{number}{name}").bound == float(number * Fraction(10) ** power)
    assert parse_expression(f"max<{number / 10}{name}").bound == float(Fraction(number, 10) * Fraction(10) ** power)


@given(st.integers(0, 1_000))
def test_as_many_errors_as_a_limit_in_percent_allows_keep_it(errors: int) -> None:
    # 0.7 / 100 is less than 7 / 1000 in floats.
    record = make_record([MS] * (1_000 - errors), errors_counted=errors)
    threshold = PerformanceThreshold(expressions=(f"error_rate<={errors / 10}%",))
    assert violations_of(threshold, record, metrics_of(record)) == ()


@given(st.text("p(95)<>=. 0e%msuoverdlag_{},b", max_size=25))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        limit = parse_expression(text)
    except ConfigurationError:
        return
    assert math.isfinite(limit.bound)
    assert limit.bound >= 0
