"""Where something that holds at low loads and breaks at high ones changes over, of outcomes alone: no line is assumed.

At each moment a service has a load up to which it keeps its limits; it wanders, as machines have other work to do. A
probe says on which side of that it lies. Of the median of it the interval is exact whatever the distribution: had the
median been below ``m``, each of the probes next above ``m`` would have held with a probability of less than one half,
and seven of seven with less than 1 / 128. So that one odd probe among many does not spoil it, more of them may be wrong
where more are looked at. The set of all ``m`` that are not ruled out, made whole, is the interval (sign tests on nested
loads). Loads are chosen before it is seen what holds, in random order, so that what wanders slowly falls on all alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from paceline.stats.intervals import Interval, binomial_tail

# So many neighbours of whom at most so many are on the wrong side: by chance 1 / 128, 1 / 155 and 1 / 118.
_RULES = ((7, 0), (14, 2), (22, 5))
# All three of them may err, on either side: 95.4 %.
_CONFIDENCE = 1 - 2 * sum(binomial_tail(wrong, count) for count, wrong in _RULES)


@dataclass(frozen=True, slots=True)
class Edge:
    """Where it changes over.

    Attributes:
        load: the estimate: with the fewest probes on the wrong side of it.
        interval: of it; an end is 0 or infinite where the probes bound nothing.
        points: probes it is drawn from.
    """

    load: float
    interval: Interval
    points: int

    @property
    def is_bounded(self) -> bool:
        """Whether the interval has two ends."""
        return self.interval.low > 0 and math.isfinite(self.interval.high)

    @property
    def precision(self) -> float:
        """Half the interval as a share of the estimate; infinite where it has not two ends."""
        return (self.interval.high - self.interval.low) / 2 / self.load if self.is_bounded else math.inf


def edge(loads: Sequence[float], held: Sequence[bool]) -> Edge | None:
    """The load at which half of all probes break; None where all held, or none did.

    Args:
        loads: of the probes, above 0.
        held: whether each did.
    """
    if len(loads) != len(held):
        raise ValueError(f"{len(loads)} loads and {len(held)} outcomes")
    if all(held) or not any(held):
        return None
    seen = sorted(zip(loads, held, strict=True))
    low = _bound(seen)
    high = _bound([(load, not kept) for load, kept in reversed(seen)])
    interval = Interval(0.0 if low is None else low, math.inf if high is None else high, _CONFIDENCE)
    place = _fewest_wrong(seen)
    return Edge(min(max(place, interval.low), interval.high), interval, len(seen))


def _bound(seen: Sequence[tuple[float, bool]]) -> float | None:
    """The farthest load such that all up to it are ruled out by the probes that follow each; None without one."""
    wrong_before = list(accumulate((not agrees for _, agrees in seen), initial=0))
    bound = None
    for place, (load, _) in enumerate(seen):
        if not any(
            place + count <= len(seen) and wrong_before[place + count] - wrong_before[place] <= wrong
            for count, wrong in _RULES
        ):
            break
        bound = load
    return bound


def _fewest_wrong(seen: Sequence[tuple[float, bool]]) -> float:
    """The middle between the neighbours that leave the fewest on the wrong side; the middle one of several such."""
    wrong = [sum(kept for _, kept in seen)]  # with the edge below all of them
    for _, kept in seen:
        wrong.append(wrong[-1] + (-1 if kept else 1))
    inner = range(1, len(seen))
    least = min(wrong[place] for place in inner)
    best = [place for place in inner if wrong[place] == least]
    place = best[len(best) // 2]
    return (seen[place - 1][0] + seen[place][0]) / 2
