"""The two arms that check the duet itself: the base against itself, and a change that is known to be there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from paceline.judge.change import Change, Rule, share
from paceline.judge.duet_change import change_of_values
from paceline.judge.duet_pairs import null_values, planted_values
from paceline.records.duet import DuetRecord, Pair
from paceline.records.quantities import MEDIAN
from paceline.stats.intervals import binomial_tail

NULL_ALPHA = 0.01
# Over a large suite the test sees differences that do no harm. One of a quarter of the smallest effect makes at most
# two alarms in a hundred false, whatever the spread (tests/quality/duets.py).
_HARMLESS = 1 / 4  # of the smallest effect


@dataclass(frozen=True, slots=True)
class NullArm:
    """The same code on both sides, over a session.

    Attributes:
        pairs: sets of processes that had the arm, each counted once however many tests it ran.
        bias: median over them of the change, as a share of the base.
        p_value: two-sided, exact, of 'each sign is a toss of a coin'.
        failed: whether the sides differ by more than chance and by enough to matter.
    """

    pairs: int
    bias: float
    p_value: float
    failed: bool


def null_arm(pairs: Sequence[Sequence[Pair]], rule: Rule) -> NullArm | None:
    """The test over the usable pairs of each record; None where no pair has the arm.

    All tests of a pair run in the same processes, and share what those bring along: a pair number is one observation,
    the median over its tests. Base and control are drawn alike, so that its sign is a coin's whatever they share.
    """
    tests: dict[int, list[float]] = {}
    for pair in (pair for each in pairs for pair in each):
        for value in null_values([pair]):
            tests.setdefault(pair.number, []).append(value)
    return null_arm_of([median(values) for values in tests.values()], rule) if tests else None


def null_arm_of(values: Sequence[float], rule: Rule) -> NullArm:
    """The same of what the pairs say: log ratios, at least one."""
    bias = median(values)
    ups, downs = _signs(values)
    p_value = min(1.0, 2 * binomial_tail(min(ups, downs), ups + downs))
    failed = p_value <= NULL_ALPHA and abs(bias) >= _HARMLESS * math.log1p(rule.min_effect)
    return NullArm(len(values), share(bias), p_value, failed)


def null_score(pairs: Sequence[Pair]) -> float | None:
    """The sign statistic of one record, mean 0 and standard deviation 1 by chance; None without the arm."""
    ups, downs = _signs(null_values(pairs))
    return (ups - downs) / math.sqrt(ups + downs) if ups + downs else None


def null_change(pairs: Sequence[Pair]) -> float | None:
    """How much the base differs from itself, median over the pairs, as a share; None without the arm."""
    values = null_values(pairs)
    return share(median(values)) if values else None


def planted_change(record: DuetRecord, pairs: Sequence[Pair], tail: float) -> Change | None:
    """The planted arm judged like a candidate; None where there was none.

    It is found, and its verdict ``regressed``, where the whole interval is worse and the estimate at least half of what
    was planted: which changes matter to the user is another question. Each record for itself, at the level of a single
    benchmark: a control names the benchmark that would miss a change, which no pooled figure does.
    """
    values = planted_values(pairs)
    if not values:
        return None
    half = record.planted_effect / 2
    return change_of_values(values, MEDIAN, Rule(half, half), tail, record.seed)


def _signs(values: Sequence[float]) -> tuple[int, int]:
    return sum(1 for value in values if value > 0), sum(1 for value in values if value < 0)
