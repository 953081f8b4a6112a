"""Findings about a search for the highest load: how far its number is to be believed."""

import math
from collections.abc import Callable, Iterator, Sequence

from paceline.core.findings import Finding
from paceline.core.units import counted, format_count, format_percent
from paceline.judge.capacity_lines import LimitCrossing, edge_probes, margin_of, sound_probes, window_probes
from paceline.records.capacity import CapacityProbe, CapacityRecord, Ending, Of

_FIRM_BEYOND = 50.0  # samples beyond a percentile, for it to be more than chance
# Beyond its limit, or within it by as much: at 1.25 short probes of a queue contradict each other in 5 to 13 % of
# searches, at 2.5 in none of 240.
_CLEARLY = 2.5
_FEW_ERRORS = 0.01
_SPREAD_SHARE = 0.05
_NEIGHBOURS = 4  # each way; by chance once in 256 where half of all probes break


def findings_of(record: CapacityRecord, crossings: Sequence[LimitCrossing]) -> Iterator[Finding]:
    """All that should be known of the search ``record``."""
    for check in _CHECKS:
        yield from check(record, crossings)


def load_text(record: CapacityRecord, load: float) -> str:
    """``412/s``, ``38 users``."""
    if record.of is Of.USERS:
        return f"{format_count(round(load, 1))} users"
    return f"{format_count(load if load < 100 else round(load))}/s"  # noqa: PLR2004


def _generator(record: CapacityRecord, _: Sequence[LimitCrossing]) -> Iterator[Finding]:
    if record.ended not in {Ending.GENERATOR, Ending.NETWORK}:
        return
    yield Finding(
        code="generator-limit",
        seen=f"Higher loads could not be made as asked: {record.why}.",
        why="What broke there is the measuring side's, so it says nothing about the server: the highest load that held "
        "is what is known.",
        advice="A generator on a machine or core of its own, more connections (-c), or --high below that load.",
        serious=True,
    )


def _died(record: CapacityRecord, _: Sequence[LimitCrossing]) -> Iterator[Finding]:
    if record.ended is not Ending.DIED:
        return
    yield Finding(
        code="service-died",
        seen=f"After that the service did not keep its limits any more at a load that it had kept: {record.why}.",
        why="A service that does not come back from overload has no capacity that could be measured beyond the loads "
        "that it survived.",
        advice="Its log of that moment; then once more with --high below the load that brought it down.",
        serious=True,
    )


def _not_monotone(record: CapacityRecord, _: Sequence[LimitCrossing]) -> Iterator[Finding]:
    pair = contradiction(record)
    if pair is None:
        return
    broken, held = pair
    yield Finding(
        code="not-monotone",
        seen=f"{load_text(record, broken.load)} clearly broke the limits and {load_text(record, held.load)} clearly "
        "kept them.",
        why="There is no one load up to which this service keeps its limits: something besides the load decides.",
        advice="What differs between the two: caches, scaling, a job at that moment. Look at both with a load of their "
        "own (--rate).",
        serious=True,
    )


def contradiction(record: CapacityRecord) -> tuple[CapacityProbe, CapacityProbe] | None:
    """A probe that clearly broke, and one of a higher load that clearly held; None where there are none.

    Noise alone does that just at the limit, where one in a few probes is on the wrong side. Where a limit jumps, each
    of them is clear: in a window, several that broke with several next above them that held are no noise.
    """
    if len(edge_probes(record)) >= 2 * _NEIGHBOURS:
        return _island(record)
    sound = sound_probes(record)
    broken = [probe for probe in sound if not probe.held and margin_of(record.limits, probe) < 1 / _CLEARLY]
    held = [probe for probe in sound if probe.held and margin_of(record.limits, probe) > _CLEARLY]
    pairs = [(low, high) for low in broken for high in held if high.load > low.load * (1 + _SPREAD_SHARE)]
    return pairs[0] if pairs else None


