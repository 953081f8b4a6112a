"""The search on a real service: its probes are loads, one after the other, over connections of their own."""

import math
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from paceline.campaign.capacity import search
from paceline.campaign.capacity_plan import PRECISION, Asked, Searched, SearchPlan, World
from paceline.campaign.load import load_request
from paceline.core.clock import Clock, utc_text
from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.core.units import NS_PER_MS
from paceline.engine import runs
from paceline.engine.request import Observer, checked_name
from paceline.judge.capacity_findings import load_text
from paceline.judge.capacity_probe import Stretch, probe_of, sla_limits
from paceline.judge.limits import METRICS, Limit
from paceline.judge.thresholds import PerformanceThreshold, checked_threshold
from paceline.records.capacity import CapacityProbe, CapacityRecord, Of
from paceline.records.run_record import RunRecord
from paceline.store.codec import plain_metadata
from paceline.sysmon.fingerprint import this_machine
from paceline.targets.http import HttpTarget
from paceline.targets.operation import Measured, measured
from paceline.workload.models import (
    MOST_PER_SECOND,
    MOST_SEED,
    MOST_WORKERS,
    ClosedLoop,
    ConstantRate,
    Poisson,
    Workload,
    positive_seconds,
    whole_number,
)

POISSON: Literal["poisson"] = "poisson"
CONSTANT: Literal["constant"] = "constant"
DEFAULT_BUDGET_S = 300.0
DEFAULT_LOW = {Of.RATE: 10.0, Of.USERS: 1.0}
DEFAULT_HIGH = {Of.RATE: 100_000.0, Of.USERS: 1_000.0}
# Enough for a queue to form at the server, where it does in production, rather than in front of the connections.
DEFAULT_CONNECTIONS = 100
_SHORTEST_BUDGET_S = 10.0
_FIRST_WARMUP_S = 1.0  # a service that has just started is slow once
# The generator's process is new in each probe: its first requests are slower than those that follow. What it imports is
# there before.
_WARMUP_S = 0.1


