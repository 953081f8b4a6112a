"""A test's history: its level over the sessions, and where it changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, counted
from paceline.judge.change import Change, Verdict
from paceline.judge.trend import LEAST_SESSIONS, HistoryTrend
from paceline.records.quantities import Quantity
from paceline.report.comparison_text import amount
from paceline.report.html.facts import Table
from paceline.report.html.markup import rounded
from paceline.report.layout import squeezed
from paceline.report.trend_text import value_text

_COMMIT_DIGITS = 12
_NAME_WIDTH = 100


@dataclass(frozen=True)
class TrendView:
    """One history.

    Attributes:
        name: of the test.
        label: of what is drawn.
        sentence: how it stands.
        changes: where its level changed, the newest first; without rows where it did not.
        plain: the points for the script.
    """

    name: str
    label: str
    sentence: str
    changes: Table
    plain: Mapping[str, object]


def trend_view(trend: HistoryTrend) -> TrendView:
    """What is shown of ``trend``."""
    series = trend.series
    quantity = series.quantity
    rows = tuple(
        (
            f"{change.point.started_at[:16].replace('T', ' ')}",
            change.point.commit[:_COMMIT_DIGITS] or "not known",
            amount(Change(quantity, Verdict.INCONCLUSIVE, "", estimate=change.change)),
            "worse" if change.worse else "better",
            f"{value_text(quantity, change.before)} before, {value_text(quantity, change.after)} since",
        )
        for change in reversed(trend.changes)
    )
    return TrendView(
        squeezed(series.test, _NAME_WIDTH),
        quantity.label,
        _sentence(trend),
        Table("Changes that stayed", ("since", "commit", "change", "for the", "level"), rows),
        {
            "label": quantity.label,
            "unit": _unit(quantity),
            "values": [rounded(_scaled(quantity, point.value)) for point in series.points],
            "started": [point.started_at[:16].replace("T", " ") for point in series.points],
            "changes": [{"at": change.at, "worse": change.worse} for change in trend.changes],
        },
    )


def _sentence(trend: HistoryTrend) -> str:
    quantity, points = trend.series.quantity, trend.series.points
    if not points or trend.level is None:
        return f"No session has a {quantity.label}."
    text = f"{counted(len(points), 'session')}, now around {value_text(quantity, trend.level)}"
    if trend.newest is not None and trend.newest.outside:
        which = "is" if trend.newest.outside == 1 else f"{trend.newest.outside} are"
        how = "worse" if trend.newest.worse else "better"
        return f"{text}; the newest {which} {how} than those before lead one to expect."
    if len(points) < LEAST_SESSIONS:
        return f"{text}; too few to look for changes, which needs {LEAST_SESSIONS}."
    return (
        f"{text}; {counted(len(trend.changes), 'change')} that stayed."
        if trend.changes
        else f"{text}; no change that stayed."
    )


def _unit(quantity: Quantity) -> str:
    return {"ns": "ms", "1/s": "/s", "bytes": "MB"}.get(quantity.unit, "%")


def _scaled(quantity: Quantity, value: float) -> float:
    match quantity.unit:
        case "ns":
            return value / NS_PER_MS
        case "1/s":
            return value
        case "bytes":
            return value / BYTES_PER_MB
        case _:
            return 100 * value
