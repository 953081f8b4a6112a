"""Callables as lanes: a task or a thread each, for loads with arrivals, stages or think time."""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Sequence

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.records.latency import Latency
from paceline.records.outcome import AttemptEnd, Outcome
from paceline.targets.call import CallTarget
from paceline.targets.lanes import Sink

MOST_TASKS = 10_000
MOST_THREADS = 256  # at once: more of them mostly wait for the interpreter lock
GRACE_S = 30.0  # for what is under way when the load ends
_END = 0  # what a thread is told instead of the number of its next attempt
_DEAF_S = 5.0  # for a cancelled attempt to end
_END_S = 0.2  # for all threads that are told to end


class _CallLane:
    """What both kinds share: how the return of an operation is told to the sink."""

    def __init__(self, lanes: "CallLanes", number: int) -> None:
        self.lanes = lanes
        self.number = number
        self.due_s = 0.0
        self.noticed_s = 0.0
        self.start_s = 0.0
        self.busy = False
        self.attempt = 0

    def is_under_way(self, attempt: int) -> bool:
        """Whether that attempt has not been given up; the lane may be in a later one by now."""
        return self.busy and attempt == self.attempt

    def report(self, attempt: int, start_s: float, end_s: float, value: object, error: BaseException | None) -> None:
        """Tell the sink how the attempt ended, unless it was given up meanwhile."""
        if not self.is_under_way(attempt):
            return
        self.busy = False
        sink = self.lanes.sink
        if error is not None:
            sink.raised(self, start_s, end_s, error)
        elif type(value) is not Outcome:
            sink.ended(self, start_s, end_s)
        else:
            sink.failed(self, start_s, end_s, value.end, value.kind, "")

    def begin(self) -> None:
        """Begin an attempt."""
        raise NotImplementedError

    def give_up(self) -> None:
        """The attempt under way is not waited for any longer."""
        if self.busy:
            self.busy = False
            message = f"no end {self.lanes.grace_s:g} s after the load had ended"
            self.lanes.sink.failed(
                self, self.start_s, self.lanes.now_s(), AttemptEnd.TIMEOUT, AttemptEnd.TIMEOUT.name.lower(), message
            )


class TaskLane(_CallLane):
    """Awaits a coroutine function in a task an attempt."""

    task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin an attempt."""
        self.busy = True
        self.attempt += 1
        self.start_s = self.lanes.now_s()
        self.task = asyncio.get_running_loop().create_task(self._attempt(self.attempt))

    async def _attempt(self, attempt: int) -> None:
        value: object = None
        error: BaseException | None = None
        start_s = self.start_s = self.lanes.now_s()
        try:
            value = await self.lanes.operation()
        except asyncio.CancelledError as cancelled:
            if not self.is_under_way(attempt):
                raise  # given up, or by close()
            error = cancelled
        except KeyboardInterrupt as stop:
            self.busy = False
            self.lanes.sink.interrupted(stop)
            return
        except (Exception, SystemExit) as raised:  # noqa: BLE001  # counted and shown
            error = raised
        self.report(attempt, start_s, self.lanes.now_s(), value, error)

    def give_up(self) -> None:
        """The attempt under way is cancelled; the lane may be used again before that has taken effect."""
        if self.busy and self.task is not None:
            self.task.cancel()
            self.lanes.cancelled.append(self.task)
        super().give_up()


class ThreadLane(_CallLane):
    """Calls a function in a thread of its own, which it keeps."""

    def __init__(self, lanes: "CallLanes", number: int) -> None:
        super().__init__(lanes, number)
        self._loop = asyncio.get_running_loop()
        self._orders: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"paceline-lane-{number}", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Begin an attempt."""
        self.busy = True
        self.attempt += 1
        self.start_s = self.lanes.now_s()
        self._orders.put(self.attempt)

    def _work(self) -> None:
        now_s, operation = self.lanes.now_s, self.lanes.operation
        while attempt := self._orders.get():
            value: object = None
            error: BaseException | None = None
            start_s = self.start_s = now_s()
            try:
                value = operation()
            except BaseException as raised:  # noqa: BLE001  # counted and shown
                error = raised
            end_s = now_s()
            try:
                self._loop.call_soon_threadsafe(self.report, attempt, start_s, end_s, value, error)
            except RuntimeError:
                return  # the loop has ended: nobody waits for this attempt any more

    def dismiss(self) -> None:
        """Tell the thread to end after its attempt."""
        self._orders.put(_END)

    def has_ended(self, within_s: float) -> bool:
        """False if it is still in an attempt, where it cannot be ended."""
        self._thread.join(max(within_s, 0.0))
        return not self._thread.is_alive()


class CallLanes:
    """The lanes of a callable. Implements ``Lanes``.

    Args:
        target: what to call.
        name: of the operation.
        clock: where the time comes from.

    Attributes:
        abandoned: threads left behind.
        cancelled: tasks of attempts that were given up.
    """

    scenario = False
    elastic = True
    grace_s = GRACE_S

    def __init__(self, target: CallTarget, name: str, clock: Clock) -> None:
        self.operation: Callable[[], Coroutine[object, object, object]] = target.operation
        self.now_s = clock.now_s
        self.part_names = (name,)
        self.sink: Sink
        self.abandoned = 0
        self.cancelled: list[asyncio.Task[None]] = []
        self._kind: type[TaskLane | ThreadLane] = TaskLane if target.is_async else ThreadLane
        self._most = MOST_TASKS if target.is_async else MOST_THREADS
        self._lanes: list[TaskLane | ThreadLane] = []

    async def open(self, count: int) -> Sequence[TaskLane | ThreadLane]:
        """Make ``count`` lanes: as many as the user asked for, also where they would not be made on the way."""
        try:
            for _ in range(count):
                self._add()
        except RuntimeError as error:
            raise MeasurementError(f"the system gives {len(self._lanes)} threads, not {count}: {error}") from error
        return self._lanes

    def another(self) -> TaskLane | ThreadLane | None:
        """One more lane; None when there are as many as there can be."""
        if len(self._lanes) >= self._most:
            return None
        try:
            return self._add()
        except RuntimeError:  # the system gives no more threads: arrivals wait for those that there are
            self._most = len(self._lanes)
            return None

    def _add(self) -> TaskLane | ThreadLane:
        lane = self._kind(self, len(self._lanes))
        self._lanes.append(lane)
        return lane

    def attach(self, sink: Sink) -> None:
        """From now on ``sink`` is told."""
        self.sink = sink

    def sweep(self, now_s: float) -> None:
        """Calls have no limit but the end of the load."""

    def finish(self) -> None:
        """Calls end by themselves."""

    def give_up(self) -> None:
        """What is still under way counts as a timeout."""
        for lane in self._lanes:
            lane.give_up()

    async def close(self) -> None:
        """End tasks and threads; a thread that is still in an attempt cannot be ended."""
        for lane in self._lanes:
            lane.busy = False
        threads = [lane for lane in self._lanes if isinstance(lane, ThreadLane)]
        for thread in threads:
            thread.dismiss()
        end_s = self.now_s() + _END_S
        self.abandoned = sum(not thread.has_ended(end_s - self.now_s()) for thread in threads)
        tasks = [lane.task for lane in self._lanes if isinstance(lane, TaskLane) and lane.task is not None]
        tasks += self.cancelled
        for task in tasks:
            task.cancel()
        if tasks:
            _, deaf = await asyncio.wait(tasks, timeout=_DEAF_S)
            self.abandoned += len(deaf)  # they swallow their cancellation

    def traffic(self, first_byte: Latency) -> None:
        """A callable's traffic is not seen."""
        del first_byte
