"""Thresholds: the limits of an SLA, as fields or as expressions, checked before a run and judged after it."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal

from paceline.core.errors import ConfigurationError
from paceline.core.units import BYTES_PER_MB
from paceline.records.metrics import PerformanceMetrics, quantile_ms
from paceline.records.resources import ResourceUsage
from paceline.records.run_record import RunRecord

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MS_PER = {"ns": "1e-6", "us": "1e-3", "µs": "1e-3", "ms": "1", "s": "1e3", "m": "6e4"}
_SHARE_PER_PERCENT = "0.01"
_EXPRESSION = re.compile(
    r"\s*(?P<metric>[a-z_][a-z0-9_]*)\s*(?:\(\s*(?P<argument>[0-9.]+)\s*\))?\s*(?P<sign><=|>=|<|>)\s*"
    r"(?P<limit>[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(?P<unit>ns|us|µs|ms|s|m|%)?\s*(?:over\s+(?P<window>\S+))?\s*"
)
# Measured by loads that have arrivals of their own; attempts of a closed loop start when the last one ended.
_OPEN_LOOP_METRICS = frozenset({"dropped", "late", "lag_p99"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that a limit can be set on.

    Attributes:
        label: for people.
        unit: ``ms``, ``share``, ``per second``, ``percent`` or ``MB``.
        value: reads it off a run; NaN when the run does not have it.
        percentile: of single calls' latency, in [0, 100]; None for everything else.
    """

    label: str
    unit: str
    value: Callable[[RunRecord, PerformanceMetrics], float]
    percentile: float | None = None


def percentile_metric(percentile: float) -> Metric:
    """The latency percentile ``percentile`` in [0, 100]."""
    return Metric(f"p{percentile:g} latency", "ms", lambda record, _: quantile_ms(record, percentile / 100), percentile)


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


def _sum_of(values: Iterable[float | None]) -> float:
    every = list(values)
    known = [value for value in every if value is not None]
    return float(sum(known)) if len(known) == len(every) else math.nan


