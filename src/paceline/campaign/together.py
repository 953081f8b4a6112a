"""Several loads at once, each in a process of its own, each judged by its own limits."""

import asyncio
import contextlib
import threading
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from paceline.campaign.suite import Suite
from paceline.core.errors import ConfigurationError, PacelineWarning
from paceline.core.findings import Finding
from paceline.core.units import counted
from paceline.engine.child_process import usable_cores
from paceline.engine.request import LoadNow, Observer, Run, RunRequest
from paceline.engine.tasks import in_running_loop
from paceline.judge.result import TestResult
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.run_record import Aborted, RunRecord
from paceline.stats.summary import Moments
from paceline.workload.models import seconds_from_zero

_MOST_NS = (1 << 63) - 1


@dataclass(frozen=True)
class Member:
    """One of several loads.

    Attributes:
        request: what is run, in a process of its own.
        threshold: its limits.
        start_s: when its warm-up begins, in seconds after the first might.

    Raises:
        ConfigurationError: it has no process of its own, or ``start_s`` is no such time.
    """

    request: RunRequest
    threshold: PerformanceThreshold | None = None
    start_s: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "start_s", seconds_from_zero("start_s", self.start_s))
        if not self.request.own_process:
            raise ConfigurationError(
                f"{self.request.name!r} has no process of its own: it would be in the figures of those beside it"
            )


def run_together(suite: Suite, members: Sequence[Member]) -> list[TestResult]:
    """Make all of them at once, and keep their results in the order of ``members``.

    A limit with ``abort all`` ends them all, and so does one that cannot be made. An interrupt ends them all, and is
    raised once what was measured is kept.

    Raises:
        ConfigurationError: two have one name, or a threshold asks for what its run cannot measure; nothing was run.
        MeasurementError: one could not be made.
        OutputError: the journal cannot be written.
    """
    names = [member.request.name for member in members]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two loads made together are called {name!r}: give each a name")
    for member in members:
        suite.check(member.request, member.threshold)
    if in_running_loop():
        raise ConfigurationError("loads are made together from outside an event loop: call it in a thread of its own")
    with asyncio.Runner() as runner:
        try:
            return runner.run(_Together(suite, members).run())
        finally:
            suite.put_in_order(names)


class _Together:
    """The loads under way. All of this is on one thread; what observers are told comes from others."""

    def __init__(self, suite: Suite, members: Sequence[Member]) -> None:
        self._suite = suite
        self._members = members
        self._observer = _Sum(suite.observer, members)
        self._noted = _cores_shared(members)
        self._tasks: dict[str, asyncio.Task[TestResult]] = {}
        self._ended_by: tuple[str, Aborted] | None = None
        # Of a session that is gone on with: one that is finished is still needed as the others' company.
        self._anew = not all(suite.is_finished(member.request) for member in members)

    async def run(self) -> list[TestResult]:
        self._loop = asyncio.get_running_loop()
        self._tasks = {member.request.name: asyncio.ensure_future(self._make(member)) for member in self._members}
        tasks = self._tasks.values()
        try:
            _, under_way = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            if under_way:
                await _end(under_way)
        except asyncio.CancelledError:
            await _end(tasks)
            raise
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        self._tell_unbegun()
        return [task.result() for task in tasks if not task.cancelled()]

    async def _make(self, member: Member) -> TestResult:
        if member.start_s:
            await asyncio.sleep(member.start_s)
        name = member.request.name
        try:
            return await self._suite.arun(
                member.request,
                member.threshold,
                observer=self._observer,
                noted=self._noted,
                on_abort=partial(self._aborted, name),
                ended=self._as_ended,
                anew=self._anew,
            )
        finally:
            self._observer.over(name)

    def _aborted(self, name: str, aborted: Aborted) -> None:
        """From the thread that listens to a load: a limit ends it."""
        if aborted.everything:
            with contextlib.suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._end_all, name, aborted)

    def _end_all(self, name: str, aborted: Aborted) -> None:
        if self._ended_by is None:
            self._ended_by = name, aborted
            for other, task in self._tasks.items():
                if other != name:
                    task.cancel()

    def _as_ended(self, run: Run) -> Run:
        """``run``, where another load's limit has ended it: cut short, but not by a person."""
        if self._ended_by is None or not isinstance(run.stopped_by, asyncio.CancelledError):
            return run
        name, aborted = self._ended_by
        circumstances = replace(run.record.circumstances, interruption=f"{name} was aborted: {aborted.limit}")
        return replace(run, record=replace(run.record, circumstances=circumstances), stopped_by=None)

    def _tell_unbegun(self) -> None:
        unbegun = [name for name, task in self._tasks.items() if task.cancelled()]
        if unbegun and self._ended_by is not None:
            name, aborted = self._ended_by
            warnings.warn(
                f"{' and '.join(unbegun)}: not measured, as {aborted.limit!r} of {name} had ended everything before",
                PacelineWarning,
                stacklevel=2,
            )


