"""Where each limit of a search breaks: by a line through the probes around it, by their outcomes, else between two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from paceline.records.capacity import CapacityProbe, CapacityRecord, Of, Phase, SlaLimit
from paceline.stats.capacity import Crossing, Fault, Scale, crossing, unbiased_height
from paceline.stats.edge import Edge, edge
from paceline.stats.intervals import Interval

_BESIDE_WINDOW = 0.02  # of a probe's load: rounding of users, and of files
# Beyond the window the line is a guess: what it says there is that the limit breaks elsewhere.
_BEYOND_WINDOW = 0.5  # of the window's width
# What a line may be, in limit / value: at the lower end of its window, where one that was measured in reaches to 2; how
# far it falls with the load (as of a queue at 97 %); how far from it probes may lie, while it falls by 1.25 from end to
# end. Beyond that it is no line that is seen, but two levels.
_MOST_HEIGHT, _STEEPEST, _MOST_SCATTER = 2.5, 30.0, 1.0


@dataclass(frozen=True, slots=True)
class Bracket:
    """Two loads that were tried: up to ``low`` everything held, from ``high`` on nothing did.

    Attributes:
        low: None where nothing held.
        high: None where nothing broke.
        is_mixed: whether in between some held above others that broke.
    """

    low: float | None
    high: float | None
    is_mixed: bool = False


@dataclass(frozen=True, slots=True)
class LimitCrossing:
    """Where one limit breaks.

    Attributes:
        limit: which.
        load: the estimate: of the line or the edge where there is one, else the highest load up to which it held; None
            where even the lowest broke.
        bracket: by the probes alone.
        line: through the probes of the window; None for what does not grow bit by bit, or where there is no window.
        edge: by what held and what broke in the window; None where it is the line that counts, or nothing is bounded.
    """

    limit: SlaLimit
    load: float | None
    bracket: Bracket
    line: Crossing | None
    edge: Edge | None = None

    @property
    def is_fitted(self) -> bool:
        """Whether the interval is that of a line."""
        return self.edge is None and self.line is not None and self.line.fault is Fault.NONE

    @property
    def interval(self) -> Interval | None:
        """With its confidence; None where there is none."""
        if self.edge is not None:
            return self.edge.interval
        return self.line.interval if self.line is not None and self.is_fitted else None

    @property
    def precision(self) -> float:
        """Half the interval as a share of the estimate; infinite where there is none."""
        if self.edge is not None:
            return self.edge.precision
        return self.line.precision if self.line is not None and self.is_fitted else math.inf


def crossings_of(record: CapacityRecord) -> tuple[LimitCrossing, ...]:
    """The limits that break among the loads that were tried, the one that breaks first in front."""
    found = [each for place in range(len(record.limits)) if (each := _crossing(record, place)) is not None]
    return tuple(sorted(found, key=lambda each: each.load or 0.0))


def _crossing(record: CapacityRecord, place: int) -> LimitCrossing | None:
    limit = record.limits[place]
    sound = sound_probes(record)
    between = bracket_of([(probe.load, probe.readings[place].held) for probe in sound if probe.readings])
    line = line_of(record, place) if limit.is_smooth and record.window is not None else None
    by_outcomes = edge_of(record, place)
    if line is not None and line.fault is Fault.NONE:
        line = replace(line, fault=_fault(line, record, by_outcomes))
        if line.fault is Fault.NONE:
            return LimitCrossing(limit, line.load, between, line)
    if between.high is None:
        return None
    if by_outcomes is not None and by_outcomes.is_bounded:
        return LimitCrossing(limit, by_outcomes.load, between, line, by_outcomes)
    return LimitCrossing(limit, between.low, between, line)


def edge_of(record: CapacityRecord, place: int) -> Edge | None:
    """Where the limit number ``place`` changes over, by what held and broke in the window."""
    seen = [(probe.load, probe.readings[place].held) for probe in edge_probes(record) if probe.readings]
    return edge([load for load, _ in seen], [held for _, held in seen])


def _fault(line: Crossing, record: CapacityRecord, by_outcomes: Edge | None) -> Fault:
    """What speaks against a line that could be drawn."""
    assert record.window is not None
    low, high = record.window
    # Through two levels it passes the limit where most probes break, not where they begin to.
    is_none = line.height(low) > _MOST_HEIGHT or line.steepness > _STEEPEST or line.scatter > _MOST_SCATTER
    if line.scale is Scale.QUEUE and is_none:
        return Fault.JUMP
    if by_outcomes is not None and not by_outcomes.interval.low <= line.load <= by_outcomes.interval.high:
        return Fault.JUMP
    beyond = _BEYOND_WINDOW * (high - low)
    return Fault.NONE if low - beyond <= line.load <= high + beyond else Fault.ELSEWHERE


def line_of(record: CapacityRecord, place: int) -> Crossing:
    """The line of the limit number ``place`` through the probes of the window."""
    limit, scale = record.limits[place], scale_of(record)
    read = [
        (probe, reading, value)
        for probe in window_probes(record)
        if probe.readings and (value := (reading := probe.readings[place]).value) is not None and value > 0
    ]
    seen = [scale.height(value, limit.bound) for *_, value in read]
    heights = [unbiased_height(value, reading.parts, limit.bound, scale) for _, reading, value in read]
    weights = [probe.attempts for probe, *_ in read]
    moved = [height - before for height, before in zip(heights, seen, strict=True)]
    corrected = math.fsum(map(math.prod, zip(moved, weights, strict=True))) / max(sum(weights), 1)
    return crossing([probe.load for probe, *_ in read], heights, weights, scale, corrected=corrected)


def scale_of(record: CapacityRecord) -> Scale:
    """On which axes figures are lines."""
    return Scale.QUEUE if record.of is Of.RATE else Scale.POWER


def sound_probes(record: CapacityRecord) -> list[CapacityProbe]:
    """Those that say something about the server, without what a longer one at the same load took back."""
    latest: dict[float, CapacityProbe] = {}
    others = []
    for probe in record.probes:
        if not probe.is_sound:
            continue
        if probe.phase is Phase.LOCATING:
            latest[probe.load] = probe  # a break is looked at again before it is believed
        elif probe.phase is Phase.WINDOW:
            others.append(probe)
    return [*latest.values(), *others]


def window_probes(record: CapacityRecord) -> list[CapacityProbe]:
    """Those around the limit, of all rounds, that the generator had no part in."""
    # Of those beside a generator in trouble, keeping the ones that held all the same would be a choice.
    return [probe for probe in _in_window(record) if probe.limited_by is None]


def edge_probes(record: CapacityRecord) -> list[CapacityProbe]:
    """Those around the limit whose outcome counts: beside a generator in trouble what held did so all the same."""
    return [probe for probe in _in_window(record) if probe.is_sound]


def _in_window(record: CapacityRecord) -> list[CapacityProbe]:
    if record.window is None:
        return []
    low, high = record.window
    return [
        probe
        for probe in record.probes
        if probe.phase is Phase.WINDOW and low * (1 - _BESIDE_WINDOW) <= probe.load <= high * (1 + _BESIDE_WINDOW)
    ]


def bracket_of(seen: Sequence[tuple[float, bool]]) -> Bracket:
    """The bracket of loads that held, or did not."""
    broken = [load for load, held in seen if not held]
    kept = [load for load, held in seen if held]
    if not broken:
        return Bracket(max(kept, default=None), None)
    low = max((load for load in kept if load < min(broken)), default=None)
    if not kept:
        return Bracket(None, min(broken))
    high = min((load for load in broken if load > max(kept)), default=None)
    return Bracket(low, high if high is not None else max(broken), is_mixed=max(kept) >= min(broken))


def margin_of(limits: Sequence[SlaLimit], probe: CapacityProbe) -> float:
    """How often the worst figure fits into its limit; 0 where something broke that is no matter of degree."""
    margins = [math.inf if probe.readings else 0.0]
    for limit, reading in zip(limits, probe.readings, strict=False):
        fits = limit.bound / reading.value if limit.is_smooth and reading.value else 0.0
        if fits and (reading.held or fits <= 1):
            margins.append(fits)
        elif not reading.held:
            margins.append(0.0)
    return min(margins)
