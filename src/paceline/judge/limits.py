"""Limits: which figures can be limited, and how a limit is told to people."""

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, NS_PER_S
from paceline.records.latency import Latency
from paceline.records.metrics import PerformanceMetrics, quantile_ms
from paceline.records.recorder import Counts
from paceline.records.resources import ResourceUsage
from paceline.records.run_record import RunRecord

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SUFFIX = {"ms": " ms", "share": " %", "per second": "/s", "percent": " %", "MB": " MB", "arrivals": " arrivals"}
_AS_WRITTEN = 15  # digits that every number people write survives as a float
_TOO_MANY, _FOUR_DIGITS = 100_000, 1_000


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that a limit can be set on.

    Attributes:
        label: for people.
        unit: ``ms``, ``share``, ``per second``, ``percent``, ``MB`` or ``arrivals``.
        value: reads it off a run; NaN when the run does not have it.
        percentile: of single calls' latency, in [0, 100]; None for everything else.
        of_arrivals: whether only loads with a schedule of arrivals have it.
        of_some: reads it off some attempts of a run: their latency, their counts, and in how many ns they ended; None
            where only a whole run has it.
        of: the figure that this one is of a part of the run; None for the whole run's.
    """

    label: str
    unit: str
    value: Callable[[RunRecord, PerformanceMetrics], float]
    percentile: float | None = None
    of_arrivals: bool = False
    of_some: "OfSome | None" = None
    of: "Metric | None" = None

    @property
    def base(self) -> "Metric":
        """The same figure of a whole run."""
        return self.of or self


OfSome = Callable[[Latency, Counts, int], float]


def percentile_metric(percentile: float) -> Metric:
    """The latency percentile ``percentile`` in [0, 100]."""
    q = percentile / 100
    return Metric(
        f"p{percentile:g} latency",
        "ms",
        lambda record, _: quantile_ms(record, q),
        percentile,
        of_some=_quantile_of_some(q),
    )


def _quantile_of_some(q: float) -> OfSome:
    return lambda latency, _, __: latency.quantile_ns(q) / NS_PER_MS


def _error_rate_of_some(_: Latency, counts: Counts, __: int) -> float:
    return (counts.errors + counts.timeouts) / counts.attempts if counts.attempts else math.nan


def _throughput_of_some(_: Latency, counts: Counts, length_ns: int) -> float:
    return counts.ok * NS_PER_S / length_ns if length_ns else math.nan


def _hit_rate_of_some(_: Latency, counts: Counts, __: int) -> float:
    reads = counts.hits + counts.misses
    return counts.hits / reads if reads else math.nan


def watched(record: RunRecord) -> tuple[ResourceUsage, ...]:
    """Whose CPU and memory limits mean: the target processes if any were named, else this process tree."""
    return record.usage.targets or (record.usage.process,)


def _cpu_percent(record: RunRecord, _: PerformanceMetrics) -> float:
    return _sum_of(usage.cpu_percent.mean if usage.cpu_percent else None for usage in watched(record))


def _memory_mb(record: RunRecord, _: PerformanceMetrics) -> float:
    peak = _sum_of(usage.memory_bytes.maximum if usage.memory_bytes else None for usage in watched(record))
    return peak / BYTES_PER_MB


def _host_cpu_percent(record: RunRecord, _: PerformanceMetrics) -> float:
    return _sum_of([record.usage.host.cpu_percent.mean if record.usage.host.cpu_percent else None])


def _count(value: int | None) -> float:
    return math.nan if value is None else value


def _sum_of(values: Iterable[float | None]) -> float:
    every = list(values)
    known = [value for value in every if value is not None]
    return float(sum(known)) if len(known) == len(every) else math.nan


METRICS: dict[str, Metric] = {
    "avg": Metric(
        "mean latency",
        "ms",
        lambda _, metrics: metrics.mean_time_ms,
        of_some=lambda latency, _, __: latency.moments.mean / NS_PER_MS,
    ),
    "med": Metric("median latency", "ms", lambda _, metrics: metrics.median_time_ms, of_some=_quantile_of_some(0.5)),
    "min": Metric("minimum latency", "ms", lambda _, metrics: metrics.min_time_ms, 0.0, of_some=_quantile_of_some(0.0)),
    "max": Metric(
        "maximum latency", "ms", lambda _, metrics: metrics.max_time_ms, 100.0, of_some=_quantile_of_some(1.0)
    ),
    "error_rate": Metric("error rate", "share", lambda _, metrics: metrics.error_rate, of_some=_error_rate_of_some),
    "throughput": Metric(
        "throughput", "per second", lambda _, metrics: metrics.throughput_ops_per_sec, of_some=_throughput_of_some
    ),
    "hit_rate": Metric("hit rate", "share", lambda _, metrics: metrics.hit_rate, of_some=_hit_rate_of_some),
    "cpu": Metric("CPU", "percent", _cpu_percent),
    "host_cpu": Metric("host CPU", "percent", _host_cpu_percent),
    "memory": Metric("memory", "MB", _memory_mb),
    "dropped": Metric("dropped", "arrivals", lambda _, metrics: _count(metrics.dropped_count), of_arrivals=True),
    "late": Metric("late", "arrivals", lambda _, metrics: _count(metrics.late_count), of_arrivals=True),
    "lag_p99": Metric("p99 lag", "ms", lambda _, metrics: metrics.lag_p99_ms, of_arrivals=True),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One metric, one comparison, one number.

    Attributes:
        source: what the user wrote, a field name or an expression.
        metric: what is limited.
        sign: what must hold: measured value ``sign`` bound.
        bound: in the metric's unit.
        window_s: length of the windows of which each is to keep it; None for the whole run.
        part: name of the requests that are to keep it; None for all.
        ends: what is ended once it is broken: nothing, ``'load'``, or ``'all'`` loads that are made together.
        delay_s: from when on, in seconds after the window opened, that is looked at.
    """

    source: str
    metric: Metric
    sign: str
    bound: float
    window_s: float | None = None
    part: str | None = None
    ends: str = ""
    delay_s: float = 0.0

    @property
    def text(self) -> str:
        """For people: ``p95 latency <= 100 ms``."""
        return f"{self.metric.label} {self.sign} {bound_text(self)}"

    def holds(self, value: float) -> bool:
        """Whether ``value`` keeps the limit; NaN never does."""
        return _COMPARE[self.sign](value, self.bound)


