"""The record of one run: all that was seen, nothing that was concluded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from paceline.core.clock import ClockQuality
from paceline.core.units import NS_PER_S
from paceline.records.cache import CacheRecord
from paceline.records.database import DatabaseRecord
from paceline.records.error_log import ErrorGroup
from paceline.records.fingerprint import Fingerprint
from paceline.records.latency import Latency
from paceline.records.load import LoadRecord
from paceline.records.recorder import Counts
from paceline.records.repeats import Repetition
from paceline.records.replication import ProcessRun, Replication
from paceline.records.resources import SystemUsage
from paceline.records.time_series import TimeSeries


class TestType(Enum):
    """What kind of thing was measured."""

    __test__ = False

    API_ENDPOINT = "api_endpoint"
    DATABASE_QUERY = "database_query"
    CACHE_OPERATION = "cache_operation"
    CONCURRENT_LOAD = "concurrent_load"


class Execution(Enum):
    """How attempts were driven."""

    CALLER = "caller"  # one after the other, in the caller's thread
    THREADS = "threads"
    TASKS = "tasks"  # coroutines on one event loop
    CONNECTIONS = "connections"  # on one event loop, by callbacks
    USERS = "users"  # virtual users of a scenario, on one event loop


@dataclass(frozen=True, slots=True)
class Definition:
    """What was asked for. Sessions with different definitions are different benchmarks.

    Attributes:
        iterations: attempts asked for (with ``calls_per_sample`` above 1: samples), or None for a duration.
        duration_s: length of the load, or None for a number of iterations.
        warmup_iterations: attempts before the measured window.
        workers: how many at once.
        calls_per_sample: loops in a batch; 1 times every call.
        timeout_s: limit of an attempt.
        execution: how attempts were driven.
        plan: the workload in words where it is more than the above: rates, stages, think time.
        open_loop: whether attempts begin by a schedule of arrivals, not when the last has ended.
        warmup_s: length of the warm-up before the measured window, where it is a duration.
        target: what was driven, where that is not a callable: without credentials, nor ports on loopback that change.
        think_time_s: pause of a worker between two attempts, where all ``workers`` go on for the whole load; None where
            they do not (a number of iterations, arrivals, stages), and in files that do not say.
        runs: fresh processes, one after the other; with 1 and one epoch, the process of the caller.
        epochs: measured windows in each process; ``iterations`` and ``duration_s`` are those of one.
        repeats: of a level of a sweep: runs, among those of other levels; ``iterations`` and ``duration_s`` likewise.
    """

    iterations: int | None = 100
    duration_s: float | None = None
    warmup_iterations: int = 10
    workers: int = 1
    calls_per_sample: int = 1
    timeout_s: float | None = None
    execution: Execution = Execution.CALLER
    plan: str = ""
    open_loop: bool = False
    warmup_s: float = 0.0
    target: str = ""
    # Not compared: ``plan`` says it too, and says it in older files as well, which are not to become another benchmark.
    think_time_s: float | None = field(default=None, compare=False)
    runs: int = 1
    epochs: int = 1
    repeats: int = 1

    @property
    def attempts_asked(self) -> int | None:
        """In all epochs of all processes, or all repeats, together; None for a duration."""
        if self.iterations is None:
            return None
        return self.iterations * self.calls_per_sample * self.runs * self.epochs * self.repeats


@dataclass(frozen=True, slots=True)
class Pause:
    """One garbage collection: when it began, from the opening of the window, and how long it lasted."""

    offset_ns: int
    lasted_ns: int


MOST_PAUSES = 200  # that are kept one by one; the others are in the totals


@dataclass(frozen=True, slots=True)
class Collections:
    """Runs of the garbage collector within the window.

    Attributes:
        count: how many.
        total_ns: of them all.
        longest_ns: the longest.
        pauses: the longest ones in the order they happened; none of a run in several windows.
    """

    count: int = 0
    total_ns: int = 0
    longest_ns: int = 0
    pauses: tuple[Pause, ...] = ()


@dataclass(frozen=True, slots=True)
class Aborted:
    """The limit that ended a load early, because that was asked for.

    Attributes:
        limit: as the user wrote it.
        after_s: when that was seen, in seconds after the measured window opened.
        measured: the value then, in ``unit``.
        bound: the limit, in ``unit``.
        unit: of both.
        message: for people.
        everything: whether the loads that were made together with it were to end too.
    """

    limit: str
    after_s: float
    measured: float | None
    bound: float
    unit: str
    message: str
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What happened around the attempts; findings are made from it.

    Attributes:
        interruption: ``KeyboardInterrupt`` or what else ended the run early; None for a whole run.
        abandoned_workers: workers left behind in an attempt that did not return within its limit.
        warmup_attempts: made before the window.
        warmup_errors: failures among them.
        warmup_cut_ns: how long the warm-up had lasted when the run was ended in it; None where it was not.
        teardown_error: what ``teardown`` raised.
        own_cpu_s: CPU seconds of this process in the window, from the fine-grained process clock.
        empty_loop_ns: what the loop of a batch costs without a call in it, per call; part of the figures.
        event_loop: module of the event loop that ran the tasks.
        foreign_loop: whether the caller's own running loop had to wait meanwhile.
        booted_at: when the machine was started, ISO 8601, UTC; None where it does not tell.
        calibration_ns: of the calibration workload in this session; None where no baseline was in play.
        aborted: the limit that ended the run early; None where none did.
    """

    interruption: str | None = None
    abandoned_workers: int = 0
    warmup_attempts: int = 0
    warmup_errors: tuple[ErrorGroup, ...] = ()
    warmup_cut_ns: int | None = None
    teardown_error: ErrorGroup | None = None
    own_cpu_s: float | None = None
    empty_loop_ns: float | None = None
    event_loop: str | None = None
    foreign_loop: bool = False
    booted_at: str | None = None
    calibration_ns: float | None = None
    aborted: Aborted | None = None


