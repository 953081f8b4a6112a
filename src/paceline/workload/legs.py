"""Legs: the shares of one workload that several processes make at the same time.

Users are dealt out one by one, arrivals by their number: arrival i is made by leg i mod n. Each leg computes that for
itself, so that nothing has to be said between them while a load runs, and together they make just what one process
would have made, whatever the number of legs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from paceline.core.errors import ConfigurationError
from paceline.core.units import counted
from paceline.workload.arrivals import arrivals, expected_arrivals
from paceline.workload.models import (
    ClosedLoop,
    FixedIterations,
    Stages,
    Workload,
    has_arrivals,
    whole_number,
)

MOST_LEGS = 10_000


@dataclass(frozen=True, slots=True)
class Leg:
    """One of several shares.

    Attributes:
        number: which, from 0.
        of: how many there are.

    Raises:
        ConfigurationError: there is no such leg.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        whole_number("of", self.of, at_least=1, at_most=MOST_LEGS)
        whole_number("number", self.number, at_least=0, at_most=self.of - 1)

    def share(self, count: int) -> int:
        """How many of ``count`` things that are dealt out in turn this leg gets."""
        return (count - self.number + self.of - 1) // self.of

    def nth(self, place: int) -> int:
        """The number, among all that are dealt out, of the one that this leg gets as its ``place``-th, from 0."""
        return self.number + self.of * place


WHOLE = Leg(0, 1)


def leg_workload(workload: Workload, leg: Leg) -> Workload | None:
    """What ``leg`` makes of ``workload``; None where there is nothing left for it.

    Arrivals and users that come and go are those of the whole, of which :func:`leg_arrivals` and :meth:`Leg.share`
    are the leg's own.
    """
    if isinstance(workload, FixedIterations):
        iterations, workers = leg.share(workload.iterations), leg.share(workload.workers)
        if not (iterations and workers):
            return None
        warmup = leg.share(workload.warmup_iterations)
        return replace(workload, iterations=iterations, warmup_iterations=warmup, workers=workers)
    if isinstance(workload, ClosedLoop):
        users = leg.share(workload.users)
        warmup = leg.share(workload.warmup_iterations)
        return replace(workload, users=users, warmup_iterations=warmup) if users else None
    if workload.max_in_flight is not None:
        return replace(workload, max_in_flight=max(leg.share(workload.max_in_flight), 1))
    return workload


def leg_arrivals(workload: Workload, leg: Leg) -> Iterator[float]:
    """Offsets in seconds of the arrivals that are ``leg``'s, ascending.

    Raises:
        ConfigurationError: the workload is a closed loop.
    """
    return islice(arrivals(workload), leg.number, None, leg.of)


def check_legs(workload: Workload, legs: int) -> None:
    """Refuse more legs than there is work for.

    Raises:
        ConfigurationError: a leg would have no user, or no arrival; the message names both numbers.
    """
    if isinstance(workload, FixedIterations):
        most = min(workload.iterations, workload.workers)
        of = f"{counted(most, 'worker')} with something to do"
    elif isinstance(workload, ClosedLoop):
        most = workload.users
        of = counted(most, "user")
    elif has_arrivals(workload):
        most = int(expected_arrivals(workload))
        of = counted(most, "arrival")
    else:
        assert isinstance(workload, Stages)
        most = int(workload.most)
        of = counted(most, "user")
    if legs > most:
        raise ConfigurationError(f"{legs:,} processes for a load of {of}: ask for at most {most:,}")
