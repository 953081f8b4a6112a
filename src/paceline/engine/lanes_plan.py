"""The lanes of one run and its two drives over them: the warm-up and the measured window."""

from collections.abc import Callable, Sequence

from paceline.core.clock import Clock
from paceline.engine.call_lanes import CallLanes
from paceline.engine.closed_loop import ClosedLoopDrive
from paceline.engine.drive import Checkpoint, Load, nothing
from paceline.engine.lanes_drive import LanesDrive
from paceline.engine.open_loop import OpenLoopDrive
from paceline.engine.request import RunRequest
from paceline.targets.call import CallTarget
from paceline.targets.lanes import Lane, Lanes
from paceline.targets.replay import LearningLanes, Sample
from paceline.targets.witness import Witness, Witnessed
from paceline.workload.arrivals import users_at, warmup_of
from paceline.workload.legs import WHOLE, leg_arrivals, leg_workload
from paceline.workload.models import ClosedLoop, FixedIterations, Stages, Workload, has_arrivals


class LanesPlan:
    """Opens the lanes, makes the drives, closes the lanes."""

    def __init__(self, request: RunRequest, clock: Clock) -> None:
        self._request = request
        self._clock = clock
        self._leg = request.leg or WHOLE
        self._ready: Sequence[Lane] = ()
        target = request.target
        self._lanes: Lanes = (
            CallLanes(target, request.name, clock) if isinstance(target, CallTarget) else target.lanes(clock)
        )

    async def open(self) -> None:
        """Make all lanes ready.

        Raises:
            MeasurementError: not one can be made ready.
        """
        self._ready = await self._lanes.open(self._request.own_workers)

    @property
    def witness(self) -> Witness | None:
        """The lanes' own, where they have one."""
        return self._lanes.witness if isinstance(self._lanes, Witnessed) else None

    def learn(self) -> None:
        """Find out what a probe could send, where nobody knows before it is sent."""
        if isinstance(self._lanes, LearningLanes):
            self._lanes.learn()

    def learned(self) -> Sample | None:
        """What a probe is to send; told once, None before and after."""
        return self._lanes.learned() if isinstance(self._lanes, LearningLanes) else None

    async def close(self) -> int:
        """Leave nothing behind; the number of threads that could not be ended."""
        await self._lanes.close()
        return self._lanes.abandoned if isinstance(self._lanes, CallLanes) else 0

    def warmup(self) -> LanesDrive | None:
        """The warm-up, if one is asked for."""
        request, workload = self._request, self._request.workload
        if request.warmup_s:
            warmup = leg_workload(warmup_of(workload, request.warmup_s), self._leg)
            return None if warmup is None else self._drive(warmup)
        if isinstance(workload, FixedIterations | ClosedLoop):
            calls = self._leg.share(workload.warmup_iterations)
            return self._drive(FixedIterations(calls, workers=min(request.own_workers, calls))) if calls else None
        return None

    def measured(self, checkpoint: Checkpoint, on_end: Callable[[], None]) -> LanesDrive:
        """The measured window."""
        workload = leg_workload(self._request.workload, self._leg)
        assert workload is not None  # as the request was checked for it
        return self._drive(workload, checkpoint, on_end)

    def _users_at(self, stages: Stages) -> Callable[[float], int]:
        return lambda offset_s: self._leg.share(users_at(stages, offset_s))

    def _drive(
        self, workload: Workload, checkpoint: Checkpoint = nothing, on_end: Callable[[], None] = lambda: None
    ) -> LanesDrive:
        load = Load(
            iterations=workload.iterations if isinstance(workload, FixedIterations) else None,
            duration_s=None if isinstance(workload, FixedIterations) else workload.duration_s,
            workers=len(self._ready),
        )
        ready = list(self._ready)
        if has_arrivals(workload):
            return OpenLoopDrive(
                self._lanes,
                ready,
                load,
                self._clock,
                checkpoint,
                on_end,
                offsets_s=leg_arrivals(workload, self._leg),
                max_in_flight=workload.max_in_flight,
            )
        return ClosedLoopDrive(
            self._lanes,
            ready,
            load,
            self._clock,
            checkpoint,
            on_end,
            think_time_s=workload.think_time_s if isinstance(workload, ClosedLoop) else 0.0,
            users_at=self._users_at(workload) if isinstance(workload, Stages) else None,
        )
