"""What closed and open loops over lanes share: the log, the ticks, the end."""

import asyncio
from collections.abc import Callable, Sequence
from copy import copy

from paceline.core.clock import Clock
from paceline.core.units import NS_PER_S
from paceline.engine.drive import Checkpoint, Drive, Load, nothing
from paceline.engine.request import LoadNow
from paceline.records.error_log import ErrorGroup, ErrorLog
from paceline.records.exchanges import ExchangeRecorder, Exchanges
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.load import LoadRecord
from paceline.records.outcome import AttemptEnd
from paceline.records.recorder import Recorder
from paceline.records.time_series import TimeSlice
from paceline.stats.summary import Moments
from paceline.targets.lanes import Lane, Lanes, MarkingLanes

_TICK_S = 0.1
_MOST_NS = (1 << 63) - 1
NOW_NS = 1_000_000_000  # what is shown as now: the last second
_FOLD_AT = 1_024  # attempts
_SWEEP_S = 0.1  # of 10,000 connections it takes 0.3 ms
_CPU_S = 1.0
_SHORTEST_CPU_S = 0.2  # a last stretch shorter than that says little
PAUSE_S = 0.1  # of a lane that could not connect: nobody knocks 10,000 times a second on a closed door


class LanesDrive(Drive):
    """Drives lanes on the running loop. Subclasses say when lanes begin.

    Args:
        lanes: opened already; warm-up and window use the same.
        ready: those that were opened.
        load: how long or how often, by how many.
        clock: where the time comes from.
        checkpoint: called at every tick.
        on_end: called when the last attempt has ended.
    """

    tick_s = _TICK_S

    def __init__(
        self,
        lanes: Lanes,
        ready: list[Lane],
        load: Load,
        clock: Clock,
        checkpoint: Checkpoint = nothing,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.lanes = lanes
        self.ready = ready
        self._usual = lanes.usual_end if isinstance(lanes, MarkingLanes) else AttemptEnd.OK
        self.log = Exchanges(self._usual)
        self.iterations = 0
        self._several = len(lanes.part_names) > 1 or lanes.scenario
        self._cpu_percent: list[float] = []
        self._cpu_mark = (clock.now_s(), clock.thread_cpu_s())
        self._all_ended = asyncio.Event()
        self._stopping = False
        self._sweep_at_s = 0.0
        super().__init__(load, clock, checkpoint, on_end)

    def begin(self) -> None:
        """The measured window starts now."""
        super().begin()
        self.exchanges = ExchangeRecorder(self.recorder, self.lanes.part_names, open_loop=self.open_loop)
        self._cpu_mark = (self.origin_s, self.clock.thread_cpu_s())

    open_loop = False

    # Running.

    async def run(self) -> None:
        """Make the attempts; an interrupt or cancellation is left in :attr:`stopped_by`."""
        self.lanes.attach(self)
        self.begin()
        try:
            self.start()
            while not self._all_ended.is_set():
                await self._wait()
                await self._fold_in_steps()
                self.tick(self.clock.now_s())
        except asyncio.CancelledError as stop:
            self.stopped_by = self.stopped_by or stop
            current = asyncio.current_task()
            if current is not None:
                current.uncancel()  # dealt with: the caller looks at stopped_by
        finally:
            self._stopping = True
            self.stop()
            self.finish()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self.tick_s):
                await self._all_ended.wait()
        except TimeoutError:
            return

    async def _fold_in_steps(self) -> None:
        """Fold a long log, and let the loop go on in between."""
        if len(self.log) < _FOLD_AT:
            return
        steps = self.exchanges.folding(self._taken())
        try:
            for _ in steps:
                await asyncio.sleep(0)
        finally:
            # Interrupted half-way: what has been taken is folded all the same.
            for _ in steps:
                pass

    def start(self) -> None:
        """Begin what is due at the start."""
        raise NotImplementedError

    def stop(self) -> None:
        """Nothing more begins."""

    def tick(self, now_s: float) -> None:
        """Every now and then: look for what takes too long, tell who watches."""
        self._note_cpu(now_s, _CPU_S)
        if now_s >= self._sweep_at_s:
            self._sweep_at_s = now_s + _SWEEP_S
            self.lanes.sweep(now_s)
        end_s = self.end_s
        if now_s >= end_s:
            self.lanes.finish()
            if now_s >= end_s + self.lanes.grace_s:
                self.give_up(now_s)
                self.over()  # also where a lane was lost on its way: nothing more is to come
        self.checkpoint(self)

    @property
    def end_s(self) -> float:
        """When nothing new is begun any more."""
        return float("inf") if self.deadline_s is None else self.deadline_s

    def give_up(self, now_s: float) -> None:
        """What has not ended by now counts as a timeout."""
        del now_s
        self.lanes.give_up()

    def over(self) -> None:
        """The last lane has ended its last attempt."""
        self._all_ended.set()

    def finish(self) -> None:
        """Record what is complete; called again by whoever saw the loop itself broken off."""
        self.on_end()
        self._note_cpu(self.clock.now_s(), _SHORTEST_CPU_S)
        self.take_down()

    def _note_cpu(self, now_s: float, least_s: float) -> None:
        since_s, cpu_s = self._cpu_mark
        if now_s - since_s >= least_s:
            used_s = self.clock.thread_cpu_s()
            self._cpu_percent.append(round(100 * (used_s - cpu_s) / (now_s - since_s), 1))
            self._cpu_mark = (now_s, used_s)

    @property
    def cpu_percent_now(self) -> float | None:
        """Of this thread in the last whole second; None before there was one."""
        return self._cpu_percent[-1] if self._cpu_percent else None

    # What lanes say.

    def part(self, number: int) -> None:
        """From a lane: what is reported next is an attempt of this part."""
        self.log.parts.append(number)

    def first_byte(self, first_s: float) -> None:
        """From a lane: when the first byte of what is reported next came."""
        self.log.firsts_at.append(len(self.log.ends_s))
        self.log.firsts_s.append(first_s)

    def ended(self, lane: Lane, start_s: float, end_s: float) -> None:
        """From a lane: an attempt ended ok."""
        self.write_down(lane, start_s, end_s)
        self.released(lane)

    def marked(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd) -> None:
        """From a lane: an attempt ended ok in another way than is usual there."""
        self.write_down(lane, start_s, end_s)
        self.log.marked.append(len(self.log.ends_s) - 1)
        self.log.marks.append(end)
        self.released(lane)

    def failed(
        self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str, *, pause: bool = False
    ) -> None:
        """From a lane: an attempt ended otherwise."""
        self.noted(lane, start_s, end_s, end, kind, message)
        if pause:
            self.paused(lane)
        else:
            self.released(lane)

    def raised(self, lane: Lane, start_s: float, end_s: float, error: BaseException) -> None:
        """From a lane: an attempt raised."""
        self.write_down(lane, start_s, end_s)
        self.log.mark_exception(error, self.errors)
        self.released(lane)

    def interrupted(self, stop: BaseException) -> None:
        """From a lane: the load ends. Left inside a task, a ``KeyboardInterrupt`` would tear the whole loop down."""
        self.stopped_by = self.stopped_by or stop
        self.over()

    def passed(self, lane: Lane, part: int, start_s: float, end_s: float) -> None:
        """From a lane: an attempt ended ok, and the lane goes on."""
        self.log.parts.append(part)
        self.write_down(lane, start_s, end_s)

    def noted(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str) -> None:
        """From a lane: an attempt ended, and the lane goes on."""
        self.write_down(lane, start_s, end_s)
        if end is not self._usual:
            self.log.marked.append(len(self.log.ends_s) - 1)
            self.log.marks.append(end)
            if end in {AttemptEnd.ERROR, AttemptEnd.TIMEOUT}:
                self.errors.add(kind, message)

    def write_down(self, lane: Lane, start_s: float, end_s: float) -> None:
        """Note an attempt as ok."""
        del lane
        self.log.starts_s.append(start_s)
        self.log.ends_s.append(end_s)

    def released(self, lane: Lane) -> None:
        """From a lane: it is free."""
        raise NotImplementedError

    def paused(self, lane: Lane) -> None:
        """From a lane: it is free, but is not to be begun at once."""
        asyncio.get_running_loop().call_later(PAUSE_S, self.released, lane)

    # What was seen.

    def take_down(self) -> None:
        """Fold the log. Lanes are on this thread: it is complete at any moment."""
        self.exchanges.fold(self._taken())

    def _taken(self) -> Exchanges:
        log, self.log = self.log, Exchanges(self._usual)
        self.relog(self.log)
        return log

    def relog(self, log: Exchanges) -> None:
        """A new log is in use."""

    @property
    def attempts_made(self) -> int:
        """Attempts ended so far."""
        return self.recorder.counts.attempts + len(self.log)

    @property
    def in_flight(self) -> int:
        """Attempts under way or waiting."""
        raise NotImplementedError

    def snapshot(self) -> Recorder:
        """All that was seen so far."""
        self.take_down()
        return self.recorder.copy()

    def unstarted(self) -> "LanesDrive":
        """One that has seen nothing: for the record of a run that was stopped in its warm-up."""
        drive = copy(self)
        drive.errors = ErrorLog()
        drive.iterations = 0
        drive._cpu_percent = []  # noqa: SLF001  # of the same class
        LanesDrive.begin(drive)
        return drive

    def error_groups(self) -> tuple[ErrorGroup, ...]:
        """Errors and timeouts by kind; lanes name their timeouts themselves."""
        return self.errors.groups()

    def load_record(self) -> LoadRecord:
        """What a load adds to the record."""
        return LoadRecord(
            cpu_percent=tuple(self._cpu_percent),
            arrivals=None,
            traffic=self.lanes.traffic(self.exchanges.first_byte),
            parts=self.exchanges.parts,
            iterations=self.iterations if self.lanes.scenario else None,
        )