def bound_text(limit: Limit) -> str:
    """The bound of ``limit`` as people write it, with the unit that suits it."""
    scale = _scale(limit.metric.unit, limit.bound)
    return f"{_rounded(scale.of(limit.bound), _AS_WRITTEN)}{scale.suffix}"


def against(limit: Limit, value: float) -> str:
    """How ``value`` breaks ``limit``, both in one unit: ``81.6 us > limit 50 us``.

    With as many digits as it takes to tell the two apart, and at least three.
    """
    bound, unit = limit.bound, limit.metric.unit
    scale = _scale(unit, bound or value)
    while unit == "ms" and scale.of(value) >= _TOO_MANY and scale is not _OF_TIMES[0]:  # 3 s against 20 us
        scale = _OF_TIMES[_OF_TIMES.index(scale) - 1]
    shown, shown_bound = _told_apart(scale.of(value), scale.of(bound)), _rounded(scale.of(bound), _AS_WRITTEN)
    sign = ">" if value > bound else "<" if value < bound else "="
    return f"{shown}{scale.suffix} {sign} limit {shown_bound}{scale.suffix}"


@dataclass(frozen=True, slots=True)
class _Scale:
    """A unit that figures are shown in, and what those of their own unit are multiplied by."""

    suffix: str
    factor: str = "1"

    def of(self, value: float) -> float:
        return value if self.factor == "1" else exact_product(value, self.factor)


_SCALES = {unit: _Scale(suffix) for unit, suffix in SUFFIX.items()} | {"share": _Scale(SUFFIX["share"], "100")}
_OF_TIMES = (_Scale(" s", "0.001"), _Scale(" ms"), _Scale(" us", "1000"), _Scale(" ns", "1000000"))


def _scale(unit: str, value: float) -> _Scale:
    if unit != "ms" or not value:
        return _SCALES[unit]
    return next((scale for scale in _OF_TIMES if abs(scale.of(value)) >= 1), _OF_TIMES[-1])


def _told_apart(value: float, bound: float) -> str:
    """``value`` with as many digits as it takes to tell it from ``bound``."""
    if value == bound:
        return _rounded(value, _AS_WRITTEN)
    for digits in (3 if abs(value) < _FOUR_DIGITS else 4, 6, 9, 17):
        text = _rounded(value, digits)
        if text != _rounded(bound, digits):
            break
    return text


def _rounded(value: float, digits: int) -> str:
    text = f"{value:,.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text else text


def exact_product(number: float, factor: str) -> float:
    """Multiplied in decimal: 0.7 / 100 is below 7 / 1000 in floats, and a share equal to its limit would break it."""
    return float(Decimal(repr(number)) * Decimal(factor))
