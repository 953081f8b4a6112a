"""Which points of a run history are changes, and whether the newest is what the ones before it foresee."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from paceline.records.history import HistoryPoint, Series
from paceline.records.quantities import Quantity
from paceline.stats.change_point import LEAST_POINTS, change_points
from paceline.stats.intervals import prediction_interval

# The smallest change of a level that is named. Levels are medians of six sessions and more, so that smaller steps show
# than a single session could prove (there 5 % is asked for), and naming one fails nothing. Of steps of 3 % at a spread
# of 2 % 241 of 300 are found (`python -m tests.quality change_points`).
_LEAST_CHANGE = 0.02
# A tenth of the smallest change that is named: noise below it would make every rounding a change.
_SCALES_IN_LEAST_CHANGE = 10
LEAST_SESSIONS = 2 * LEAST_POINTS  # below there can be no two levels
_NEWEST_TAIL = 0.005  # beyond each end of the interval of the newest: together 1 % of sessions without a change
_LEAST_FORESEEING = 8  # points; with fewer the interval is wider than what anybody wants to find


@dataclass(frozen=True)
class LevelChange:
    """A change that stayed.

    Attributes:
        at: index of the first point of the new level.
        point: that point.
        before, after: medians of the two levels, in the quantity's unit.
        sessions_before, sessions_after: how many points each level has.
        change: from ``before`` to ``after``: a share of ``before``; for a quantity without ratio the difference.
        worse: whether it is no improvement.
    """

    at: int
    point: HistoryPoint
    before: float
    after: float
    sessions_before: int
    sessions_after: int
    change: float
    worse: bool


@dataclass(frozen=True)
class Newest:
    """The newest points against those before them on the same level.

    Attributes:
        low, high: where 99 of 100 further sessions of that level fall, in the quantity's unit.
        foreseen_by: how many points that rests on.
        outside: how many of the newest points, without a gap, lie beyond the same end.
        change: of the newest from the median of the level, as in :class:`LevelChange`.
        worse: whether that is no improvement.
    """

    low: float
    high: float
    foreseen_by: int
    outside: int
    change: float
    worse: bool


@dataclass(frozen=True)
class HistoryTrend:
    """A series and what was concluded from it.

    Attributes:
        series: with the points that were judged.
        level: median of the newest level; None without points.
        changes: oldest first.
        withheld: apparent changes that are within what the series does by wandering.
        correlation: of successive sessions, where it withheld any.
        newest: None where too few points stand before them.
        unusable: points that are left out because a ratio to them means nothing (0 or less).
    """

    series: Series
    level: float | None
    changes: tuple[LevelChange, ...]
    withheld: int
    correlation: float
    newest: Newest | None
    unusable: int


def judge_trend(series: Series) -> HistoryTrend:
    """Find the changes in ``series``. No point is compared with one of another branch, machine or definition."""
    quantity = series.quantity
    points = [point for point in series.points if math.isfinite(point.value)]
    points = [point for point in points if point.value > 0 or not quantity.is_ratio]
    scaled = [_scaled(quantity, point.value) for point in points]
    found = change_points(scaled, _least_change(quantity) / _SCALES_IN_LEAST_CHANGE)
    positions = _large_enough(scaled, found.positions, _least_change(quantity))
    begin = positions[-1] if positions else 0
    return HistoryTrend(
        series=replace(series, points=tuple(points)),
        level=_unscaled(quantity, median(scaled[begin:])) if scaled else None,
        changes=_changes(quantity, points, scaled, positions),
        withheld=found.withheld,
        correlation=found.correlation,
        newest=_newest(quantity, scaled[begin:]),
        unusable=len(series.points) - len(points),
    )


def _least_change(quantity: Quantity) -> float:
    """The smallest that is named, on the scale of :func:`_scaled`."""
    return math.log1p(_LEAST_CHANGE) if quantity.least_difference is None else quantity.least_difference


def _scaled(quantity: Quantity, value: float) -> float:
    return math.log(value) if quantity.is_ratio else value


def _unscaled(quantity: Quantity, value: float) -> float:
    # An interval may reach beyond what a float holds: then it says nothing at that end.
    if not quantity.is_ratio:
        return value
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _large_enough(scaled: Sequence[float], positions: Sequence[int], least: float) -> list[int]:
    """``positions`` without the changes below ``least``: the smallest goes first, and its levels become one."""
    kept = list(positions)
    while kept:
        levels = [median(scaled[begin:end]) for begin, end in pairwise((0, *kept, len(scaled)))]
        sizes = [abs(after - before) for before, after in pairwise(levels)]
        smallest = min(range(len(kept)), key=sizes.__getitem__)
        if sizes[smallest] >= least:
            break
        del kept[smallest]
    return kept


def _changes(
    quantity: Quantity, points: Sequence[HistoryPoint], scaled: Sequence[float], positions: Sequence[int]
) -> tuple[LevelChange, ...]:
    changes = []
    for begin, at, end in zip((0, *positions), positions, (*positions[1:], len(scaled)), strict=False):
        before, after = median(scaled[begin:at]), median(scaled[at:end])
        changes.append(
            LevelChange(
                at=at,
                point=points[at],
                before=_unscaled(quantity, before),
                after=_unscaled(quantity, after),
                sessions_before=at - begin,
                sessions_after=end - at,
                change=_change(quantity, after - before),
                worse=_is_worse(quantity, after - before),
            )
        )
    return tuple(changes)


def _newest(quantity: Quantity, level: Sequence[float]) -> Newest | None:
    """Those that are too few to be a level of their own yet, against the rest of ``level``."""
    foreseeing = level[: 1 - LEAST_POINTS]
    if len(foreseeing) < _LEAST_FORESEEING:
        return None
    interval = prediction_interval(foreseeing, _NEWEST_TAIL)
    # A level without any spread foresees nothing but itself: what differs from it by less than counts is inside.
    low = min(interval.low, median(foreseeing) - _least_change(quantity))
    high = max(interval.high, median(foreseeing) + _least_change(quantity))
    newest = level[len(foreseeing) :]
    outside = 0
    for value in reversed(newest):
        same_end = value > high if newest[-1] > high else value < low
        if not same_end:
            break
        outside += 1
    difference = level[-1] - median(foreseeing)
    return Newest(
        low=_unscaled(quantity, low),
        high=_unscaled(quantity, high),
        foreseen_by=len(foreseeing),
        outside=outside,
        change=_change(quantity, difference),
        worse=_is_worse(quantity, difference),
    )


def _change(quantity: Quantity, difference: float) -> float:
    return _unscaled(quantity, difference) - 1 if quantity.is_ratio else difference


def _is_worse(quantity: Quantity, difference: float) -> bool:
    return (difference < 0) == quantity.higher_is_better
