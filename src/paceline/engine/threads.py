"""Workers in threads: they start together, share one supply of iterations, and are watched for their time limit."""

import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine.caller import guarded
from paceline.engine.crew import Crew
from paceline.engine.drive import FOLD_AT, CallDrive, Checkpoint, Load, nothing
from paceline.engine.loops import time_calls_watched, until
from paceline.records.stamps import Stamps
from paceline.sysmon.fingerprint import free_threaded
from paceline.targets.call import CallTarget

_LOOK_S = 0.25  # how often the waiting thread looks up when nothing calls it
_GRACE_S = 1.0  # for attempts under way when the run is interrupted


class SharedIterations:
    """An iterator of ``count`` tickets for many threads; each is handed out once.

    ``next`` of a C iterator is atomic under the interpreter lock. A free-threaded interpreter needs the lock.
    """

    def __init__(self, count: int) -> None:
        self._tickets = iter(range(count))
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        with self._lock:
            return next(self._tickets)


class _Worker:
    """One worker and what it is writing down."""

    def __init__(self, drive: "ThreadsDrive", number: int) -> None:
        self.number = number
        self.stamps = Stamps()
        self.started = False
        self.finished = threading.Event()
        self.abandoned = False
        self._drive = drive

    def run(self) -> None:
        """Wait for the others, then make attempts until there are no more."""
        drive = self._drive
        try:
            drive.barrier.wait()
            self._attempts(drive)
        except threading.BrokenBarrierError:
            pass  # another worker could not be started; whoever broke the barrier says so
        except BaseException as error:  # noqa: BLE001  # handed to the waiting thread, which deals with it
            drive.stopped_by = drive.stopped_by or error
            drive.stop.append(error)
        finally:
            self.finished.set()
            drive.wake.set()

    def _attempts(self, drive: "ThreadsDrive") -> None:
        setup_each = drive.target.setup_each and guarded(drive.target.setup_each)
        while True:
            tickets = drive.tickets()
            time_calls_watched(
                drive.target.operation,
                tickets,
                drive.clock.now_s,
                self.stamps,
                drive.errors,
                stop=drive.stop,
                setup_each=setup_each,
            )
            if len(self.stamps) < FOLD_AT or drive.stop or self.abandoned:
                return  # the rest is folded when all have finished: it would disturb those still at work
            full, self.stamps = self.stamps, Stamps()
            with drive.folding:
                drive.fold(full)


class ThreadsDrive(CallDrive):
    """Drives a synchronous target by ``load.workers`` threads.

    Args:
        crew: the threads; a window that follows a warm-up is given the same.
    """

    def __init__(
        self,
        target: CallTarget,
        load: Load,
        clock: Clock,
        checkpoint: Checkpoint = nothing,
        on_end: Callable[[], None] = lambda: None,
        *,
        crew: Crew,
    ) -> None:
        super().__init__(target, load, clock, checkpoint, on_end)
        self._crew = crew
        self.stop: list[object] = []
        self.wake = threading.Event()
        self.folding = threading.Lock()
        self.barrier = threading.Barrier(load.workers, action=self.begin)
        self._shared: Iterator[int] | None = None
        if load.iterations is not None:
            self._shared = SharedIterations(load.iterations) if free_threaded() else iter(range(load.iterations))
        self._workers = [_Worker(self, number) for number in range(load.workers)]

    def tickets(self) -> Iterable[object]:
        """The next stretch of tickets for one worker."""
        if self._shared is not None:
            return islice(self._shared, FOLD_AT)
        assert self.deadline_s is not None
        return until(self.deadline_s, FOLD_AT, self.clock.now_s)

    def run(self) -> None:
        """Start the workers together and wait for them; an interrupt is left in :attr:`stopped_by`.

        Raises:
            MeasurementError: the system does not give that many threads.
            ConfigurationError: the operation returned coroutines.
        """
        try:
            self._start()
            self._wait()
        except KeyboardInterrupt as stop:
            self._interrupted(stop)
        self.on_end()
        with self.folding:
            for stamps in self.unfolded():
                self.fold(stamps)
        if isinstance(self.stopped_by, ConfigurationError):
            raise self.stopped_by

    def unfolded(self) -> Iterable[Stamps]:
        """The workers' current stretches."""
        return [worker.stamps for worker in self._workers if not worker.abandoned]

    def _start(self) -> None:
        for number, worker in enumerate(self._workers):
            try:
                self._crew.put_to_work(number, worker.run)
                worker.started = True
            except RuntimeError as error:
                self.stop.append(error)
                self.barrier.abort()
                raise MeasurementError(
                    f"the system gave only {number} of {self.load.workers} threads ({error}): ask for fewer workers"
                ) from error

    def _wait(self) -> None:
        look_s = _LOOK_S if self.load.timeout_s is None else min(_LOOK_S, self.load.timeout_s / 4)
        while not all(worker.finished.is_set() or worker.abandoned for worker in self._workers):
            self.wake.wait(look_s)
            self.wake.clear()
            self._abandon_late()
            with self.folding:
                self.checkpoint(self)

    def _abandon_late(self) -> None:
        limit_s = self.load.timeout_s
        if limit_s is None:
            return
        now_s = self.clock.now_s()
        for worker in self._workers:
            stamps = worker.stamps
            complete = len(stamps.ends_s)
            # Read in this order: the start is appended first, so one more start than ends is an attempt under way.
            if worker.finished.is_set() or worker.abandoned or len(stamps.starts_s) <= complete:
                continue
            if now_s - stamps.starts_s[complete] >= limit_s and len(stamps.ends_s) == complete:
                worker.abandoned = True
                self._crew.forget(worker.number)
                self.abandoned += 1
                self.stop.append(worker)
                left = stamps.copy(complete)  # the attempt may end at this very moment: it counts once, as late
                left.starts_s.append(stamps.starts_s[complete])
                left.ends_s.append(now_s)  # at least the limit ago: a timeout
                with self.folding:
                    self.fold(left)

    def _interrupted(self, stop: KeyboardInterrupt) -> None:
        self.stop.append(stop)
        self.stopped_by = stop
        self.barrier.abort()
        end_s = self.clock.now_s() + _GRACE_S
        for worker in self._workers:
            try:
                left_s = max(0.0, end_s - self.clock.now_s())
                ended = not worker.started or worker.finished.wait(left_s)
            except KeyboardInterrupt:  # a second one ends the grace; what was measured is still kept
                end_s, ended = self.clock.now_s(), worker.finished.is_set()
            if not ended:
                self._crew.forget(worker.number)
