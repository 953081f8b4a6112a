"""Run replication: the same run in several fresh processes, one after the other, merged into one record.

How many there are is fixed beforehand. To stop when the figure looks good, or to go on until it does, would be to
choose sessions by their result; the one rule that may look in between is the duet's, which pays for each look.
"""

import random
import threading
from dataclasses import replace

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError, PacelineError
from paceline.engine.child_process import (
    OF_SEVERAL,
    Child,
    EpochEnded,
    Failed,
    Message,
    Progress,
    Replica,
    Window,
    how_it_ended,
)
from paceline.engine.dispatch import stands_for_what_is_made_there
from paceline.engine.observation import Observation
from paceline.engine.offload import in_a_thread
from paceline.engine.request import Observer, Run, RunRequest
from paceline.records.merging import epochs_merged, figures_of, processes_merged
from paceline.records.replication import ProcessRun, Replication
from paceline.records.run_record import RunRecord
from paceline.sysmon.fingerprint import this_machine
from paceline.targets.call import CallTarget
from paceline.targets.handover import pickled
from paceline.workload.fresh_processes import hash_seeds
from paceline.workload.models import FixedIterations

_SLICE_S = 10.0
_GRACE_S = 30.0  # for a process that was interrupted: to finish the attempt under way, and its teardown
_LONGER_S = 15.0  # than its limit may an attempt be silent, before its process is taken for hung


def run_replicated(request: RunRequest, clock: Clock, observer: Observer) -> Run:
    """Make the run in as many fresh processes as it asks for.

    What was finished when something goes wrong is kept: it is in the record, and the error in ``stopped_by``.

    Raises:
        ConfigurationError: what is measured cannot be handed to another process, or not be loaded there.
        MeasurementError: the first process could not make its run, or ended without a word.
        KeyboardInterrupt: interrupted before anything was measured.
    """
    return _Replicated(request, clock, observer).run()


async def arun_replicated(request: RunRequest, clock: Clock, observer: Observer) -> Run:
    """The same on a running event loop, which goes on meanwhile."""
    return await in_a_thread(_Replicated(request, clock, observer))


