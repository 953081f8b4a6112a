"""The process of a leg on another machine."""

import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine import station
from paceline.engine.child_process import Failed, Message, Window
from paceline.engine.dispatch import order_of
from paceline.engine.request import RunRequest

_ASK_S = 0.3


class RemoteChild:
    """Used as a ``Child`` is.

    Args:
        ask: ``(worker, function, *arguments)``: what the function returns there.
        worker: its machine.
        ahead_s: how far that machine's clock is ahead of ``clock``.
        clock: of this machine.

    Attributes:
        worker: its machine.
        asked_s: since when it has not answered a question; None while none is open.
    """

    def __init__(self, ask: Callable[..., Any], worker: str, ahead_s: float, clock: Clock) -> None:
        self.worker = worker
        self.asked_s: float | None = None
        self._call = ask
        self._ahead_s = ahead_s
        self._clock = clock
        self._name = uuid4().hex
        self._said: SimpleQueue[bytes | None] = SimpleQueue()
        self._words: SimpleQueue[station.Words] = SimpleQueue()
        self._ending: str | None = None
        self._wake = threading.Event()
        self._asking = threading.Thread(target=self._ask, name=f"paceline-ask-{worker}", daemon=True)

    def order(self, request: RunRequest) -> None:
        """Tell it what to run.

        Raises:
            ConfigurationError, MeasurementError: the request cannot be handed over, or the worker cannot start it.
        """
        order = order_of(request, packed=True)
        try:
            self._call(self.worker, station.begin, self._name, order)
        except Exception as error:
            raise MeasurementError(f"worker {self.worker} cannot start its part of the load: {error}") from error
        self._asking.start()

    def messages(self) -> Iterator[Message]:
        """What it says, until it has nothing more to say."""
        while (data := self._said.get()) is not None:
            message: Message = pickle.loads(data)  # noqa: S301  # from the cluster's own peers
            if isinstance(message, Window):
                message = replace(message, at_s=message.at_s - self._ahead_s)
            elif isinstance(message, Failed):
                kind = ConfigurationError if isinstance(message.error, ConfigurationError) else MeasurementError
                message = Failed(kind(f"worker {self.worker}: {message.error}"))
            yield message

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

    def lost(self, why: str) -> None:
        """It is out of reach."""
        if self._ending is None:
            self._ending = why
            self._said.put(None)

    def how(self) -> str:
        """How it ended, in words that follow 'the process'."""
        return self._ending or "ended without a word"

    def let_go(self, patience_s: float) -> None:
        """Wait until it has heard the last word, at most so long: it ends without it, too, but later."""
        if self._asking.is_alive():
            self._asking.join(patience_s)

    def _tell(self, verb: str, at_s: float = 0.0) -> None:
        self._words.put((verb, at_s))
        self._wake.set()

    def _ask(self) -> None:
        """Fetch what it has said, again and again, which also tells it that somebody is here."""
        ending: str | None = None
        while ending is None:
            self._wake.wait(_ASK_S)
            self._wake.clear()
            words = [self._words.get() for _ in range(self._words.qsize())]
            self.asked_s = self._clock.now_s()
            try:
                said, ending = self._call(self.worker, station.exchange, self._name, words)
            except Exception as error:  # noqa: BLE001  # whatever Dask raises: the leg is out of reach
                said, ending = [], f"was lost with its worker {self.worker}, or the way there ({_text(error)})"
            self.asked_s = None
            for data in said:
                self._said.put(data)
        self.lost(ending)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
