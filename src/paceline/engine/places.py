"""Where the processes of a load's legs live, and what is said to each of them."""

from collections.abc import Callable, Sequence
from typing import Protocol

from paceline.engine.child_process import Message, usable_cores
from paceline.engine.request import RunRequest
from paceline.engine.watched import WatchedChild
from paceline.records.load import BeforeStart
from paceline.workload.legs import Leg


class LegChild(Protocol):
    """The process of a leg, here or elsewhere; what :class:`WatchedChild` says of each."""

    def order(self, request: RunRequest) -> None:
        """Tell it what to run."""

    def hear(self, take: Callable[[Message | None], None]) -> None:
        """From now on call ``take`` with each message, from another thread, and with None after the last."""

    def start_at(self, at_s: float) -> None:
        """Tell it when to start."""

    def stop(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it at once."""

    def end(self) -> object:
        """Wait for its end."""

    def how(self) -> str:
        """How it ended."""


class Places(Protocol):
    """Where legs are made.

    Attributes:
        soon_s: how long an order to start may take to reach every leg.
    """

    soon_s: float

    @property
    def joined_late(self) -> Sequence[str]:
        """Machines that could have made a leg, had they been there before the start."""

    def open(self, request: RunRequest) -> int:
        """Get ready; how many legs ``request`` is to have."""

    def child(self, leg: Leg) -> LegChild:
        """A process for ``leg``."""

    def machine(self, leg: Leg) -> str:
        """Which machine ``leg`` is made on; empty for this one."""

    def before(self, leg: Leg) -> BeforeStart | None:
        """What was seen of that machine; None of this one."""

    def close(self) -> None:
        """No more legs."""


class Cores:
    """On this machine, a core each where there are enough: one that moves between cores leaves its caches behind.

    Args:
        of_its_own: whether a leg gets a core of its own; a function of the user's may use as many as it likes.
    """

    soon_s = 0.1  # a process that has to wait for its core hears it in time all the same
    joined_late = ()

    def __init__(self, *, of_its_own: bool = True) -> None:
        self._of_its_own = of_its_own

    def open(self, request: RunRequest) -> int:
        """As many as asked for."""
        return request.processes

    def child(self, leg: Leg) -> WatchedChild:
        """A process for ``leg``."""
        cores = usable_cores()
        return WatchedChild([cores[leg.number]] if self._of_its_own and leg.of <= len(cores) else None)

    def machine(self, leg: Leg) -> str:
        """This one."""
        del leg
        return ""

    def before(self, leg: Leg) -> None:
        """This machine says of itself what it has to say."""
        del leg

    def close(self) -> None:
        """Nothing is left to do."""
