"""What is known of each leg of a load, and what came of all of them together."""

import math
from dataclasses import asdict, dataclass, field, replace

from paceline.core.units import NS_PER_S
from paceline.engine.child_process import LegNow
from paceline.engine.lately import NOW_NS, latency_of
from paceline.engine.live import Seen
from paceline.engine.places import LegChild
from paceline.engine.request import LegsNow, LoadNow
from paceline.records.histogram import Histogram
from paceline.records.increments import Standing
from paceline.records.load import BeforeStart, LegRun, LoadRecord
from paceline.records.recorder import Counts
from paceline.records.run_record import RunRecord
from paceline.records.summing import RunSum
from paceline.sysmon.leg_watch import LegUsage
from paceline.workload.arrivals import expected_arrivals
from paceline.workload.legs import Leg
from paceline.workload.models import FixedIterations, Workload, has_arrivals


@dataclass
class LegSeen:
    """What is known of one.

    Attributes:
        leg: which.
        child: its process.
        heard_s: when it last said something.
        is_ready: whether it waits for the start.
        is_over: whether it has nothing more to say.
        opened_s: when its window opened.
        is_closed: whether its window is over: what follows, a teardown of the user's, may take its time in silence.
        now: how it is doing.
        standing: how it stands, as of what it told last.
        has_ended: whether it has reported at its end.
        stopped_by: what ended it early.
        lost: why it did not come to its end, in words that follow 'it'.
        machine: address of its worker; empty for this machine.
        before: what was seen of that worker; None of this machine.
        usage: what its process and its machine have used, the newest.
    """

    leg: Leg
    child: LegChild
    heard_s: float
    is_ready: bool = False
    is_over: bool = False
    opened_s: float | None = None
    is_closed: bool = False
    now: LegNow | None = None
    standing: Standing | None = None
    has_ended: bool = False
    stopped_by: BaseException | None = None
    lost: str = ""
    machine: str = ""
    before: BeforeStart | None = None
    usage: LegUsage = field(default_factory=LegUsage)

    @property
    def is_lost(self) -> bool:
        """Whether it came to no end, as far as is known by now; why is looked into when all is over."""
        return bool(self.lost) or (self.is_over and not self.has_ended)


def together(legs: list[LegSeen], seen: RunSum, workload: Workload, start_s: float | None) -> RunRecord | None:
    """The record of the run that they made; None where no leg has told anything.

    Args:
        legs: all of them.
        seen: what they have told.
        workload: that they share.
        start_s: when they were to start.
    """
    record = seen.record()
    if record is None:
        return None
    load = record.load or LoadRecord()  # calls in loops of their own have none
    runs = tuple(_leg_run(leg, workload, start_s) for leg in legs)
    arrivals = load.arrivals
    if arrivals is not None and any(leg.lost for leg in legs):
        arrivals = replace(arrivals, planned=sum(each.planned or 0 for each in runs))
    # That one which was lost has told of a run under way is said of the leg, not of the run.
    ended = [leg.standing.record for leg in legs if leg.has_ended and not leg.lost and leg.standing is not None]
    ends = [each.circumstances.interruption for each in ended]
    around = replace(record.circumstances, interruption=next((end for end in ends if end is not None), None))
    return replace(record, circumstances=around, load=replace(load, legs=runs, arrivals=arrivals))


