import json
import math
import statistics

import pytest
from hypothesis import given

from paceline.records.error_log import ErrorGroup
from paceline.records.load import LoadRecord
from paceline.records.metrics import PERCENTILES, PerformanceMetrics, metrics_of, quantile_ms, system_metrics_of
from paceline.records.resources import Gauge, ResourceUsage, SamplerCost, SystemUsage
from paceline.records.run_record import Definition, RunRecord
from paceline.stats.summary import quantile_of_sorted
from tests.fakes import MS, S, make_arrivals, make_load, make_record
from tests.strategies import records

MB = 1_000_000
SAMPLES = [3 * MS, 1 * MS, 2 * MS, 10 * MS]
LATENCIES = ("min", "max", "mean", "median", "std_dev", "p90", "p95", "p99", "p999")


def _latency(metrics: PerformanceMetrics, name: str) -> float:
    return float(getattr(metrics, "std_dev_ms" if name == "std_dev" else f"{name}_time_ms"))


def test_figures_are_milliseconds_of_the_samples() -> None:
    metrics = metrics_of(make_record(SAMPLES))
    assert (metrics.min_time_ms, metrics.max_time_ms, metrics.mean_time_ms, metrics.median_time_ms) == (1, 10, 4, 2.5)
    assert metrics.std_dev_ms == pytest.approx(statistics.stdev([3, 1, 2, 10]))
    for name, q in {"p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}.items():
        assert _latency(metrics, name) == pytest.approx(quantile_of_sorted(sorted(SAMPLES), q) / MS)
    assert metrics.percentiles == {
        f"{percentile:g}": pytest.approx(quantile_of_sorted(sorted(SAMPLES), percentile / 100) / MS)
        for percentile in PERCENTILES
    }
    assert list(metrics.percentiles) == ["50", "75", "90", "95", "99", "99.9"]


def test_what_was_noted_is_passed_on() -> None:
    errors = (ErrorGroup("503", "", 2),)
    record = make_record(SAMPLES, errors_counted=2, errors=errors, metadata={"branch": "main"})
    metrics = metrics_of(record)
    assert (metrics.test_name, metrics.test_type, metrics.timestamp) == (
        "checkout",
        "api_endpoint",
        "2026-11-22T18:00:00.000000Z",
    )
    assert (metrics.errors, metrics.metadata) == (errors, {"branch": "main"})


def test_rates_are_over_their_windows() -> None:
    # The window that throughput is taken over is shorter than the run and has fewer attempts.
    record = make_record([MS] * 90, errors_counted=6, timeouts=10, window_ns=2 * S, window_ok=40, elapsed_ns=5 * S)
    metrics = metrics_of(record)
    assert metrics.iterations == 96
    assert metrics.error_count == 16
    assert metrics.error_rate == 16 / 96
    assert metrics.throughput_ops_per_sec == 20.0
    assert metrics.attempts_per_sec == pytest.approx(20.0 * 96 / 80)
    assert metrics.total_duration_sec == 5.0


def test_without_an_ok_attempt_attempts_are_counted_over_the_run() -> None:
    metrics = metrics_of(make_record([], errors_counted=8, elapsed_ns=4 * S, window_ns=S))
    assert (metrics.attempts_per_sec, metrics.throughput_ops_per_sec) == (2.0, 0.0)
    assert (metrics.error_rate, metrics.error_count, metrics.iterations) == (1.0, 8, 8)


def test_nothing_measured_is_nan_not_zero() -> None:
    metrics = metrics_of(make_record([]))
    assert all(math.isnan(_latency(metrics, name)) for name in LATENCIES)
    assert all(math.isnan(value) for value in metrics.percentiles.values())
    assert (metrics.iterations, metrics.error_count, metrics.error_rate) == (0, 0, 0.0)
    assert (metrics.throughput_ops_per_sec, metrics.attempts_per_sec, metrics.total_duration_sec) == (0.0, 0.0, 0.0)


def test_one_sample_is_enough_to_be_measured() -> None:
    metrics = metrics_of(make_record([2 * MS]))
    assert [_latency(metrics, name) for name in LATENCIES] == [2, 2, 2, 2, 0, 2, 2, 2, 2]


def test_a_batch_is_divided_by_its_calls_and_has_no_percentiles() -> None:
    record = make_record(SAMPLES, definition=Definition(iterations=4, calls_per_sample=10))
    metrics = metrics_of(record)
    assert (metrics.min_time_ms, metrics.max_time_ms, metrics.mean_time_ms, metrics.median_time_ms) == pytest.approx(
        (0.1, 1.0, 0.4, 0.25)
    )
    assert metrics.std_dev_ms == pytest.approx(statistics.stdev([0.3, 0.1, 0.2, 1.0]))
    assert all(math.isnan(_latency(metrics, name)) for name in ("p90", "p95", "p99", "p999"))
    assert all(math.isnan(value) for value in metrics.percentiles.values())
    assert metrics.iterations == 40
    assert math.isnan(quantile_ms(record, 0.5))
    assert quantile_ms(make_record(SAMPLES, definition=Definition(calls_per_sample=1)), 0.5) == 2.5


@pytest.mark.parametrize(("hits", "misses", "rate"), [(3, 1, 0.75), (1, 0, 1.0), (0, 2, 0.0), (0, 0, math.nan)])
def test_the_hit_rate_is_over_hits_and_misses(hits: int, misses: int, rate: float) -> None:
    assert metrics_of(make_record(hits=hits, misses=misses)).hit_rate == pytest.approx(rate, nan_ok=True)


@given(records())
def test_every_run_has_figures_that_can_be_written_as_strict_json(record: RunRecord) -> None:
    metrics = metrics_of(record)
    text = json.dumps(metrics.to_dict(), allow_nan=False)
    assert json.loads(text)["iterations"] == metrics.iterations
    assert 0 <= metrics.error_rate <= 1
    if record.latency.moments.count:
        slack = 1 + 1e-9
        assert metrics.min_time_ms <= metrics.median_time_ms * slack
        if not record.latency.dropped:
            assert metrics.median_time_ms <= metrics.max_time_ms * slack
        assert metrics.min_time_ms <= metrics.mean_time_ms * slack <= metrics.max_time_ms * slack * slack


def test_what_was_not_given_is_nan_in_metrics_made_by_hand() -> None:
    metrics = PerformanceMetrics("t", "api_endpoint", 1, 1, 1, 1, 1, 1, 1, 0, 5, 0.2, "now")
    for name in ("p90_time_ms", "p999_time_ms", "attempts_per_sec", "hit_rate"):
        assert math.isnan(getattr(metrics, name))
    assert (metrics.error_count, metrics.error_rate, metrics.errors) == (0, 0.0, ())
    assert (metrics.dropped_count, metrics.late_count) == (None, None)
    assert math.isnan(metrics.lag_p99_ms)
    assert metrics.to_dict()["hit_rate"] is None


def test_arrivals_have_figures_of_their_own() -> None:
    lags = [number * 100_000 for number in range(1, 101)]  # up to 10 ms
    metrics = metrics_of(make_load([MS] * 100, LoadRecord(arrivals=make_arrivals(lags)), dropped=7))
    assert (metrics.dropped_count, metrics.late_count) == (7, 90)
    assert metrics.lag_p99_ms == pytest.approx(9.9, rel=0.001)
    closed = metrics_of(make_load([MS] * 100))
    assert (closed.dropped_count, closed.late_count) == (None, None)
    assert math.isnan(closed.lag_p99_ms)


@pytest.mark.parametrize(
    ("dropped", "infinite"), [(0, ""), (1, "p999"), (3, "p99 p999"), (200, "median p90 p95 p99 p999")]
)
def test_what_was_dropped_is_infinitely_slow_in_percentiles_only(dropped: int, infinite: str) -> None:
    metrics = metrics_of(make_load([MS] * 100, LoadRecord(arrivals=make_arrivals()), dropped=dropped))
    assert [name for name in LATENCIES if math.isinf(_latency(metrics, name))] == infinite.split()
    assert metrics.max_time_ms == 1.0
    assert metrics.to_dict()["p999_time_ms"] == (None if dropped else 1.0)


HOST = ResourceUsage(
    "host",
    cpu_s=2.5,
    cpu_percent=Gauge(10, 20, 30),
    memory_bytes=Gauge(1 * MB, 2 * MB, 3 * MB),
    memory_percent=Gauge(40, 50, 60),
    disk_read_bytes=7 * MB,
    disk_write_bytes=0,
    context_switches=9,
)


def _flat(prefix: str) -> dict[str, object]:
    return {
        f"{prefix}cpu_percent": 20,
        f"{prefix}cpu_percent_min": 10,
        f"{prefix}cpu_percent_max": 30,
        f"{prefix}memory_percent": 50,
        f"{prefix}memory_percent_min": 40,
        f"{prefix}memory_percent_max": 60,
        f"{prefix}memory_mb": 2,
        f"{prefix}memory_mb_min": 1,
        f"{prefix}memory_mb_max": 3,
        f"{prefix}cpu_seconds": 2.5,
        f"{prefix}disk_io_read_mb": 7,
        f"{prefix}disk_io_write_mb": 0,
        f"{prefix}context_switches": 9,
    }


def test_system_metrics_are_flat_with_the_hosts_bare() -> None:
    usage = SystemUsage(host=HOST, process=HOST, cpu_count=2, sampler=SamplerCost(11, 5, 0.25))
    assert system_metrics_of(usage) == {
        "cpu_count": 2,
        **_flat(""),
        **_flat("process_"),
        "sampler_samples": 11,
        "sampler_cpu_percent": 0.25,
    }


def test_several_targets_are_numbered_from_the_second() -> None:
    target = ResourceUsage("target", 41, *[getattr(HOST, name) for name in list(HOST.__dataclass_fields__)[2:]])
    flat = system_metrics_of(SystemUsage(targets=(target, ResourceUsage("target", pid=42))))
    expected = {"target_pid": 41, **_flat("target_")}
    assert {name: value for name, value in flat.items() if name in expected} == expected
    assert flat["target_2_pid"] == 42
    assert [name for name in flat if name.startswith("target_")][13:15] == ["target_context_switches", "target_2_pid"]


def test_what_the_machine_cannot_tell_is_none_not_zero() -> None:
    flat = system_metrics_of(SystemUsage())
    assert {value for name, value in flat.items() if not name.startswith("sampler_")} == {None}
    assert (flat["sampler_samples"], flat["sampler_cpu_percent"]) == (0, 0.0)


def test_where_the_hosts_cpu_is_unknown_it_is_at_least_this_processs() -> None:
    process = ResourceUsage("process", cpu_percent=Gauge(10, 20, 30), memory_percent=Gauge(1, 2, 3))
    flat = system_metrics_of(SystemUsage(process=process))
    assert (flat["cpu_percent"], flat["process_cpu_percent"]) == (20, 20)
    assert (flat["memory_percent"], flat["process_memory_percent"]) == (None, 2)
    assert system_metrics_of(SystemUsage(host=HOST, process=ResourceUsage("process")))["cpu_percent"] == 20
