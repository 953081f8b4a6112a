"""How one quantity changed over pairs, with the smallest change that would have shown."""

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from paceline.core.units import BYTES_PER_MB, counted
from paceline.judge.change import Change, Rule, Verdict, decide, share
from paceline.judge.duet_pairs import values_of
from paceline.records.duet import Pair
from paceline.records.quantities import Quantity
from paceline.stats.intervals import Interval, sign_interval
from paceline.stats.power import pairs_needed, smallest_visible_in_pairs


def change_in_pairs(
    pairs: Sequence[Pair], quantity: Quantity, rule: Rule, tail: float, seed: int, *, gates: bool = False
) -> Change | None:
    """The change of ``quantity``, told; None where not every pair tells of it.

    Args:
        pairs: usable ones.
        quantity: that is compared.
        rule: the sizes that matter.
        tail: probability allowed beyond each end of the interval.
        seed: of the bootstrap.
        gates: whether a regression of it fails the test.
    """
    values = values_of(pairs, quantity)
    return None if values is None else change_of_values(values, quantity, rule, tail, seed, gates=gates)


def change_of_values(
    values: Sequence[float], quantity: Quantity, rule: Rule, tail: float, seed: int, *, gates: bool = False
) -> Change:
    """The same of what the pairs say: log ratios, or differences of a quantity without ratio."""
    interval = sign_interval(values, tail)
    estimate = median(values)
    if not math.isfinite(interval.low):
        return replace(without_figure(quantity, len(values), tail), estimate=_told(quantity, estimate), gates=gates)
    verdict, reason = decide(quantity, estimate, interval, rule)
    worse = [-value for value in values] if quantity.higher_is_better else values
    least = _least(quantity, rule.min_effect)
    visible = smallest_visible_in_pairs(worse, tail, least, seed=seed)
    if verdict is Verdict.INCONCLUSIVE and gates:
        # Without ratio the margin is the smallest effect: no number of pairs makes 'visible' smaller than that.
        reason = (
            _settled_by(reason, len(values), estimate, interval, visible, math.log1p(rule.margin), least)
            if quantity.is_ratio
            else f"{reason}: {_absolute(quantity, least)}"
        )
    return Change(
        quantity=quantity,
        verdict=verdict,
        reason=reason,
        estimate=_told(quantity, estimate),
        low=_told(quantity, interval.low),
        high=_told(quantity, interval.high),
        confidence=interval.confidence,
        minimum_detectable=abs(_told(quantity, -visible if quantity.higher_is_better else visible)),
        gates=gates,
    )


def without_figure(quantity: Quantity, pairs: int, tail: float) -> Change:
    """What is said of a gating quantity that the pairs do not tell, or too few of them."""
    enough = math.ceil(-math.log2(tail))  # all on one side have probability 2**-n
    reason = f"{counted(pairs, 'usable pair')}: at least {enough} are needed at this level"
    if pairs >= enough:
        reason = f"not every pair tells the {quantity.label}"
        if quantity.quantile is not None:
            reason += f", which takes {math.ceil(10 / (1 - quantity.quantile) - 1e-6):,} calls a side timed singly"
    return Change(quantity, Verdict.INCONCLUSIVE, reason, gates=True)


def _settled_by(
    reason: str, pairs: int, estimate: float, interval: Interval, visible: float, margin: float, least: float
) -> str:
    """``reason`` with what would end the doubt."""
    if visible > margin:
        enough = pairs_needed(pairs, visible, margin)
        return (
            f"this machine is too noisy for this benchmark; a change of the margin's size would show "
            f"with about {counted(enough, 'pair')}, or on a quieter machine"
        )
    # If the estimate stays: the interval has to end before 0, or before the margin, whichever is nearer to come by.
    half_width = max(estimate - interval.low, interval.high - estimate)
    away = abs(estimate)
    room = max(margin - away, away if away >= least else 0.0)
    enough = pairs_needed(pairs, half_width, room) if room > 0 else 0
    return f"{reason}; about {counted(enough, 'pair')} would settle it" if enough > pairs else reason


def _least(quantity: Quantity, size: float) -> float:
    """A size of the rule on the scale that values are judged on."""
    return math.log1p(size) if quantity.least_difference is None else quantity.least_difference


def _absolute(quantity: Quantity, size: float) -> str:
    """A difference in the unit it is told in: ``0.5 points``, ``2 MB``."""
    return f"{size / BYTES_PER_MB:g} MB" if quantity.unit == "bytes" else f"{100 * size:g} points"


def _told(quantity: Quantity, value: float) -> float:
    return share(value) if quantity.is_ratio else value
