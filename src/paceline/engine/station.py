"""What a machine of a cluster does for a load: starts the process of a leg, keeps what it says until it is fetched.

The driver asks for news now and then. Where it no longer does, nobody is left to judge the load or to end it: it ends
here.
"""

import pickle
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.child_process import Child
from paceline.engine.request import RunRequest
from paceline.targets.lanes import PackedTarget

_ALONE_BEFORE_S = 15.0  # the start, when nothing is loaded yet
_LOOK_S = 0.2
_STOPPING_S = 1.0

Words = tuple[str, float]


class Station:
    """The process of one leg.

    Args:
        order: the pickled request.
        alone_s: how long without a question says that the driver is gone, or cannot reach this machine.
    """

    def __init__(self, order: bytes, alone_s: float) -> None:
        self._alone_s = alone_s
        self._folder = tempfile.TemporaryDirectory(prefix="paceline-leg-")
        self._child = Child()
        self._said: deque[bytes] = deque()
        self._ending: str | None = None
        self._asked_s = SYSTEM_CLOCK.now_s()
        self._patience_s = _ALONE_BEFORE_S
        self._over = threading.Event()
        self._child.order(self._at_home(pickle.loads(order)))  # noqa: S301  # from the cluster's own peers
        threading.Thread(target=self._relay, name="paceline-relay", daemon=True).start()
        threading.Thread(target=self._watch, name="paceline-watch", daemon=True).start()

    def exchange(self, words: Sequence[Words]) -> tuple[list[bytes], str | None]:
        """Hear the driver; what the leg has said since, and how it ended if it has."""
        self._asked_s = SYSTEM_CLOCK.now_s()
        for verb, at_s in words:
            match verb:
                case "start":
                    self._patience_s = self._alone_s
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

    def _at_home(self, request: RunRequest) -> RunRequest:
        target = request.target
        if not isinstance(target, PackedTarget):
            return request
        return replace(request, target=target.unpacked(Path(self._folder.name)))

    def _relay(self) -> None:
        try:
            for message in self._child.packed_messages():
                self._said.append(message)
        finally:
            self._child.end()
            self._over.set()
            self._folder.cleanup()
            self._ending = self._child.how()

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_S):
            alone_s = SYSTEM_CLOCK.now_s() - self._asked_s
            if alone_s > self._patience_s + _STOPPING_S:
                self._child.kill()
            elif alone_s > self._patience_s:
                self._child.stop()


_STATIONS: dict[str, Station] = {}


def begin(name: str, order: bytes, alone_s: float) -> None:
    """Start the leg ``name``, once."""
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


def now_s() -> float:
    """Reading of the clock that the legs of this machine share."""
    return SYSTEM_CLOCK.now_s()
