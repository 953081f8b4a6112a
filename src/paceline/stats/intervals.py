"""Intervals that say what confidence they really reached."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, either of them infinite where the data say nothing.

    Attributes:
        low, high: its ends.
        confidence: two-sided, as reached, in [0, 1]; at least what was asked for.
    """

    low: float
    high: float
    confidence: float

    @property
    def mirrored(self) -> "Interval":
        """The interval of the negated quantity."""
        return Interval(-self.high, -self.low, self.confidence)


NOTHING_KNOWN = Interval(-math.inf, math.inf, 1.0)


def binomial_tail(most: int, trials: int) -> float:
    """P(X <= most) of ``trials`` fair coins: exact."""
    ways, total = 1, 0
    for hits in range(most + 1):
        total += ways
        ways = ways * (trials - hits) // (hits + 1)
    return float(total / 2**trials)


def sign_rank(trials: int, tail: float) -> int:
    """The rank r whose order statistics bound the median with at most ``tail`` beyond each; 0 if there is none.

    The interval from the r-th smallest to the r-th largest of ``trials`` values misses the median of a continuous
    distribution on either side with probability P(Binomial(trials, 1/2) <= r - 1), whatever its shape (Thompson,
    Ann. Math. Statist. 7 (1936) 122).
    """
    rank, beyond = 0, 0
    for hits in range(trials // 2 + 1):
        beyond += math.comb(trials, hits)
        if beyond > tail * 2**trials:
            break
        rank = hits + 1
    return rank


def sign_interval(values: Sequence[float], tail: float) -> Interval:
    """Interval of the median of what ``values`` are drawn from; no distribution is assumed.

    Args:
        values: independent observations.
        tail: probability allowed beyond each end, at most 0.5.

    Returns:
        The narrowest pair of order statistics that keeps to ``tail``; infinite where there are too few values.
    """
    count = len(values)
    rank = sign_rank(count, tail)
    if not rank:
        return NOTHING_KNOWN
    ordered = sorted(values)
    return Interval(ordered[rank - 1], ordered[count - rank], 1 - 2 * binomial_tail(rank - 1, count))


def sign_p(values: Sequence[float], shift: float = 0.0) -> float:
    """One-sided p-value of 'the median is at most ``shift``'; values equal to ``shift`` speak for it."""
    return binomial_tail(sum(1 for value in values if value <= shift), len(values))


def prediction_interval(values: Sequence[float], tail: float) -> Interval:
    """Where one further observation of the normal distribution of ``values`` falls.

    mean -+ t(n - 1) * s * sqrt(1 + 1/n); see Hahn & Meeker, Statistical Intervals (1991), section 4.4.

    Args:
        values: independent observations; on a log scale for what is a ratio.
        tail: probability allowed beyond each end.
    """
    count = len(values)
    if count < 2:  # noqa: PLR2004  # one value has no spread
        return NOTHING_KNOWN
    half = student_quantile(1 - tail, count - 1) * stdev(values) * math.sqrt(1 + 1 / count)
    centre = fmean(values)
    return Interval(centre - half, centre + half, 1 - 2 * tail)


def student_quantile(probability: float, degrees: float) -> float:
    """The quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def proportion_interval(hits: int, trials: int, tail: float) -> Interval:
    """Interval of a probability of which ``hits`` of ``trials`` were seen (Clopper & Pearson, Biometrika 26, 1934).

    Args:
        hits: how often it came true.
        trials: out of how many.
        tail: probability allowed beyond each end; for a one-sided bound take that end.
    """
    from scipy.special import betaincinv

    low = float(betaincinv(hits, trials - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return Interval(low, high, 1 - 2 * tail)
