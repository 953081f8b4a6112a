"""Workers as tasks on one event loop (uvloop's where it is installed)."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from itertools import chain, repeat

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.core.redaction import redact
from paceline.engine.drive import FOLD_AT, CallDrive, Checkpoint, Load, nothing
from paceline.engine.loops import GIVE_WAY, time_awaits, until
from paceline.records.stamps import Stamps
from paceline.targets.call import CallTarget

_LOOK_S = 0.25
# Attempts between two packings, each a pause of some 10 us. Left as objects until the next look, the stamps of
# fast operations cost more than that in page faults: a seventh of an attempt that only yields to the loop.
_BLOCK = 1_024


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Uvloop's loop if it is installed, else asyncio's."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


class TasksDrive(CallDrive):
    """Drives an asynchronous target by ``load.workers`` tasks on the running loop."""

    def __init__(
        self,
        target: CallTarget,
        load: Load,
        clock: Clock,
        checkpoint: Checkpoint = nothing,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(target, load, clock, checkpoint, on_end)
        self._stamps = Stamps()
        self._packed = Stamps.packed()
        self._stop: list[object] = []
        self._looked_at_s = clock.now_s()
        self._setup_each = None if target.setup_each is None else guarded_await(target.setup_each)
        self._tickets = chain.from_iterable(self._blocks())

    async def run(self) -> None:
        """Make the attempts; an interrupt or cancellation is left in :attr:`stopped_by`."""
        tasks = [asyncio.create_task(self._worker()) for _ in range(self.load.workers)]
        everyone = asyncio.gather(*tasks, return_exceptions=True)
        self.begin()  # no task runs before the next await, so all start together from here
        try:
            while not everyone.done():
                await asyncio.wait({everyone}, timeout=_LOOK_S)
                self._looked_at_s = self.clock.now_s()
                if len(self._packed) >= FOLD_AT:
                    self.fold(self._packed.take())
                self.checkpoint(self)
            for ended in everyone.result():
                if isinstance(ended, BaseException):  # an operation that cancelled the task it ran in
                    self._stop_by(MeasurementError(f"a worker was ended by {type(ended).__name__}: {ended}"))
        except asyncio.CancelledError as stop:
            self._stop_by(stop)
            current = asyncio.current_task()
            if current is not None:
                current.uncancel()  # dealt with: the caller looks at stopped_by
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        finally:
            self.finish()

    def unfolded(self) -> Iterable[Stamps]:
        """The stretch all tasks write to, in its two parts."""
        return (self._packed, self._stamps)

    def finish(self) -> None:
        """Record what is complete; called again by whoever saw the loop itself broken off."""
        self.on_end()
        self._stamps.move_to(self._packed)
        self.fold(self._packed.take())

    def _worker(self) -> Coroutine[object, object, None]:
        return time_awaits(
            self.target.operation,
            self._tickets,
            self.clock.now_s,
            self._stamps,
            self.errors,
            stop=self._stop,
            limit_s=self.load.timeout_s,
            setup_each=self._setup_each,
            # Left inside a task, a KeyboardInterrupt would tear the whole loop down.
            on_stop=self._stop_by,
        )

    def _stop_by(self, stop: BaseException) -> None:
        self.stopped_by = self.stopped_by or stop
        self._stop.append(stop)

    def _blocks(self) -> Iterator[Iterable[object]]:
        """Tickets for all tasks. What is done here is done between attempts, at no cost to the loop."""
        left, size = self.load.iterations, 1
        begun_s = self.clock.now_s()
        while (left is None or left > 0) and not self._stop:
            self._stamps.move_to(self._packed)
            now_s = self.clock.now_s()
            # A block is short enough to look up in time even if nothing ever suspends.
            size = min(2 * size, _BLOCK) if now_s - begun_s < _LOOK_S / 2 else max(size // 2, 1)
            begun_s = now_s
            if now_s - self._looked_at_s > 2 * _LOOK_S:
                yield (GIVE_WAY,)
            if left is not None:
                yield repeat(None, min(size, left))
                left -= size
                continue
            assert self.deadline_s is not None
            if now_s >= self.deadline_s:
                return
            yield until(self.deadline_s, size, self.clock.now_s)


def in_running_loop() -> bool:
    """Whether the calling thread is inside a running event loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def guarded_await(setup_each: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    """``setup_each``, sync or async, with its exceptions told apart from the operation's: they end the run."""

    async def prepare() -> None:
        try:
            prepared = setup_each()
            if inspect.isawaitable(prepared):
                await prepared
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except BaseException as error:
            raise MeasurementError(redact(f"setup_each raised {type(error).__name__}: {error}")) from error

    return prepare
