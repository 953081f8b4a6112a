"""The process of a leg on another machine."""

import pickle
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from queue import SimpleQueue
from uuid import uuid4

from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine import station
from paceline.engine.child_process import Failed, Message, Window
from paceline.engine.dispatch import order_of
from paceline.engine.line import Line
from paceline.engine.request import RunRequest


class RemoteChild:
    """Used as a ``WatchedChild`` is.

    Args:
        line: to its machine.
        ahead_s: how far that machine's clock is ahead of the one here.

    Attributes:
        line: to its machine.
        name: by which its machine knows it.
    """

    def __init__(self, line: Line, ahead_s: float) -> None:
        self.line = line
        self.name = uuid4().hex
        self._ahead_s = ahead_s
        self._take: Callable[[Message | None], None] = lambda _: None
        self._words: SimpleQueue[station.Words] = SimpleQueue()
        self._lock = threading.Lock()  # on its end, which comes once
        self._ending: str | None = None

    def hear(self, take: Callable[[Message | None], None]) -> None:
        """From now on call ``take`` with each message, from another thread, and with None after the last."""
        self._take = take

    def order(self, request: RunRequest) -> None:
        """Tell it what to run.

        Raises:
            ConfigurationError, MeasurementError: the request cannot be handed over, or the worker cannot start it.
        """
        order = order_of(request, packed=True)
        try:
            self.line.begin(self, order)
        except Exception as error:
            raise MeasurementError(f"worker {self.line.worker} cannot start its part of the load: {error}") from error

    def start_at(self, at_s: float) -> None:
        """Tell it when to start, by the clock of this machine."""
        self._tell("start", at_s + self._ahead_s)

    def stop(self) -> None:
        """Ask it to end; it reports what it has seen by then."""
        self._tell("stop")

    def kill(self) -> None:
        """End it at once, as far as it can be reached; nothing more is heard of it."""
        self._tell("kill")
        self.lost("was given up")

    def end(self) -> int:
        """Nothing is left of it; 0."""
        self._tell("stop")
        return 0

    def how(self) -> str:
        """How it ended, in words that follow 'the process'."""
        return self._ending or "ended without a word"

    @property
    def is_open(self) -> bool:
        """Whether there is something to be said to it, or to be heard."""
        return self._ending is None or not self._words.empty()

    def words(self) -> list[station.Words]:
        """What is to be said to it."""
        return [self._words.get() for _ in range(self._words.qsize())]

    def heard(self, said: Sequence[bytes], ending: str | None) -> None:
        """It has said something, and has ended if there is an ``ending``."""
        for data in said:
            if self._ending is not None:
                return
            message: Message = pickle.loads(data)  # noqa: S301  # from the cluster's own peers
            if isinstance(message, Window):
                message = replace(message, at_s=message.at_s - self._ahead_s)
            elif isinstance(message, Failed):
                kind = ConfigurationError if isinstance(message.error, ConfigurationError) else MeasurementError
                message = Failed(kind(f"worker {self.line.worker}: {message.error}"))
            self._take(message)
        if ending is not None:
            self.lost(ending)

    def lost(self, why: str) -> None:
        """It is out of reach."""
        with self._lock:
            if self._ending is not None:
                return
            self._ending = why
        self._take(None)

    def _tell(self, verb: str, at_s: float = 0.0) -> None:
        if self._ending is None:
            self._words.put((verb, at_s))
            self.line.wake()
