"""An event loop whose time is a manual clock's, and lanes whose attempts take chosen times: nothing waits."""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, TypeVar

from paceline.records.latency import Latency
from paceline.records.load import Traffic
from paceline.records.outcome import AttemptEnd
from paceline.targets.lanes import Sink
from tests.fakes import ManualClock

_Result = TypeVar("_Result")
_GRAIN_S = 1e-12  # so much early a timer of the loop may fire


class VirtualLoop(asyncio.SelectorEventLoop):
    """Where it would wait for its next timer, it sets the clock to that moment instead."""

    def __init__(self, clock: ManualClock) -> None:
        self._manual = clock
        super().__init__(_Impatient(self))
        self._clock_resolution = _GRAIN_S

    def time(self) -> float:
        return self._manual.now_s()

    def go_to_next_timer(self) -> None:
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # the loop's own heap
        assert scheduled, "this would wait for ever"
        self._manual.advance(max(scheduled[0].when() - self._manual.now_s(), 0.0))


class _Impatient(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._of = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self._of.go_to_next_timer()
        return ready


def run_virtually(clock: ManualClock, work: Coroutine[Any, Any, _Result]) -> _Result:
    """What ``work`` returns; its time passes on ``clock``, at once."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(work)


class FakePacer:
    """Calls back when it should or ``late_s`` after it. Implements ``Pacer``."""

    def __init__(self, callback: Callable[[], None], late_s: float = 0.0) -> None:
        self._callback = callback
        self._late_s = late_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self.closed = False

    def arm(self, delay_s: float) -> None:
        self.disarm()
        assert not self.closed
        # Never early: the drive would look again 40 us later.
        when_s = self._loop.time() + max(delay_s, 0.0) + self._late_s + 10 * _GRAIN_S
        self._timer = self._loop.call_at(when_s, self._callback)

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        self.disarm()
        self.closed = True


class FakeLane:
    """Its attempts take what its lanes say, and end ok unless they say otherwise. Implements ``Lane``."""

    def __init__(self, lanes: "FakeLanes", number: int) -> None:
        self._lanes = lanes
        self._timer: asyncio.TimerHandle | None = None
        self.number = number
        self.due_s = 0.0
        self.noticed_s = 0.0
        self.start_s = 0.0
        self.busy = False

    def begin(self) -> None:
        assert not self.busy, "one attempt at a time"
        lanes = self._lanes
        self.busy = True
        lanes.begun.append((self.number, self.due_s))
        lanes.busy += 1
        lanes.most_busy = max(lanes.most_busy, lanes.busy)
        self.start_s = lanes.clock.now_s()
        service_s = lanes.service_s(self.start_s)
        if service_s != math.inf:
            self._timer = asyncio.get_running_loop().call_later(service_s, self._end)

    def _end(self) -> None:
        lanes, sink = self._lanes, self._lanes.sink
        self._release()
        end = next(lanes.ends)
        end_s = lanes.clock.now_s()
        if lanes.several:
            sink.first_byte((self.start_s + end_s) / 2)
            sink.part(len(lanes.begun) % len(lanes.part_names))
        if end is AttemptEnd.OK:
            sink.ended(self, self.start_s, end_s)
        elif end is None:
            sink.raised(self, self.start_s, end_s, LookupError("no such record"))
        else:
            sink.failed(self, self.start_s, end_s, end, end.name.lower(), "", pause=lanes.pauses)

    def _release(self) -> None:
        self.busy = False
        self._lanes.busy -= 1

    def give_up(self) -> None:
        if self.busy:
            if self._timer is not None:
                self._timer.cancel()
            self._release()
            if self._lanes.several:
                self._lanes.sink.part(0)
            now_s = self._lanes.clock.now_s()
            self._lanes.sink.failed(self, self.start_s, now_s, AttemptEnd.TIMEOUT, "timeout", "given up")


class FakeLanes:
    """Implements ``Lanes``.

    Args:
        clock: manual.
        service_s: how long an attempt takes that begins then; infinite: it never ends.
        ends: how attempts end, in that order; None raises. What comes after is ok.
        pauses: whether a failure asks for a pause.
        most: lanes that there can be; more than those opened make them elastic.
    """

    scenario = False

    def __init__(
        self,
        clock: ManualClock,
        service_s: Callable[[float], float] = lambda _: 0.001,
        *,
        ends: Iterable[AttemptEnd | None] = (),
        pauses: bool = False,
        part_names: Sequence[str] = ("GET /",),
        most: int = 0,
        grace_s: float = 2.0,
    ) -> None:
        self.clock = clock
        self.service_s = service_s
        self.ends: Iterator[AttemptEnd | None] = chain(ends, repeat(AttemptEnd.OK))
        self.pauses = pauses
        self.part_names = part_names
        self.several = len(part_names) > 1
        self.most = most
        self.elastic = most > 0
        self.grace_s = grace_s
        self.sink: Sink
        self.lanes: list[FakeLane] = []
        self.begun: list[tuple[int, float]] = []
        self.busy = 0
        self.most_busy = 0
        self.finished = False
        self.closed = False

    def opened(self, count: int) -> list[FakeLane]:
        for _ in range(count):
            self.lanes.append(FakeLane(self, len(self.lanes)))
        return list(self.lanes)

    async def open(self, count: int) -> list[FakeLane]:
        return self.opened(count)

    def another(self) -> FakeLane | None:
        return self.opened(1)[-1] if len(self.lanes) < self.most else None

    def attach(self, sink: Sink) -> None:
        self.sink = sink

    def sweep(self, now_s: float) -> None:
        """Attempts have no limit."""

    def finish(self) -> None:
        self.finished = True

    def give_up(self) -> None:
        for lane in self.lanes:
            lane.give_up()

    async def close(self) -> None:
        self.closed = True

    def traffic(self, first_byte: Latency) -> Traffic:
        return Traffic(first_byte=first_byte)
