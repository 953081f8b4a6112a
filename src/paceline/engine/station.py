"""What a machine of a cluster does for a load: starts the process of a leg, keeps what it says until it is fetched.

The driver asks for news now and then. Where it no longer does, nobody is left to judge the load or to end it: it ends
here.
"""

import asyncio
import pickle
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.watched import WatchedChild
from paceline.records.machine import Company, Machine
from paceline.sysmon.company import CompanyWatch
from paceline.sysmon.machine import read_machine

_ALONE_BEFORE_S = 15.0  # it sends anything: machines that start many processes may be too busy to ask, or to answer
_LOOK_S = 0.2
_STOPPING_S = 1.0
_FORGET_S = 30.0  # a driver that is back by then hears the end of it

Words = tuple[str, float]


class Station:
    """The process of one leg.

    Args:
        order: the pickled request.
        alone_s: how long without a question says that the driver is gone, or cannot reach this machine.
    """

    def __init__(self, order: bytes, alone_s: float) -> None:
        self._alone_s = alone_s
        # What is left in it by what the user's code has started must not keep the end from being told.
        self._folder = tempfile.TemporaryDirectory(prefix="paceline-leg-", ignore_cleanup_errors=True)
        self._child = WatchedChild()
        self._said: deque[bytes] = deque()
        self._ending: str | None = None
        self._abandoned = False
        self._asked_s = SYSTEM_CLOCK.now_s()
        self._patience_s = _ALONE_BEFORE_S
        self._over = threading.Event()
        # Looked into only there: what a worker has imported once, it would not import anew when it has changed.
        self._child.hand_on(order, self._folder.name)
        threading.Thread(target=self._relay, name="paceline-relay", daemon=True).start()
        threading.Thread(target=self._watch, name="paceline-watch", daemon=True).start()

    def exchange(self, words: Sequence[Words]) -> tuple[list[bytes], str | None]:
        """Hear the driver; what the leg has said since, and how it ended if it has."""
        self._asked_s = SYSTEM_CLOCK.now_s()
        for verb, at_s in words:
            match verb:
                case "start":
                    self._child.start_at(at_s)
                case "stop":
                    self._child.stop()
                case "kill":
                    self._child.kill()
        ending = self._ending  # read first: what was said before it is in the list by then
        said = []
        while self._said:  # one by one: another may be put in meanwhile
            said.append(self._said.popleft())
        return said, ending

    @property
    def unasked_s(self) -> float:
        """Since the driver asked."""
        return SYSTEM_CLOCK.now_s() - self._asked_s

    def _relay(self) -> None:
        try:
            for message in self._child.messages():
                self._patience_s = self._alone_s  # from its first word on, which comes before its first request
                self._said.append(pickle.dumps(message))
        finally:
            self._child.end()
            self._over.set()
            self._folder.cleanup()
            left_alone = f"was ended by its worker, which nobody had asked for {self._patience_s:g} s"
            self._ending = left_alone if self._abandoned else self._child.how()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            if self.unasked_s > self._patience_s + _STOPPING_S:
                self._child.kill()
            elif self.unasked_s > self._patience_s:
                self._abandoned = True
                self._child.stop()


_STATIONS: dict[str, Station] = {}


def begin(name: str, order: bytes, alone_s: float) -> None:
    """Start the leg ``name``, once."""
    for known, station in list(_STATIONS.items()):
        if station.unasked_s > _FORGET_S:  # its driver has died
            del _STATIONS[known]
    if name not in _STATIONS:
        _STATIONS[name] = Station(order, alone_s)


def exchange(name: str, words: Sequence[Words]) -> tuple[list[bytes], str | None]:
    """Tell the leg ``name``, and hear from it; its station is closed when it has ended and all is told."""
    station = _STATIONS.get(name)
    if station is None:
        return [], "was forgotten by its worker, which has been started anew"
    said, ending = station.exchange(words)
    if ending is not None:
        del _STATIONS[name]
    return said, ending


def exchange_all(words: Mapping[str, Sequence[Words]]) -> dict[str, tuple[list[bytes], str | None]]:
    """:func:`exchange` with each of several legs of this machine, by their names."""
    return {name: exchange(name, told) for name, told in words.items()}


def clocks() -> tuple[float, float]:
    """Readings of the clock that the legs of this machine share, and of its time of day in seconds."""
    return SYSTEM_CLOCK.now_s(), SYSTEM_CLOCK.utc_now().timestamp()


@dataclass(frozen=True, slots=True)
class Look:
    """What a machine is, and what went on in it.

    Attributes:
        machine: what it says of itself.
        company: what others did.
        own_cores: cores that the worker used itself.
    """

    machine: Machine
    company: Company
    own_cores: float


async def look(for_s: float) -> Look:
    """Look at this machine for so many seconds, in which its worker goes on with whatever it does."""
    watch = CompanyWatch(SYSTEM_CLOCK)
    begun_s, used_s = SYSTEM_CLOCK.now_s(), SYSTEM_CLOCK.cpu_s()
    await asyncio.sleep(for_s)
    used_s, lasted_s = SYSTEM_CLOCK.cpu_s() - used_s, SYSTEM_CLOCK.now_s() - begun_s
    company = watch.stop()
    return Look(read_machine(), company, used_s / max(lasted_s, for_s))
