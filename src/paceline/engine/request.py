"""What is to be run, what comes of it, and who watches."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from paceline.core.errors import ConfigurationError
from paceline.engine.cluster import Cluster, check_reach
from paceline.records.latency import Latency
from paceline.records.run_record import Definition, Execution, RunRecord, TestType
from paceline.sysmon.ports import without_given_port
from paceline.targets.call import CallTarget
from paceline.targets.lanes import LaneTarget, SplitTarget, is_split
from paceline.workload.description import describe
from paceline.workload.fresh_processes import FreshProcesses
from paceline.workload.legs import MOST_LEGS, WHOLE, Leg, check_legs
from paceline.workload.models import (
    ClosedLoop,
    FixedIterations,
    Stages,
    Workload,
    has_arrivals,
    positive_seconds,
    seconds_from_zero,
    whole_number,
)


@dataclass(frozen=True, slots=True)
class LegsNow:
    """How the processes that make a load together are doing.

    Attributes:
        of: how many there are.
        alive: those that were not lost.
        slowest: number of the one that makes the least now, from 1; None where there is but one, or nobody knows yet.
        slowest_per_second: attempts of that one that ended ok in the last second or so.
    """

    of: int
    alive: int
    slowest: int | None = None
    slowest_per_second: float = math.nan


@dataclass(frozen=True, slots=True)
class LoadNow:
    """How a load is doing.

    Attributes:
        elapsed_s: since the window began.
        per_second: attempts that ended ok in the last second or so.
        errors: errors and timeouts so far.
        in_flight: attempts under way, and arrivals that wait.
        latency: of the last second or so.
        cpu_percent: of the generating thread in the last whole second; None before there was one.
        targets_cpu_percent: pid and CPU of each process that is observed besides, over the last second or so.
        legs: of several processes; None where one makes it.
    """

    elapsed_s: float
    per_second: float
    errors: int
    in_flight: int
    latency: Latency
    cpu_percent: float | None = None
    targets_cpu_percent: tuple[tuple[int, float | None], ...] = ()
    legs: LegsNow | None = None


class Observer(Protocol):
    """Who watches a run. Called between attempts, or beside them where there are several workers."""

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        """At most twice a second: how much of the plan is done, in [0, 1]."""

    def partial(self, record: RunRecord) -> None:
        """Every 10 s: all that was seen so far."""


class Unobserved:
    """Nobody watches."""

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        """Nothing."""

    def partial(self, record: RunRecord) -> None:
        """Nothing."""


DEFAULT_CONNECTIONS = 10
_GRACE_S = 30.0  # of targets that do not say how long a request may take
_LONGER_S = 15.0  # for starting, connecting and reporting


@dataclass(frozen=True)
class RunRequest:
    """What is to be run.

    Attributes:
        name: of the test.
        test_type: kind of thing measured.
        target: what to call.
        workload: how often, how long, by how many.
        metadata: the user's, as plain data.
        timeout_s: limit of an attempt.
        target_pids: processes to observe besides this one.
        warmup_s: length of the warm-up of a load, beside or instead of the workload's warm-up iterations.
        setup, teardown: around a run whose target is no :class:`CallTarget`, which has its own; and around what several
            processes make, whatever it is.
        own_process: whether the load is made in a process that does nothing else; its target must be picklable.
        probe_per_second: requests a second of an independent client beside it; 0 for none.
        fresh: the processes it is made in, one after the other; None: the one that runs it.
        remake: makes the target in another process; None: it is pickled.
        processes: how many make it together, a share each.
        shares: gives each of them its share; None: the target does, if it can.
        leg: which share of it is made, together with others; None: all of it.
        cluster: where legs are made; None: on this machine.
        tolerated_loss: part of the load, in [0, 1], that may be lost with legs before the result supports no verdict.
        live: whether it is to be looked at while it runs, by somebody who can end it.
        live_parts: whether the attempts by name are looked at too.
        kind_is_said: whether ``test_type`` is what somebody said, rather than the default.
        repeats: runs at this level of a sweep, of which this is one.

    Raises:
        ConfigurationError: parts that do not go together.
    """

    name: str
    test_type: TestType
    target: CallTarget | LaneTarget
    workload: Workload
    metadata: Mapping[str, object] = field(default_factory=dict)
    timeout_s: float | None = None
    target_pids: Sequence[int] = ()
    warmup_s: float = 0.0
    setup: Callable[[], object] | None = None
    teardown: Callable[[], object] | None = None
    own_process: bool = False
    probe_per_second: float = 0.0
    fresh: FreshProcesses | None = None
    remake: Callable[[], CallTarget] | None = None
    processes: int = 1
    shares: SplitTarget | None = None
    leg: Leg | None = None
    cluster: Cluster | None = None
    tolerated_loss: float = 0.0
    live: bool = False
    live_parts: bool = False
    kind_is_said: bool = False
    repeats: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked_name(self.name))
        if not isinstance(self.test_type, TestType):
            raise ConfigurationError(
                f"test_type must be a TestType such as TestType.API_ENDPOINT, not {self.test_type!r}"
            )
        if self.timeout_s is not None:
            object.__setattr__(self, "timeout_s", positive_seconds("timeout_s", self.timeout_s))
        object.__setattr__(self, "warmup_s", seconds_from_zero("warmup_s", self.warmup_s))
        if isinstance(self.target, CallTarget):
            self._check_call(self.target)
        elif self.timeout_s is not None:
            raise ConfigurationError("timeout_s is the target's own here: pass it where the target is made")
        elif self.batch is not None:
            raise ConfigurationError("batch is for callables: each request is timed alone")
        if self.fresh is not None and not (
            isinstance(self.workload, FixedIterations)
            or (isinstance(self.workload, ClosedLoop) and not self.workload.think_time_s)
        ):
            raise ConfigurationError("runs and epochs are for a number of iterations, or for callables and a duration")
        if self.fresh is not None and self.repeats > 1:
            raise ConfigurationError("runs and epochs do not go together with repeats: name one of them")

        self._check_processes()

    def _check_processes(self) -> None:
        whole_number("processes", self.processes, at_least=1, at_most=MOST_LEGS)
        if not 0 <= self.tolerated_loss <= 1:
            raise ConfigurationError(f"tolerated_loss is a share between 0 and 1, not {self.tolerated_loss!r}")
        if self.processes == 1 and self.cluster is None:
            if self.tolerated_loss:
                raise ConfigurationError(
                    "one process makes the load, and there is no part of it to lose: leave out tolerated_loss "
                    "(--tolerate-loss), or name several processes or a cluster"
                )
            return
        split = self.split
        if not self.own_process or split is None:
            raise ConfigurationError(
                f"several processes cannot make a load on {type(self.target).__name__}: what is called lives in the "
                "process that made it"
            )
        if self.fresh is not None:
            raise ConfigurationError("runs and epochs are processes one after the other: name them, or processes")
        if self.batch is not None:
            raise ConfigurationError("batch is for one worker: leave processes out")
        if self.cluster is not None:
            check_reach(self.cluster, split.host, self.workload)
        check_legs(self.workload, self.processes)
        is_called = isinstance(self.target, CallTarget)  # whose arrivals get as many tasks or threads as they need
        if has_arrivals(self.workload) and self.workers < self.processes and not is_called:
            raise ConfigurationError(
                f"{self.processes:,} processes have {self.workers:,} connections to share: ask for one each at least"
            )

    @property
    def split(self) -> SplitTarget | None:
        """Who gives each of several processes its share; None where it cannot be shared."""
        if self.shares is not None:
            return self.shares
        return self.target if is_split(self.target) else None

    def _check_call(self, target: CallTarget) -> None:
        if self.uses_lanes and (target.setup_each is not None or self.timeout_s is not None):
            raise ConfigurationError("setup_each and timeout_s do not go together with arrivals, stages or think time")
        if target.setup_each is not None and self.workers > 1:
            raise ConfigurationError(
                "setup_each is for one worker: with several, one prepares while others are measured, and the time "
                "cannot be taken out"
            )
        if self.batch is not None:
            for given, what in (
                (target.is_async, "a coroutine function"),
                (target.setup_each is not None, "setup_each"),
                (self.timeout_s is not None, "timeout_s"),
            ):
                if given:
                    raise ConfigurationError(f"batch does not go together with {what}: each attempt is timed alone")

    @property
    def batch(self) -> int | str | None:
        """Calls a sample, as asked for."""
        return self.workload.batch if isinstance(self.workload, FixedIterations) else None

    @property
    def workers(self) -> int:
        """How many at once; of an open loop, how many lanes there are to begin with."""
        workload = self.workload
        if isinstance(workload, FixedIterations):
            return workload.workers
        if isinstance(workload, ClosedLoop):
            return workload.users
        if isinstance(workload, Stages) and not has_arrivals(workload):
            return int(workload.most)
        return 1 if isinstance(self.target, CallTarget) else self.target.connections or DEFAULT_CONNECTIONS

    @property
    def longest_s(self) -> float:
        """How long a process may take for it; one that takes longer does not end by itself."""
        workload = self.workload
        if isinstance(workload, FixedIterations) or isinstance(self.target, CallTarget):
            return math.inf  # a function, its setup and its teardown take as long as they take
        grace_s = float(getattr(self.target, "timeout_s", _GRACE_S))
        return self.warmup_s + workload.duration_s + 2 * grace_s + _LONGER_S

    @property
    def own_workers(self) -> int:
        """Those of the leg that is made."""
        return max((self.leg or WHOLE).share(self.workers), 1)

    @property
    def uses_lanes(self) -> bool:
        """Whether attempts are begun by the engine and end in a callback; otherwise workers run loops."""
        if not isinstance(self.target, CallTarget):
            return True
        if isinstance(self.workload, ClosedLoop):
            return self.workload.think_time_s > 0
        return not isinstance(self.workload, FixedIterations)

    @property
    def needs_loop(self) -> bool:
        """Whether an event loop drives it."""
        return self.uses_lanes or (isinstance(self.target, CallTarget) and self.target.is_async)

    def definition(self, calls_per_sample: int) -> Definition:
        """What is asked for, as it stands in the record; ``calls_per_sample`` is known after calibration."""
        workload = self.workload
        return Definition(
            iterations=workload.iterations if isinstance(workload, FixedIterations) else None,
            duration_s=None if isinstance(workload, FixedIterations) else workload.duration_s,
            warmup_iterations=workload.warmup_iterations if isinstance(workload, FixedIterations | ClosedLoop) else 0,
            workers=self.workers,
            calls_per_sample=calls_per_sample,
            timeout_s=self.timeout_s,
            execution=self.execution,
            plan=describe(workload) if self.uses_lanes else "",
            open_loop=has_arrivals(workload),
            warmup_s=self.warmup_s,
            target=without_given_port(self.target.text),  # a session must be comparable with the next one
            think_time_s=workload.think_time_s if isinstance(workload, ClosedLoop) else None,
            runs=1 if self.fresh is None else self.fresh.runs,
            epochs=self.epochs,
            repeats=self.repeats,
        )

    @property
    def duration_s(self) -> float | None:
        """Length of the one measured window; None of a number of iterations, and of several windows."""
        return (
            None if self.fresh is not None or isinstance(self.workload, FixedIterations) else self.workload.duration_s
        )

    @property
    def part_names(self) -> Sequence[str] | None:
        """Names of the requests it makes; None where users decide what they send."""
        if self.execution is Execution.USERS:
            return None
        names: Sequence[str] = getattr(self.target, "part_names", ())  # callables and applications have none
        return names

    @property
    def epochs(self) -> int:
        """Measured windows of one process."""
        return 1 if self.fresh is None else self.fresh.epochs

    @property
    def execution(self) -> Execution:
        """How attempts will be driven."""
        if not isinstance(self.target, CallTarget):
            return self.target.execution
        if self.target.is_async:
            return Execution.TASKS
        if self.uses_lanes:
            return Execution.THREADS
        # Only a thread can be left behind when an attempt exceeds its limit.
        return Execution.THREADS if self.workers > 1 or self.timeout_s is not None else Execution.CALLER


def checked_name(name: object) -> str:
    """``name`` if it can be a test's.

    Raises:
        ConfigurationError: it is no text, or an empty one.
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"test_name must be a text that is not empty, not {name!r}")
    return str(name)  # of a kind of text of somebody's own the plain one is kept, which files can hold


@dataclass(frozen=True)
class Run:
    """What came of a run.

    Attributes:
        record: all that was seen; of a process of several epochs, in the last of them.
        stopped_by: what ended it early, for the caller to raise once the record is safe.
        is_cut_short: whether an attempt that did not return ended it: no epoch follows.
    """

    record: RunRecord
    stopped_by: BaseException | None
    is_cut_short: bool = False