class SeenByAll:
    """What they have seen together up to the moment that all of them have told, look by look.

    Args:
        seen: what they tell.
        parts: whether the attempts by name are wanted.
    """

    def __init__(self, seen: RunSum, *, parts: bool) -> None:
        self._seen = seen
        self._parts = parts
        self._until_ns = 0  # intervals that end by then were told as a whole

    def look(self, legs: list[LegSeen]) -> Seen | None:
        """As of now; None before every leg that is not lost has told something."""
        alive = [leg for leg in legs if not leg.is_lost]
        standings = [leg.standing for leg in alive if leg.standing is not None]
        if not standings or len(standings) < len(alive):
            return None
        # One that has ended has told all: nobody waits for more of it.
        going = [leg.standing.elapsed_ns for leg in alive if leg.standing is not None and not leg.has_ended]
        told_ns = min(going) if going else max(standing.elapsed_ns for standing in standings)
        new = self._seen.series.between(self._until_ns, told_ns)
        self._until_ns = max(told_ns // new.interval_ns * new.interval_ns, self._until_ns)
        counts, moments = self._seen.counted()
        record = self._seen.record() if self._parts else None
        return Seen(
            elapsed_ns=told_ns,
            counts=counts,
            moments=moments,
            series=new,
            parts=() if record is None or record.load is None else record.load.parts,
        )


def _leg_run(leg: LegSeen, workload: Workload, start_s: float | None) -> LegRun:
    standing = leg.standing
    skew_ns = None
    if leg.opened_s is not None and start_s is not None:
        skew_ns = round((leg.opened_s - start_s) * NS_PER_S)
    where = LegRun(
        Counts(), start_skew_ns=skew_ns, lost=leg.lost, machine=leg.machine, before=leg.before, **asdict(leg.usage)
    )
    if standing is None:
        planned = _planned(leg, workload) if has_arrivals(workload) else None
        return replace(where, planned=planned, delivered=0.0, lost_at_ns=0)
    record = standing.record
    arrivals = None if record.load is None else record.load.arrivals
    planned, delivered = None if arrivals is None else arrivals.planned, 1.0
    if leg.lost:
        delivered = _delivered(leg, record, workload)
        planned = None if arrivals is None else max(_planned(leg, workload), _begun(record))
    return replace(
        where,
        counts=record.counts,
        planned=planned,
        delivered=delivered,
        busiest_percent=standing.busiest_percent,
        generator_lag_p99_ns=standing.generator_lag_p99_ns,
        lost_at_ns=record.elapsed_ns if leg.lost else None,
    )


def _planned(leg: LegSeen, workload: Workload) -> int:
    """Arrivals of its share."""
    return leg.leg.share(round(expected_arrivals(workload)))


def _begun(record: RunRecord) -> int:
    """How much of its plan it has made: attempts, or, of a scenario, ways through it, of several attempts each."""
    iterations = None if record.load is None else record.load.iterations
    return record.counts.attempts if iterations is None else iterations


def _delivered(leg: LegSeen, record: RunRecord, workload: Workload) -> float:
    """The part of its share that a leg that was lost is known to have made."""
    made = _begun(record) + record.counts.dropped
    if has_arrivals(workload):
        part = made / max(_planned(leg, workload), 1)
    elif isinstance(workload, FixedIterations):
        part = made / leg.leg.share(workload.iterations)
    else:
        part = record.elapsed_ns / (workload.duration_s * NS_PER_S)
    return min(part, 1.0)


def now_together(legs: list[LegSeen], seen: RunSum) -> LoadNow | None:
    """How the load as a whole is doing, as they say; latencies are of the newest second of which ``seen`` was told."""
    told = [(leg, leg.now) for leg in legs if leg.now is not None]
    if not told:
        return None
    going = [each for leg, each in told if not leg.is_lost]  # what a lost one said last is not what it does now
    cpu = [each.cpu_percent for each in going if each.cpu_percent is not None]
    return LoadNow(
        elapsed_s=max(each.elapsed_s for _, each in told),
        per_second=sum(each.per_second for each in going),
        errors=sum(each.errors for _, each in told),
        in_flight=sum(each.in_flight for each in going),
        latency=latency_of(Histogram.merged(piece.histogram for piece in seen.series.newest(NOW_NS))),
        cpu_percent=max(cpu, default=None),
        legs=_legs_now(legs, [(leg.leg.number + 1, each.per_second) for leg, each in told if not leg.is_lost]),
    )


def _legs_now(legs: list[LegSeen], rates: list[tuple[int, float]]) -> LegsNow:
    lost = sum(leg.is_lost for leg in legs)
    slowest, per_second = min(rates, key=lambda each: each[1], default=(0, math.nan))
    is_told = len(rates) > 1
    return LegsNow(len(legs), len(legs) - lost, slowest if is_told else None, per_second if is_told else math.nan)
