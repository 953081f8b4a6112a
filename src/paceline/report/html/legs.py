"""The processes that made a load together: a table with a bar each, readable without a script."""

from collections.abc import Callable
from dataclasses import dataclass

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, format_ms
from paceline.records.load import LegRun, LoadRecord
from paceline.report.html.detail import Detail
from paceline.report.layout import shortened

BAR_WIDTH = 120
_ONE_CORE = 100.0

_Cell = Callable[[LegRun], str]


@dataclass(frozen=True)
class LegRow:
    """One process.

    Attributes:
        name: its number, and its machine where that is another one.
        cells: its figures, one for each column.
        made, cpu: lengths of its bars: attempts against those of the leg that made the most, CPU against one core.
        lost: why it came to no end; empty where it did.
    """

    name: str
    cells: tuple[str, ...]
    made: float
    cpu: float
    lost: str


@dataclass(frozen=True)
class LegsTable:
    """All of them, or as many as there is room for.

    Attributes:
        caption: how many there are, and how far apart they started.
        columns: of the figures.
        rows: the processes; those that were lost are left out last.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[LegRow, ...]


def legs_table(load: LoadRecord | None, detail: Detail) -> LegsTable | None:
    """The legs of ``load``; None where one process made it."""
    legs = () if load is None else load.legs
    if load is None or not legs:
        return None
    told = [(name, cell) for name, cell, is_known in _columns(load) if is_known]
    most = max(leg.counts.attempts for leg in legs) or 1
    kept = sorted(sorted(enumerate(legs), key=lambda each: not each[1].lost)[: detail.rows], key=lambda each: each[0])
    rows = tuple(
        LegRow(
            name=f"{number + 1}{f', {leg.machine}' if leg.machine else ''}",
            cells=tuple(cell(leg) for _, cell in told),
            made=round(BAR_WIDTH * leg.counts.attempts / most, 1),
            cpu=round(BAR_WIDTH * min(_cpu_percent(leg) / _ONE_CORE, 1.0), 1),
            lost=shortened(leg.lost, detail.text_width),
        )
        for number, leg in kept
    )
    return LegsTable(_caption(legs, len(legs) - len(rows)), tuple(name for name, _ in told), rows)


def _caption(legs: tuple[LegRun, ...], left: int) -> str:
    text = f"{len(legs):,} processes together" if len(legs) > 1 else "One process of a cluster"
    skews_ns = [abs(leg.start_skew_ns) for leg in legs if leg.start_skew_ns is not None]
    if skews_ns:
        text += f", started within {format_ms(max(skews_ns) / NS_PER_MS)}"
    lost = sum(bool(leg.lost) for leg in legs)
    text += f", {lost} lost" if lost else ""
    text += "; bars: attempts above, CPU of one core below"
    return f"{text} ({left} more in the results file)" if left else text


def _columns(load: LoadRecord) -> list[tuple[str, _Cell, bool]]:
    """Names, what stands there of a leg, and whether that is known of any."""
    legs = load.legs
    return [
        ("attempts", lambda leg: f"{leg.counts.attempts:,}", True),
        ("errors", lambda leg: f"{leg.counts.errors + leg.counts.timeouts:,}", _any_failed(legs)),
        ("CPU", lambda leg: _percent(leg.cpu_percent), any(leg.cpu_percent is not None for leg in legs)),
        ("CPU in its busiest second", lambda leg: _percent(leg.busiest_percent), bool(load.cpu_percent)),
        ("memory", lambda leg: _megabytes(leg.memory_bytes), any(leg.memory_bytes is not None for leg in legs)),
        (
            "lag p99",
            lambda leg: _time(leg.generator_lag_p99_ns),
            any(leg.generator_lag_p99_ns is not None for leg in legs),
        ),
        ("late start", lambda leg: _time(leg.start_skew_ns), True),
        ("machine's CPU", _host_cpu, any(leg.machine and leg.host_cpu_percent is not None for leg in legs)),
        ("made of its share", lambda leg: f"{leg.delivered:.1%}".replace("%", " %"), any(leg.lost for leg in legs)),
    ]


def _any_failed(legs: tuple[LegRun, ...]) -> bool:
    return any(leg.counts.errors or leg.counts.timeouts for leg in legs)


def _cpu_percent(leg: LegRun) -> float:
    return leg.busiest_percent if leg.cpu_percent is None else leg.cpu_percent


def _host_cpu(leg: LegRun) -> str:
    if leg.host_cpu_percent is None:
        return "–"
    cores = "" if leg.host_cores is None else f" of {100 * leg.host_cores} %"
    return f"{leg.host_cpu_percent:.0f}{cores or ' %'}"


def _percent(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.0f} %"


def _megabytes(count: int | None) -> str:
    return "–" if count is None else f"{count / BYTES_PER_MB:,.0f} MB"


def _time(nanoseconds: float | None) -> str:
    return "–" if nanoseconds is None else format_ms(nanoseconds / NS_PER_MS)
