"""One run from setup to record: warm-up, calibration, the measured window, teardown."""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace

from paceline.core.clock import Clock, measure_clock
from paceline.core.errors import MeasurementError
from paceline.core.redaction import redact
from paceline.core.units import NS_PER_S
from paceline.engine.around import acall, could_not_run, group_of
from paceline.engine.caller import CallerDrive
from paceline.engine.crew import Crew
from paceline.engine.drive import Drive, Load
from paceline.engine.lanes_drive import LanesDrive, load_now
from paceline.engine.lanes_plan import LanesPlan
from paceline.engine.live import Looks, OnSlice, aborted_run
from paceline.engine.loops import empty_loop_s, time_batches
from paceline.engine.observation import Observation
from paceline.engine.request import Observer, Run, RunRequest
from paceline.engine.tasks import TasksDrive
from paceline.engine.threads import ThreadsDrive
from paceline.records.cache import CacheRecord
from paceline.records.error_log import ErrorGroup, ErrorLog
from paceline.records.load import LoadRecord, Stretch
from paceline.records.recorder import Recorder
from paceline.records.run_record import Circumstances, Execution, RunRecord
from paceline.records.stamps import Stamps
from paceline.sysmon.fingerprint import this_machine
from paceline.targets.call import CallTarget
from paceline.targets.http import HttpTarget
from paceline.targets.witness import Expecting, Witness
from paceline.workload.legs import WHOLE, leg_workload
from paceline.workload.models import (
    AUTO,
    MOST_CALLS_PER_SAMPLE,
    ClosedLoop,
    FixedIterations,
    Stages,
    has_arrivals,
)

_GRAINS_PER_BATCH = 1_000  # a sample then has the clock's error at most 0.1 %
_PROGRESS_S = 0.5
_SLICE_S = 10.0
_SLICE_OF_LEG_S = 1.0


