"""The specification's metrics, computed from a record. Here nanoseconds become the milliseconds of the surface."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from paceline.core.plain import to_plain
from paceline.core.units import BYTES_PER_MB, NS_PER_MS, NS_PER_S
from paceline.records.error_log import ErrorGroup
from paceline.records.resources import Gauge, ResourceUsage, SystemUsage
from paceline.records.run_record import RunRecord

PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True)
class PerformanceMetrics:
    """Figures of one run. Latency is over attempts that ended ok and over timeouts, at their limit or more.

    A figure that does not exist is NaN (in files: null): every latency when all attempts were errors, percentiles
    of a batched run (percentiles of batch means are not percentiles of calls; the median is that of batch
    means), the hit rate of an operation that reports no hits and misses. A percentile that falls among dropped
    arrivals is infinite (in files: null); minimum, maximum, mean and standard deviation are without those.

    Attributes:
        test_name: name of the test.
        test_type: value of its :class:`TestType`.
        iterations: attempts made in the measured window.
        min_time_ms, max_time_ms, mean_time_ms, std_dev_ms: exact.
        median_time_ms, p90_time_ms, p95_time_ms, p99_time_ms, p999_time_ms: type 7 from the raw samples up to
            100,000 iterations, else, and for durations, from the histogram (0.1 %).
        throughput_ops_per_sec: ok attempts a second (goodput).
        attempts_per_sec: all attempts a second.
        total_duration_sec: wall time from the first start to the last end, without ``setup_each`` and recording.
        timestamp: start, ISO 8601, UTC.
        metadata: the user's.
        error_count: errors and timeouts.
        error_rate: their share of all attempts, in [0, 1].
        hit_rate: hits / (hits + misses), in [0, 1].
        dropped_count: arrivals that were not sent because of ``max_in_flight``; None where there are no arrivals.
        late_count: arrivals sent more than 1 ms after they were due; None likewise.
        lag_p99_ms: p99 of that lateness; NaN likewise.
        percentiles: latency in ms by percentile.
        errors: by kind.
    """

    __test__ = False

    test_name: str
    test_type: str
    iterations: int
    min_time_ms: float
    max_time_ms: float
    mean_time_ms: float
    median_time_ms: float
    p95_time_ms: float
    p99_time_ms: float
    std_dev_ms: float
    throughput_ops_per_sec: float
    total_duration_sec: float
    timestamp: str
    metadata: Mapping[str, object] = field(default_factory=dict)
    p90_time_ms: float = math.nan
    p999_time_ms: float = math.nan
    attempts_per_sec: float = math.nan
    error_count: int = 0
    error_rate: float = 0.0
    hit_rate: float = math.nan
    dropped_count: int | None = None
    late_count: int | None = None
    lag_p99_ms: float = math.nan
    percentiles: Mapping[str, float] = field(default_factory=dict)
    errors: tuple[ErrorGroup, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Plain dicts, lists, strings and numbers; NaN and infinity become None."""
        plain = to_plain(self)
        assert isinstance(plain, dict)
        return plain


def quantile_ms(record: RunRecord, q: float) -> float:
    """Latency quantile of a call; NaN for a batched run, whose samples are means of several calls."""
    if record.definition.calls_per_sample > 1:
        return math.nan
    return record.latency.quantile_ns(q) / NS_PER_MS


