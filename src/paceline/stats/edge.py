"""Where something that holds at low loads and breaks at high ones changes over, of outcomes alone: no line is assumed.

At each moment a service has a load up to which it keeps its limits; it wanders, as machines have other work to do. A
probe says on which side of that it lies. Of the median of it the interval is exact whatever the distribution: had the
median been below ``m``, each of the six probes next above ``m`` would have held with a probability of less than one
half, and all six with less than 1 / 64 (a sign test on nested loads; the set of all ``m`` that are not ruled out, made
whole, is the interval). Loads are drawn up before it is seen what holds, in random order, so that what wanders slowly
falls on all of them alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paceline.stats.intervals import Interval


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


def edge(loads: Sequence[float], held: Sequence[bool], tail: float = 0.025) -> Edge | None:
    """The load at which half of all probes break; None where all held, or none did.

    Args:
        loads: of the probes, above 0.
        held: whether each did.
        tail: probability allowed beyond each end of the interval.
    """
    if len(loads) != len(held):
        raise ValueError(f"{len(loads)} loads and {len(held)} outcomes")
    if all(held) or not any(held):
        return None
    seen = sorted(zip(loads, held, strict=True))
    run = math.ceil(-math.log2(tail))
    low = _bound(seen, run)
    high = _bound([(load, not kept) for load, kept in reversed(seen)], run)
    interval = Interval(0.0 if low is None else low, math.inf if high is None else high, 1 - 2 * 0.5**run)
    place = _fewest_wrong(seen)
    return Edge(min(max(place, interval.low), interval.high), interval, len(seen))


def _bound(seen: Sequence[tuple[float, bool]], run: int) -> float | None:
    """The farthest load such that from every one up to it the ``run`` probes that follow agree; None without one."""
    bound = None
    for place in range(len(seen) - run + 1):
        if not all(agrees for _, agrees in seen[place : place + run]):
            break
        bound = seen[place][0]
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
