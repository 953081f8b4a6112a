"""A closed loop over lanes: each begins its next attempt when the last has ended."""

import asyncio
import math
from collections.abc import Callable

from paceline.core.clock import Clock
from paceline.engine.drive import Checkpoint, Load, nothing
from paceline.engine.lanes_drive import LanesDrive
from paceline.records.exchanges import Exchanges
from paceline.records.outcome import AttemptEnd
from paceline.targets.lanes import Lane, Lanes


class ClosedLoopDrive(LanesDrive):
    """Each lane is a user; ``users_at`` says how many of them are active, and think time passes between attempts."""

    def __init__(
        self,
        lanes: Lanes,
        ready: list[Lane],
        load: Load,
        clock: Clock,
        checkpoint: Checkpoint = nothing,
        on_end: Callable[[], None] = lambda: None,
        *,
        think_time_s: float = 0.0,
        users_at: Callable[[float], int] | None = None,
    ) -> None:
        self._think_time_s = think_time_s
        self._now_s = clock.now_s
        self._users_at = users_at
        self._left: float = math.inf if load.iterations is None else load.iterations
        self._active = len(ready) if users_at is None else 0
        self._parked: list[Lane] = []
        self._busy = 0
        super().__init__(lanes, ready, load, clock, checkpoint, on_end)

    def relog(self, log: Exchanges) -> None:
        """Bind what every attempt uses: looking it up each time would cost as much as using it."""
        self._starts_append = log.starts_s.append
        self._ends_append = log.ends_s.append
        self._parts_append = log.parts.append
        self._marked_append = log.marked.append
        self._marks_append = log.marks.append

    def begin(self) -> None:
        """The window starts now."""
        super().begin()
        self.relog(self.log)
        self._until_s = self.end_s
        # Until then a lane that has ended begins again, without a further question.
        is_plain = self.load.iterations is None and self._users_at is None and not self._think_time_s
        self._free_until_s = self._until_s if is_plain else -math.inf

    def start(self) -> None:
        """All active lanes begin."""
        self._parked = list(reversed(self.ready))
        self._activate(self.origin_s)
        if not self._busy and self._users_at is None:
            self.over()

    def tick(self, now_s: float) -> None:
        """Also let users come and go."""
        self._activate(now_s)
        super().tick(now_s)
        if not self._busy and now_s >= self._until_s:
            self.over()

    def _activate(self, now_s: float) -> None:
        if self._users_at is not None:
            self._active = self._users_at(now_s - self.origin_s)
        while self._parked and self._busy < self._active and self._left > 0 and now_s < self._until_s:
            lane = self._parked.pop()
            self._busy += 1
            self._left -= 1
            lane.begin()

    def ended(self, lane: Lane, start_s: float, end_s: float) -> None:
        """From a lane: an attempt ended ok. The engine's whole share of a request's cost is here."""
        # Fetched, then called: Python 3.11 looks up "self.a(...)" anew each time where a is no method.
        append = self._ends_append
        append(end_s)
        append = self._starts_append
        append(start_s)
        if end_s < self._free_until_s:
            lane.begin()
        elif end_s < self._until_s and self._left > 0 and self._busy <= self._active and not self._think_time_s:
            self._left -= 1
            lane.begin()
        else:
            self.released(lane)

    def marked(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd) -> None:
        """From a lane: an attempt ended ok in another way than is usual there."""
        append = self._ends_append
        append(end_s)
        append = self._starts_append
        append(start_s)
        mark = self._marked_append
        mark(len(self.log.ends_s) - 1)
        note = self._marks_append
        note(end)
        if end_s < self._free_until_s:
            lane.begin()
        elif end_s < self._until_s and self._left > 0 and self._busy <= self._active and not self._think_time_s:
            self._left -= 1
            lane.begin()
        else:
            self.released(lane)

    def passed(self, lane: Lane, part: int, start_s: float, end_s: float) -> None:
        """From a lane: an attempt ended ok, and the lane goes on."""
        del lane
        parts, ends, starts = self._parts_append, self._ends_append, self._starts_append
        parts(part)
        ends(end_s)
        starts(start_s)

    def write_down(self, lane: Lane, start_s: float, end_s: float) -> None:
        """Note an attempt as ok."""
        del lane
        self._ends_append(end_s)
        self._starts_append(start_s)

    def released(self, lane: Lane) -> None:
        """From a lane: it is free."""
        self.iterations += 1
        now_s = self._now_s  # as above
        if now_s() < self._free_until_s:
            lane.begin()
        elif not self._think_time_s or self._stopping:
            self._next(lane)
        elif self.clock.now_s() + self._think_time_s < self._until_s:
            asyncio.get_running_loop().call_later(self._think_time_s, self._next, lane)
        else:
            self._busy -= 1  # it would come back after the end, which nobody waits for: the tick ends the run

    def _next(self, lane: Lane) -> None:
        if self._stopping:
            return
        if self.clock.now_s() < self._until_s and self._left > 0 and self._busy <= self._active:
            self._left -= 1
            lane.begin()
            return
        self._busy -= 1
        self._parked.append(lane)
        if not self._busy and (self._left <= 0 or self.clock.now_s() >= self._until_s):
            self.over()

    def paused(self, lane: Lane) -> None:
        """From a lane: it could not connect."""
        if self._stopping:
            return
        super().paused(lane)

    def window(self) -> tuple[float, float]:
        """The planned length, also where users were thinking or waiting at its end."""
        if self.deadline_s is None or self.stopped_by is not None:
            return super().window()
        return self.deadline_s - self.origin_s, self.recorder.work_until(self.deadline_s)

    def stop(self) -> None:
        """Nothing more begins."""
        self._until_s = self._free_until_s = -math.inf

    @property
    def in_flight(self) -> int:
        """Users that are active."""
        return self._busy
