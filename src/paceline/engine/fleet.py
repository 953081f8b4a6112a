"""Legs on the machines of a Dask cluster.

A leg is no task of Dask's: tasks are run again when their worker dies, and a load that is made twice is no
measurement. It is started by a call to its worker, which Dask never repeats, and lives in a process of its own there.
"""

import asyncio
import contextlib
import pickle
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.core.version import __version__
from paceline.engine import station
from paceline.engine.child_process import Message, Window
from paceline.engine.cluster import Cluster
from paceline.engine.request import RunRequest
from paceline.targets.lanes import PackedTarget
from paceline.workload.legs import Leg

_ASK_S = 0.3  # between two questions to a worker, of few
_ASK_EACH_S = 0.002  # of many: a question takes 0.4 ms of a core here, and as much of the scheduler's
_MOST_ASK_S = 3.0  # well below what counts as silence
_ALONE_S = 1.5  # a leg of which nobody has asked for so long ends itself
_ALONE_QUESTIONS = 5  # or for so many questions
_SOON_S = 0.5  # for an order to start, to few
_SOON_EACH_S = 0.002  # of many
_LOOK_S = 0.5
_LONGER_S = 2.0  # than Dask's own limit, before a connection is given up
_LOOKS_AT_A_CLOCK = 5
_VERSION = "__import__('paceline.core.version', fromlist=['version']).__version__"


class Fleet:
    """A connection to a cluster.

    Args:
        cluster: which.
        clock: of this machine.
    """

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._is_ours = isinstance(cluster.at, str)
        self._client: Any = None
        self._workers: Sequence[str] = ()
        self._ahead_s: dict[str, float] = {}
        self._children: list[RemoteChild] = []
        self._lines: dict[str, Line] = {}
        self._ask_s = _ASK_S
        self.soon_s = _SOON_S
        self._closed = threading.Event()

    def open(self, asked: int) -> int:
        """Connect and look at the workers; one leg on each unless more were asked for.

        Raises:
            MeasurementError: the scheduler does not answer, has no workers, or one that cannot make a leg.
            ConfigurationError: Dask is not installed.
        """
        self._client = _connected(self._cluster) if self._is_ours else self._cluster.at
        self._workers = sorted(self._client.scheduler_info(n_workers=-1)["workers"])
        if not self._workers:
            raise MeasurementError("the cluster has no workers: start one with 'dask worker ADDRESS'")
        self._check_versions()
        self._ahead_s = self._clocks()
        threading.Thread(target=self._watch, name="paceline-fleet", daemon=True).start()
        workers = len(self._workers)
        self._ask_s = min(max(_ASK_S, _ASK_EACH_S * workers), _MOST_ASK_S)
        self.soon_s = max(_SOON_S, _SOON_EACH_S * workers)
        return asked if asked > 1 else workers

    def child(self, leg: Leg) -> "RemoteChild":
        """The process of ``leg``, on the worker whose turn it is."""
        worker = self._workers[leg.number % len(self._workers)]
        child = RemoteChild(self, worker, self._ahead_s[worker])
        self._children.append(child)
        return child

    @property
    def alone_s(self) -> float:
        """How long a leg goes on of which nobody asks."""
        return max(_ALONE_S, _ALONE_QUESTIONS * self._ask_s)

    def begun(self, child: "RemoteChild") -> None:
        """``child`` has been started: it is asked from now on."""
        self._client.loop.add_callback(self._keep_asking, child)

    def _keep_asking(self, child: "RemoteChild") -> None:
        line = self._lines.get(child.worker)
        if line is None:
            line = self._lines[child.worker] = Line(self._client, child.worker, self._ask_s)
            self._client.loop.add_callback(line.keep_asking)
        line.add(child)

    def wake(self, worker: str) -> None:
        """There is something to be told to a leg of ``worker``."""
        line = self._lines.get(worker)
        if line is not None:  # else there is a word for it when it is first asked
            self._client.loop.add_callback(line.wake)

    def call(self, worker: str, function: Any, *arguments: Any) -> Any:  # noqa: ANN401  # whatever it returns
        """What ``function`` returns on ``worker``; what it raises there is raised here."""
        return self._client.run(function, *arguments, workers=[worker])[worker]

    def close(self) -> None:
        """Leave the cluster as it was found."""
        self._closed.set()
        for line in [*self._lines.values()]:
            self._client.loop.add_callback(line.close)
        if self._is_ours and self._client is not None:
            self._client.close()

    def _watch(self) -> None:
        """A call to a worker that has died is not given up for half a minute; the scheduler knows at once."""
        while not self._closed.wait(_LOOK_S):
            try:
                here = self._client.scheduler_info(n_workers=-1)["workers"]
            except Exception:  # noqa: BLE001  # no scheduler: what its workers no longer say will be missed
                return
            for child in self._children:
                if child.worker not in here:
                    child.lost(f"was lost with its worker {child.worker}, which left the cluster")

    def _check_versions(self) -> None:
        # By a built-in function: a worker that lacks the package could not even be asked by one of ours.
        for worker, version in self._client.run(eval, _VERSION, on_error="return").items():
            if isinstance(version, ModuleNotFoundError):
                raise MeasurementError(f"worker {worker} has no paceline: install version {__version__} there")
            if version != __version__:
                raise MeasurementError(
                    f"worker {worker} has paceline {version}, this is {__version__}: install the same on both"
                )

    def _clocks(self) -> dict[str, float]:
        """How far each worker's clock is ahead of this one; the quickest of a few answers says it best."""
        best: dict[str, tuple[float, float]] = {}
        for _ in range(_LOOKS_AT_A_CLOCK):
            for worker in self._workers:
                before_s = self._clock.now_s()
                there_s = self.call(worker, station.now_s)
                after_s = self._clock.now_s()
                took_s = after_s - before_s
                if worker not in best or took_s < best[worker][0]:
                    best[worker] = (took_s, there_s - (before_s + after_s) / 2)
        return {worker: ahead_s for worker, (_, ahead_s) in best.items()}


