"""One probe of a search: what of a run is read for it, and whether the load was the one that was asked for."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from paceline.core.units import NS_PER_MS, NS_PER_S, format_ms, format_percent
from paceline.judge.limits import METRICS, Limit
from paceline.judge.result import judge
from paceline.records.capacity import CapacityProbe, LimitedBy, Phase, Reading, SlaLimit
from paceline.records.metrics import metrics_of
from paceline.records.run_record import Execution, RunRecord
from paceline.records.stretch import stretch_of

PARTS = 4
_OWN_GENERATOR = frozenset({Execution.CONNECTIONS, Execution.USERS})
_BUSY_PERCENT = 90.0  # of a core, as for the finding generator-saturated
# Of the limit, or of a figure beyond it: what the generator adds moves the place where it breaks by less than that.
_LAG_SHARE = 0.1
_LEAST_ARRIVALS = 100
_NOT_THE_SERVERS = frozenset({"arrivals-dropped", "event-loop-saturated", "interpreter-lock"})
_NETWORK_KINDS = frozenset({"connect", "dns"})
_FAILED_SHARE = 0.5
_WAIT_SHARE = 0.5  # of the limit, spent waiting for a connection
_BUSY_CONNECTIONS = 0.5  # of them, on average
_AS_FAST = 1.5  # times the service time at the lowest load: the server is not what is slow


@dataclass(frozen=True, slots=True)
class Stretch:
    """A probe as it was made.

    Attributes:
        load: asked for.
        phase: what for.
        length_s, settle_s: the stretch that is judged, and the same load before it.
        idle_service_ms: median service time at the lowest load; NaN where that is not known.
    """

    load: float
    phase: Phase
    length_s: float
    settle_s: float
    idle_service_ms: float = math.nan


def sla_limits(limits: Sequence[Limit]) -> tuple[SlaLimit, ...]:
    """The limits as a search keeps them."""
    return tuple(
        SlaLimit(
            limit.source, limit.text, limit.metric.unit, limit.sign, limit.bound, limit.metric.percentile,
            is_smooth=_is_smooth(limit),
        )
        for limit in limits
    )  # fmt: skip


def _is_smooth(limit: Limit) -> bool:
    """Whether it caps a latency that grows with the load: the minimum does not, the maximum grows with the time."""
    if limit.sign not in {"<", "<="} or limit.metric.unit != "ms" or limit.bound <= 0:
        return False
    is_inner = limit.metric.percentile is not None and 0 < limit.metric.percentile < 100  # noqa: PLR2004
    return is_inner or limit.metric in {METRICS["avg"], METRICS["med"]}


def probe_of(record: RunRecord, limits: Sequence[Limit], made: Stretch) -> CapacityProbe:
    """What the run ``record`` says as a probe."""
    judged = stretch_of(record, made.settle_s)
    limited_by, why = _limitation(record, judged, limits, made)
    counts = judged.counts
    failed = counts.errors + counts.timeouts
    failed_share = failed / counts.attempts if counts.attempts else 1.0
    if not why and failed_share > _FAILED_SHARE:
        first = next((f": {group.message}" for group in record.errors), "")
        why = f"{format_percent(failed_share)} of the attempts failed{first}"
    return CapacityProbe(
        load=made.load,
        phase=made.phase,
        began_s=0.0,
        length_s=made.length_s,
        settle_s=made.settle_s,
        took_s=0.0,
        delivered_per_s=judged.throughput_per_s,
        attempts=counts.attempts,
        failed_share=failed_share,
        readings=tuple(_reading(record, judged, limit, made) for limit in limits),
        limited_by=limited_by,
        why=why,
        findings=tuple(finding.code for finding in judge(record).findings),
    )


def _reading(record: RunRecord, judged: RunRecord, limit: Limit, made: Stretch) -> Reading:
    value = limit.metric.value(judged, metrics_of(judged))
    parts: tuple[float, ...] = ()
    if _is_smooth(limit):
        edges = [made.settle_s + made.length_s * place / PARTS for place in range(PARTS)] + [math.inf]
        quarters = [stretch_of(record, *ends) for ends in pairwise(edges)]
        parts = tuple(limit.metric.value(quarter, metrics_of(quarter)) for quarter in quarters)
    # Where some have no figure at all, the whole stretch is what there is.
    known = parts if all(math.isfinite(part) for part in parts) else ()
    # The answers that came, of a service that fails most attempts, say nothing about how it serves a load.
    holds = 0 < judged.counts.ok >= (1 - _FAILED_SHARE) * judged.counts.attempts and limit.holds(value)
    return Reading(value if math.isfinite(value) else None, holds, known)


def _limitation(
    record: RunRecord, judged: RunRecord, limits: Sequence[Limit], made: Stretch
) -> tuple[LimitedBy | None, str]:
    """What kept the load from being what was asked for, or its figures from being the server's."""
    network = sum(group.count for group in record.errors if group.kind in _NETWORK_KINDS)
    if network > _FAILED_SHARE * max(record.counts.attempts, 1):
        first = next(group for group in record.errors if group.kind in _NETWORK_KINDS)
        return LimitedBy.NETWORK, first.message
    for why in _generator(record, judged, limits, made):
        return LimitedBy.GENERATOR, why
    for finding in judge(judged).findings:
        if finding.code in _NOT_THE_SERVERS:
            return LimitedBy.GENERATOR, finding.seen.rstrip(".")
    return None, ""


def _generator(record: RunRecord, judged: RunRecord, limits: Sequence[Limit], made: Stretch) -> Iterator[str]:
    load = record.load
    if load is None or record.definition.execution not in _OWN_GENERATOR:
        return
    whole = load.cpu_percent[: max(int(record.elapsed_ns / NS_PER_S), 1)]
    if (busiest := max(whole, default=0.0)) > _BUSY_PERCENT:
        yield f"the load generator used {busiest:.0f} % of a core in its busiest second"
    arrivals = load.arrivals
    if arrivals is None or arrivals.lag.moments.count < _LEAST_ARRIVALS:
        return
    metrics = metrics_of(judged)
    smooth = [limit for limit in limits if _is_smooth(limit)]
    # A figure far beyond its limit is beyond it with or without the generator's part.
    allowed_ms = min((max(limit.bound, limit.metric.value(judged, metrics)) for limit in smooth), default=math.inf)
    lag_ms, wait_ms = (
        part.quantile_ns(0.99) / NS_PER_MS for part in (arrivals.generator_lag, arrivals.connection_wait)
    )
    if lag_ms > _LAG_SHARE * allowed_ms:
        yield f"the load generator noticed due arrivals {format_ms(lag_ms)} late (p99)"
    service_ms = arrivals.service.quantile_ns(0.5) / NS_PER_MS
    bound_ms = min((limit.bound for limit in smooth), default=math.inf)
    # By Little's law: a server that stopped for a moment makes all of them wait too, few of which are busy on average.
    busy = arrivals.service.moments.total / max(record.elapsed_ns * record.definition.workers, 1)
    is_short = wait_ms > _WAIT_SHARE * bound_ms and busy > _BUSY_CONNECTIONS
    if is_short and service_ms < _AS_FAST * made.idle_service_ms:
        yield (
            f"all {record.definition.workers:,} connections were busy, and arrivals waited {format_ms(wait_ms)} (p99) "
            "for one, while the server answered each request as fast as when idle"
        )