class Session:
    """The state of one run in one process. Sync and async differ only in who awaits.

    Where there are several epochs, ``on_epoch`` takes the record of each but the last. ``before_window`` is called, or
    awaited, before each window. ``on_slice`` is told once a second what was seen, and ends the run with what it
    returns.
    """

    def __init__(
        self,
        request: RunRequest,
        clock: Clock,
        observer: Observer,
        observation: Observation,
        on_epoch: Callable[[RunRecord], None] = lambda _: None,
        on_slice: OnSlice | None = None,
        before_window: Callable[[], object] | None = None,
    ) -> None:
        self._request = request
        self._before_window = before_window
        self._looks = None if on_slice is None else Looks(on_slice, parts=request.live_parts)
        self._on_epoch = on_epoch
        self._clock = clock
        self._observer = observer
        self._quality = measure_clock(clock.now_s)
        self._fingerprint = this_machine()
        self._observation = observation
        self.needs_loop = request.needs_loop
        self._crew = Crew()
        self._lanes: LanesPlan | None = None
        target = request.target
        self._around = target if isinstance(target, CallTarget) else request
        self._witness: Witness | None = target.witness if isinstance(target, CallTarget) else None
        self._warmup: Drive | None = None
        self._measured: Drive | None = None
        self._warmup_cut_ns: int | None = None
        self._calls_per_sample = 1
        self._calibration_calls = 0
        self._empty_loop_ns: float | None = None
        self._teardown_error: ErrorGroup | None = None
        self._abandoned_lanes = 0
        self._event_loop: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._progress_at_s = clock.now_s()
        self._slice_at_s = clock.now_s()
        self._slice_s = _SLICE_S if request.leg is None else _SLICE_OF_LEG_S
        self.foreign_loop = False
        self.stopped_by: BaseException | None = None

    # Around the attempts.

    def set_up(self) -> None:
        """Call ``setup``."""
        self._tell_expected()
        with could_not_run("setup"):
            if self._around.setup is not None:
                self._around.setup()

    def tear_down(self) -> None:
        """Call ``teardown``; what it raises becomes a finding."""
        try:
            if self._around.teardown is not None:
                self._around.teardown()
        except KeyboardInterrupt as stop:
            self.stopped_by = self.stopped_by or stop
        except BaseException as error:  # noqa: BLE001  # becomes a finding: the measurement is valid all the same
            self._teardown_error = group_of(error)

    def run(self) -> None:
        """Make the run on this thread."""
        self.set_up()
        try:
            for step in self.steps():
                if not isinstance(step, Drive):
                    step()
                    continue
                assert isinstance(step, CallerDrive | ThreadsDrive)
                step.run()
        finally:
            self._crew.dismiss()
            self.tear_down()

    async def arun(self) -> None:
        """Make the run on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._event_loop = type(self._loop).__module__
        if self.stopped_by is not None and self._task is not None:
            self._task.cancel()  # interrupted from outside before there was a task to cancel
        self._tell_expected()
        with could_not_run("setup"):
            await acall(self._around.setup)
        try:
            if self._request.uses_lanes:
                self._lanes = LanesPlan(self._request, self._clock)
                await self._lanes.open()
                self._witness = self._witness or self._lanes.witness
                if self._request.probe_per_second:
                    self._lanes.learn()
            for step in self.steps():
                if not isinstance(step, Drive):
                    await acall(step)
                    continue
                assert isinstance(step, TasksDrive | LanesDrive)
                await step.run()
            if self._request.execution is Execution.USERS and self._measured is not None:
                # What users do in on_stop may end the process: what was measured is told before.
                self._observer.partial(self._record(self._measured, partial=True))
        finally:
            await self._wind_up(self._close_lanes)
            await self._wind_up(self._around.teardown)

    def _tell_expected(self) -> None:
        if isinstance(self._witness, Expecting):
            arrives = self._request.uses_lanes and has_arrivals(self._request.workload)
            self._witness.expect(None if arrives else self._request.own_workers)

    async def _close_lanes(self) -> None:
        if self._lanes is not None:
            self._abandoned_lanes = await self._lanes.close()

    async def _wind_up(self, function: Callable[[], object] | None) -> None:
        """Call what belongs to the end; what it raises keeps nothing else from being called."""
        try:
            await acall(function)
        except (KeyboardInterrupt, asyncio.CancelledError) as stop:
            self.stopped_by = self.stopped_by or stop
        except BaseException as error:  # noqa: BLE001  # becomes a finding: the measurement is valid all the same
            self._teardown_error = self._teardown_error or group_of(error)

    def stop_from_outside(self, stop: BaseException) -> None:
        """From another thread: end the run as if it had been interrupted."""
        self.stopped_by = stop
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # the loop has just ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)

    def interrupt(self) -> None:
        """On the loop: end the run, once, as if it had been interrupted."""
        if self.stopped_by is None and self._task is not None:
            self.stopped_by = KeyboardInterrupt()
            self._task.cancel()

    def rescue(self, stop: BaseException) -> bool:
        """After the loop was torn down: keep what was measured, if the window was open."""
        if not isinstance(self._measured, TasksDrive | LanesDrive):
            return False
        self._measured.finish()
        self.stopped_by = stop
        return True

    # The attempts.

    def steps(self) -> Generator[Drive | Callable[[], object], None, None]:
        """Warm-up and measured windows, each to be run by whoever iterates, and what is to be called around them."""
        expected_s = None
        self._warmup = self._warmup_drive()
        if self._warmup is not None:
            yield self._warmup
            attempts = self._warmup.recorder.counts.attempts
            expected_s = self._warmup.elapsed_s / attempts if attempts else None
            self.stopped_by = self.stopped_by or self._warmup.stopped_by
            if self.stopped_by is not None:
                self._warmup_cut_ns = round((self._clock.now_s() - self._warmup.origin_s) * NS_PER_S)
                return
        if self._request.batch is not None:
            self._calls_per_sample = self._calibrated(self._request.batch)
            self._empty_loop_ns = empty_loop_s(self._clock.now_s, self._calls_per_sample) * NS_PER_S
            expected_s = expected_s and expected_s * self._calls_per_sample
        for epoch in range(self._request.epochs):
            if epoch:
                self._on_epoch(self._record(self._measured))
            if self._request.fresh is not None:
                gc.collect()  # what was left lying about would be collected inside the window
            yield from self._before_each()
            self._measured = self._measured_drive(expected_s)
            self._observation.open(self._warmup_per_second())
            self._tell_learned()
            try:
                yield self._measured
            finally:
                self._observation.close()
                self.stopped_by = self.stopped_by or self._measured.stopped_by
            if self._witness is not None:
                yield self._witness.end
            if self.stopped_by is not None or self._measured.abandoned:
                return

    def _before_each(self) -> Iterator[Callable[[], object]]:
        if self._witness is not None:
            yield self._witness.begin
        if self._before_window is not None:  # last: what follows it begins at one moment in all legs
            yield self._before_window

    def _tell_learned(self) -> None:
        sample = None if self._lanes is None else self._lanes.learned()
        if sample is not None:
            self._observation.learned(sample)

    def _warmup_per_second(self) -> float:
        warmup = self._warmup
        return warmup.recorder.counts.attempts / warmup.elapsed_s if warmup is not None and warmup.elapsed_s else 0.0

    def _warmup_drive(self) -> Drive | None:
        if self._lanes is not None:
            return self._lanes.warmup()
        workload = self._own_workload()
        if self._request.warmup_s:
            return self._drive(Load(duration_s=self._request.warmup_s, workers=self._request.own_workers))
        if not workload.warmup_iterations:
            return None
        return self._drive(
            Load(
                iterations=workload.warmup_iterations,
                workers=min(self._request.own_workers, workload.warmup_iterations),
                timeout_s=self._request.timeout_s,
            )
        )

    def _measured_drive(self, expected_s: float | None) -> Drive:
        if self._lanes is not None:
            return self._lanes.measured(self._checkpoint, self._observation.close)
        workload = self._own_workload()
        load = Load(
            iterations=workload.iterations if isinstance(workload, FixedIterations) else None,
            duration_s=workload.duration_s if isinstance(workload, ClosedLoop) else None,
            workers=self._request.own_workers,
            calls_per_sample=self._calls_per_sample,
            timeout_s=self._request.timeout_s,
            expected_s=expected_s,
        )
        return self._drive(load, self._checkpoint, self._observation.close)

    def _own_workload(self) -> FixedIterations | ClosedLoop:
        """What workers in loops of their own do of it here."""
        workload = leg_workload(self._request.workload, self._request.leg or WHOLE)
        assert isinstance(workload, FixedIterations | ClosedLoop)
        return workload

    def _drive(self, load: Load, *hooks: Callable[..., None]) -> Drive:
        target, execution = self._request.target, self._request.execution
        assert isinstance(target, CallTarget)
        if execution is Execution.THREADS:
            return ThreadsDrive(target, load, self._clock, *hooks, crew=self._crew)
        kind = CallerDrive if execution is Execution.CALLER else TasksDrive
        return kind(target, load, self._clock, *hooks)

    def _calibrated(self, batch: int | str) -> int:
        """Loops a batch: as asked, or doubled until a batch is 1,000 grains of the clock long."""
        if batch != AUTO:
            return int(batch)
        least_s = _GRAINS_PER_BATCH * self._quality.grain_ns / NS_PER_S
        calls = 1
        while calls < MOST_CALLS_PER_SAMPLE:
            stamps, errors = Stamps(), ErrorLog()
            assert isinstance(self._request.target, CallTarget)
            time_batches(self._request.target.operation, (None,), self._clock.now_s, stamps, errors, calls=calls)
            self._calibration_calls += calls
            took_s = stamps.ends_s[0] - stamps.starts_s[0]
            if took_s >= least_s or stamps.marks:
                return calls  # a batch that failed says nothing about length; the measured window will show it
            calls *= 2
        return calls

    # What was seen.

    def _checkpoint(self, drive: Drive) -> None:
        if self.stopped_by is not None and self._loop is None:
            # From outside, beside a loop: the drive deals with it as with a Ctrl-C of its own.
            raise KeyboardInterrupt
        now_s = self._clock.now_s()
        if self._looks is not None and self._looks.end(drive, now_s):
            self.interrupt()
            if self._loop is None:
                raise KeyboardInterrupt
        self._tell_learned()
        if self._witness is not None:
            self._witness.fold()
        if now_s - self._progress_at_s >= _PROGRESS_S:
            self._progress_at_s = now_s
            done = drive.attempts_made
            if drive.load.iterations is not None:
                share = done / (drive.load.iterations * drive.load.calls_per_sample)
            else:
                share = (now_s - drive.origin_s) / (drive.load.duration_s or 1.0)
            load = self._observation.with_targets(load_now(drive, now_s))
            self._observer.progress(self._request.name, min(share, 1.0), done, load)
        if now_s - max(self._slice_at_s, drive.origin_s) >= self._slice_s:
            self._slice_at_s = now_s
            self._observer.partial(self._record(drive, partial=True))

    def result(self) -> Run:
        """What came of it."""
        run = Run(
            self._record(self._measured),
            self.stopped_by,
            is_cut_short=self._measured is not None and self._measured.abandoned > 0,
        )
        aborted = None if self._looks is None else self._looks.aborted
        return run if aborted is None else aborted_run(run, aborted)

    def _record(self, drive: Drive | None, *, partial: bool = False) -> RunRecord:
        request = self._request
        if drive is None:  # stopped in the warm-up
            drive = (
                self._warmup.unstarted()
                if isinstance(self._warmup, LanesDrive)
                else self._drive(Load(workers=request.own_workers, timeout_s=request.timeout_s))
            )
        recorder = drive.snapshot() if partial else drive.recorder
        elapsed_s = drive.elapsed_until_s(recorder) if partial else drive.elapsed_s
        window_s, window_ok = (elapsed_s, recorder.counts.ok) if partial else drive.window()
        record = RunRecord(
            name=request.name,
            test_type=request.test_type,
            kind_is_said=request.kind_is_said,
            definition=request.definition(self._calls_per_sample),
            started_at=self._observation.started_at,
            elapsed_ns=round(elapsed_s * NS_PER_S),
            window_ns=round(window_s * NS_PER_S),
            window_ok=window_ok,
            counts=recorder.counts,
            latency=recorder.latency,
            series=recorder.series,
            errors=drive.error_groups(),
            collections=self._observation.collections,
            usage=self._observation.usage,
            clock=self._quality,
            circumstances=self._circumstances(drive, partial=partial),
            fingerprint=self._fingerprint,
            metadata=request.metadata,
            load=_load(drive, request) if isinstance(drive, LanesDrive) else None,
            cache=_cache(recorder),
        )
        return record if self._witness is None or self._measured is None else self._witness.noted(record)

    def _circumstances(self, drive: Drive, *, partial: bool) -> Circumstances:
        warmup = self._warmup
        interruption = None if self.stopped_by is None else _reason(self.stopped_by)
        return Circumstances(
            interruption="still running" if partial else interruption,
            abandoned_workers=drive.abandoned + (warmup.abandoned if warmup else 0) + self._abandoned_lanes,
            warmup_attempts=(warmup.recorder.counts.attempts if warmup else 0) + self._calibration_calls,
            warmup_errors=warmup.error_groups() if warmup else (),
            warmup_cut_ns=self._warmup_cut_ns,
            teardown_error=self._teardown_error,
            own_cpu_s=self._observation.own_cpu_s,
            empty_loop_ns=self._empty_loop_ns,
            event_loop=self._event_loop,
            foreign_loop=self.foreign_loop,
        )


def _load(drive: LanesDrive, request: RunRequest) -> LoadRecord:
    workload = request.workload
    ramps = workload.ramps() if isinstance(workload, Stages) else ()
    stretches = tuple(Stretch(ramp.duration_s, ramp.level, ramp.target) for ramp in ramps)
    dry = isinstance(request.target, HttpTarget) and request.target.dry
    return replace(drive.load_record(), stretches=stretches, dry=dry)


def _cache(recorder: Recorder) -> CacheRecord | None:
    counts = recorder.counts
    return CacheRecord(recorder.hits, recorder.misses) if counts.hits or counts.misses else None


def _reason(stop: BaseException) -> str:
    return redact(str(stop)) if isinstance(stop, MeasurementError) else type(stop).__name__
