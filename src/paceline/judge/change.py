"""The rule by which a change is called one, said once for duets and stored baselines."""

import math
from dataclasses import dataclass
from enum import Enum

from paceline.core.errors import ConfigurationError
from paceline.records.quantities import Quantity
from paceline.stats.intervals import Interval


class Verdict(Enum):
    """Whether it got worse."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Rule:
    """The two sizes of a change that matter.

    Attributes:
        min_effect: share below which a change is not worth an alarm.
        margin: share within which 'unchanged' is proven; no smaller, or a change could be both.

    Raises:
        ConfigurationError: one is not between 0 and 1, or they are the wrong way round.
    """

    min_effect: float
    margin: float

    def __post_init__(self) -> None:
        """See above."""
        if not (0 < self.min_effect < 1 and 0 < self.margin < 1):  # NaN is neither
            raise ConfigurationError(
                f"smallest effect and margin must be between 0 and 100 %, not {_percent(self.min_effect)} and "
                f"{_percent(self.margin)}"
            )
        if self.min_effect > self.margin:
            raise ConfigurationError(
                f"the smallest effect, {_percent(self.min_effect)}, must not be above the margin, "
                f"{_percent(self.margin)}: lower the one or raise the other"
            )


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


DUET = Rule(min_effect=0.02, margin=0.05)
STORED = Rule(min_effect=0.05, margin=0.05)


@dataclass(frozen=True, slots=True)
class Change:
    """How one quantity differs between base and candidate, and what that proves.

    Shares are of the base and signed by the figure itself: 0.05 says that it grew by 5 %. For a quantity without
    ratio (``quantity.is_ratio`` false) they are differences in its unit.

    Attributes:
        quantity: what was compared.
        verdict: what is proven.
        reason: what the verdict rests on, or what is missing for one.
        estimate: of the change; None where it cannot be told.
        low, high: the interval that decided; None where there was none.
        confidence: two-sided, that the interval really reached.
        minimum_detectable: the smallest worsening that the rule would find in 80 % of runs; positive, a share.
        gates: whether a regression of it fails the test; others are shown and advise.
    """

    quantity: Quantity
    verdict: Verdict
    reason: str
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    minimum_detectable: float | None = None
    gates: bool = False


def decide(quantity: Quantity, estimate: float, interval: Interval, rule: Rule) -> tuple[Verdict, str]:
    """The verdict on a change and the reason for it.

    Args:
        quantity: what changed.
        estimate: the change, as a log ratio (a difference in its unit for a quantity without ratio).
        interval: its interval, on the same scale.
        rule: the sizes that matter.
    """
    worse = interval.mirrored if quantity.higher_is_better else interval
    amount = -estimate if quantity.higher_is_better else estimate
    least = quantity.least_difference
    min_effect = math.log1p(rule.min_effect) if least is None else least
    margin = math.log1p(rule.margin) if least is None else least
    if not all(map(math.isfinite, (amount, worse.low, worse.high))):
        return Verdict.INCONCLUSIVE, "there is no interval to judge by"
    if worse.low > 0 and amount >= min_effect:
        return Verdict.REGRESSED, "the whole interval is worse"
    if worse.high < 0 and amount <= -min_effect:
        return Verdict.IMPROVED, "the whole interval is better"
    is_real = worse.low > 0 or worse.high < 0
    if -margin <= worse.low and worse.high <= margin:
        small = "the difference is too small to matter"
        return Verdict.UNCHANGED, small if is_real else "the whole interval is within the margin"
    near = "about as large as the smallest change that matters"
    return Verdict.INCONCLUSIVE, near if is_real else "the interval holds both no change and one that matters"


_LARGEST_LOG = 709.0  # of a float


def share(log_ratio: float) -> float:
    """A log ratio as a share of the base: 0.05 for 5 % more; infinite beyond what a float holds."""
    return math.expm1(log_ratio) if log_ratio < _LARGEST_LOG else math.inf
