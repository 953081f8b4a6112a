"""Legs on the machines of a Dask cluster.

A leg is no task of Dask's: tasks are run again when their worker dies, and a load that is made twice is no
measurement. It is started by a call to its worker, which Dask never repeats, and lives in a process of its own there.
"""

import pickle
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.core.version import __version__
from paceline.engine import station
from paceline.engine.child_process import Failed, Message, Window
from paceline.engine.cluster import Cluster
from paceline.engine.dispatch import order_of
from paceline.engine.request import RunRequest
from paceline.workload.legs import Leg

_ASK_S = 0.3
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

    soon_s = 0.5

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._is_ours = isinstance(cluster.at, str)
        self._client: Any = None
        self._workers: Sequence[str] = ()
        self._ahead_s: dict[str, float] = {}
        self._children: list[RemoteChild] = []
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
        return asked if asked > 1 else len(self._workers)

    def child(self, leg: Leg) -> "RemoteChild":
        """The process of ``leg``, on the worker whose turn it is."""
        worker = self._workers[leg.number % len(self._workers)]
        child = RemoteChild(self, worker, self._ahead_s[worker])
        self._children.append(child)
        return child

    def call(self, worker: str, function: Any, *arguments: Any) -> Any:  # noqa: ANN401  # whatever it returns
        """What ``function`` returns on ``worker``; what it raises there is raised here."""
        return self._client.run(function, *arguments, workers=[worker])[worker]

    def close(self) -> None:
        """Leave the cluster as it was found."""
        self._closed.set()
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


class RemoteChild:
    """The process of a leg on another machine; used as a ``Child`` is."""

    def __init__(self, fleet: Fleet, worker: str, ahead_s: float) -> None:
        self._fleet = fleet
        self.worker = worker
        self._ahead_s = ahead_s
        self._name = uuid4().hex
        self._said: SimpleQueue[bytes | None] = SimpleQueue()
        self._words: SimpleQueue[station.Words] = SimpleQueue()
        self._ending: str | None = None
        self._wake = threading.Event()

    def order(self, request: RunRequest) -> None:
        """Tell it what to run.

        Raises:
            ConfigurationError, MeasurementError: the request cannot be handed over, or the worker cannot start it.
        """
        order = order_of(request, packed=True)
        try:
            self._fleet.call(self.worker, station.begin, self._name, order)
        except Exception as error:
            raise MeasurementError(f"worker {self.worker} cannot start its part of the load: {error}") from error
        threading.Thread(target=self._ask, name=f"paceline-ask-{self.worker}", daemon=True).start()

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

    def _tell(self, verb: str, at_s: float = 0.0) -> None:
        self._words.put((verb, at_s))
        self._wake.set()

    def _ask(self) -> None:
        """Fetch what it has said, again and again, which also tells it that somebody is here."""
        ending: str | None = None
        while ending is None and self._ending is None:
            self._wake.wait(_ASK_S)
            self._wake.clear()
            words = []
            while not self._words.empty():
                words.append(self._words.get())
            try:
                said, ending = self._fleet.call(self.worker, station.exchange, self._name, words)
            except Exception as error:  # noqa: BLE001  # whatever Dask raises: the leg is out of reach
                said, ending = [], f"was lost with its worker {self.worker} ({type(error).__name__}: {error})"
            for data in said:
                self._said.put(data)
        self.lost(ending or "")


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
