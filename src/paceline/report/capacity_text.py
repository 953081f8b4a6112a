"""A search for the highest load as text: the answer in a sentence, the curve, and what speaks for believing it."""

import math
from collections.abc import Callable, Iterator, Sequence

from paceline.core.units import counted, format_count, format_ms, format_percent
from paceline.judge.capacity import Answer, CapacityResult
from paceline.judge.capacity_findings import load_text
from paceline.judge.capacity_lines import scale_of
from paceline.judge.limits import SUFFIX
from paceline.records.capacity import CapacityProbe, CapacityRecord, Ending, Of, Phase, SlaLimit
from paceline.report.layout import heading, labelled, page_width, squeezed, wrapped

_ROWS = 12
_LEAST_WIDTH, _MOST_WIDTH = 24, 72
_AXIS_WIDTH = 9
_LEAST_NAME = 10
_FAR_ABOVE = 4.0  # times the limit: higher probes are drawn at the top edge, or nothing else could be told apart
_HELD, _BROKE, _LINE, _LIMIT, _BAND = "o", "x", "·", "─", "│"
_ENDINGS = {
    Ending.PRECISE: "the interval is as narrow as asked for",
    Ending.BUDGET: "the time was over",
    Ending.BOUND: "the highest load allowed held",
    Ending.LOWEST: "the lowest load broke",
    Ending.GENERATOR: "the load could not be made as asked",
    Ending.NETWORK: "the network failed",
    Ending.DIED: "the service did not come back",
    Ending.UNSTEADY: "the probes showed no line",
    Ending.INTERRUPTED: "interrupted",
}


def render_capacities(results: Sequence[CapacityResult]) -> str:
    """The report of a session's searches."""
    lines: list[str] = []
    for result in results:
        lines += ["", *_section(result)]
    return "\n".join([*lines[1:], ""])


def sentence(result: CapacityResult) -> str:
    """The answer."""
    record = result.record
    keeps = _listed([limit.text for limit in record.limits])
    kept = "keeps" if record.of is Of.RATE else "keep"
    how = {"poisson": ", of arrivals at random (Poisson)", "constant": ", of evenly spaced arrivals"}.get(
        record.arrivals, ", who wait for their answers"
    )
    if result.answer is Answer.BROKEN:
        why = f": {record.why}" if record.why else ""
        return f"Not even {load_text(record, record.low)}{how}, {kept} {keeps}{why}."
    if result.capacity is None and result.high is None:
        return f"Nothing is known of the load that keeps {keeps}: {_ENDINGS[record.ended]}."
    load, low, high = (
        None if end is None else load_text(record, end) for end in (result.capacity, result.low, result.high)
    )
    if result.answer is Answer.AT_LEAST:
        why = {
            Ending.BOUND: "higher loads were not asked for",
            Ending.BUDGET: "the time was over before a limit broke",
            Ending.GENERATOR: "the load generator was the limit, not the service",
            Ending.NETWORK: "the network was the limit, not the service",
        }.get(record.ended, _ENDINGS[record.ended])
        return f"At least {load}{how}, {kept} {keeps}: {why}."
    if result.confidence is not None:
        sure = format_percent(result.confidence, 0)
        is_highest = f"{load} is the highest load{how}, that keeps"
        if record.of is Of.USERS:
            is_highest = f"{load}{how}, are the most that keep"
        return f"{is_highest} {keeps} ({sure} interval {low} to {high})."
    ends = f"{low or 'nothing'} and {high or 'any'}"
    return f"The highest load{how}, that keeps {keeps} lies between {ends}, which were tried."


def _section(result: CapacityResult) -> Iterator[str]:
    record = result.record
    yield heading(record.name, "broken" if result.answer is Answer.BROKEN else result.answer.value)
    yield from wrapped(sentence(result), "  ")
    yield ""
    yield from picture(result)
    if result.broke_first:
        others = [
            f"{each.limit.source} at {load_text(record, each.load)}" for each in result.crossings[1:] if each.load
        ]
        then = f"; then {_listed(others)}" if others else ""
        yield from labelled("  broke first", f"{result.broke_first}{then}")
    if result.limited_by is not None:
        yield from labelled("  limited by", result.limited_by.value)
    if told := told_by(result):
        yield from labelled("  interval", told)
    yield from labelled("  probes", _how(record))
    for finding in result.findings:
        yield from labelled("  finding", f"{finding.seen} {finding.why} {finding.advice}")


def told_by(result: CapacityResult) -> str:
    """What the interval is drawn from; empty where there is none."""
    first = next(iter(result.crossings), None)
    if result.answer is not Answer.INTERVAL or first is None:
        return ""
    if first.edge is not None:
        why = f"; {first.line.fault.value}" if first.line is not None and first.line.fault.value else ""
        probes = counted(first.edge.points, "probe")
        return f"by what held and what broke among {probes}: at that load, one in two does{why}"
    assert first.line is not None
    return f"where a line through {counted(first.line.points, 'probe')} passes the limit"


def _how(record: CapacityRecord) -> str:
    in_window = sum(probe.phase is Phase.WINDOW for probe in record.probes)
    text = f"{counted(len(record.probes), 'probe')} in {format_ms(record.elapsed_s * 1e3)}"
    if record.window is not None and in_window:
        low, high = (load_text(record, load) for load in record.window)
        text += f", {in_window} of them around the limit, at last from {low} to {high}"
    if record.connections:
        text += f", over {counted(record.connections, 'connection')}"
    return f"{text}; {_ENDINGS[record.ended]}; seed {record.seed}"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


