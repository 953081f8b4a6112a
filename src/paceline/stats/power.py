"""What a comparison would have found: the smallest change that shows, and how much more of it would show less."""

import math
from collections.abc import Sequence
from functools import cache
from typing import Final

from paceline.stats.intervals import sign_rank, student_quantile

POWER: Final = 0.8  # the share of runs that a change must be found in to be called visible
_DRAWS = 1_000  # of the bootstrap: its 80 % point then moves by 4 % of what it is, in sd
_NORMAL_80 = 0.8416212335729143  # the normal distribution's 80 % point


def smallest_visible_in_pairs(values: Sequence[float], tail: float, min_effect: float, *, seed: int = 0) -> float:
    """The smallest worsening that pairs spread like ``values`` would show in 80 % of runs.

    The pairs, centred on their median, are drawn anew with replacement, as many as there are. A shift is found in a
    draw where it lifts both the lower order statistic of the sign interval above 0 and the median to ``min_effect``:
    the smallest such shift can be told from the draw, and the answer is the 80 % point of that over all draws.

    Args:
        values: one a pair, on the scale of ``min_effect`` (log ratios, or differences).
        tail: probability allowed beyond each end of the interval.
        min_effect: below which a change is not called one.
        seed: of the draws.

    Returns:
        A shift of at least ``min_effect``; infinite where there are too few pairs for an interval.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapter 25.
    """
    import numpy as np

    count = len(values)
    rank = sign_rank(count, tail)
    if not rank:
        return math.inf
    centred = np.asarray(values) - np.median(values)
    places = np.random.default_rng(seed).integers(0, count, (_DRAWS, count))
    drawn = np.sort(centred[places], axis=1)
    medians = (drawn[:, (count - 1) // 2] + drawn[:, count // 2]) / 2
    needed = np.maximum(-drawn[:, rank - 1], min_effect - medians)
    return max(min_effect, float(np.quantile(needed, POWER)))


def smallest_visible_in_sessions(sd: float, sessions: int, tail: float, min_effect: float) -> float:
    """The smallest worsening of one further session that would be found in 80 % of runs.

    Found is what lies above the one-sided prediction interval over ``sessions`` and is at least ``min_effect``. In
    units of sd * sqrt(1 + 1/n) the statistic is noncentral t with n - 1 degrees of freedom; its noncentrality is solved
    for. At a tail of 1 % that is 5.3 / 3.9 / 3.5 sd for 5 / 10 / 20 sessions.

    Args:
        sd: standard deviation between sessions, on the scale of ``min_effect``.
        sessions: that the interval is over.
        tail: probability allowed beyond the interval's end.
        min_effect: below which a change is not called one.

    Returns:
        A shift of at least ``min_effect``; infinite for fewer than two sessions.

    Source: Hahn & Meeker, Statistical Intervals (1991), section 4.4.
    """
    if sessions < 2:  # noqa: PLR2004  # one session has no spread
        return math.inf
    return smallest_visible_shift(sd * math.sqrt(1 + 1 / sessions), sessions - 1, tail, min_effect)


def smallest_visible_shift(error: float, degrees: float, tail: float, min_effect: float) -> float:
    """The smallest shift that a t test finds in 80 % of runs, itself estimated to be at least ``min_effect``.

    Args:
        error: standard error of the estimate.
        degrees: of freedom it was estimated with.
        tail: probability allowed beyond the interval's end.
        min_effect: below which a change is not called one.
    """
    # The estimate itself, with standard deviation ``error`` around the shift, has to reach min_effect too.
    return max(_noncentrality(round(degrees, 1), tail) * error, min_effect + _NORMAL_80 * error)


@cache
def _noncentrality(degrees: float, tail: float) -> float:
    """Of the t distribution that exceeds the critical value in 80 % of runs."""
    from scipy.special import nctdtrinc

    # Beside a root of nctdtr by brentq, for 2 degrees and more and tails down to 1e-6: within 3e-5 of it, in a fifth of
    # the time, and without scipy.optimize, which takes 0.15 s to import.
    return float(nctdtrinc(degrees, 1 - POWER, student_quantile(1 - tail, degrees)))


def pairs_needed(pairs: int, visible: float, wanted: float) -> int:
    """About how many pairs would show ``wanted`` where ``pairs`` show ``visible``: errors shrink with the square root.

    As rough as ``visible`` is: of 20 pairs that need 66, 80 % say 30 to 144 (tests/quality/results/duets.txt).

    Args:
        pairs: that there were.
        visible: the smallest change they show, or half the width of their interval.
        wanted: what is to be shown, or the half-width that would be enough; on the same scale, above 0.
    """
    return math.ceil(pairs * max(1.0, visible / wanted) ** 2)
