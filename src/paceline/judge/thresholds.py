"""Thresholds: the limits of an SLA, as fields or as expressions, checked before a run and judged after it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from difflib import get_close_matches
from typing import Literal

from paceline.core.errors import ConfigurationError
from paceline.judge.expressions import parse_expression
from paceline.judge.limits import METRICS, Limit, Metric, against, bound_text, percentile_metric
from paceline.judge.windows import Worst, check_window, worst_window
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
        from_s, to_s: of a limit on windows, the worst of them, in seconds after the measured window opened.
    """

    source: str
    measured: float | None
    bound: float
    unit: str
    message: str
    from_s: float | None = None
    to_s: float | None = None

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


@dataclass(frozen=True, slots=True)
class Threshold:
    """An expression, and whether the load ends once it is broken.

    Attributes:
        expression: such as ``'error_rate<5%'``.
        abort_on_fail: whether its load ends then; ``'all'``: every load that is made together with it.
        delay_s: from when on that is looked at, in seconds after the measured window opened.

    Raises:
        ConfigurationError: the expression is wrong, or a value is none of these.
    """

    __test__ = False

    expression: str
    abort_on_fail: bool | Literal["all"] = False
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        limit = parse_expression(self.expression)
        if self.abort_on_fail != "all" and not isinstance(self.abort_on_fail, bool):
            raise ConfigurationError(f"abort_on_fail must be True, False or 'all', not {self.abort_on_fail!r}")
        if limit.ends and (self.abort_on_fail or self.delay_s):
            raise ConfigurationError(f"threshold {self.expression!r} says itself that it aborts: say it once")
        delay_s = _checked_limit("delay_s", self.delay_s)
        if delay_s and not self.abort_on_fail:
            raise ConfigurationError("delay_s is when a limit begins to abort: give it with abort_on_fail")
        object.__setattr__(self, "delay_s", delay_s)
        parse_expression(self.text)

    @property
    def text(self) -> str:
        """The same in one line: ``error_rate<5%, abort after 20s``."""
        if not self.abort_on_fail:
            return self.expression
        delay = f" after {Decimal(repr(self.delay_s)).normalize():f}s" if self.delay_s else ""
        return f"{self.expression.strip()}, abort{' all' if self.abort_on_fail == 'all' else ''}{delay}"


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
        expressions: further limits such as ``'p(99.9)<250'``, or as a :class:`Threshold`, which becomes such a
            text; see ``docs/thresholds.md``.

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
    expressions: Sequence[str | Threshold] = ()

    def __post_init__(self) -> None:
        if isinstance(self.expressions, str | bytes | Threshold) or not isinstance(self.expressions, Iterable):
            raise ConfigurationError(f"expressions is a list of texts: write [{self.expressions!r}]")
        texts = tuple(each.text if isinstance(each, Threshold) else each for each in self.expressions)
        for text in texts:
            parse_expression(text)
        object.__setattr__(self, "expressions", texts)
        for name in _FIELD_LIMITS:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _checked_limit(name, value))

    def limits(self) -> tuple[Limit, ...]:
        """All limits that are set, fields first."""
        set_fields = [
            Limit(field.name, *_FIELD_LIMITS[field.name], getattr(self, field.name))
            for field in fields(self)
            if field.name in _FIELD_LIMITS and getattr(self, field.name) is not None
        ]
        return (*set_fields, *(parse_expression(str(expression)) for expression in self.expressions))

    def check_measurable(
        self,
        *,
        batched: bool,
        open_loop: bool = False,
        duration_s: float | None = None,
        parts: Sequence[str] | None = None,
        is_one_run: bool = True,
    ) -> None:
        """Refuse, before anything runs, what the run to come cannot measure.

        Args:
            batched: whether several calls are timed together.
            open_loop: whether attempts begin by a schedule of arrivals.
            duration_s: how long the load lasts; None where that is not known, or there are several one after the other.
            parts: names of the requests; None where only the run will show them.
            is_one_run: whether it is made in one piece, not in several processes one after the other.

        Raises:
            ConfigurationError: a percentile of single calls is limited, but calls are timed in batches; a figure
                of arrivals, but there are none; windows that the run does not have, or requests that it does not make.
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
            if limit.ends and not is_one_run:
                raise ConfigurationError(
                    f"threshold {limit.source!r}: 'abort' ends a run under way, and this one is made in several "
                    "processes, one after the other: leave it out"
                )
            check_window(limit, duration_s)
            _check_part(limit, parts)


def _check_part(limit: Limit, parts: Sequence[str] | None) -> None:
    if limit.part is None or parts is None:
        return
    if len(parts) <= 1:
        raise ConfigurationError(
            f"threshold {limit.source!r}: there are no requests of several names here: leave out {{{limit.part}}}"
        )
    if limit.part not in parts:
        close = get_close_matches(limit.part, parts, n=1)
        meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(map(repr, parts))}"
        raise ConfigurationError(f"threshold {limit.source!r}: no request is called {limit.part!r}; {meant}")


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
    found = (violation_of(limit, record, metrics) for limit in threshold.limits())
    return tuple(violation for violation in found if violation is not None)


def violation_of(
    limit: Limit,
    record: RunRecord,
    metrics: PerformanceMetrics,
    *,
    until_ns: int | None = None,
    from_ns: int = 0,
    if_unknown: bool = True,
) -> Violation | None:
    """How ``record`` breaks ``limit``; None where it keeps it.

    Args:
        limit: what is to hold.
        record: of the run.
        metrics: its figures.
        until_ns, from_ns: when windows are to have ended, as :func:`worst_window` has it.
        if_unknown: whether what could not be measured breaks it.
    """
    worst = None if limit.window_s is None else worst_window(limit, record, until_ns=until_ns, from_ns=from_ns)
    value = limit.metric.value(record, metrics) if worst is None else worst.value
    if limit.holds(value) or (math.isnan(value) and not if_unknown):
        return None
    return _violation(limit, value, worst)


def _violation(limit: Limit, value: float, worst: Worst | None = None) -> Violation:
    unit, bound = limit.metric.unit, limit.bound
    span: tuple[float, float] | tuple[None, None] = (None, None)
    where = ""
    if worst is not None and not math.isnan(value):
        span = (worst.from_s, worst.to_s)
        others = f", the worst of {worst.broken:,} windows" if worst.broken > 1 else ""
        where = f" from {worst.from_s:g} s to {worst.to_s:g} s{others}"
    if math.isnan(value):
        message = f"{limit.metric.label} could not be measured in this run; it is held against the limit of "
        message += bound_text(limit)
    elif math.isinf(value):
        message = f"{limit.metric.label} falls among dropped arrivals, which count as infinite: it "
        message += f"{_BREAKS[limit.sign]} the limit of {bound_text(limit)}"
    else:
        # The figure first, for it is what is left where a line is cut.
        message = f"{limit.metric.label.replace(' latency', '', 1)} {against(limit, value)}"
    text = f"{message}{where} ({limit.source})"
    return Violation(limit.source, value if math.isfinite(value) else None, bound, unit, text, *span)
