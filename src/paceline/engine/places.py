"""Where the processes of a load's legs live, and what is said to each of them."""

import threading
from collections.abc import Callable
from typing import Protocol

from paceline.engine.child_process import Child, Failed, LegEnded, Message, usable_cores
from paceline.engine.request import RunRequest
from paceline.workload.legs import Leg


class LegChild(Protocol):
    """The process of a leg, here or elsewhere; what :class:`Child` says of each but ``hear``."""

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

    def open(self, asked: int) -> int:
        """Get ready; how many legs there are to be where ``asked`` were asked for."""

    def child(self, leg: Leg) -> LegChild:
        """A process for ``leg``."""

    def close(self) -> None:
        """No more legs."""


class CoreChild(Child):
    """The process of a leg on this machine."""

    def hear(self, take: Callable[[Message | None], None]) -> None:
        """From now on call ``take`` with each message, from another thread, and with None after the last."""

        def hear() -> None:
            try:
                for message in self.messages():
                    take(message)
                    if isinstance(message, LegEnded | Failed):
                        break  # its last; whatever keeps it alive is not waited for
            finally:
                take(None)

        threading.Thread(target=hear, name=f"paceline-leg-{self.pid}", daemon=True).start()


class Cores:
    """On this machine, a core each where there are enough: one that moves between cores leaves its caches behind."""

    soon_s = 0.1  # a process that has to wait for its core hears it in time all the same

    def open(self, asked: int) -> int:
        """As many as asked for."""
        return asked

    def child(self, leg: Leg) -> CoreChild:
        """A process for ``leg``."""
        cores = usable_cores()
        return CoreChild([cores[leg.number]] if leg.of <= len(cores) else None)

    def close(self) -> None:
        """Nothing is left to do."""
