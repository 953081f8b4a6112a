"""A probe beside a run that is made in this process."""

from dataclasses import replace

from paceline.core.clock import Clock
from paceline.engine.observation import Observation
from paceline.engine.probe import Prober
from paceline.engine.request import Run, RunRequest
from paceline.targets.replay import Sample


class Beside:
    """What goes on beside the attempts: the observation, and the probe where there is to be one.

    Attributes:
        observation: for the session.

    Raises:
        ConfigurationError: a target pid is no running process.
        MeasurementError: the probe's process cannot be started.
    """

    def __init__(self, request: RunRequest, clock: Clock) -> None:
        self.observation = Observation(clock, request.target_pids, tell=self._window, learned=self._learned)
        self._prober = Prober(request) if request.probe_per_second else None

    def _window(self, is_open: bool, seen_per_second: float) -> None:  # noqa: FBT001  # as an observation tells it
        if self._prober is not None and is_open:
            self._prober.open(seen_per_second)
        elif self._prober is not None:
            self._prober.close()

    def _learned(self, sample: Sample) -> None:
        if self._prober is not None:
            self._prober.learned(sample)

    def with_probe(self, run: Run) -> Run:
        """``run`` with what the probe has seen, which ends now."""
        if self._prober is None or run.record.load is None:
            self.drop()
            return run
        try:
            load = replace(run.record.load, probe=self._prober.end())
        except KeyboardInterrupt as stop:
            self.drop()
            return replace(run, stopped_by=run.stopped_by or stop)
        return replace(run, record=replace(run.record, load=load))

    def drop(self) -> None:
        """The run came to nothing."""
        if self._prober is not None:
            self._prober.kill()
