"""Is a run steady? A trend test on the medians of consecutive blocks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from statistics import median


@dataclass(frozen=True, slots=True)
class Trend:
    """A monotone drift over a series.

    Attributes:
        relative_change: from the first to the last point along the fitted line, as a share of the median.
        p_value: two-sided, exact, of Kendall's rank test against time.
    """

    relative_change: float
    p_value: float


def trend(points: Sequence[float]) -> Trend | None:
    """The Mann-Kendall trend of ``points`` in time order, with the Theil-Sen slope as its size.

    Ranks, not values: a single outlier can neither make nor hide a trend. ``None`` for fewer than five
    points or a median of 0, where nothing can be said.

    Source: Kendall, Rank Correlation Methods (1948); Theil (1950), Sen, JASA 63 (1968) 1379-1389.
    """
    least = 5  # with four points the smallest two-sided p is 0.08
    centre = median(points) if points else 0.0
    if len(points) < least or centre <= 0:
        return None
    pairs = list(combinations(range(len(points)), 2))
    score = sum((points[j] > points[i]) - (points[j] < points[i]) for i, j in pairs)
    slope = median((points[j] - points[i]) / (j - i) for i, j in pairs)
    return Trend(
        relative_change=slope * (len(points) - 1) / centre,
        p_value=_kendall_p_value(len(points), score),
    )


def _kendall_p_value(count: int, score: int) -> float:
    """Two-sided probability of a Kendall score at least as far from 0, if order were random (no ties)."""
    inversions = _inversions(count)
    most = count * (count - 1) // 2
    # score = concordant - discordant = most - 2 * discordant. Ties can make the difference odd: rounded up, the
    # probability is never below the exact one of the tied ranks (rounded down it can be half of it).
    discordant = (most - abs(score) + 1) // 2
    tail = sum(inversions[: discordant + 1])
    return min(1.0, 2.0 * tail / math.factorial(count))


@cache
def _inversions(count: int) -> tuple[int, ...]:
    """How many orders of ``count`` things have 0, 1, 2, ... inversions (Mahonian numbers)."""
    if count <= 1:
        return (1,)
    shorter = _inversions(count - 1)
    length = len(shorter) + count - 1
    return tuple(sum(shorter[max(0, k - count + 1) : k + 1]) for k in range(length))
