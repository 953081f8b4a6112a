"""A duet of two services that run all the time: short windows of the same load, now on one, now on the other."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from paceline.campaign.duet import PAIRS, DuetRun, Observer
from paceline.campaign.load import load_request
from paceline.campaign.lockstep.pairs import order_of
from paceline.core.clock import Clock, utc_text
from paceline.core.errors import MeasurementError
from paceline.core.units import NS_PER_S, counted
from paceline.engine import runs
from paceline.judge.diagnosis import diagnose
from paceline.judge.duet import next_look
from paceline.records.duet import DuetRecord, Epochs, Pair, Side, Subject
from paceline.records.latency import Latency
from paceline.records.metrics import metrics_of
from paceline.records.run_record import RunRecord
from paceline.sysmon.fingerprint import this_machine
from paceline.targets.http import HttpTarget
from paceline.workload.models import ClosedLoop, ConstantRate

_EPOCHS = 2  # of each side in a pair: the shortest ABBA
_ROLES = ("base", "candidate", "control")
# What a verdict on services has to be read with, as findings of single windows say it.
_TOLD = frozenset({"generator-saturated", "server-closes-connections", "outage", "load-not-delivered"})
# With these the times are not of the load that was asked for. A window now and then costs the interval a pair; where it
# is more than a tenth of a side's, or a service was not there at all, nothing is proven equal.
_IN_DOUBT = {"generator-saturated": 0.1, "load-not-delivered": 0.1, "outage": 0.0}


@dataclass(frozen=True)
class ServicesPlan:
    """Two services and the load they are compared under.

    Attributes:
        name: of the test.
        base, candidate: the same requests to the one and to the other.
        base_side, candidate_side: what they are called.
        connections: of the closed loop.
        per_second: arrivals a second; None for a closed loop.
        window_s: length of an epoch.
        warmup_s: of each window, before it.
        looks: numbers of pairs after which it is judged.
        seed: of the order.
        metadata: the user's.
    """

    name: str
    base: HttpTarget
    candidate: HttpTarget
    base_side: Side
    candidate_side: Side
    connections: int = 10
    per_second: float | None = None
    window_s: float = 0.5
    warmup_s: float = 0.1
    looks: tuple[int, ...] = (PAIRS,)
    seed: int = 0
    metadata: Mapping[str, object] = field(default_factory=dict)


def run_services_duet(plan: ServicesPlan, clock: Clock, observer: Observer | None = None) -> DuetRun:
    """Measure pairs of windows until there are enough.

    The control is the base once more, in windows of its own. A Ctrl-C ends the duet; what was measured is in what it
    returns.

    Raises:
        ConfigurationError: parts of the plan do not go together.
        MeasurementError: a service cannot be reached; the message says which.
    """
    duet = _Services(plan, clock)
    stopped_by: BaseException | None = None
    try:
        while (look := next_look(duet.record())) is not None:
            duet.pair()
            if observer is not None:
                observer.pair(len(duet.pairs), look, 0)
    except KeyboardInterrupt as error:
        stopped_by = error
    records = (duet.record(),) if duet.pairs else ()
    return DuetRun(records, {}, tuple(duet.notices), stopped_by=stopped_by)


class _Services:
    def __init__(self, plan: ServicesPlan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._started_at = utc_text(clock.utc_now())
        self._fingerprint = this_machine()
        self.pairs: list[Pair] = []
        self.notices: dict[str, None] = {}
        self._windows: Counter[int] = Counter()  # of each arm
        self._found: Counter[tuple[int, str]] = Counter()  # such windows of an arm, by the finding's code

    def pair(self) -> None:
        """Measure one more."""
        number = len(self.pairs)
        draw = random.Random(f"{self._plan.seed}/{number}")  # noqa: S311  # an experiment's, to be repeated
        heard: list[list[RunRecord]] = [[], [], []]
        for epoch, arm in order_of(draw, len(_ROLES), _EPOCHS):
            if _ROLES[arm] == "control" and epoch % 2:
                continue  # beside the even epochs only; nothing can be planted in a service
            heard[arm].append(self._window(arm))
        base, candidate, null = (_epochs_of(records) for records in heard)
        self.pairs.append(Pair(number, self._plan.seed, round(base.calls / _EPOCHS), base, candidate, null))

    def _window(self, arm: int) -> RunRecord:
        plan = self._plan
        target = plan.candidate if _ROLES[arm] == "candidate" else plan.base
        workload = (
            ClosedLoop(plan.connections, plan.window_s)
            if plan.per_second is None
            else ConstantRate(plan.per_second, plan.window_s)
        )
        request = load_request(
            f"{plan.name} ({_ROLES[arm]})", target, workload, None, warmup_s=plan.warmup_s, probe=False
        )
        # In this process, which does nothing else meanwhile: a process for each window would start for longer than
        # the window lasts.
        try:
            run = runs.run(replace(request, own_process=False), self._clock)
        except MeasurementError as error:
            side = "candidate" if target is plan.candidate else "base"
            raise MeasurementError(f"{side}: {error}") from error
        if run.stopped_by is not None:
            raise run.stopped_by
        self._windows[arm] += 1
        for finding in diagnose(run.record, metrics_of(run.record), None):
            if finding.code in _TOLD:
                self.notices[f"{_ROLES[arm]}, {finding.code}: {finding.advice}"] = None
            if finding.code in _IN_DOUBT:
                self._found[arm, finding.code] += 1
        return run.record

    def record(self) -> DuetRecord:
        """What was seen so far."""
        return DuetRecord(
            name=self._plan.name,
            started_at=self._started_at,
            subject=Subject.HTTP,
            base=self._plan.base_side,
            candidate=self._plan.candidate_side,
            pairs=tuple(self.pairs),
            looks=self._plan.looks,
            doubts=tuple(self._doubts()),
            seed=self._plan.seed,
            fingerprint=self._fingerprint,
            metadata=self._plan.metadata,
        )

    def _doubts(self) -> Iterator[str]:
        for (arm, code), found in sorted(self._found.items()):
            windows = self._windows[arm]
            if found > _IN_DOUBT[code] * windows:
                yield f"{code} in {found} of {counted(windows, 'window')} of the {_ROLES[arm]}"


def _epochs_of(records: list[RunRecord]) -> Epochs:
    latency = reduce(Latency.merge, (each.latency for each in records))
    attempts = sum(each.counts.attempts for each in records)
    window_ns = sum(each.window_ns for each in records)
    return Epochs(
        epoch_ns=tuple(each.latency.quantile_ns(0.5) for each in records),
        mean_ns=latency.moments.mean,
        p95_ns=latency.quantile_ns(0.95),
        p99_ns=latency.quantile_ns(0.99),
        calls=attempts,
        errors=attempts - sum(each.counts.ok for each in records),
        throughput_per_s=sum(each.window_ok for each in records) * NS_PER_S / window_ns if window_ns else None,
    )