def metrics_of(record: RunRecord) -> PerformanceMetrics:
    """The figures of ``record``."""
    moments = record.latency.moments
    per_ms = NS_PER_MS * record.definition.calls_per_sample
    measured = moments.count > 0
    counts = record.counts
    cache_reads = counts.hits + counts.misses
    arrivals = None if record.load is None else record.load.arrivals
    attempts_rate = record.throughput_per_s * counts.attempts / counts.ok if counts.ok else _rate(record)
    return PerformanceMetrics(
        test_name=record.name,
        test_type=record.test_type.value,
        iterations=counts.attempts,
        min_time_ms=moments.minimum / per_ms if measured else math.nan,
        max_time_ms=moments.maximum / per_ms if measured else math.nan,
        mean_time_ms=moments.mean / per_ms,
        # The median of batch means is a fair middle of calls; further out a batch mean hides the tail.
        median_time_ms=record.latency.quantile_ns(0.5) / per_ms,
        p90_time_ms=quantile_ms(record, 0.90),
        p95_time_ms=quantile_ms(record, 0.95),
        p99_time_ms=quantile_ms(record, 0.99),
        p999_time_ms=quantile_ms(record, 0.999),
        std_dev_ms=moments.standard_deviation / per_ms,
        throughput_ops_per_sec=record.throughput_per_s,
        attempts_per_sec=attempts_rate,
        total_duration_sec=record.elapsed_ns / NS_PER_S,
        timestamp=record.started_at,
        metadata=record.metadata,
        error_count=counts.errors + counts.timeouts,
        error_rate=(counts.errors + counts.timeouts) / counts.attempts if counts.attempts else 0.0,
        hit_rate=counts.hits / cache_reads if cache_reads else math.nan,
        dropped_count=None if arrivals is None else counts.dropped,
        late_count=None if arrivals is None else arrivals.late,
        lag_p99_ms=math.nan if arrivals is None else arrivals.lag.quantile_ns(0.99) / NS_PER_MS,
        percentiles={f"{percentile:g}": quantile_ms(record, percentile / 100) for percentile in PERCENTILES},
        errors=record.errors,
    )


def _rate(record: RunRecord) -> float:
    return record.counts.attempts * NS_PER_S / record.elapsed_ns if record.elapsed_ns else 0.0


def system_metrics_of(usage: SystemUsage) -> dict[str, object]:
    """CPU, memory and disk I/O by flat names: the host's bare, then ``process_*`` and ``target_*``.

    Percentages of CPU count one core as 100; megabytes are 10**6 bytes; what the machine cannot tell is None.
    Several targets are numbered: ``target_*``, ``target_2_*``, ...
    """
    flat: dict[str, object] = {"cpu_count": usage.cpu_count}
    # Where the host's own figure is unknown (windows below 50 ms), the least it must have been: this process's.
    host = usage.host
    if host.cpu_percent is None:
        host = replace(host, cpu_percent=usage.process.cpu_percent, cpu_s=usage.process.cpu_s)
    flat |= _flat("", host)
    flat |= _flat("process_", usage.process)
    for number, target in enumerate(usage.targets, start=1):
        prefix = "target_" if number == 1 else f"target_{number}_"
        flat |= {f"{prefix}pid": target.pid, **_flat(prefix, target)}
    flat["sampler_samples"] = usage.sampler.samples
    flat["sampler_cpu_percent"] = usage.sampler.core_percent
    return flat


def _flat(prefix: str, usage: ResourceUsage) -> dict[str, object]:
    return {
        **_gauge(f"{prefix}cpu_percent", usage.cpu_percent),
        **_gauge(f"{prefix}memory_percent", usage.memory_percent),
        **_gauge(f"{prefix}memory_mb", usage.memory_bytes, BYTES_PER_MB),
        f"{prefix}cpu_seconds": usage.cpu_s,
        f"{prefix}disk_io_read_mb": _megabytes(usage.disk_read_bytes),
        f"{prefix}disk_io_write_mb": _megabytes(usage.disk_write_bytes),
        f"{prefix}context_switches": usage.context_switches,
    }


def _gauge(name: str, gauge: Gauge | None, per: float = 1.0) -> dict[str, float | None]:
    if gauge is None:
        return {name: None, f"{name}_min": None, f"{name}_max": None}
    return {name: gauge.mean / per, f"{name}_min": gauge.minimum / per, f"{name}_max": gauge.maximum / per}


def _megabytes(count: int | None) -> float | None:
    return None if count is None else count / BYTES_PER_MB
