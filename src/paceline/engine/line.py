"""What is said to the legs of one machine of a cluster, and heard of them."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from paceline.core.clock import Clock
from paceline.engine import station
from paceline.engine.examination import ANSWER_S
from paceline.engine.patience import within


class Speaker(Protocol):
    """A leg on a line.

    Attributes:
        name: by which its machine knows it.
    """

    name: str

    @property
    def is_open(self) -> bool:
        """Whether there is something to be said to it, or to be heard."""

    def words(self) -> list[station.Words]:
        """What is to be said to it."""

    def heard(self, said: Sequence[bytes], ending: str | None) -> None:
        """It has said something, and has ended if there is an ``ending``."""

    def lost(self, why: str) -> None:
        """It is out of reach."""


class Line:
    """Speaks with all legs of one worker, on the event loop of the cluster's client: no thread waits for any of them.

    Args:
        client: of the cluster.
        worker: its address.
        ask_s: pause between two questions, where nothing is to be told.
        alone_s: how long a leg goes on of which nobody asks.
        clock: of this machine.

    Attributes:
        worker: its address.
        asked_s: since when it has not answered a question; None while none is open.
    """

    def __init__(self, client: Any, worker: str, ask_s: float, alone_s: float, clock: Clock) -> None:  # noqa: ANN401
        self.worker = worker
        self.asked_s: float | None = None
        self._client = client
        self._ask_s = ask_s
        self._alone_s = alone_s
        self._clock = clock
        self._speakers: list[Speaker] = []  # of the loop's thread
        self._is_used = False
        self._is_asking = False
        self._is_closed = False
        self._wake = asyncio.Event()
        self._over = threading.Event()

    def begin(self, leg: Speaker, order: bytes) -> None:
        """Have ``leg`` started by the pickled ``order``; it is asked from now on.

        Raises:
            TimeoutError: the worker does not answer; and whatever Dask raises.
        """
        begin = partial(self._client.run, station.begin, leg.name, order, self._alone_s, workers=[self.worker])
        within(ANSWER_S, begin)  # of a worker that has frozen meanwhile Dask never gives up
        self._is_used = True
        self._client.loop.add_callback(self._take_on, leg)

    def wake(self) -> None:
        """There is something to be told."""
        if self._is_used:
            self._client.loop.add_callback(self._wake.set)

    def close(self) -> None:
        """It is over as soon as all has been said."""
        self._is_closed = True
        self.wake()

    def wait(self, patience_s: float) -> None:
        """Until it is over, at most so long: a leg that does not hear the last word ends without it, but later."""
        if self._is_used:
            self._over.wait(patience_s)

    def _take_on(self, leg: Speaker) -> None:
        self._speakers.append(leg)
        if not self._is_asking:
            self._is_asking = True
            self._client.loop.add_callback(self._keep_asking)

    async def _keep_asking(self) -> None:
        """Fetch what they have said, again and again, which also tells them that somebody is here."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._ask_s)
            self._wake.clear()
            if open_now := self._still_open():
                await self._ask(open_now)
            if self._is_closed and not self._still_open():
                self._over.set()
                return

    def _still_open(self) -> Sequence[Speaker]:
        self._speakers = [leg for leg in self._speakers if leg.is_open]
        return [*self._speakers]

    async def _ask(self, legs: Sequence[Speaker]) -> None:
        words = {leg.name: leg.words() for leg in legs}
        self.asked_s = self._clock.now_s()
        try:
            answers = await self._client.run(station.exchange_all, words, workers=[self.worker])
            for leg in legs:
                leg.heard(*answers[self.worker][leg.name])
        except Exception as error:  # noqa: BLE001  # whatever Dask raises: its legs are out of reach
            for leg in legs:
                leg.lost(f"was lost with its worker {self.worker}, or the way there ({_text(error)})")
        self.asked_s = None


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
