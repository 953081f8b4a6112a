"""How often a change would be found that is known to be there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from paceline.stats.intervals import proportion_interval, sign_rank

CONFIDENCE: Final = 0.9  # two-sided, at least, of the interval of a power
# How much of each end's level is spent on either of the rule's two conditions. That the median reaches the smallest
# effect is in doubt only where the change itself is hardly larger: what is spent there is mostly wasted.
_ON_SIGNS, _ON_MEDIAN = 0.04, 0.01
_DRAWS = 4_000  # of the bootstrap: its standard error is at most 0.8 points


@dataclass(frozen=True, slots=True)
class Power:
    """The share of comparisons that would find a change, in [0, 1], with its interval."""

    share: float
    low: float
    high: float


def power_in_pairs(values: Sequence[float], tail: float, min_effect: float, *, seed: int = 0) -> Power:
    """How often pairs like these would be called slower by the rule of the duet.

    The rule: the lower order statistic of the sign interval is above 0, and the median is at least ``min_effect``. The
    estimate is the share of bootstrap samples that satisfy it (Efron & Tibshirani, An Introduction to the Bootstrap,
    1993, chapter 25).

    The interval assumes nothing of the distribution. How many of n pairs are not above 0, and how many below
    ``min_effect``, is binomial; each condition holds if that count is small enough, with a probability that falls as
    the count's own grows. So the exact bounds of the two proportions (Clopper & Pearson, 1934) are bounds of the two
    probabilities. Both conditions hold together at least as often as if they had nothing to do with each other, for
    both come true when values are high (Harris, 1960), and at most as often as the rarer one. Bootstrapping the
    bootstrap would be narrower and wrong: where every pair finds the change it says 100 % to 100 %.

    Args:
        values: one a pair, of a comparison in which the change is there (log ratios, worse upwards).
        tail: probability allowed beyond the interval's end.
        min_effect: below which a change is not called one, on the same scale.
        seed: of the draws.
    """
    import numpy as np

    count = len(values)
    rank = sign_rank(count, tail)
    if not rank:
        return Power(0.0, 0.0, 0.0)  # so few pairs never prove anything
    observed = np.asarray(values)
    drawn = np.sort(observed[np.random.default_rng(seed).integers(0, count, (_DRAWS, count))], axis=1)
    medians = (drawn[:, (count - 1) // 2] + drawn[:, count // 2]) / 2
    share = float(np.mean((drawn[:, rank - 1] > 0) & (medians >= min_effect)))
    signs = proportion_interval(int(np.sum(observed <= 0)), count, _ON_SIGNS)
    small = proportion_interval(int(np.sum(observed < min_effect)), count, _ON_MEDIAN)
    # With an even number the median lies between two values: one more below may be enough, one less is.
    low = _at_most(rank - 1, count, signs.high) * _at_most((count - 1) // 2, count, small.high)
    high = min(_at_most(rank - 1, count, signs.low), _at_most(count // 2, count, small.low))
    return Power(share, min(low, share), max(high, share))


def _at_most(most: int, trials: int, probability: float) -> float:
    """P(X <= most) of so many trials."""
    from scipy.special import bdtr

    return float(bdtr(most, trials, probability))
