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
from paceline.workload.arrivals import arrivals, warmup_of
from paceline.workload.models import ClosedLoop, FixedIterations, Stages, Workload, has_arrivals


class LanesPlan:
    """Opens the lanes, makes the drives, closes the lanes."""

    def __init__(self, request: RunRequest, clock: Clock) -> None:
        self._request = request
        self._clock = clock
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
        self._ready = await self._lanes.open(self._request.workers)

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
            return self._drive(warmup_of(workload, request.warmup_s))
        if isinstance(workload, FixedIterations | ClosedLoop) and workload.warmup_iterations:
            calls = workload.warmup_iterations
            return self._drive(FixedIterations(calls, workers=min(request.workers, calls)))
        return None

    def measured(self, checkpoint: Checkpoint, on_end: Callable[[], None]) -> LanesDrive:
        """The measured window."""
        return self._drive(self._request.workload, checkpoint, on_end)

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
                offsets_s=arrivals(workload),
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
            stages=workload if isinstance(workload, Stages) else None,
        )
