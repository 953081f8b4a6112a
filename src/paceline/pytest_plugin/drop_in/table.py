"""The tables of benchmarks: a line for each, figures in one unit, in brackets how they stand to the best."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paceline.pytest_plugin.drop_in.values import FIGURES, PERCENTILES
from paceline.report.layout import printable

Row = Mapping[str, Any]
_UNITS = (("ns", 1e-6, 1e9), ("us", 1e-3, 1e6), ("ms", 1.0, 1e3), ("s", math.inf, 1.0))
_TITLES = {
    "min": "Min", "max": "Max", "mean": "Mean", "stddev": "StdDev", "median": "Median", "iqr": "IQR",
    "outliers": "Outliers", "rounds": "Rounds", "iterations": "Iterations", "p90": "P90", "p95": "P95", "p99": "P99",
}  # fmt: skip
_TIMES = (*FIGURES, *PERCENTILES)
_MOST_TIMES_WORSE = 1_000
_MOST_NAME = 100
_BRACKETS = 10  # columns
_LEGEND = (
    "Legend:",
    "  Outliers: 1 Standard Deviation from Mean; 1.5 IQR (InterQuartile Range) from 1st Quartile and 3rd Quartile.",
    "  OPS: Operations Per Second, computed as 1 / Mean",
)


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Attributes:
        text: the line.
        is_rule: whether it only rules the table.
        is_bad: whether its benchmark's operation raised.
    """

    text: str
    is_rule: bool = False
    is_bad: bool = False


def grouped(rows: Sequence[Row], group_by: str) -> list[tuple[str | None, list[Row]]]:
    """The rows by what ``--benchmark-group-by`` says, the groups by name."""
    groups: dict[str | None, list[Row]] = {}
    for row in rows:
        keys = (_key(row, part) for part in group_by.split(","))
        groups.setdefault(" ".join(str(key) for key in keys if key) or None, []).append(row)
    return sorted(groups.items(), key=lambda pair: pair[0] or "")


def _key(row: Row, part: str) -> object:
    if part.startswith("param:"):
        name = part.removeprefix("param:")
        params = row["params"] or {}
        return f"{name}={params[name]}" if name in params else None
    if part in {"func", "fullfunc"}:
        return row["name" if part == "func" else "fullname"].split("[")[0]
    return row[part]


def shown_name(row: Row, form: str) -> str:
    """A benchmark's name as ``--benchmark-name`` says; of a saved one with its source."""
    source = row["source"]
    match form:
        case "long":
            name = row["fullname"] + (f" ({source})" if source else "")
        case "trial":
            name = source.rpartition("/")[2][:4] if source else "????"
        case "short":
            name = row["name"].removeprefix("test_") + (f" ({source.rpartition('/')[2][:4]})" if source else "")
        case _:
            folder, slash, file = source.rpartition("/") if source else ("", "", "")
            name = row["name"] + (f" ({folder}{slash}{file[:12]})" if source else "")
    line = printable(name.replace("\n", "\\n"))
    return line if len(line) <= _MOST_NAME else f"{line[: _MOST_NAME // 2]}…{line[-_MOST_NAME // 2 :]}"


def tables(
    groups: Sequence[tuple[str | None, Sequence[Row]]],
    *,
    columns: Sequence[str],
    sort: str,
    name_form: str,
    unit: str = "auto",
) -> Iterator[Line]:
    """The lines of all tables, with the legend."""
    for group, rows in groups:
        ordered = sorted(rows, key=lambda row: (row[sort] is None, row[sort]))
        yield Line("")
        yield from _table(group, ordered, columns, name_form, _unit(ordered, sort, unit))
    yield Line("")
    yield from map(Line, _LEGEND)


def _unit(rows: Sequence[Row], sort: str, wanted: str) -> tuple[str, float]:
    if wanted != "auto":
        return next((name, factor) for name, _, factor in _UNITS if name == wanted)
    least = min(row[sort if sort in _TIMES else "min"] for row in rows)
    return next((name, factor) for name, limit, factor in _UNITS if least < limit)


def _table(
    group: str | None, rows: Sequence[Row], columns: Sequence[str], name_form: str, unit: tuple[str, float]
) -> Iterator[Line]:
    most_ops = max(row["ops"] for row in rows)
    prefix, per_ops = ("M", 1e-6) if most_ops > 1e6 else ("K", 1e-3) if most_ops > 1e3 else ("", 1.0)  # noqa: PLR2004
    titles = {**_TITLES, "ops": f"OPS ({prefix}ops/s)" if prefix else "OPS"}
    # A title stands over the figures, not over what is in brackets behind them.
    if len(rows) > 1:
        titles |= {column: f"{title}{'':{_BRACKETS}}" for column, title in titles.items() if column in (*_TIMES, "ops")}
    cells = [[_cell(rows, row, column, per_ops if column == "ops" else unit[1]) for column in columns] for row in rows]
    widths = [2 + max(len(titles[column]), *(len(row[place]) for row in cells)) for place, column in enumerate(columns)]
    names = [shown_name(row, name_form) for row in rows]
    heading = f"Name (time in {unit[0]})"
    name_width = 3 + max(len(heading), *map(len, names))
    top = heading.ljust(name_width) + "".join(
        titles[each].rjust(width) for each, width in zip(columns, widths, strict=True)
    )
    label = "" if group is None else f" {printable(group)!r}"
    yield Line(f" benchmark{label}: {len(rows)} tests ".center(len(top), "-"), is_rule=True)
    yield Line(top)
    yield Line("-" * len(top), is_rule=True)
    for name, row, own in zip(names, rows, cells, strict=True):
        text = name.ljust(name_width) + "".join(cell.rjust(width) for cell, width in zip(own, widths, strict=True))
        yield Line(text, is_bad=bool(row.get("has_error")))
    yield Line("-" * len(top), is_rule=True)


def _cell(rows: Sequence[Row], row: Row, column: str, factor: float) -> str:
    value = row[column]
    if value is None:
        return f"–{'':{_BRACKETS}}" if len(rows) > 1 else "–"
    if column not in _TIMES and column != "ops":
        return str(value)
    text = f"{value * factor:,.4f}"
    if len(rows) == 1:
        return text
    known = [each[column] for each in rows if each[column] is not None]
    best = max(known) if column == "ops" else min(known)
    return f"{text} {_times_worse(best, value):<{_BRACKETS - 1}}"


def _times_worse(best: float, value: float) -> str:
    if value == best:
        return "(1.0)"
    times = abs(value / best) if best else math.inf
    return "(inf)" if math.isinf(times) else f"({times:.2f})" if times <= _MOST_TIMES_WORSE else "(>1000.0)"
