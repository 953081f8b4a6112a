"""How much groups of observations differ, and how much the observations within a group."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance


@dataclass(frozen=True, slots=True)
class Levels:
    """Spreads of values as shares of them: 0.02 is 2 %.

    Attributes:
        within: standard deviation of the observations of one group, pooled over groups; None where no group has two.
        between: standard deviation of the groups' means, as seen: what varies within a group is in it, too.
        own: the part of ``between`` that is the groups' own, which more observations within them do not make smaller;
            0 where the observations within explain all. None where ``within`` is.
        p_value: of groups as different as these if they had nothing of their own; None where ``within`` is.
    """

    within: float | None
    between: float
    own: float | None = None
    p_value: float | None = None


def levels_of(groups: Sequence[Sequence[float]]) -> Levels | None:
    """The spreads of positive values, on logarithms: one-way analysis of variance with random effects.

    F = mean square between / mean square within with (groups - 1, observations - groups) degrees of freedom;
    own² = (mean square between - mean square within) / n0, n0 the size of a group where all are equal (Searle, Casella,
    McCulloch, Variance Components, 1992, chapter 3.6).

    Returns:
        None below two groups with an observation, or where a value is not above 0 or not finite.
    """
    used = [group for group in groups if group]
    if len(used) < 2 or not all(0 < value < math.inf for group in used for value in group):  # noqa: PLR2004
        return None
    logs = [[math.log(value) for value in group] for group in used]
    sizes, means = [len(group) for group in logs], [fmean(group) for group in logs]
    count, between = sum(sizes), stdev(means)
    if count == len(logs):
        return Levels(None, between)
    grand = fmean([value for group in logs for value in group])
    square_within = sum(variance(group) * (len(group) - 1) for group in logs if len(group) > 1) / (count - len(logs))
    square_between = sum(size * (mean - grand) ** 2 for size, mean in zip(sizes, means, strict=True)) / (len(logs) - 1)
    size = (count - sum(size**2 for size in sizes) / count) / (len(logs) - 1)
    own = math.sqrt(max(square_between - square_within, 0.0) / size)
    return Levels(math.sqrt(square_within), between, own, _p_value(square_between, square_within, len(logs), count))


def _p_value(square_between: float, square_within: float, groups: int, count: int) -> float:
    if not square_within:
        return 0.0 if square_between else 1.0
    from scipy.special import fdtrc

    return float(fdtrc(groups - 1, count - groups, square_between / square_within))