def latency_now(recent: Sequence[TimeSlice]) -> Latency:
    """The distribution of what is to be shown as now: without sums, and without extremes."""
    histogram = Histogram.merged(piece.histogram for piece in recent)
    return Latency(Moments(histogram.count, minimum=0, maximum=_MOST_NS), histogram, None)


def load_now(drive: Drive, now_s: float) -> LoadNow | None:
    """How a load is doing at ``now_s``; None for what is no load over lanes."""
    if not isinstance(drive, LanesDrive):
        return None
    drive.take_down()
    series = drive.recorder.series
    width = max(NOW_NS // series.interval_ns, 1)
    elapsed_s = now_s - drive.origin_s
    last = int(elapsed_s * NS_PER_S) // series.interval_ns  # under way, not whole yet
    recent = [piece for piece in series.slices[-width - 1 :] if last - width <= piece.position < last]
    covered_s = min(width, last) * series.interval_ns / NS_PER_S
    counts = drive.recorder.counts
    return LoadNow(
        elapsed_s=elapsed_s,
        per_second=sum(piece.ok for piece in recent) / covered_s if covered_s else 0.0,
        errors=counts.errors + counts.timeouts,
        in_flight=drive.in_flight,
        latency=latency_now(recent),
        cpu_percent=drive.cpu_percent_now,
    )
