"""A target that is driven by lanes, as a coroutine function: one attempt a call, on a lane of its own."""

import asyncio

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.records.outcome import AttemptEnd
from paceline.targets.call import CallTarget
from paceline.targets.lanes import Lane, Lanes, LaneTarget
from paceline.targets.operation import Measured, both


def called(what: Measured, clock: Clock) -> CallTarget:
    """``what`` as a target that is called."""
    if isinstance(what.target, CallTarget):
        return what.target
    lane = _OneLane(what.target, clock)
    return CallTarget(lane, both(what.setup, lane.open), both(lane.close, what.teardown))


class _OneLane:
    """One lane and who is told of it. Implements ``Sink``.

    A call raises what the attempt raised, and :class:`MeasurementError` when it failed otherwise.
    """

    def __init__(self, target: LaneTarget, clock: Clock) -> None:
        self._target, self._clock = target, clock
        self._lanes: Lanes | None = None
        self._lane: Lane | None = None
        self._done: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Make the lane ready.

        Raises:
            MeasurementError: it cannot be; the message says why.
        """
        self._lanes = self._target.lanes(self._clock)
        self._lane = (await self._lanes.open(1))[0]  # of a pipeline there are several
        self._lanes.attach(self)

    async def __call__(self) -> None:
        """One attempt."""
        assert self._lane is not None
        assert self._lanes is not None
        loop = asyncio.get_running_loop()
        self._done = loop.create_future()
        # The limit of an attempt is the lanes' own; they have to be asked to look at it.
        look = loop.call_later(self._lanes.grace_s, self._sweep)
        self._lane.begin()
        try:
            await self._done
        finally:
            look.cancel()

    def _sweep(self) -> None:
        if self._lanes is not None:
            self._lanes.sweep(self._clock.now_s())

    async def close(self) -> None:
        """Leave nothing behind."""
        if self._lanes is not None:
            await self._lanes.close()

    # From the lane.

    def ended(self, lane: Lane, start_s: float, end_s: float) -> None:
        """The attempt ended ok."""
        del start_s, end_s
        self.released(lane)

    def marked(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd) -> None:
        """The attempt ended ok; a hit or a miss makes no difference."""
        del start_s, end_s, end
        self.released(lane)

    def failed(
        self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str, *, pause: bool = False
    ) -> None:
        """The attempt ended otherwise."""
        del pause
        self.noted(lane, start_s, end_s, end, kind, message)
        self.released(lane)

    def raised(self, lane: Lane, start_s: float, end_s: float, error: BaseException) -> None:
        """The attempt raised."""
        del lane, start_s, end_s
        self._fail(error)

    def interrupted(self, stop: BaseException) -> None:
        """What the lane runs raised a ``KeyboardInterrupt``."""
        self._fail(stop)

    def part(self, number: int) -> None:
        """Which of several requests it is makes no difference."""

    def first_byte(self, first_s: float) -> None:
        """Nor does when its first byte came."""

    def passed(self, lane: Lane, part: int, start_s: float, end_s: float) -> None:
        """A virtual user goes on."""

    def noted(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str) -> None:
        """An attempt ended: a way through a scenario, on which one failed, has failed."""
        del lane, start_s, end_s
        if end in {AttemptEnd.ERROR, AttemptEnd.TIMEOUT}:
            self._fail(MeasurementError(f"{message} [{kind}]"))

    def released(self, lane: Lane) -> None:
        """The lane is free."""
        del lane
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _fail(self, error: BaseException) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error)
