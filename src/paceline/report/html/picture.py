"""Small pictures that need no script: a test's latencies against its limit, and changes as a forest plot."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paceline.judge.change import Change
from paceline.judge.result import TestResult
from paceline.report.html.tiles import held_limits

_LEAST_SPAN = 0.1  # log ratio: an axis narrower than that would make noise look like much
_MOST_SPAN = math.log(4)
_USUAL = 0.75  # of the changes are within the axis
_AT_MOST_USUAL = 3.0  # times as far are the others, if they are to be within it too


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis of latencies in ms, from 0 to ``width``."""

    low: float
    high: float
    width: int = 200

    @classmethod
    def over(cls, results: Iterable[TestResult], width: int = 200) -> "Scale | None":
        """The axis that holds the latencies and limits of all ``results``; None where there are none."""
        values = [value for result in results for value in _span(result)]
        logs = [math.log10(value) for value in values if value > 0 and math.isfinite(value)]
        if not logs:
            return None
        low, high = min(logs), max(logs)
        room = max((high - low) * 0.02, 0.05)
        return cls(low - room, high + room, width)

    def at(self, value_ms: float) -> float:
        """Where a value stands, within the axis."""
        if value_ms <= 0:
            return 0.0
        share = (math.log10(value_ms) - self.low) / (self.high - self.low) if math.isfinite(value_ms) else 1.0
        return round(min(max(share, 0.0), 1.0) * self.width, 1)

    @property
    def ticks(self) -> list[tuple[float, float]]:
        """Place and value of the round numbers, at most six."""
        decades = [float(10**power) for power in range(math.ceil(self.low), math.floor(self.high) + 1)]
        most = 6
        step = -(-len(decades) // most) or 1
        return [(self.at(each), each) for each in decades[::step]]


@dataclass(frozen=True)
class Range:
    """A test's latencies on a :class:`Scale`: from its fastest to its p99, the thick part from median to p95."""

    low: float
    median: float
    p95: float
    p99: float
    limits: tuple[tuple[float, bool], ...]


def latency_range(result: TestResult, scale: Scale | None) -> Range | None:
    """None where nothing was ok."""
    metrics = result.metrics
    if scale is None or math.isnan(metrics.median_time_ms):
        return None
    p95 = metrics.median_time_ms if math.isnan(metrics.p95_time_ms) else metrics.p95_time_ms
    p99 = p95 if math.isnan(metrics.p99_time_ms) else metrics.p99_time_ms
    limits = {
        (scale.at(limit.bound), held.broken)
        for limit, held in held_limits(result)
        if limit.metric.unit == "ms" and limit.metric.percentile is not None and limit.bound > 0
    }
    return Range(
        low=scale.at(metrics.min_time_ms),
        median=scale.at(metrics.median_time_ms),
        p95=scale.at(p95),
        p99=scale.at(p99),
        limits=tuple(sorted(limits)),
    )


def _span(result: TestResult) -> Iterable[float]:
    metrics = result.metrics
    yield from (metrics.min_time_ms, metrics.median_time_ms, metrics.p95_time_ms, metrics.p99_time_ms)
    yield from (
        limit.bound
        for limit in (result.threshold.limits() if result.threshold else ())
        if limit.metric.unit == "ms" and limit.metric.percentile
    )


@dataclass(frozen=True)
class ForestRow:
    """One change on the axis of a forest plot: places from 0 (better) to ``width`` (worse); None where unknown.

    Attributes:
        low, estimate, high: of the interval.
        beyond: 1 or -1 where the estimate lies beyond the worse or the better end of the axis.
        dots: single pairs.
    """

    low: float | None
    estimate: float | None
    high: float | None
    beyond: int = 0
    dots: tuple[float, ...] = ()


@dataclass(frozen=True)
class Forest:
    """The axis that all rows share: no change in the middle, worse to the right."""

    span: float
    margin: float | None
    width: int = 240

    @classmethod
    def over(cls, changes: Sequence[Change], margin: float | None) -> "Forest":
        """Wide enough for most intervals: one change of the tenfold must not flatten all the others.

        Args:
            changes: to be shown.
            margin: share within which a change does not matter; None where that is not known.
        """
        reach = sorted(
            max(
                (abs(value) for value in map(_drawn, (each.low, each.high, each.estimate)) if value is not None),
                default=0.0,
            )
            for each in changes
            if each.quantity.is_ratio
        )
        usual = reach[math.ceil(_USUAL * len(reach)) - 1] if reach else 0.0
        widest = reach[-1] if reach and reach[-1] <= _AT_MOST_USUAL * usual else usual
        span = max(widest, 1.5 * math.log1p(margin or 0.0), _LEAST_SPAN)
        return cls(min(span, _MOST_SPAN) * 1.05, margin)

    @property
    def band(self) -> tuple[float, float] | None:
        """From where to where a change does not matter."""
        return None if self.margin is None else (self._at(-math.log1p(self.margin)), self._at(math.log1p(self.margin)))

    def row(self, change: Change, dots: Iterable[float] = ()) -> ForestRow:
        """``change`` on the axis; of a quantity without ratio nothing is drawn.

        Args:
            change: to be shown.
            dots: log ratios of single pairs, signed by the figure itself.
        """
        sign = -1 if change.quantity.higher_is_better else 1
        if not change.quantity.is_ratio:
            return ForestRow(None, None, None)
        ends = [
            None if value is None or math.isnan(value) else self._at(sign * _log(value))
            for value in (change.low, change.estimate, change.high)
        ]
        low, estimate, high = ends[::sign]
        told = sign * _log(change.estimate) if change.estimate is not None else 0.0
        beyond = 0 if abs(told) <= self.span else 1 if told > 0 else -1
        places = tuple(self._at(sign * each) for each in dots if abs(each) <= self.span)
        return ForestRow(low, estimate, high, beyond, places)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Place and text of no change and of a change each way."""
        step = next(each for each in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0) if math.log1p(each) >= self.span / 3)
        return [
            (self._at(-math.log1p(step)), f"{100 * step:g} % better"),
            (self._at(0.0), "0"),
            (self._at(math.log1p(step)), f"{100 * step:g} % worse"),
        ]

    def _at(self, log_ratio: float) -> float:
        return round((min(max(log_ratio / self.span, -1.0), 1.0) + 1) / 2 * self.width, 1)


def _log(share: float) -> float:
    """A share of the base as a log ratio."""
    if share <= -1:
        return -math.inf
    return math.log1p(share) if math.isfinite(share) else math.inf


def _drawn(share: float | None) -> float | None:
    """Its log ratio where it has one."""
    return math.log1p(share) if share is not None and math.isfinite(share) and share > -1 else None
