"""Is it chance? Levels for many tests at once, and tests of what the other rooms assume of their values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise
from statistics import fmean

_MOST_EXACT = 60  # points; the exact count of orders grows with the fourth power, and the normal curve is close by then


def holm_tails(p_values: Sequence[float], alpha: float) -> tuple[float, ...]:
    """The level each of many one-sided tests is held at, so that one false alarm among all has at most ``alpha``.

    Holm's step-down: the smallest p-value is held against alpha / m, the next one against alpha / (m - 1), and so on up
    to the first that does not pass; the rest is held at that one's level. Interval ends with these tails say the same
    as the step-down itself: p <= tail where, and only where, it rejects.

    Args:
        p_values: one-sided, in any order and of any dependence; 1 for a test that could not be computed.
        alpha: for all of them together.

    Returns:
        A level each, in the order of ``p_values``; equal for equal p-values.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979) 65-70.
    """
    count = len(p_values)
    level, passing = 0.0, True
    levels: dict[float, float] = {}  # of equal p-values the last: they pass, or fail, together
    for place, p_value in enumerate(sorted(p_values)):
        if passing:
            level = alpha / (count - place)
            passing = p_value <= level
        levels[p_value] = level
    return tuple(levels[p_value] for p_value in p_values)


@dataclass(frozen=True, slots=True)
class Correlation:
    """Of each value with the one before it.

    Attributes:
        coefficient: in [-1, 1]; slightly below 0 for independent values.
        p_value: one-sided, of 'no more alike than independent values'.
    """

    coefficient: float
    p_value: float


def lag1_correlation(values: Sequence[float]) -> Correlation | None:
    """How much neighbours in time are alike; None for fewer than four values or all equal ones.

    For independent normal values the coefficient has mean -1/n and variance (n - 2)^2 / (n^2 (n - 1)), exactly; the
    p-value takes its distribution as normal. Source: Moran, Biometrika 35 (1948) 255-260.
    """
    count, least = len(values), 4
    if count < least:
        return None
    centre = fmean(values)
    away = [value - centre for value in values]
    total = math.fsum(each * each for each in away)
    if not total > 0:
        return None
    coefficient = math.fsum(one * other for one, other in pairwise(away)) / total
    spread = (count - 2) / (count * math.sqrt(count - 1))
    return Correlation(coefficient, normal_tail((coefficient + 1 / count) / spread))


def trend_p_value(values: Sequence[float]) -> float | None:
    """Two-sided p-value of Kendall's rank test of ``values`` against time; None for fewer than five.

    Source: Mann, Econometrica 13 (1945) 245-259; Kendall, Rank Correlation Methods (1948).
    """
    least = 5  # with four the smallest p is 0.08
    if len(values) < least:
        return None
    score = sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))
    return kendall_p_value(len(values), score)


def kendall_p_value(count: int, score: int) -> float:
    """Two-sided probability of a Kendall score at least as far from 0, if order were random (no ties).

    Exact up to 60 points; beyond, the normal curve with variance n (n - 1) (2n + 5) / 18 and continuity correction.
    """
    if count > _MOST_EXACT:
        spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
        return min(1.0, 2 * normal_tail((abs(score) - 1) / spread))
    inversions = orders_by_inversions(count)
    most = count * (count - 1) // 2
    # score = concordant - discordant = most - 2 * discordant. Ties can make the difference odd: rounded up, the
    # probability is never below the exact one of the tied ranks (rounded down it can be half of it).
    discordant = (most - abs(score) + 1) // 2
    return min(1.0, 2 * sum(inversions[: discordant + 1]) / math.factorial(count))


@cache
def orders_by_inversions(count: int) -> tuple[int, ...]:
    """How many orders of ``count`` things have 0, 1, 2, ... inversions (Mahonian numbers)."""
    if count <= 1:
        return (1,)
    shorter = orders_by_inversions(count - 1)
    length = len(shorter) + count - 1
    return tuple(sum(shorter[max(0, k - count + 1) : k + 1]) for k in range(length))


def normal_tail(z: float) -> float:
    """P(Z >= z) of the standard normal distribution."""
    return math.erfc(z / math.sqrt(2)) / 2