async def _end(tasks: Collection[asyncio.Task[TestResult]]) -> None:
    """End them early and wait until what they have seen is kept."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _cores_shared(members: Sequence[Member]) -> tuple[Finding, ...]:
    cores = len(usable_cores())
    generators = sum(member.request.processes for member in members if member.request.cluster is None)
    if generators <= cores:
        return ()
    return (
        Finding(
            code="generators-share-cores",
            seen=f"{generators} processes made loads at once on {counted(cores, 'core')}.",
            why="Their generators waited for each other, which may be in the latencies of all.",
            advice="Make fewer of them together, or on a machine with a core for each and for the server.",
        ),
    )


class _Sum:
    """Shows several loads as one: rates, errors and attempts under way added up, latencies merged."""

    def __init__(self, observer: Observer, members: Sequence[Member]) -> None:
        self._observer = observer
        self._lock = threading.Lock()
        self._name = f"{len(members)} scenarios: {', '.join(member.request.name for member in members)}"
        self._opens_s = {member.request.name: member.start_s + member.request.warmup_s for member in members}
        ends_s = [_end_s(member) for member in members]
        self._end_s = None if None in ends_s else max(end_s for end_s in ends_s if end_s is not None)
        self._last: dict[str, tuple[float, int, LoadNow | None]] = {}
        self._over: set[str] = set()

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        with self._lock:
            self._last[record_name] = share, attempts, load
            loads = {name: now for name, (_, _, now) in self._last.items() if now is not None}
            added = _added({name: now for name, now in loads.items() if name not in self._over})
            elapsed_s = max((self._opens_s.get(name, 0.0) + now.elapsed_s for name, now in loads.items()), default=0.0)
            errors = sum(now.errors for now in loads.values())
            whole = None if added is None else replace(added, elapsed_s=elapsed_s, errors=errors)
            done = min(each for each, _, _ in self._last.values())
            if self._end_s is not None:
                done = min(elapsed_s / self._end_s, 1.0)
            self._observer.progress(self._name, done, sum(made for _, made, _ in self._last.values()), whole)

    def partial(self, record: RunRecord) -> None:
        with self._lock:
            self._observer.partial(record)

    def over(self, name: str) -> None:
        """The load ``name`` is over: its rate is none any more."""
        with self._lock:
            self._over.add(name)


def _end_s(member: Member) -> float | None:
    lasts_s = member.request.duration_s
    return None if lasts_s is None else member.start_s + member.request.warmup_s + lasts_s


def _added(loads: dict[str, LoadNow]) -> LoadNow | None:
    if not loads:
        return None
    every = list(loads.values())
    histogram = Histogram.merged(load.latency.histogram for load in every)
    cpu = [load.cpu_percent for load in every if load.cpu_percent is not None]
    return LoadNow(
        elapsed_s=max(load.elapsed_s for load in every),
        per_second=sum(load.per_second for load in every),
        errors=sum(load.errors for load in every),
        in_flight=sum(load.in_flight for load in every),
        latency=Latency(Moments(histogram.count, minimum=0, maximum=_MOST_NS), histogram, None),
        cpu_percent=max(cpu, default=None),
        targets_cpu_percent=tuple(each for load in every for each in load.targets_cpu_percent),
    )
