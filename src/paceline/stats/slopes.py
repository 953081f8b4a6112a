"""The slope of a series over time, with an interval that knows that neighbours are alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from paceline.stats.intervals import Interval, student_quantile

_LEAST_POINTS = 8
# Residuals of a line are less alike than what they are residuals of: on average by about (2 + 4 r) / n, where those of
# a mean are by (1 + 3 r) / n (Kendall, Biometrika 41 (1954) 403). So much is given back.
_BIAS = (2.0, 4.0)
_MOST_ALIKE = 0.95


@dataclass(frozen=True, slots=True)
class Slope:
    """A straight line through a series.

    Attributes:
        per_unit: its rise in a unit of time.
        interval: of that.
        level: of the line in the middle of the series.
        correlation: of neighbouring residuals, as it was reckoned with: 0 and more.
    """

    per_unit: float
    interval: Interval
    level: float
    correlation: float


def slope(times: Sequence[float], values: Sequence[float], tail: float) -> Slope | None:
    """The least-squares line through ``values`` at ``times``.

    Neighbours that are alike say less than as many independent values. The variance of the slope is widened as for
    residuals of a first-order autoregression, by (1 + r) / (1 - r), and the degrees of freedom are those of the
    independent values that are left (Santer et al., J. Geophys. Res. 105 (2000) 7337, section 3).

    Args:
        times: in any unit, evenly spaced or nearly so, ascending.
        values: finite, one each.
        tail: probability allowed beyond each end of the interval.

    Returns:
        None for fewer than eight points, or fewer than three independent ones' worth.
    """
    count = len(values)
    if count < _LEAST_POINTS:
        return None
    middle, level = fmean(times), fmean(values)
    away = [time - middle for time in times]
    spread = math.fsum(each * each for each in away)
    per_unit = math.fsum(each * (value - level) for each, value in zip(away, values, strict=True)) / spread
    residuals = [value - level - per_unit * each for each, value in zip(away, values, strict=True)]
    squares = math.fsum(each * each for each in residuals)
    correlation = 0.0
    if squares > 0:
        seen = math.fsum(one * other for one, other in pairwise(residuals)) / squares
        correlation = min(max((seen * count + _BIAS[0]) / (count - _BIAS[1]), 0.0), _MOST_ALIKE)
    independent = count * (1 - correlation) / (1 + correlation)
    freedom = independent - 2
    if freedom < 1:
        return None
    error = math.sqrt(squares / freedom / spread)
    half = student_quantile(1 - tail, freedom) * error
    return Slope(per_unit, Interval(per_unit - half, per_unit + half, 1 - 2 * tail), level, correlation)