@dataclass(frozen=True)
class CapacityPlan:
    """What is searched for, checked.

    Attributes:
        name: of the test.
        what: the target, with what belongs around it.
        threshold: the limits to keep.
        of: what the load is counted in.
        low, high: loads to try; None: the defaults.
        budget_s: time for all of it.
        precision: half the interval as a share of the estimate, at which it is content.
        arrivals: at random (``poisson``), or evenly spaced (``constant``).
        seed: of order and arrivals; None: drawn, and recorded.
        metadata: the user's.
        own_process: whether the target can be handed to another process although it is no HTTP's.

    Raises:
        ConfigurationError: a value is out of range, or the threshold sets no limit.
    """

    name: str
    what: Measured
    threshold: PerformanceThreshold
    of: Of = Of.RATE
    low: float | None = None
    high: float | None = None
    budget_s: float = DEFAULT_BUDGET_S
    precision: float = PRECISION
    arrivals: str = POISSON
    seed: int | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    own_process: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", redact(checked_name(self.name)))
        checked = checked_threshold(self.threshold)
        if checked is None or not checked.limits():
            raise ConfigurationError(
                "a search for the highest load needs limits to keep: PerformanceThreshold(max_p99_ms=200), on the "
                "command line -t 'p(99)<200'"
            )
        for limit in checked.limits():
            self._check_limit(limit)
        checked.check_measurable(batched=False, open_loop=self.of is Of.RATE)
        if self.arrivals not in {POISSON, CONSTANT}:
            raise ConfigurationError(f"arrivals must be 'poisson' or 'constant', not {self.arrivals!r}")
        low, high = self.bounds
        most = MOST_PER_SECOND if self.of is Of.RATE else MOST_WORKERS
        if not 0 < low < high <= most:
            raise ConfigurationError(
                f"low={low:g} and high={high:g} are no bounds: low must be above 0 and below high, and high at most "
                f"{most:,}"
            )
        if self.of is Of.USERS and not (float(low).is_integer() and float(high).is_integer()):
            raise ConfigurationError(f"low={low:g} and high={high:g} must be whole numbers of users")
        if positive_seconds("budget_s", self.budget_s) < _SHORTEST_BUDGET_S:
            raise ConfigurationError(
                f"budget_s must be at least {_SHORTEST_BUDGET_S:g} s: a search makes some twenty probes"
            )
        if not 0 < self.precision < 1:
            raise ConfigurationError(f"precision must be a share between 0 and 1, not {self.precision!r}")
        if self.seed is not None:
            whole_number("seed", self.seed, at_least=0, at_most=MOST_SEED)

    def _check_limit(self, limit: Limit) -> None:
        if limit.window_s is not None or limit.ends or limit.part is not None:
            raise ConfigurationError(
                f"threshold {limit.source!r}: a search holds each of its probes against its limits as a whole: "
                "leave out 'over', 'abort' and names in braces"
            )
        if limit.metric.unit == "ms" and limit.sign not in {"<", "<="}:
            raise ConfigurationError(
                f"threshold {limit.source!r}: latencies grow with the load, so that no highest load keeps them above a "
                "bound: write < or <="
            )
        low, _ = self.bounds
        if limit.metric is METRICS["throughput"] and self.of is Of.RATE and limit.bound >= low:
            raise ConfigurationError(
                f"threshold {limit.source!r}: the lowest load that is tried, {low:g}/s, can never keep it: no more is "
                "answered than is sent: leave it out, or begin above it with --low (low=)"
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest load, a bound that is not given well beyond the other."""
        low, high = self.low, self.high
        if low is None:
            low = min(DEFAULT_LOW[self.of], high / 2) if high is not None else DEFAULT_LOW[self.of]
            low = low if self.of is Of.RATE else float(max(int(low), 1))
        if high is None:
            high = max(DEFAULT_HIGH[self.of], 10 * low)
        return low, high


def capacity_plan(
    name: str,
    operation: object,
    threshold: PerformanceThreshold,
    *,
    low: float | None = None,
    high: float | None = None,
    budget_s: float = DEFAULT_BUDGET_S,
    arrivals: str = POISSON,
    of: str = "rate",
    seed: int | None = None,
    metadata: Mapping[str, object] | None = None,
    setup: Callable[[], object] | None = None,
    teardown: Callable[[], object] | None = None,
    own_process: bool = False,
) -> CapacityPlan:
    """The plan of a search on ``operation``; the arguments are those of ``find_capacity``.

    Raises:
        ConfigurationError: one of them is wrong.
    """
    if of not in {each.value for each in Of}:
        raise ConfigurationError(f"of must be 'rate' or 'users', not {of!r}")
    for bound, value in (("low", low), ("high", high)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigurationError(f"{bound} must be a number, not {value!r}")
    what = measured(operation, setup, teardown)
    if isinstance(what.target, HttpTarget) and what.target.connections is None and of == "rate":
        what = what._replace(target=replace(what.target, connections=DEFAULT_CONNECTIONS))
    return CapacityPlan(
        name, what, threshold, Of(of), low, high, budget_s,
        arrivals=arrivals, seed=seed, metadata=plain_metadata(metadata), own_process=own_process,
    )  # fmt: skip


def find_capacity(
    plan: CapacityPlan,
    clock: Clock,
    observer: Observer | None = None,
    kept: Callable[[CapacityRecord], None] = lambda _: None,
) -> Searched:
    """Search with real loads.

    Args:
        plan: what for.
        clock: where the time comes from.
        observer: is shown the progress of each probe, under a name that says where the search is.
        kept: is given all that is known after each probe.

    Raises:
        ConfigurationError: target and loads do not go together.
        MeasurementError: not even the first probe could be made.
    """
    low, high = plan.bounds
    target = plan.what.target
    seed = secrets.randbits(32) if plan.seed is None else plan.seed
    wanted = SearchPlan(
        plan.name, plan.of, sla_limits(plan.threshold.limits()), low, high, plan.budget_s, plan.precision, seed,
        target=target.text,
        arrivals=plan.arrivals if plan.of is Of.RATE else "",
        connections=(getattr(target, "connections", None) or 0) if plan.of is Of.RATE else 0,
        metadata=plan.metadata,
        fingerprint=this_machine(),
        started_at=utc_text(clock.utc_now()),
    )  # fmt: skip
    loads = _Loads(plan, clock, observer)
    world = World(loads.measure, clock.now_s, loads.pause, loads.begins, kept)
    return search(wanted, world)


class _Loads:
    """Makes probes as loads."""

    def __init__(self, plan: CapacityPlan, clock: Clock, observer: Observer | None) -> None:
        self._plan = plan
        self._clock = clock
        self._observer = observer
        self._limits = plan.threshold.limits()
        self._idle_service_ms = math.nan
        self._told = ""
        self._woken = threading.Event()  # never set: waiting for it is a pause that an interrupt ends

    def begins(self, asked: Asked, record: CapacityRecord) -> None:
        """Under which name observers see it."""
        held = max((probe.load for probe in record.probes if probe.held), default=None)
        broken = [probe.load for probe in record.probes if not probe.held and probe.load > (held or 0.0)]
        known = [f"{load_text(record, held)} held"] if held is not None else []
        known += [f"{load_text(record, min(broken))} broke"] if broken else []
        told = f"{self._plan.name} at {load_text(record, asked.load)}, probe {asked.number + 1}"
        self._told = f"{told} ({', '.join(known)})" if known else told

    def pause(self, seconds: float) -> None:
        """Wait."""
        self._woken.wait(seconds)

    def measure(self, asked: Asked) -> CapacityProbe:
        """One load.

        Raises:
            MeasurementError: it could not be made.
            KeyboardInterrupt: it was interrupted: what it saw is a part of a probe, and no probe.
        """
        request = load_request(
            self._told or self._plan.name,
            self._plan.what,
            self._workload(asked),
            None,
            # The settling is part of the window, cut off afterwards: between warm-up and window a queue runs dry.
            warmup_s=_WARMUP_S if asked.number else _FIRST_WARMUP_S,
            probe=False,  # its own requests would be part of the load
            own_process=self._plan.own_process,
        )
        ended = runs.run(request, self._clock, self._observer)
        if ended.stopped_by is not None:
            raise ended.stopped_by
        self._learn(ended.record)
        made = Stretch(asked.load, asked.phase, asked.length_s, asked.settle_s, self._idle_service_ms)
        return probe_of(ended.record, self._limits, made)

    def _learn(self, record: RunRecord) -> None:
        if math.isnan(self._idle_service_ms) and record.load is not None and record.load.arrivals is not None:
            self._idle_service_ms = record.load.arrivals.service.quantile_ns(0.5) / NS_PER_MS

    def _workload(self, asked: Asked) -> Workload:
        lasts_s = asked.settle_s + asked.length_s
        if self._plan.of is Of.USERS:
            return ClosedLoop(round(asked.load), lasts_s)
        if self._plan.arrivals == CONSTANT:
            return ConstantRate(asked.load, lasts_s)
        return Poisson(asked.load, lasts_s, asked.seed)
