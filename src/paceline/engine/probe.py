"""A second pair of eyes: an independent client beside a load, in a process and on a core of its own.

No check inside a generator can see what the generator itself adds to the latencies it reports. The probe sends a few
requests a second by a schedule of its own; where its figures differ from the load's, the generator made the difference.
"""

import threading
from dataclasses import replace

from paceline.engine.child_process import Child, Failed, usable_cores
from paceline.engine.request import Run, RunRequest
from paceline.records.load import Probe
from paceline.records.run_record import Execution
from paceline.targets.http import HttpTarget
from paceline.targets.replay import ReplayTarget, Sample
from paceline.workload.arrivals import expected_arrivals
from paceline.workload.models import MOST_SEED, FixedIterations, Poisson, has_arrivals

LEAST_DURATION_S = 5.0
_PER_SECOND = 100.0
_SHARE = 0.1  # of a load's own rate, at most: the probe is not to be the load
_LEAST_PER_SECOND = 5.0  # with fewer it sees too little to disagree
_CONNECTIONS = 4
_END_S = 5.0  # for it to end that was told to


def probe_rate(request: RunRequest) -> float:
    """Requests a second of a probe beside the load ``request``; 0 where there is to be none.

    None beside short loads, on a single core, and where a request could change something: the probe sends requests
    that nobody asked for.
    """
    workload = request.workload
    if isinstance(workload, FixedIterations) or workload.duration_s < LEAST_DURATION_S or len(usable_cores()) < 2:  # noqa: PLR2004
        return 0.0
    if request.execution is Execution.USERS:
        return _PER_SECOND  # at most: how often its users send what, is learned on the way
    if not isinstance(request.target, HttpTarget) or not request.target.safe:
        return 0.0
    if not has_arrivals(workload):
        return _PER_SECOND
    rate = min(_SHARE * expected_arrivals(workload) / workload.duration_s, _PER_SECOND)
    return rate if rate >= _LEAST_PER_SECOND else 0.0


class Prober:
    """Probes while a load's window is open.

    Args:
        request: the load's.

    Raises:
        MeasurementError: its process cannot be started.
    """

    def __init__(self, request: RunRequest) -> None:
        assert not isinstance(request.workload, FixedIterations)
        # A closed loop that waits for its answers has few connections' worth of room beside it.
        self._connections = _CONNECTIONS if has_arrivals(request.workload) else 1
        self._load = request
        # It is stopped when the load's window closes: its own plan only has to be longer than that.
        self._duration_s = 2 * request.workload.duration_s + 60
        self._per_second = request.probe_per_second  # of a closed loop, and of users: at most
        self._part = ""
        self._is_over = False
        self._run: Run | None = None
        self._reading = threading.Thread(target=self._read, name="paceline-probe", daemon=True)
        self._child = Child(usable_cores()[-1:])

    def open(self, seen_per_second: float) -> None:
        """The load's window opens; its warm-up made so many attempts a second."""
        target = self._load.target
        if not isinstance(target, HttpTarget):
            return  # what its users send is yet to be learned
        if not has_arrivals(self._load.workload):
            self._per_second = min(self._per_second, _SHARE * seen_per_second)
        self._begin(replace(target, connections=self._connections, seed=(target.seed + 1) % MOST_SEED))

    def learned(self, sample: Sample) -> None:
        """It is known what users send. Of several legs each comes to know it: the first is taken at its word."""
        if self._reading.ident is not None:
            return
        self._part = sample.part
        self._per_second = min(self._per_second, _SHARE * sample.per_second)
        self._begin(replace(sample.target, connections=self._connections))

    def _begin(self, target: HttpTarget | ReplayTarget) -> None:
        if self._per_second < _LEAST_PER_SECOND or self._is_over:
            return
        request = RunRequest(
            name=f"{self._load.name} (probe)",
            test_type=self._load.test_type,
            target=target,
            workload=Poisson(self._per_second, self._duration_s, seed=1),
        )
        self._child.order(request)
        self._reading.start()

    def close(self) -> None:
        """The load's window is over."""
        self._is_over = True
        self._child.stop()

    def end(self) -> Probe | None:
        """What it saw; None if it was not to probe. That it saw nothing, or was killed, shows as no answers."""
        self._child.stop()
        if self._reading.ident is not None:
            self._reading.join(_END_S)
            if self._reading.is_alive():
                self._child.kill()
                self._reading.join()
        self._child.end()
        if self._reading.ident is None:
            return None
        if self._run is None or self._run.record.load is None or self._run.record.load.arrivals is None:
            return Probe(self._per_second, part=self._part)
        record, arrivals = self._run.record, self._run.record.load.arrivals
        return Probe(
            self._per_second, record.counts, record.latency, arrivals.service, arrivals.generator_lag, self._part
        )

    def kill(self) -> None:
        """Nobody waits for what it would say; no process and no thread of it is left."""
        self._child.kill()
        if self._reading.ident is not None:
            self._reading.join()
        self._child.end()

    def _read(self) -> None:
        for message in self._child.messages():
            if isinstance(message, Run):
                self._run = message
            elif isinstance(message, Failed):
                return  # it could not connect: the load itself tells why