def _island(record: CapacityRecord) -> tuple[CapacityProbe, CapacityProbe] | None:
    by_load = sorted(edge_probes(record), key=lambda probe: probe.load)
    for place in range(_NEIGHBOURS, len(by_load) - _NEIGHBOURS + 1):
        below, above = by_load[place - _NEIGHBOURS : place], by_load[place : place + _NEIGHBOURS]
        if all(probe.held for probe in above) and not any(probe.held for probe in below):
            return below[-1], above[0]
    return None


def _scatter(record: CapacityRecord, crossings: Sequence[LimitCrossing]) -> Iterator[Finding]:
    first = next(iter(crossings), None)
    if first is None or first.line is None or first.interval is not None or record.ended is Ending.LOWEST:
        return
    yield Finding(
        code="probes-scatter",
        seen=f"No interval can be given: {first.line.fault.value} ({counted(first.line.points, 'probe')}).",
        why="What is left is the highest load that held and the lowest that did not; noise alone puts them on the "
        "wrong side of the limit in most searches.",
        advice="More time (--budget) makes for more and longer probes; where that does not help, a quieter machine.",
        serious=True,
    )


def _imprecise(record: CapacityRecord, crossings: Sequence[LimitCrossing]) -> Iterator[Finding]:
    first = next(iter(crossings), None)
    if first is None or not math.isfinite(first.precision):
        return
    if record.ended is not Ending.BUDGET or first.precision <= record.precision:
        return
    yield Finding(
        code="capacity-imprecise",
        seen=f"The time was over at an interval of +-{format_percent(first.precision)}; "
        f"+-{format_percent(record.precision, 0)} was asked for.",
        why="It halves with four times the time.",
        advice="A longer --budget, or a limit on a lower percentile.",
    )


def _few_samples(record: CapacityRecord, crossings: Sequence[LimitCrossing]) -> Iterator[Finding]:
    first = next(iter(crossings), None)
    if first is None or first.limit.percentile is None or not first.limit.is_smooth:
        return
    probes = window_probes(record)
    fewest = min((probe.attempts for probe in probes), default=0)
    beyond = fewest * (1 - first.limit.percentile / 100)
    if not probes or beyond >= _FIRM_BEYOND:
        return
    yield Finding(
        code="few-samples",
        seen=f"The shortest probe had {counted(fewest, 'attempt')}: {beyond:.0f} of them beyond the p"
        f"{first.limit.percentile:g} that is limited.",
        why=f"With fewer than {_FIRM_BEYOND:.0f} a percentile is mostly chance, and too low more often than not.",
        advice="A longer --budget, or a limit on a lower percentile.",
    )


def _no_line(record: CapacityRecord, crossings: Sequence[LimitCrossing]) -> Iterator[Finding]:
    first = next(iter(crossings), None)
    if first is None or first.limit.is_smooth or first.interval is not None or record.ended is Ending.LOWEST:
        return
    yield Finding(
        code="bracket-only",
        seen=f"{first.limit.source} breaks first, which is no figure that grows with the load bit by bit.",
        why="No line can be drawn through it: the bounds are loads that were tried, without confidence.",
        advice="A longer --budget: with seven probes on either side there is an interval.",
    )


def _unjudged_errors(record: CapacityRecord, _: Sequence[LimitCrossing]) -> Iterator[Finding]:
    if any(limit.unit == "share" and limit.sign in {"<", "<="} for limit in record.limits):
        return
    failing = [probe for probe in record.probes if probe.held and probe.failed_share > _FEW_ERRORS]
    if not failing:
        return
    worst = max(failing, key=lambda probe: probe.failed_share)
    yield Finding(
        code="errors-unjudged",
        seen=f"{format_percent(worst.failed_share)} of the attempts failed at {load_text(record, worst.load)}, which "
        "kept every limit.",
        why="No limit is on the errors: a service that refuses what is too much for it answers the rest in time.",
        advice="-t 'error_rate<1%' beside the limits on the latency.",
        serious=True,
    )


_CHECKS: tuple[Callable[[CapacityRecord, Sequence[LimitCrossing]], Iterator[Finding]], ...] = (
    _generator,
    _died,
    _unjudged_errors,
    _not_monotone,
    _scatter,
    _imprecise,
    _few_samples,
    _no_line,
)
