"""An open loop over lanes: attempts begin when they are due, whatever became of those before.

An arrival that finds no free lane waits and is timed from the moment it was due; nothing is skipped (coordinated
omission) and nothing is dropped unless the user set ``max_in_flight``.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, repeat

from paceline.core.clock import Clock
from paceline.engine.drive import Checkpoint, Load, nothing
from paceline.engine.lanes_drive import LanesDrive
from paceline.engine.pacer import Pacer, best_pacer
from paceline.records.exchanges import NO_PART, Exchanges
from paceline.records.load import LoadRecord
from paceline.targets.lanes import Lane, Lanes

# Arrivals closer than that are begun together: at 70,000 a second each would otherwise cost a sleep and a wake-up,
# which is more than sending it does.
_LEAST_SLEEP_S = 40e-6
_NEVER = math.inf
_BURST = 64  # arrivals begun in one go; then the loop looks at answers


class OpenLoopDrive(LanesDrive):
    """Begins attempts by a schedule.

    Args:
        offsets_s: when attempts are due, from the start of the window; ascending.
        max_in_flight: drop what would exceed it.
        pacer: makes what calls back in time.
    """

    open_loop = True
    tick_s = 0.02  # a stretch that waits longer to be folded holds up what is due for longer

    def __init__(
        self,
        lanes: Lanes,
        ready: list[Lane],
        load: Load,
        clock: Clock,
        checkpoint: Checkpoint = nothing,
        on_end: Callable[[], None] = lambda: None,
        *,
        offsets_s: Iterator[float],
        max_in_flight: int | None = None,
        pacer: Callable[[Callable[[], None]], Pacer] = best_pacer,
    ) -> None:
        self._offsets_s = chain(offsets_s, repeat(math.inf))
        self._most = math.inf if max_in_flight is None else max_in_flight
        self._make_pacer = pacer
        self._pacer: Pacer | None = None
        self._due_s = math.inf
        self._free: deque[Lane] = deque(ready)
        self._waiting: deque[tuple[float, float]] = deque()
        self._begun = 0
        self._in_flight = 0
        self._dropped_s: list[float] = []
        self._now_s = clock.now_s
        super().__init__(lanes, ready, load, clock, checkpoint, on_end)

    def begin(self) -> None:
        """The window starts now."""
        super().begin()
        # A queued attempt is timed from when it was due: the recorder must not take its wait for a timeout.
        self.relog(self.log)

    def start(self) -> None:
        """Arm for the first arrival."""
        self._pacer = self._make_pacer(self._arrive)
        self._due_s = self.origin_s + next(self._offsets_s)
        self._arrive()

    def stop(self) -> None:
        """Nothing more begins."""
        self._due_s = math.inf
        if self._pacer is not None:
            self._pacer.close()
            self._pacer = None

    # Arrivals.

    def _arrive(self) -> None:
        """Begin all that is due, then sleep until the next."""
        # Much of it in locals: this and ``ended`` are the engine's whole share of what a request costs.
        now_s, free, most = self._now_s, self._free, self._most
        origin_s, offsets_s, due_s = self.origin_s, self._offsets_s, self._due_s
        noticed_s = 0.0
        for _ in range(_BURST):
            # Read for each: sending those before it is the generator's own time, not a wait for a connection.
            noticed_s = now_s()
            if due_s > noticed_s:
                break
            arrival_s = due_s
            self._due_s = due_s = origin_s + next(offsets_s)
            self._begun += 1
            if free and self._in_flight < most:
                self._in_flight += 1
                lane = free.popleft()
                lane.due_s = arrival_s
                lane.noticed_s = noticed_s
                lane.begin()
            else:
                self._queue(arrival_s, noticed_s)
        assert self._pacer is not None
        if due_s == _NEVER:
            self._pacer.disarm()
            self._look_for_the_end()
        else:
            self._pacer.arm(max(due_s - noticed_s, _LEAST_SLEEP_S))

    def _queue(self, due_s: float, noticed_s: float) -> None:
        """No lane is free, or no more may be in flight."""
        if self._in_flight >= self._most:
            self._dropped_s.append(noticed_s)
            return
        self._in_flight += 1
        lane = self.lanes.another() if self.lanes.elastic else None
        if lane is None:
            self._waiting.append((due_s, noticed_s))
            return
        lane.due_s = due_s
        lane.noticed_s = noticed_s
        lane.begin()

    # What lanes say.

    def relog(self, log: Exchanges) -> None:
        """Bind what every attempt uses."""
        self._starts_append = log.starts_s.append
        self._ends_append = log.ends_s.append
        self._written_append = log.written_s.append
        self._noticed_append = log.noticed_s.append

    def ended(self, lane: Lane, start_s: float, end_s: float) -> None:
        """From a lane: an attempt ended ok; :meth:`write_down` and :meth:`released` in one, for nearly all."""
        if self._waiting or self._due_s == _NEVER or self.lanes.scenario:
            self.write_down(lane, start_s, end_s)
            self.released(lane)
            return
        # Each is fetched, then called: Python 3.11 looks up "self.a(...)" anew each time where a is no method.
        append = self._starts_append
        append(lane.due_s)
        append = self._noticed_append
        append(lane.noticed_s)
        append = self._written_append
        append(start_s)
        append = self._ends_append
        append(end_s)
        self._in_flight -= 1
        self._free.append(lane)

    def write_down(self, lane: Lane, start_s: float, end_s: float) -> None:
        """Note an attempt as ok, timed from when it was due."""
        due_s = lane.due_s
        if due_s == math.inf:  # a later request on a virtual user's way: it was due when it began
            self._starts_append(start_s)
            self._noticed_append(math.nan)
        else:
            self._starts_append(due_s)
            self._noticed_append(lane.noticed_s)
            lane.due_s = math.inf
        self._written_append(start_s)
        self._ends_append(end_s)

    def released(self, lane: Lane) -> None:
        """From a lane: it is free; what waits longest goes next."""
        self._in_flight -= 1
        if self.lanes.scenario:
            self.iterations += 1
        if self._stopping:
            return
        if self._waiting:
            lane.due_s, lane.noticed_s = self._waiting.popleft()
            lane.begin()
        else:
            self._free.append(lane)
            if self._due_s == math.inf:
                self._look_for_the_end()

    def paused(self, lane: Lane) -> None:
        """Arrivals do not wait for a server to come back."""
        self.released(lane)

    def _look_for_the_end(self) -> None:
        if not self._in_flight:
            self.over()

    # The end.

    def give_up(self, now_s: float) -> None:
        """What was never begun has not been answered either."""
        waiting, self._waiting = self._waiting, deque()
        for due_s, noticed_s in waiting:
            self._starts_append(due_s)
            self._noticed_append(noticed_s)
            self._written_append(now_s)
            self._ends_append(now_s)
            if self._several:
                self.part(NO_PART)
            self.log.mark_timeout()
            self.errors.add(
                "timeout", f"never sent: no connection was free until {self.lanes.grace_s:g} s after the end"
            )
            self._in_flight -= 1
        super().give_up(now_s)
        self._look_for_the_end()

    def window(self) -> tuple[float, float]:
        """The planned length, or longer where answers came later than that; and all that ended ok."""
        planned_s = self.load.duration_s or 0.0
        if self.stopped_by is not None:
            planned_s = 0.0
        return max(planned_s, self.elapsed_s), self.recorder.counts.ok

    @property
    def in_flight(self) -> int:
        """Attempts under way or waiting."""
        return self._in_flight

    def unstarted(self) -> "OpenLoopDrive":
        """One that has seen nothing, no arrival either."""
        drive = super().unstarted()
        assert isinstance(drive, OpenLoopDrive)
        drive._begun, drive._dropped_s = 0, []  # noqa: SLF001  # of the same class
        return drive

    def take_down(self) -> None:
        """Fold the log."""
        if self._dropped_s:
            dropped_s, self._dropped_s = self._dropped_s, []
            self.recorder.drop(dropped_s)
        super().take_down()

    def load_record(self) -> LoadRecord:
        """What a load adds to the record."""
        return replace(super().load_record(), arrivals=self.exchanges.arrivals(self._begun))
