"""Thresholds: the limits of an SLA, as fields or as expressions, checked before a run and judged after it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from paceline.core.errors import ConfigurationError
from paceline.judge.expressions import parse_expression
from paceline.judge.limits import METRICS, Limit, Metric, against, bound_text, percentile_metric
from paceline.records.metrics import PerformanceMetrics
from paceline.records.run_record import RunRecord

_BREAKS = {"<": "is not below", "<=": "exceeds", ">": "is not above", ">=": "is below"}  # in words, for no number


@dataclass(frozen=True, slots=True)
class Violation:
    """A limit that did not hold.

    Attributes:
        source: what the user wrote.
        measured: the value found, in ``unit``; None when there was none, or none that is finite.
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

    def check_measurable(self, *, batched: bool, open_loop: bool = False) -> None:
        """Refuse, before anything runs, what the run to come cannot measure.

        Args:
            batched: whether several calls are timed together.
            open_loop: whether attempts begin by a schedule of arrivals.

        Raises:
            ConfigurationError: a percentile of single calls is limited, but calls are timed in batches; or a figure
                of arrivals, but there are none.
        """
        for limit in self.limits():
            if batched and limit.metric.percentile is not None:
                raise ConfigurationError(
                    f"{limit.source}: a batched run has means of several calls, and a percentile of those is "
                    "no percentile of calls; limit the mean, or measure without batch"
                )
            if limit.metric.of_arrivals and not open_loop:
                name = next(name for name, metric in METRICS.items() if metric is limit.metric)
                raise ConfigurationError(
                    f"threshold {limit.source!r}: {name} is measured only under an arrival rate; here each attempt "
                    "starts when the last one has ended"
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


def checked_threshold(threshold: object) -> PerformanceThreshold | None:
    """``threshold`` if it is one.

    Raises:
        ConfigurationError: it is something else.
    """
    if threshold is None or isinstance(threshold, PerformanceThreshold):
        return threshold
    raise ConfigurationError(f"threshold must be a PerformanceThreshold, not {threshold!r}")


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


def _violation(limit: Limit, value: float) -> Violation:
    unit, bound = limit.metric.unit, limit.bound
    if math.isnan(value):
        message = f"{limit.metric.label} could not be measured in this run; it is held against the limit of "
        message += bound_text(limit)
    elif math.isinf(value):
        message = f"{limit.metric.label} falls among dropped arrivals, which count as infinite: it "
        message += f"{_BREAKS[limit.sign]} the limit of {bound_text(limit)}"
    else:
        # The figure first, for it is what is left where a line is cut.
        message = f"{limit.metric.label.removesuffix(' latency')} {against(limit, value)}"
    text = f"{message} ({limit.source})"
    return Violation(limit.source, value if math.isfinite(value) else None, bound, unit, text)
