"""Where the level of a series changed: an exact optimal partition under the L1 norm, with a guard against wandering.

A series of sessions is noise of unknown size around levels that stay for a while, with spikes, and with neighbours
that resemble each other. What is done about each was found by simulation: ``tests/quality/change_points.py``.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappush, heappushpop
from itertools import pairwise
from statistics import median

# Shorter segments are spikes that happened to be neighbours; the newest points are judged one by one instead.
LEAST_POINTS = 6
# 3 log n of the 300 points a trend is of, and no less for fewer: their scale is known less well, not better.
PENALTY = 3 * math.log(300)
# Of the median of normal |x[i+1] - x[i]| to their standard deviation: 0.6745 sqrt(2). Of the mean: 2 / sqrt(pi).
_MEDIAN_STEP = 0.674489750196 * math.sqrt(2)
_MEAN_STEP = 2 / math.sqrt(math.pi)
# Points further than this many scales from the median of the eleven around them count as no further: as many as make
# the shortest level their majority.
_FAR = 3.0
_NEIGHBOURS = LEAST_POINTS - 1
_MOST_CORRELATION = 0.98  # where the penalty is 700 times as high: it would be divided by 0 at 1


@dataclass(frozen=True, slots=True)
class ChangePoints:
    """What :func:`change_points` found.

    Attributes:
        positions: indices of the first point of each new level, ascending.
        withheld: how many more the plain penalty would have named, had neighbours not resembled each other.
        correlation: lag-1 correlation around the levels, where it raised the penalty; else 0.
    """

    positions: tuple[int, ...]
    withheld: int = 0
    correlation: float = 0.0


def change_points(values: Sequence[float], least_scale: float) -> ChangePoints:
    """Where the level of ``values`` changed.

    The partition that minimises sum |x - median of its segment| / scale + penalty for each change; scale is the
    standard deviation estimated from the median absolute difference of successive points, which levels do not touch.

    A series that wanders by itself (AR(1), rho = 0.8) has such 'changes' in 96 of 100 cases. So the penalty is
    raised by what the correlation r of the residuals says: n points are worth n (1 - r) / (1 + r) independent ones
    (Bayley and Hammersley, JRSS Suppl. 8 (1946) 184), and the scale from differences is short by sqrt(1 - r).
    Fewer levels leave more correlation, so this is repeated until it stands. Steps far above the wandering stay.

    Args:
        values: in time order, finite; logarithms of what is a ratio.
        least_scale: of the noise, in the unit of ``values``: below it points are equal.
    """
    if len(values) < 2 * LEAST_POINTS:
        return ChangePoints(())
    scale = noise_scale(values, least_scale)
    scaled = [value / scale for value in _without_spikes(values, scale)]
    positions = candidates = optimal_partition(scaled, PENALTY, LEAST_POINTS)
    correlation = 0.0
    while positions:
        found = min(_lag_1_correlation(_residuals(scaled, positions)), _MOST_CORRELATION)
        if found <= correlation:
            break
        correlation = found
        factor = (1 + correlation) / (1 - correlation) / math.sqrt(1 - correlation)
        positions = optimal_partition(scaled, PENALTY * factor, LEAST_POINTS)
    withheld = len(candidates) - len(positions)
    return ChangePoints(positions, withheld, correlation if withheld else 0.0)


def noise_scale(values: Sequence[float], least_scale: float) -> float:
    """Standard deviation of the noise in ``values``, from the differences of successive points.

    Their median, or, where half of them are 0 (figures that are rounded, or stand still), their mean.
    """
    steps = [abs(later - earlier) for earlier, later in pairwise(values)]
    scale = median(steps) / _MEDIAN_STEP or sum(steps) / len(steps) / _MEAN_STEP
    return max(scale, least_scale)


def optimal_partition(values: Sequence[float], penalty: float, least_points: int) -> tuple[int, ...]:
    """First indices of all segments but the first, where cost and penalties together are smallest.

    Dynamic programming over all segments (Jackson et al., IEEE Signal Processing Letters 12 (2005) 105): what PELT
    finds (Killick et al., JASA 107 (2012) 1590) without its pruning, which is not exact for a least length and saves
    nothing where few changes are. 300 points take 16 ms, ``import ruptures`` a second, its PELT half a second.

    Args:
        values: finite.
        penalty: for each change, in the unit of ``values``.
        least_points: of a segment.
    """
    count = len(values)
    least_cost = [math.inf] * (count + 1)  # of the values before an index
    least_cost[0] = -penalty
    begins = [0] * (count + 1)
    for begin in range(count - least_points + 1):
        before = least_cost[begin] + penalty
        if before == math.inf:
            continue
        for end, cost in enumerate(_costs_from(values, begin), start=begin + 1):
            if end - begin >= least_points and before + cost < least_cost[end]:
                least_cost[end] = before + cost
                begins[end] = begin
    positions = []
    end = begins[count]
    while end:
        positions.append(end)
        end = begins[end]
    return tuple(reversed(positions))


def _costs_from(values: Sequence[float], begin: int) -> Iterator[float]:
    """The cost of ``values[begin:end]`` for each ``end``, in n log n for all: the median lies between two heaps."""
    low: list[float] = []  # the smaller half, negated; one more than the larger half where the number is odd
    high: list[float] = []
    low_sum = high_sum = 0.0
    for value in values[begin:]:
        if len(low) == len(high):
            moved = heappushpop(high, value)
            high_sum += value - moved
            heappush(low, -moved)
            low_sum += moved
            yield high_sum - low_sum - low[0]
        else:
            moved = -heappushpop(low, -value)
            low_sum += value - moved
            heappush(high, moved)
            high_sum += moved
            yield high_sum - low_sum


def _without_spikes(values: Sequence[float], scale: float) -> list[float]:
    """``values`` no further than 3 scales from the median of the points around each (Hampel's filter).

    Under the L1 norm a spike costs as much as it is high: two of them near each other would buy a segment. A step
    passes unharmed, for the running median steps where it does.
    """
    clipped = []
    for place, value in enumerate(values):
        middle = median(values[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS + 1])
        clipped.append(min(max(value, middle - _FAR * scale), middle + _FAR * scale))
    return clipped


def _residuals(values: Sequence[float], positions: Sequence[int]) -> list[float]:
    residuals: list[float] = []
    for begin, end in pairwise((0, *positions, len(values))):
        level = median(values[begin:end])
        residuals += [value - level for value in values[begin:end]]
    return residuals


def _lag_1_correlation(residuals: Sequence[float]) -> float:
    squares = sum(value * value for value in residuals)
    return sum(one * other for one, other in pairwise(residuals)) / squares if squares else 0.0
