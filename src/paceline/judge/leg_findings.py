"""Findings about loads that several processes made together: is it the load that was planned, and made by all alike?"""

from collections import Counter
from collections.abc import Iterator

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, NS_PER_S, counted, format_ms, format_percent
from paceline.records.load import LegRun, LoadRecord
from paceline.records.metrics import PerformanceMetrics
from paceline.records.run_record import RunRecord

_BUSY_CORES = 0.5  # the look itself, and what a system does for itself, stay below
_STOLEN_SHARE = 0.05
_APART_SHARE = 0.01  # of the plan's length
_LEAST_APART_NS = 50_000_000


def leg_findings(record: RunRecord, load: LoadRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    """Of a load that was made in legs."""
    yield from _lost(record, load)
    yield from _busy(load)
    yield from _apart(record, load)
    yield from _joined_late(load)


def _lost(record: RunRecord, load: LoadRecord) -> Iterator[Finding]:
    lost = [(number, leg) for number, leg in enumerate(load.legs, start=1) if leg.lost]
    if not lost:
        return
    missing = sum(1 - leg.delivered for _, leg in lost) / len(load.legs)
    duration_s, seconds = record.definition.duration_s, ""
    if duration_s is not None:
        lost_s = sum(max(duration_s - (leg.lost_at_ns or 0) / NS_PER_S, 0.0) for _, leg in lost)
        seconds = f" (missing for {lost_s:.3g} s{' together' if len(lost) > 1 else ''})"
    gone = f"{len(lost)} of the {len(load.legs)} processes that made the load"
    told = "; ".join(
        f"{_named(number, leg)} {leg.lost}, last heard of {(leg.lost_at_ns or 0) / NS_PER_S:.3g} s after the start"
        for number, leg in lost
    )
    serious = missing > load.tolerated_loss
    tolerated = f"As much as {100 * load.tolerated_loss:.3g} % was tolerated. "
    yield Finding(
        code="legs-lost",
        seen=f"{gone} came to no end, and {100 * missing:.3g} % of the load was not made{seconds}: {told}.",
        why="What they would still have sent was sent by nobody: the server had less to do than was planned, and its "
        "latencies are those of the smaller load.",
        advice=f"{'' if serious else tolerated}Find out what ended {'them' if len(lost) > 1 else 'it'} (memory, the "
        f"system's log){' and measure again' if serious else ''}.",
        serious=serious,
    )


def _busy(load: LoadRecord) -> Iterator[Finding]:
    legs_there = Counter(_host(leg) for leg in load.legs if leg.machine)
    told: dict[str, str] = {}
    for leg in load.legs:
        before = leg.before
        if before is None or leg.machine in told:
            continue
        said = []
        if before.busy_cores is not None and before.cores is not None:
            free = before.cores - before.busy_cores
            if before.busy_cores > _BUSY_CORES and free < legs_there[_host(leg)]:
                names = f" ({', '.join(before.busy_with)})" if before.busy_with else ""
                said.append(f"{before.busy_cores:.1f} of {counted(before.cores, 'core')} were busy{names}")
        if before.stolen_share is not None and before.stolen_share > _STOLEN_SHARE:
            said.append(f"its hypervisor gave {format_percent(before.stolen_share, 0)} of its time to others")
        if said:
            told[leg.machine] = f"on {leg.machine} {' and '.join(said)}"
    if told:
        yield Finding(
            code="worker-busy",
            seen=f"Before the start, {'; '.join(told.values())}.",
            why="A leg that waits for a core sends and reads late, and that is in its latencies.",
            advice="Use workers that do nothing else, or fewer processes (--processes) than the cluster has cores.",
        )


def _apart(record: RunRecord, load: LoadRecord) -> Iterator[Finding]:
    limit_ns = max(_APART_SHARE * (record.definition.duration_s or 0.0) * NS_PER_S, _LEAST_APART_NS)
    late = [
        f"{_named(number, leg)} by {format_ms(leg.start_skew_ns / NS_PER_MS)}"
        for number, leg in enumerate(load.legs, start=1)
        if leg.start_skew_ns is not None and abs(leg.start_skew_ns) > limit_ns
    ]
    if late:
        yield Finding(
            code="legs-apart",
            seen=f"{len(late)} of the {len(load.legs)} processes did not start at the moment agreed: "
            f"{', '.join(late)}.",
            why="They made their shares of the load at different times: at its beginning and end the server had less "
            "to do than was planned, and in the middle its arrivals were not those of the plan.",
            advice="Look what slows that machine, or the way to it, and measure again; a longer load suffers less.",
        )


def _joined_late(load: LoadRecord) -> Iterator[Finding]:
    if load.joined_late:
        yield Finding(
            code="worker-joined-late",
            seen=f"{counted(len(load.joined_late), 'worker')} came to the cluster after the start and took no part: "
            f"{', '.join(load.joined_late)}.",
            why="Who makes which share of a load is agreed before it begins.",
            advice="Start all workers before the load, if they are to take part.",
        )


def _named(number: int, leg: LegRun) -> str:
    where = f" on {leg.machine}" if leg.machine and leg.machine not in leg.lost else ""
    return f"process {number}{where}"


def _host(leg: LegRun) -> str:
    """Its machine, of which each worker has a port."""
    return leg.machine.rpartition(":")[0]