METRICS: dict[str, Metric] = {
    "avg": Metric("mean latency", "ms", lambda _, metrics: metrics.mean_time_ms),
    "med": Metric("median latency", "ms", lambda _, metrics: metrics.median_time_ms),
    "min": Metric("minimum latency", "ms", lambda _, metrics: metrics.min_time_ms, 0.0),
    "max": Metric("maximum latency", "ms", lambda _, metrics: metrics.max_time_ms, 100.0),
    "error_rate": Metric("error rate", "share", lambda _, metrics: metrics.error_rate),
    "throughput": Metric("throughput", "per second", lambda _, metrics: metrics.throughput_ops_per_sec),
    "hit_rate": Metric("hit rate", "share", lambda _, metrics: metrics.hit_rate),
    "cpu": Metric("CPU", "percent", _cpu_percent),
    "host_cpu": Metric("host CPU", "percent", _host_cpu_percent),
    "memory": Metric("memory", "MB", _memory_mb),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One metric, one comparison, one number.

    Attributes:
        source: what the user wrote, a field name or an expression.
        metric: what is limited.
        sign: what must hold: measured value ``sign`` bound.
        bound: in the metric's unit.
    """

    source: str
    metric: Metric
    sign: str
    bound: float

    @property
    def text(self) -> str:
        """For people: ``p95 latency <= 100 ms``."""
        return f"{self.metric.label} {self.sign} {_bound_text(self)}"

    def holds(self, value: float) -> bool:
        """Whether ``value`` keeps the limit; NaN never does."""
        return _COMPARE[self.sign](value, self.bound)


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that did not hold.

    Attributes:
        source: what the user wrote.
        measured: the value found, in ``unit``; None when there was none.
        bound: the limit, in ``unit``.
        unit: of both.
        message: for people: measured value, limit and unit.
    """

    source: str
    measured: float | None
    bound: float
    unit: str
    message: str

    def __str__(self) -> str:
        """The message."""
        return self.message


_FIELD_LIMITS: dict[str, tuple[Metric, str]] = {
    "max_p50_ms": (percentile_metric(50), "<="),
    "max_p95_ms": (percentile_metric(95), "<="),
    "max_p99_ms": (percentile_metric(99), "<="),
    "max_p999_ms": (percentile_metric(99.9), "<="),
    "max_mean_ms": (METRICS["avg"], "<="),
    "max_max_ms": (METRICS["max"], "<="),
    "min_throughput_ops": (METRICS["throughput"], ">="),
    "max_error_rate": (METRICS["error_rate"], "<="),
    "min_hit_rate": (METRICS["hit_rate"], ">="),
    "max_cpu_percent": (METRICS["cpu"], "<="),
    "max_memory_mb": (METRICS["memory"], "<="),
}
_SHARES = frozenset({"max_error_rate", "min_hit_rate"})


@dataclass(frozen=True)
class PerformanceThreshold:
    """Limits of an SLA. A value equal to its limit holds; 0 is a limit; None sets none.

    Attributes:
        max_p50_ms, max_p95_ms, max_p99_ms, max_p999_ms, max_mean_ms, max_max_ms: latency in ms.
        min_throughput_ops: ok attempts a second.
        max_error_rate: errors and timeouts as a share of attempts, in [0, 1].
        min_hit_rate: hits as a share of hits and misses, in [0, 1].
        max_cpu_percent: mean CPU, 100 is one core, of the target pids if given, else of this process tree.
        max_memory_mb: highest resident memory of the same, in 10**6 bytes.
        expressions: further limits such as ``'p(99.9)<250'``; see ``docs/thresholds.md``.

    Raises:
        ConfigurationError: a limit is no finite number, negative, not a share, or an expression is wrong.
    """

    __test__ = False

    max_p95_ms: float | None = None
    max_p99_ms: float | None = None
    max_mean_ms: float | None = None
    min_throughput_ops: float | None = None
    max_error_rate: float | None = None
    max_p50_ms: float | None = None
    max_p999_ms: float | None = None
    max_max_ms: float | None = None
    min_hit_rate: float | None = None
    max_cpu_percent: float | None = None
    max_memory_mb: float | None = None
    expressions: Sequence[str] = ()

    def __post_init__(self) -> None:
        if isinstance(self.expressions, str | bytes) or not isinstance(self.expressions, Iterable):
            raise ConfigurationError(f"expressions is a list of texts: write [{self.expressions!r}]")
        object.__setattr__(self, "expressions", tuple(self.expressions))
        for name in _FIELD_LIMITS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _checked_limit(name, value))
        for expression in self.expressions:
            parse_expression(expression)

    def limits(self) -> tuple[Limit, ...]:
        """All limits that are set, fields first."""
        set_fields = [
            Limit(field.name, *_FIELD_LIMITS[field.name], getattr(self, field.name))
            for field in fields(self)
            if field.name in _FIELD_LIMITS and getattr(self, field.name) is not None
        ]
        return (*set_fields, *(parse_expression(expression) for expression in self.expressions))

    def check_measurable(self, *, batched: bool) -> None:
        """Refuse, before anything runs, what the run to come cannot measure.

        Raises:
            ConfigurationError: a percentile of single calls is limited, but calls are timed in batches.
        """
        for limit in self.limits():
            if batched and limit.metric.percentile is not None:
                raise ConfigurationError(
                    f"{limit.source}: a batched run has means of several calls, and a percentile of those is "
                    "no percentile of calls; limit the mean, or measure without batch"
                )


