"""Is a run steady? A trend test on the medians of consecutive blocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from paceline.stats.significance import kendall_p_value


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
        p_value=kendall_p_value(len(points), score),
    )