@dataclass(frozen=True)
class RunRecord:
    """One run. Frozen; can be stored and judged again years later.

    Attributes:
        name: of the test.
        test_type: kind of thing measured.
        definition: what was asked for.
        started_at: ISO 8601, UTC.
        elapsed_ns: wall time from the first start to the last end, without setup_each and recording.
        window_ns: the part that throughput is taken over: to the moment no more work was left to hand out.
        window_ok: ok attempts' worth of work done within it; whole unless attempts were under way at its end.
        counts: how attempts ended.
        latency: the distribution.
        series: what happened when.
        errors: by kind.
        collections: garbage collections in the window.
        usage: CPU, memory, disk I/O.
        clock: what the clock could see.
        circumstances: what happened around.
        fingerprint: machine and interpreter.
        metadata: the user's.
        load: what a load adds; None for what is no load.
        replication: of a run in fresh processes: each one's figures; the rest of the record is all of them together.
        database: what a database adds; None where there is none, or where nobody looked.
        cache: of a run with hits and misses; None where there are none.
        kind_is_said: whether somebody said what kind of thing it is, or it is the default.
        repetition: of a level that was repeated: each repeat's figures; the rest of the record is all of them together.
    """

    name: str
    test_type: TestType
    definition: Definition
    started_at: str
    elapsed_ns: int
    window_ns: int
    window_ok: float
    counts: Counts
    latency: Latency
    series: TimeSeries = field(default_factory=TimeSeries)
    errors: tuple[ErrorGroup, ...] = ()
    collections: Collections = field(default_factory=Collections)
    usage: SystemUsage = field(default_factory=SystemUsage)
    clock: ClockQuality = field(default_factory=lambda: ClockQuality(0.0, 0.0))
    circumstances: Circumstances = field(default_factory=Circumstances)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    metadata: Mapping[str, object] = field(default_factory=dict)
    load: LoadRecord | None = None
    replication: Replication | None = None
    database: DatabaseRecord | None = None
    cache: CacheRecord | None = None
    kind_is_said: bool = False
    repetition: Repetition | None = None

    @property
    def processes(self) -> tuple[ProcessRun, ...]:
        """The fresh processes of a replicated run; none where there is but the caller's."""
        return () if self.replication is None else self.replication.processes

    @property
    def at_once(self) -> int:
        """The most attempts that can be under way: of a pipeline, several a connection."""
        return self.definition.workers * (1 if self.cache is None else self.cache.pipeline)

    @property
    def throughput_per_s(self) -> float:
        """Ok attempts a second (goodput)."""
        return self.window_ok * NS_PER_S / self.window_ns if self.window_ns else 0.0