def _checked_limit(name: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not (math.isfinite(number) and number >= 0):
        raise ConfigurationError(f"{name} must be a finite number of at least 0, not {value!r:.100}")
    if name in _SHARES and number > 1:
        raise ConfigurationError(f"{name} is a share between 0 and 1, not {value!r}: write 0.01 for 1 %")
    # The user's int stays one; of numpy's and other kinds of float the plain one is kept, which files can hold.
    return value if type(value) is int else number


def parse_expression(text: str) -> Limit:
    """The limit that an expression such as ``p(95)<500ms`` or ``error_rate<1%`` states.

    Raises:
        ConfigurationError: unknown metric, wrong grammar, unit or range; the message says what would do.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"a threshold expression is a text such as 'p(95)<500', not {text!r}")
    match = _EXPRESSION.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"threshold {text!r} cannot be read: write METRIC SIGN NUMBER, as in 'p(95)<500', 'avg<=100ms' or "
            f"'error_rate<0.01'; metrics are p(N), {', '.join(METRICS)}; signs are < <= > >="
        )
    name, argument, sign, unit = match["metric"], match["argument"], match["sign"], match["unit"]
    if name in _OPEN_LOOP_METRICS:
        raise ConfigurationError(
            f"threshold {text!r}: {name} is measured only under an arrival rate; here each attempt starts when "
            "the last one has ended"
        )
    if match["window"] is not None:
        raise ConfigurationError(
            f"threshold {text!r}: 'over {match['window']}' needs a load with stages; leave it out here"
        )
    if name == "p":
        metric = _percentile(text, argument)
    elif argument is not None:
        raise ConfigurationError(f"threshold {text!r}: only p takes a number in brackets, as in p(95)")
    elif name in METRICS:
        metric = METRICS[name]
    else:
        meant = f"; did you mean p({name[1:]})?" if re.fullmatch(r"p\d+", name) else ""
        raise ConfigurationError(
            f"threshold {text!r}: unknown metric {name!r}{meant}; known are p(N), {', '.join(METRICS)}"
        )
    number = float(match["limit"])
    if not math.isfinite(number):
        raise ConfigurationError(f"threshold {text!r}: the limit is too large a number")
    return Limit(text.strip(), metric, sign, _bound(text, metric, number, unit))


def _percentile(text: str, argument: str | None) -> Metric:
    try:
        percentile = float(argument or "")
    except ValueError as error:
        raise ConfigurationError(f"threshold {text!r}: p needs a percentile in brackets, as in p(99.9)") from error
    if not 0 <= percentile <= 100:  # noqa: PLR2004
        raise ConfigurationError(f"threshold {text!r}: a percentile lies between 0 and 100, not {percentile:g}")
    return percentile_metric(percentile)


def _bound(text: str, metric: Metric, number: float, unit: str | None) -> float:
    if metric.unit == "ms" and unit != "%":
        return _exact_product(number, _MS_PER[unit or "ms"])
    if metric.unit == "share" and unit in {None, "%"}:
        share = _exact_product(number, _SHARE_PER_PERCENT) if unit else number
        if share > 1:
            raise ConfigurationError(f"threshold {text!r}: {metric.label} is a share: write 0.01 or 1%")
        return share
    if unit is None or (metric.unit == "percent" and unit == "%"):
        return number
    raise ConfigurationError(f"threshold {text!r}: {metric.label} has no unit {unit!r}, it is in {metric.unit}")


def _exact_product(number: float, factor: str) -> float:
    """Multiplied in decimal: 0.7 / 100 is below 7 / 1000 in floats, and a share equal to its limit would break it."""
    return float(Decimal(repr(number)) * Decimal(factor))


def violations_of(
    threshold: PerformanceThreshold | None, record: RunRecord, metrics: PerformanceMetrics
) -> tuple[Violation, ...]:
    """The limits of ``threshold`` that ``record`` breaks, in the order they were written."""
    if threshold is None:
        return ()
    broken = []
    for limit in threshold.limits():
        value = limit.metric.value(record, metrics)
        if not limit.holds(value):
            broken.append(_violation(limit, value))
    return tuple(broken)


_BREAKS = {"<": "is not below", "<=": "exceeds", ">": "is not above", ">=": "is below"}


def _violation(limit: Limit, value: float) -> Violation:
    unit, suffix = limit.metric.unit, _SUFFIX[limit.metric.unit]
    shown, bound = (_as_shown(number, unit) for number in (value, limit.bound))
    if math.isnan(value):
        seen = "could not be measured in this run; it is held against"
    else:
        seen = f"{_told_apart(shown, bound)}{suffix} {_BREAKS[limit.sign]}"
    message = f"{limit.metric.label} {seen} the limit of {_bound_text(limit)} ({limit.source})"
    return Violation(limit.source, None if math.isnan(value) else value, limit.bound, unit, message)


def _bound_text(limit: Limit) -> str:
    unit = limit.metric.unit
    return f"{_rounded(_as_shown(limit.bound, unit), _AS_WRITTEN)}{_SUFFIX[unit]}"


def _as_shown(value: float, unit: str) -> float:
    return _exact_product(value, "100") if unit == "share" else value


_AS_WRITTEN = 15  # digits that every number people write survives as a float


def _told_apart(value: float, bound: float) -> str:
    """``value`` with as many digits as it takes to tell it from ``bound``."""
    for digits in (4, 6, 9, 17):
        text = _rounded(value, digits)
        if value == bound or text != _rounded(bound, digits):
            break
    return text


def _rounded(value: float, digits: int) -> str:
    text = f"{value:,.{digits}g}"
    return f"{float(text):,.0f}" if "e+" in text else text


_SUFFIX = {"ms": " ms", "share": " %", "per second": "/s", "percent": " %", "MB": " MB"}