class _Replicated:
    """One run in several processes, of which one at a time is there."""

    def __init__(self, request: RunRequest, clock: Clock, observer: Observer) -> None:
        assert request.fresh is not None
        self._request = request
        self._fresh = request.fresh
        self._clock = clock
        self._observer = observer
        self._observation = Observation(clock, request.target_pids)
        self._seed = random.SystemRandom().getrandbits(32) if self._fresh.seed is None else self._fresh.seed
        self._merged: list[RunRecord] = []
        self._processes: list[ProcessRun] = []
        self._now: _Process | None = None
        self._slice_at_s = clock.now_s()
        self._stopped_by: BaseException | None = None
        self._opened = False

    def interrupt(self, stop: BaseException) -> None:
        """From another thread: end the run early."""
        self._stopped_by = self._stopped_by or stop
        if self._now is not None:
            self._now.stop()

    def kill(self) -> None:
        """From another thread: end it now, whatever it has seen."""
        if self._now is not None:
            self._now.child.kill()

    def run(self) -> Run:
        """Make it."""
        try:
            for number, hash_seed in enumerate(hash_seeds(self._seed, self._fresh.runs)):
                if self._stopped_by is not None or not self._goes_on_after(number, hash_seed):
                    break
        except KeyboardInterrupt as stop:  # between two processes
            self._stopped_by = self._stopped_by or stop
        except PacelineError as error:
            if not self._merged:
                raise self._stopped_by or error from error.__cause__
            self._stopped_by = self._stopped_by or error
        finally:
            self._observation.close()
        if not self._merged:
            raise self._stopped_by or MeasurementError("no process measured anything")
        return Run(self._record(self._merged, self._processes, self._interruption()), self._stopped_by)

    def _goes_on_after(self, number: int, hash_seed: int) -> bool:
        """Make one process's part; whether another may follow."""
        order = self._order()
        child = Child(module=OF_SEVERAL, hash_seed=hash_seed)
        process = self._now = _Process(child, hash_seed, self._request.timeout_s)
        try:
            if self._stopped_by is not None:
                process.stop()  # interrupted before there was a process to stop
            self._listen(process, order)
        except KeyboardInterrupt:  # a second one in the midst of the first's way: nothing more is waited for
            process.child.kill()
            raise
        finally:
            code = self._ended(process)
            if process.epochs:
                self._merged.append(epochs_merged(process.epochs))
                self._processes.append(process.figures())
        if process.failed is not None and self._stopped_by is None:
            raise process.failed.error
        if process.replica is None and self._stopped_by is None:
            which = f"process {number + 1} of {self._fresh.runs}"
            raise MeasurementError(f"{which} {process.overdue or how_it_ended(code)} before its run was over")
        if process.replica is None:
            return False
        self._stopped_by = self._stopped_by or process.replica.run.stopped_by
        self._slice()
        return self._stopped_by is None and not process.replica.run.is_cut_short

    def _order(self) -> bytes:
        """What the next process is to do. Loops a batch are calibrated once: sums of 7 calls and of 9 do not mix."""
        request, target = self._request, self._request.target
        workload = request.workload
        if self._merged and isinstance(workload, FixedIterations) and workload.batch is not None:
            workload = replace(workload, batch=self._merged[0].definition.calls_per_sample)
        parts: dict[str, object] = {"setup": request.setup, "teardown": request.teardown}
        if request.remake is not None:
            target, parts = CallTarget(stands_for_what_is_made_there), {}
        elif isinstance(target, CallTarget):
            parts = {name: getattr(target, name) for name in ("operation", "setup", "teardown", "setup_each")}
        else:
            parts = {"operation": target, **parts}
        there = replace(request, target=target, workload=workload, target_pids=(), metadata={})
        return pickled(there, parts)

    def _listen(self, process: "_Process", order: bytes) -> None:
        process.child.send(order)
        while True:
            try:
                for message in process.child.messages():
                    self._take(process, message)
                    if isinstance(message, Replica | Failed):
                        return  # its last; whatever keeps it alive is not waited for
            except KeyboardInterrupt as stop:
                if self._stopped_by is not None:
                    process.child.kill()  # asked twice: what it would still report is given up
                    return
                self.interrupt(stop)
            else:
                return

    def _ended(self, process: "_Process") -> int:
        process.watch(None)
        try:
            return process.child.end()
        except KeyboardInterrupt as stop:
            self._stopped_by = self._stopped_by or stop
            process.child.kill()
            return process.child.end()
        finally:
            self._now = None

    def _take(self, process: "_Process", message: Message) -> None:
        match message:
            case Window():
                if message.is_open and not self._opened:
                    self._opened = True
                    self._observation.open()
                process.window(is_open=message.is_open)
            case Progress():
                process.sign_of_life()
                self._progress(process, message)
            case RunRecord():
                process.sign_of_life()
                self._slice(message)
            case EpochEnded():
                process.epochs.append(message.record)
                if self._clock.now_s() - self._slice_at_s >= _SLICE_S:
                    self._slice()
            case Replica():
                process.replica = message
                process.epochs.append(message.run.record)
            case Failed():
                process.failed = message
            case Run():
                raise AssertionError("only the process of a load says that")

    def _progress(self, process: "_Process", message: Progress) -> None:
        done = (len(self._merged) + (len(process.epochs) + message.share) / self._fresh.epochs) / self._fresh.runs
        before = sum(each.counts.attempts for each in (*self._merged, *process.epochs))
        self._observer.progress(self._request.name, min(done, 1.0), before + message.attempts)

    def _slice(self, under_way: RunRecord | None = None) -> None:
        """Show all that was seen so far to whoever keeps it."""
        self._slice_at_s = self._clock.now_s()
        merged, processes = [*self._merged], [*self._processes]
        if self._now is not None:
            epochs = [*self._now.epochs, *(() if under_way is None else (under_way,))]
            if epochs:
                merged.append(epochs_merged(epochs))
                processes.append(self._now.figures(epochs))
        if merged:
            self._observer.partial(self._record(merged, processes, "still running"))

    def _interruption(self) -> str | None:
        if isinstance(self._stopped_by, PacelineError):
            return str(self._stopped_by)
        return None if self._stopped_by is None else type(self._stopped_by).__name__

    def _record(self, merged: list[RunRecord], processes: list[ProcessRun], interruption: str | None) -> RunRecord:
        record = processes_merged(merged)
        load = record.load and replace(record.load, own_process=True)
        return replace(
            record,
            usage=self._observation.usage,
            circumstances=replace(record.circumstances, interruption=interruption),
            fingerprint=this_machine(),
            metadata=self._request.metadata,
            load=load,
            replication=Replication(self._fresh.runs, self._fresh.epochs, self._seed, tuple(processes)),
        )


class _Process:
    """One of the processes, and what it has said."""

    def __init__(self, child: Child, hash_seed: int, timeout_s: float | None) -> None:
        self.child = child
        self.epochs: list[RunRecord] = []
        self.replica: Replica | None = None
        self.failed: Failed | None = None
        self.overdue = ""
        self._hash_seed = hash_seed
        self._timeout_s = timeout_s
        self._in_window = False
        self._is_stopped = False
        self._watchdog: threading.Timer | None = None

    def stop(self) -> None:
        """Ask it to end early, and see to it that it does."""
        self.child.stop()
        self._is_stopped = True
        self.watch(_GRACE_S)

    def window(self, *, is_open: bool) -> None:
        """A measured window opens in it, or is over."""
        self._in_window = is_open
        self.sign_of_life()

    def sign_of_life(self) -> None:
        """It has said something: its attempts end, or are given up at their limit."""
        if not self._is_stopped:
            self.watch(None if self._timeout_s is None or not self._in_window else self._timeout_s + _LONGER_S)

    def watch(self, limit_s: float | None) -> None:
        """Kill it after so many seconds, unless it is watched anew before; None: do not."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = None
        if limit_s is None:
            return

        def kill() -> None:
            self.overdue = f"gave no sign of life for {limit_s:g} s and was killed"
            self.child.kill()

        self._watchdog = threading.Timer(min(limit_s, threading.TIMEOUT_MAX), kill)
        self._watchdog.daemon = True
        self._watchdog.start()

    def figures(self, epochs: list[RunRecord] | None = None) -> ProcessRun:
        """What it came to so far."""
        seen = self.epochs if epochs is None else epochs
        return ProcessRun(
            figures=figures_of(epochs_merged(seen)),
            epochs=tuple(map(figures_of, seen)),
            hash_seed=self._hash_seed,
            peak_rss_bytes=None if self.replica is None else self.replica.peak_rss_bytes,
        )
