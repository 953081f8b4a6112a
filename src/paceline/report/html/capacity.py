"""Searches for the highest load in the page: the answer, the curve as a picture without a script, every probe."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paceline.core.units import format_count, format_ms, format_percent
from paceline.judge.capacity import Answer, CapacityResult
from paceline.judge.capacity_findings import load_text
from paceline.judge.capacity_lines import scale_of
from paceline.records.capacity import CapacityProbe, CapacityRecord, Ending, Of, Phase, SlaLimit
from paceline.report.capacity_text import figure_text, place_drawn, sentence, told_by
from paceline.report.html.facts import Table

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 290, 94, 48, 26
_LEAST_APART = 14  # of two texts, one above the other
_STEPS = 60  # of the fitted line
_FAR_ABOVE = 4.0  # times the limit: what is higher stands at the top edge


@dataclass(frozen=True)
class Curve:
    """The picture, in its own coordinates: load to the right, the figure upwards, both on logarithmic axes.

    Attributes:
        width, height, left, bottom, top: of the picture, and of what the axes and the answer's name take.
        dots: across and down, whether it held, and what it is.
        line: points of the fitted line, as SVG has them; empty without one.
        limit: how far down it is.
        band: the interval across, from and to; None without one.
        answer: how far across the answer is, and what it is; None without one.
        across, down: ticks: where, and what.
        limit_name, load_name: what the dashed line is, and what is counted to the right.
        caption: what there is to see.
    """

    width: int
    height: int
    left: int
    bottom: int
    top: int
    dots: tuple[tuple[float, float, bool, str], ...]
    line: str
    limit: float
    band: tuple[float, float] | None
    answer: tuple[float, str] | None
    across: tuple[tuple[float, str], ...]
    down: tuple[tuple[float, str], ...]
    limit_name: str
    load_name: str
    caption: str


@dataclass(frozen=True)
class CapacityView:
    """One search.

    Attributes:
        name: of the test.
        status: ``passed``, ``warning`` or ``failed``, as colours go.
        answer: what kind of answer it is.
        sentence: the answer.
        facts: label and text.
        findings: code and text.
        curve: the picture; None where there is nothing to draw.
        probes: every one.
    """

    name: str
    status: str
    answer: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[tuple[str, str], ...]
    curve: Curve | None
    probes: Table


def capacity_views(results: Sequence[CapacityResult]) -> list[CapacityView]:
    """The searches of a session, in their order."""
    return [_view(result) for result in results]


def status_of(result: CapacityResult) -> str:
    """As colours go."""
    if result.answer is Answer.BROKEN or result.record.ended is Ending.DIED:
        return "failed"
    return "warning" if result.answer is Answer.NONE or any(each.serious for each in result.findings) else "passed"


def _view(result: CapacityResult) -> CapacityView:
    record = result.record
    facts = [("limits", ", ".join(limit.text for limit in record.limits))]
    if result.broke_first:
        facts.append(("broke first", result.broke_first))
    if result.limited_by is not None:
        facts.append(("limited by", result.limited_by.value))
    if told := told_by(result):
        facts.append(("interval", told))
    facts.append(("search", f"{len(record.probes)} probes in {format_ms(1e3 * record.elapsed_s)}, seed {record.seed}"))
    return CapacityView(
        name=record.name,
        status=status_of(result),
        answer=result.answer.value,
        sentence=sentence(result),
        facts=tuple(facts),
        findings=tuple((each.code, str(each)) for each in result.findings),
        curve=_curve(result),
        probes=_table(record),
    )


def _table(record: CapacityRecord) -> Table:
    columns = ("load", "for", "judged", "delivered", *(limit.text for limit in record.limits), "held")
    return Table("Every probe, in the order they were made", columns, tuple(_rows(record)), words=True)


def _rows(record: CapacityRecord) -> Iterator[tuple[str, ...]]:
    for probe in record.probes:
        figures = [
            "–" if reading.value is None else figure_text(limit, reading.value)
            for limit, reading in zip(record.limits, probe.readings, strict=False)
        ] or ["–"] * len(record.limits)
        yield (
            load_text(record, probe.load),
            probe.phase.value,
            f"{format_ms(1e3 * probe.length_s)}, {probe.attempts:,}",
            f"{format_count(probe.delivered_per_s)}/s, {format_percent(probe.failed_share)} failed",
            *figures,
            "held" if probe.held else f"broke{f': {probe.why}' if probe.why else ''}",
        )


def _curve(result: CapacityResult) -> Curve | None:
    record, place = result.record, place_drawn(result)
    if place is None:
        return None
    limit = record.limits[place]
    seen = [
        (probe, value, probe.readings[place].held)
        for probe in record.probes
        if probe.limited_by is None
        and probe.phase is not Phase.RECOVERY
        and probe.readings
        and (value := probe.readings[place].value) is not None
        and value > 0
    ]
    loads = [probe.load for probe, *_ in seen]
    if len(seen) < 2 or min(loads) == max(loads):  # noqa: PLR2004  # nothing to see
        return None
    axes = _Axes(record, limit, [(probe, value) for probe, value, _ in seen])
    line = next((each.line for each in result.crossings if each.limit == limit and each.is_fitted), None)
    points = ""
    if line is not None:
        scale, ratio = scale_of(record), axes.high / axes.low
        across = [axes.low * ratio ** (step / _STEPS) for step in range(_STEPS + 1)]
        values = [(load, scale.figure(line.height(load), limit.bound)) for load in across]
        points = " ".join(
            f"{axes.x(load)},{axes.y(value)}" for load, value in values if axes.bottom <= value <= axes.top
        )
    band = None
    if result.answer is Answer.INTERVAL and result.low is not None and result.high is not None:
        band = axes.x(result.low), axes.x(result.high)
    answer = None
    if result.capacity is not None and axes.low <= result.capacity <= axes.high:
        answer = axes.x(result.capacity), load_text(record, result.capacity)
    ends = (axes.bottom, limit.bound, axes.top)
    return Curve(
        _WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP,
        dots=tuple(
            (axes.x(probe.load), axes.y(value), held, f"{load_text(record, probe.load)}: {figure_text(limit, value)}")
            for probe, value, held in seen
            if axes.low <= probe.load <= axes.high
        ),
        line=points,
        limit=axes.y(limit.bound),
        band=band,
        answer=answer,
        across=tuple((axes.x(load), load_text(record, load)) for load in axes.ticks()),
        down=tuple(
            (axes.y(value), figure_text(limit, value))
            for value in ends
            if value == limit.bound or abs(axes.y(value) - axes.y(limit.bound)) > _LEAST_APART
        ),
        limit_name=limit.text,
        load_name="users" if record.of is Of.USERS else "arrivals a second",
        caption=_caption(result, has_line=bool(points)),
    )  # fmt: skip


def _caption(result: CapacityResult, *, has_line: bool) -> str:
    told = ["Each dot is a probe: full where the limit held, a ring where it broke."]
    if has_line:
        told.append("The curve is fitted to those around the limit.")
    if result.confidence is not None:
        told.append(f"The grey band is the {format_percent(result.confidence, 0)} interval of the highest load.")
    return " ".join(told)


class _Axes:
    """Both logarithmic; around the window, where there is one."""

    def __init__(self, record: CapacityRecord, limit: SlaLimit, seen: Sequence[tuple[CapacityProbe, float]]) -> None:
        loads = [probe.load for probe, _ in seen]
        self.low, self.high = min(loads), max(loads)
        if record.window is not None:  # what was far away only located it
            self.low, self.high = max(self.low, 0.6 * record.window[0]), min(self.high, 1.2 * record.window[1])
        self.high = max(self.high, 1.01 * self.low)
        near = [value for probe, value in seen if self.low <= probe.load <= self.high] or [limit.bound]
        self.bottom = min(*near, limit.bound) / 1.1
        self.top = max(min(max(near), _FAR_ABOVE * limit.bound), limit.bound) * 1.1

    def x(self, load: float) -> float:
        share = math.log(max(load, 1e-9) / self.low) / math.log(self.high / self.low)
        return round(_LEFT + min(max(share, 0.0), 1.0) * (_WIDTH - _LEFT - 12), 1)

    def y(self, value: float) -> float:
        share = math.log(value / self.bottom) / math.log(self.top / self.bottom)
        return round(_TOP + (1 - min(max(share, 0.0), 1.0)) * (_HEIGHT - _BOTTOM - _TOP), 1)

    def ticks(self) -> Iterator[float]:
        """Five loads from left to right."""
        for step in range(5):
            yield self.low * (self.high / self.low) ** (step / 4)