# The curve.


def picture(result: CapacityResult) -> Iterator[str]:
    """The figure that breaks first against the load: every probe, the line, the limit and the interval."""
    place = place_drawn(result)
    record = result.record
    if place is None:
        return
    limit = record.limits[place]
    points = [
        (probe, value)
        for probe in record.probes
        if probe.readings and (value := probe.readings[place].value) is not None and value > 0 and _is_drawn(probe)
    ]
    if len({probe.load for probe, _ in points}) < 2:  # noqa: PLR2004  # nothing to see
        return
    canvas = _Canvas(record, limit, points)
    canvas.rule(limit.bound)
    for end in (result.low, result.high):
        if end is not None and result.answer is Answer.INTERVAL:
            canvas.upright(end)
    line = next((each.line for each in result.crossings if each.limit == limit and each.is_fitted), None)
    if line is not None:
        scale = scale_of(record)
        canvas.curve(lambda load: scale.figure(line.height(load), limit.bound))
    for probe, value in points:
        canvas.point(probe.load, value, _HELD if probe.readings[place].held else _BROKE)
    yield from canvas.lines()


def _is_drawn(probe: CapacityProbe) -> bool:
    return probe.limited_by is None and probe.phase is not Phase.RECOVERY


def place_drawn(result: CapacityResult) -> int | None:
    """Number of the limit that a picture shows: the one that broke first, if it is a matter of degree."""
    limits = result.record.limits
    smooth = [place for place, limit in enumerate(limits) if limit.is_smooth]
    first = [place for place in smooth if limits[place].source == result.broke_first]
    return next(iter(first or smooth), None)


class _Canvas:
    """Characters, load to the right and the figure upwards, both on logarithmic axes around the window."""

    def __init__(self, record: CapacityRecord, limit: SlaLimit, points: Sequence[tuple[CapacityProbe, float]]) -> None:
        self._record, self._limit = record, limit
        self._width = min(max(page_width() - _AXIS_WIDTH - 4, _LEAST_WIDTH), _MOST_WIDTH)
        loads = [probe.load for probe, _ in points]
        low, high = min(loads), max(loads)
        if record.window is not None:  # what was far away only located it
            low, high = max(low, record.window[0] * 0.7), min(high, record.window[1] * 1.15)
        self._low, self._high = low, max(high, low * 1.01)
        seen = [value for probe, value in points if self._low <= probe.load <= self._high] or [limit.bound]
        self._bottom = min(*seen, limit.bound) / 1.1
        self._top = max(min(max(seen), _FAR_ABOVE * limit.bound), limit.bound) * 1.1
        self._cells = [[" "] * self._width for _ in range(_ROWS)]

    def _column(self, load: float) -> int | None:
        share = math.log(load / self._low) / math.log(self._high / self._low)
        column = round(share * (self._width - 1))
        return column if 0 <= column < self._width else None

    def _row(self, value: float) -> int:
        share = math.log(value / self._bottom) / math.log(self._top / self._bottom)
        return _ROWS - 1 - min(max(round(share * (_ROWS - 1)), 0), _ROWS - 1)

    def rule(self, value: float) -> None:
        """A line from left to right."""
        self._cells[self._row(value)] = [_LIMIT] * self._width

    def upright(self, load: float) -> None:
        """A line from bottom to top."""
        if (column := self._column(load)) is not None:
            for row in self._cells:
                row[column] = "┼" if row[column] == _LIMIT else _BAND

    def curve(self, value_at: Callable[[float], float]) -> None:
        """What was fitted."""
        for column in range(self._width):
            load = self._low * (self._high / self._low) ** (column / (self._width - 1))
            value = value_at(load)
            if self._bottom <= value <= self._top:
                self._cells[self._row(value)][column] = _LINE

    def point(self, load: float, value: float, mark: str) -> None:
        """A probe."""
        if (column := self._column(load)) is not None:
            self._cells[self._row(value)][column] = mark

    def lines(self) -> Iterator[str]:
        """From top to bottom, with the axes."""
        at_limit = self._row(self._limit.bound)
        labels = {0: self._top, at_limit: self._limit.bound, _ROWS - 1: self._bottom}
        for number, row in enumerate(self._cells):
            label = figure_text(self._limit, labels[number]) if number in labels else ""
            yield f"  {label:>{_AXIS_WIDTH}} {''.join(row)}".rstrip()
        left, right = load_text(self._record, self._low), load_text(self._record, self._high)
        room = self._width - len(left) - len(right)
        name = squeezed(self._limit.text, room - 2) if room >= _LEAST_NAME else ""
        yield f"  {'':>{_AXIS_WIDTH}} {left}{name:^{room}}{right}"
        legend = f"{_HELD} held {_BROKE} broke {_LINE} fit {_BAND} interval {_LIMIT} limit"
        yield f"  {'':>{_AXIS_WIDTH}} {legend}" if len(legend) <= self._width else legend
        yield ""


def figure_text(limit: SlaLimit, value: float) -> str:
    """A figure in the unit of the limit."""
    if limit.unit == "ms":
        return format_ms(value)
    if limit.unit == "share":
        return format_percent(value)
    return f"{format_count(value)}{SUFFIX[limit.unit]}"
