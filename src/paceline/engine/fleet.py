"""Legs on the machines of a Dask cluster.

A leg is no task of Dask's: tasks are run again when their worker dies, and a load that is made twice is no
measurement. It is started by a call to its worker, which Dask never repeats, and lives in a process of its own there.
"""

import contextlib
import logging
import threading
from collections.abc import Sequence
from typing import Any

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.engine.cluster import Cluster
from paceline.engine.connecting import connected, usable
from paceline.engine.examination import ANSWER_S, Examined, check_open_files, examined
from paceline.engine.line import Line
from paceline.engine.patience import all_within, within
from paceline.engine.remote_child import RemoteChild
from paceline.engine.request import RunRequest
from paceline.records.load import BeforeStart
from paceline.workload.legs import Leg

_ASK_S = 0.3  # between two questions to a worker, of few
_ASK_EACH_S = 0.002  # of many: a question takes 0.4 ms of a core here, and as much of the scheduler's
_MOST_ASK_S = 3.0  # well below what counts as silence
_ALONE_S = 1.5  # a leg of which nobody has asked for so long ends itself
_ALONE_QUESTIONS = 5  # or for so many questions
_SOON_S = 0.5  # for an order to start, to few
_SOON_EACH_S = 0.002  # of many
_LOOK_S = 0.5
_SILENT_S = 10.0  # a worker answers within milliseconds
_KNOWN_S = 1.0  # for the scheduler to say who its workers are
_LAST_WORD_S = 1.0
_CLOSE_S = 2.0


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
        self._found: dict[str, Examined] = {}
        self._children: list[RemoteChild] = []
        self._lines: dict[str, Line] = {}
        self._ask_s = _ASK_S
        self.soon_s = _SOON_S
        self._closed = threading.Event()
        self._cut_off_s: float | None = None
        self._joined: dict[str, None] = {}

    @property
    def joined_late(self) -> Sequence[str]:
        """Addresses of workers that came after they were looked at."""
        return tuple(self._joined)

    def open(self, request: RunRequest) -> int:
        """Connect and look at the workers; one leg on each unless more processes were asked for.

        Raises:
            MeasurementError: the scheduler does not answer, has no workers, or one that cannot make a leg.
            ConfigurationError: Dask is not installed, the client cannot be used, or a worker may not have as many
                connections.
        """
        self._client = connected(self._cluster) if self._is_ours else usable(self._cluster.at)
        try:
            self._workers = within(ANSWER_S, self._known)
        except TimeoutError as error:
            raise MeasurementError("the scheduler of the cluster does not say who its workers are") from error
        if not self._workers:
            raise MeasurementError("the cluster has no workers: start one with 'dask worker ADDRESS'")
        self._ask_s = min(max(_ASK_S, _ASK_EACH_S * len(self._workers)), _MOST_ASK_S)
        self.soon_s = max(_SOON_S, _SOON_EACH_S * len(self._workers))
        of = request.processes if request.processes > 1 else len(self._workers)
        self._found = examined(self.call, self._workers, self._clock)
        legs = [Leg(number, of) for number in range(of)]
        check_open_files({leg: self.machine(leg) for leg in legs}, self._found, request.workers)
        threading.Thread(target=self._watch, name="paceline-fleet", daemon=True).start()
        return of

    def child(self, leg: Leg) -> RemoteChild:
        """The process of ``leg``, on the worker whose turn it is."""
        worker = self.machine(leg)
        line = self._lines.get(worker)
        if line is None:
            line = self._lines[worker] = Line(self._client, worker, self._ask_s, self.alone_s, self._clock)
        child = RemoteChild(line, self._found[worker].ahead_s)
        self._children.append(child)
        return child

    @property
    def alone_s(self) -> float:
        """How long a leg goes on of which nobody asks."""
        return max(_ALONE_S, _ALONE_QUESTIONS * self._ask_s)

    def machine(self, leg: Leg) -> str:
        """Address of the worker that makes ``leg``."""
        return self._workers[leg.number % len(self._workers)]

    def before(self, leg: Leg) -> BeforeStart:
        """What was seen of that worker."""
        return self._found[self.machine(leg)].before

    def call(self, worker: str, function: Any, *arguments: Any) -> Any:  # noqa: ANN401  # whatever it returns
        """What ``function`` returns on ``worker``; what it raises there is raised here."""
        return self._client.run(function, *arguments, workers=[worker])[worker]

    def close(self) -> None:
        """Leave the cluster as it was found."""
        until_s = self._clock.now_s() + _LAST_WORD_S
        for line in self._lines.values():
            line.close()
        for line in self._lines.values():
            line.wait(max(until_s - self._clock.now_s(), 0.0))
        self._closed.set()
        if self._is_ours and self._client is not None:
            # Of a scheduler that has gone the finding tells: Dask would add a traceback.
            with contextlib.ExitStack() as silence:
                if self._cut_off_s is not None:
                    logger = logging.getLogger("distributed.client")
                    logger.addFilter(_nothing)
                    silence.callback(logger.removeFilter, _nothing)
                # Who does not answer is left as it is.
                all_within(_CLOSE_S, {None: self._client.close})

    def _known(self) -> Sequence[str]:
        # Not scheduler_info: that returns what the client keeps, which its own look every 2 s replaces by one without
        # workers, and whoever reads it at that moment takes all of them for lost.
        return sorted(self._client.nthreads())

    def _watch(self) -> None:
        """A call to a worker that has died is not given up for half a minute; the scheduler knows at once."""
        while not self._closed.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        now_s = self._clock.now_s()
        self._look_for_the_scheduler(now_s)
        self._look_for_the_silent(now_s)
        if self._cut_off_s is not None:
            return
        here = all_within(_KNOWN_S, {None: self._known})[None]
        # Whatever Dask raises: that it is cut off, or silent, is seen the next time.
        if self._client.status == "running" and not isinstance(here, Exception):
            self._look_who_is_here(here)

    def _look_for_the_scheduler(self, now_s: float) -> None:
        if self._client.status == "running":
            self._cut_off_s = None
            return
        if self._cut_off_s is None:
            self._cut_off_s = now_s
        if now_s - self._cut_off_s > self.alone_s:
            for child in self._children:
                child.lost("was lost with the scheduler of the cluster, which answers no more")

    def _look_for_the_silent(self, now_s: float) -> None:
        for child in self._children:
            asked_s = child.line.asked_s
            if asked_s is not None and now_s - asked_s > _SILENT_S:
                child.lost(f"was lost with its worker {child.line.worker}, which said nothing for {_SILENT_S:g} s")

    def _look_who_is_here(self, here: Sequence[str]) -> None:
        for child in self._children:
            if child.line.worker not in here:
                child.lost(f"was lost with its worker {child.line.worker}, which left the cluster")
        for worker in here:
            if worker not in self._found:
                self._joined[worker] = None


def _nothing(_: logging.LogRecord) -> bool:
    return False
