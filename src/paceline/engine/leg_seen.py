"""What is known of each leg of a load, and what came of all of them together."""

import math
from dataclasses import asdict, dataclass, field, replace

from paceline.core.units import NS_PER_S
from paceline.engine.child_process import Progress
from paceline.engine.lately import lately, latency_of
from paceline.engine.live import Seen
from paceline.engine.places import LegChild
from paceline.engine.request import LegsNow, LoadNow, Run
from paceline.records.histogram import Histogram
from paceline.records.load import BeforeStart, LegRun, LoadRecord
from paceline.records.merging import legs_merged
from paceline.records.recorder import Counts
from paceline.records.run_record import RunRecord
from paceline.records.time_series import TimeSeries
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
        progress: the newest.
        partial: all that it has seen, as of its newest slice.
        ended: what it reported at its end.
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
    progress: Progress | None = None
    partial: RunRecord | None = None
    ended: Run | None = None
    lost: str = ""
    machine: str = ""
    before: BeforeStart | None = None
    usage: LegUsage = field(default_factory=LegUsage)

    @property
    def record(self) -> RunRecord | None:
        """What is known of what it saw."""
        known = self.partial if self.ended is None else self.ended.record
        if known is None or (self.ended is not None and not self.lost):
            return known
        # That it is incomplete is said of the leg, not of the run.
        return replace(known, circumstances=replace(known.circumstances, interruption=None))


def together(legs: list[LegSeen], workload: Workload, start_s: float | None) -> RunRecord | None:
    """The record of the run that they made; None where no leg has told anything."""
    records = [record for leg in legs if (record := leg.record) is not None]
    if not records:
        return None
    record = legs_merged(records)
    load = record.load or LoadRecord()  # calls in loops of their own have none
    runs = tuple(_leg_run(leg, workload, start_s) for leg in legs)
    arrivals = load.arrivals
    if arrivals is not None and any(leg.lost for leg in legs):
        arrivals = replace(arrivals, planned=sum(each.planned or 0 for each in runs))
    return replace(record, load=replace(load, legs=runs, arrivals=arrivals))


def seen_by_all(legs: list[LegSeen]) -> Seen | None:
    """What they have seen together up to the moment that all of them have told; None before there is one."""
    known = [(leg, record) for leg in legs if (record := leg.record) is not None]
    alive = [record for leg, record in known if not leg.lost]
    if not alive or len(alive) < sum(not leg.lost for leg in legs):
        return None
    record = legs_merged([record for _, record in known])
    told_ns = min(each.elapsed_ns for each in alive)
    series = record.series
    whole = tuple(piece for piece in series.slices if (piece.position + 1) * series.interval_ns <= told_ns)
    return Seen(
        elapsed_ns=told_ns,
        counts=record.counts,
        moments=record.latency.moments,
        series=TimeSeries(series.interval_ns, whole),
        parts=() if record.load is None else record.load.parts,
    )


def _leg_run(leg: LegSeen, workload: Workload, start_s: float | None) -> LegRun:
    record = leg.record
    skew_ns = None
    if leg.opened_s is not None and start_s is not None:
        skew_ns = round((leg.opened_s - start_s) * NS_PER_S)
    where = LegRun(
        Counts(), start_skew_ns=skew_ns, lost=leg.lost, machine=leg.machine, before=leg.before, **asdict(leg.usage)
    )
    if record is None:
        planned = _planned(leg, workload) if has_arrivals(workload) else None
        return replace(where, planned=planned, delivered=0.0, lost_at_ns=0)
    load = record.load or LoadRecord()
    arrivals = load.arrivals
    planned, delivered = None if arrivals is None else arrivals.planned, 1.0
    if leg.lost:
        delivered = _delivered(leg, record, workload)
        planned = None if arrivals is None else max(_planned(leg, workload), record.counts.attempts)
    return replace(
        where,
        counts=record.counts,
        planned=planned,
        delivered=delivered,
        busiest_percent=max(load.cpu_percent, default=0.0),
        generator_lag_p99_ns=None if arrivals is None else arrivals.generator_lag.quantile_ns(0.99),
        lost_at_ns=record.elapsed_ns if leg.lost else None,
    )


def _planned(leg: LegSeen, workload: Workload) -> int:
    """Arrivals of its share."""
    return leg.leg.share(round(expected_arrivals(workload)))


def _delivered(leg: LegSeen, record: RunRecord, workload: Workload) -> float:
    """The part of its share that a leg that was lost is known to have made."""
    made = record.counts.attempts + record.counts.dropped
    if has_arrivals(workload):
        part = made / max(_planned(leg, workload), 1)
    elif isinstance(workload, FixedIterations):
        part = made / leg.leg.share(workload.iterations)
    else:
        part = record.elapsed_ns / (workload.duration_s * NS_PER_S)
    return min(part, 1.0)


def now_together(legs: list[LegSeen]) -> LoadNow | None:
    """How the load as a whole is doing; None where nobody knows yet."""
    told = [(leg, now) for leg in legs if (now := _now(leg)) is not None]
    if not told:
        return None
    going = [each for leg, each in told if not leg.lost]  # what a lost one said last is not what it does now
    cpu = [each.cpu_percent for each in going if each.cpu_percent is not None]
    return LoadNow(
        elapsed_s=max(each.elapsed_s for _, each in told),
        per_second=sum(each.per_second for each in going),
        errors=sum(each.errors for _, each in told),
        in_flight=sum(each.in_flight for each in going),
        latency=latency_of(Histogram.merged(each.latency.histogram for each in going)),
        cpu_percent=max(cpu, default=None),
        legs=_legs_now(legs, [(leg.leg.number + 1, each.per_second) for leg, each in told if not leg.lost]),
    )


def _now(leg: LegSeen) -> LoadNow | None:
    """How one is doing: as it says itself, or, of calls in loops of their own, as its newest slice has it."""
    if leg.progress is not None and leg.progress.load is not None:
        return leg.progress.load
    record = leg.partial
    if record is None:
        return None
    seen, counts = lately(record.series, record.elapsed_ns), record.counts
    workers = leg.leg.share(record.definition.workers)
    return LoadNow(
        record.elapsed_ns / NS_PER_S, seen.per_second, counts.errors + counts.timeouts, workers, seen.latency
    )


def _legs_now(legs: list[LegSeen], rates: list[tuple[int, float]]) -> LegsNow:
    lost = sum(bool(leg.lost) or (leg.is_over and leg.ended is None) for leg in legs)
    slowest, per_second = min(rates, key=lambda each: each[1], default=(0, math.nan))
    is_told = len(rates) > 1
    return LegsNow(len(legs), len(legs) - lost, slowest if is_told else None, per_second if is_told else math.nan)