class Line:
    """Speaks with all legs of one worker, on the event loop of the cluster's client: no thread waits for any of them.

    Args:
        client: of the cluster.
        worker: which.
        ask_s: pause between two questions, where nothing is to be told.
    """

    def __init__(self, client: Any, worker: str, ask_s: float) -> None:  # noqa: ANN401  # a Client
        self._client = client
        self._worker = worker
        self._ask_s = ask_s
        self._children: list[RemoteChild] = []
        self._wake = asyncio.Event()
        self._closed = False

    def add(self, child: "RemoteChild") -> None:
        """One more leg, which has been started."""
        self._children.append(child)

    def wake(self) -> None:
        """There is something to be told."""
        self._wake.set()

    def close(self) -> None:
        """Nobody is asked any more."""
        self._closed = True
        self._wake.set()

    async def keep_asking(self) -> None:
        """Fetch what they have said, again and again, which also tells them that somebody is here."""
        while not self._closed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._ask_s)
            self._wake.clear()
            self._children = [child for child in self._children if child.is_open]
            if self._children:
                await self._ask()

    async def _ask(self) -> None:
        asked = [*self._children]
        words = {child.name: child.words() for child in asked}
        try:
            told = await self.call(station.exchange_all, words)
            for child in asked:
                child.heard(*told[child.name])
        except Exception as error:  # noqa: BLE001  # whatever Dask raises: its legs are out of reach
            for child in asked:
                child.lost(f"was lost with its worker {self._worker} ({type(error).__name__}: {error})")

    async def call(self, function: Any, *arguments: Any) -> Any:  # noqa: ANN401  # whatever it returns
        """What ``function`` returns on the worker."""
        return (await self._client.run(function, *arguments, workers=[self._worker]))[self._worker]


class RemoteChild:
    """The process of a leg on another machine; used as a ``Child`` is."""

    def __init__(self, fleet: Fleet, worker: str, ahead_s: float) -> None:
        self._fleet = fleet
        self.worker = worker
        self._ahead_s = ahead_s
        self.name = uuid4().hex
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
            MeasurementError: the request cannot be handed over, or the worker cannot start it.
        """
        if isinstance(request.target, PackedTarget):
            request = replace(request, target=request.target.packed())
        try:
            order = pickle.dumps(request)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise MeasurementError(f"the target cannot be handed to another machine: {error}") from error
        try:
            self._fleet.call(self.worker, station.begin, self.name, order, self._fleet.alone_s)
        except Exception as error:
            raise MeasurementError(f"worker {self.worker} cannot start its part of the load: {error}") from error
        self._fleet.begun(self)

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

    @property
    def is_open(self) -> bool:
        """Whether there is something to be said to it, or to be heard."""
        return self._ending is None or not self._words.empty()

    def words(self) -> list[station.Words]:
        """What is to be said to it."""
        words = []
        while not self._words.empty():
            words.append(self._words.get())
        return words

    def heard(self, said: Sequence[bytes], ending: str | None) -> None:
        """It has said something, and has ended if there is an ``ending``."""
        for data in said:
            if self._ending is not None:
                return
            message: Message = pickle.loads(data)  # noqa: S301  # from the cluster's own peers
            if isinstance(message, Window):
                message = replace(message, at_s=message.at_s - self._ahead_s)
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

    def how(self) -> str:
        """How it ended, in words that follow 'the process'."""
        return self._ending or "ended without a word"

    def _tell(self, verb: str, at_s: float = 0.0) -> None:
        self._words.put((verb, at_s))
        self._fleet.wake(self.worker)


def _connected(cluster: Cluster) -> Any:  # noqa: ANN401  # a Client
    try:
        from distributed import Client
        from distributed.security import Security
    except ImportError as error:
        raise ConfigurationError("a cluster needs Dask: pip install 'paceline[cluster]'") from error
    security = None
    if cluster.ca_file is not None:
        security = Security(  # type: ignore[no-untyped-call]  # of Dask
            tls_ca_file=cluster.ca_file,
            tls_client_cert=cluster.cert_file,
            tls_client_key=cluster.key_file,
            require_encryption=True,
        )
    # In a thread: what answers, but is no scheduler, is waited for without end.
    made: SimpleQueue[Any] = SimpleQueue()

    def connect() -> None:
        try:
            client = Client(  # type: ignore[no-untyped-call]  # of Dask
                cluster.at, security=security, timeout=cluster.connect_timeout_s, set_as_default=False
            )
        except Exception as error:  # noqa: BLE001  # raised again by whoever waits
            made.put(error)
        else:
            made.put(client)

    threading.Thread(target=connect, name="paceline-connect", daemon=True).start()
    try:
        found = made.get(timeout=cluster.connect_timeout_s + _LONGER_S)
    except Empty:
        found = "what is there does not speak as one"
    if isinstance(found, Exception | str):
        raise MeasurementError(f"no Dask scheduler answers at {cluster.at}: {found}")
    return found
