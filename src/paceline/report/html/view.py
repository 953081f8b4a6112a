"""What the template of a test is given: everything decided and formatted, nothing left to compute."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paceline.core.units import format_count, format_ms
from paceline.judge.result import TestResult, TestStatus
from paceline.report.html.changes import ChangeTable, quantities_table
from paceline.report.html.charts import Charts, charts_of, plain_charts
from paceline.report.html.detail import Detail
from paceline.report.html.facts import Facts, Table, facts, tables
from paceline.report.html.markup import rounded
from paceline.report.html.overview import reasons
from paceline.report.html.picture import Range, Scale, latency_range
from paceline.report.html.stores import (
    cache_facts,
    cache_tables,
    changed_plans,
    database_facts,
    database_tables,
)
from paceline.report.html.tiles import Tile, held_limits, tiles
from paceline.report.layout import share_text, shortened, squeezed
from paceline.report.text import how_run

WORDS = {TestStatus.FAILED: "failed", TestStatus.WARNING: "in doubt", TestStatus.PASSED: "passed"}
_NAME_WIDTH = 200
_TEXT_WIDTH = 600
_CODE_WIDTH = 60


@dataclass(frozen=True)
class ErrorView:
    """Equal errors."""

    title: str
    message: str
    traceback: str


@dataclass(frozen=True)
class FindingView:
    """One observation, with its advice apart."""

    code: str
    serious: bool
    text: str
    advice: str


@dataclass(frozen=True)
class TestView:
    """One test.

    Attributes:
        name, anchor: of the test.
        status, word: for machines and for people.
        how: what was run, a sentence.
        reasons: why it did not pass.
        cells: for the row of the overview: median, p95, p99, throughput, errors, with the numbers to sort by.
        range: its latencies on the axis of all.
        change: against the baseline, in short; empty without one.
        tiles: its figures.
        charts: which there are.
        percentiles, timeline: the tables behind the charts.
        tables, facts: what else is known.
        changes: against the baseline.
        errors, findings: what went wrong, what is to be known.
        plain: all that the script draws from.
    """

    __test__ = False

    name: str
    anchor: str
    status: str
    word: str
    how: str
    reasons: tuple[str, ...]
    cells: tuple[tuple[str, float | int | None], ...]
    range: Range | None
    change: str
    tiles: tuple[Tile, ...]
    charts: Charts
    percentiles: Table | None
    timeline: Table | None
    tables: tuple[Table, ...]
    facts: tuple[Facts, ...]
    changes: ChangeTable | None
    errors: tuple[ErrorView, ...]
    more_errors: int
    findings: tuple[FindingView, ...]
    plain: Mapping[str, object]


def test_view(result: TestResult, anchor: str, detail: Detail, scale: Scale | None) -> TestView:
    """What is shown of ``result``.

    Args:
        result: to be shown.
        anchor: its id in the page.
        detail: how much is told.
        scale: the axis of latencies that all tests share.
    """
    charts = charts_of(result, detail.points)
    comparison = result.comparison
    changes = None if comparison is None else quantities_table(comparison)
    return TestView(
        name=squeezed(result.metrics.test_name, _NAME_WIDTH),
        anchor=anchor,
        status=result.status.value,
        word=WORDS[result.status],
        how=shortened(how_run(result), _TEXT_WIDTH),
        reasons=tuple(shortened(text, _TEXT_WIDTH) for _, text in reasons(result)),
        cells=_cells(result),
        range=latency_range(result, scale),
        change=f"{changes.rows[0].amount.partition(' [')[0]} {changes.rows[0].verdict}" if changes else "",
        tiles=tuple(tiles(result)),
        charts=charts,
        percentiles=_percentile_table(result),
        timeline=_timeline(charts, detail.table_rows),
        tables=(*_tables(result), *([] if changes is None or detail.plots else [_plain_changes(changes)])),
        facts=tuple(_facts(result, detail)),
        changes=changes if detail.plots else None,
        errors=_errors(result, detail),
        more_errors=max(len(result.metrics.errors) - detail.errors, 0),
        findings=tuple(
            FindingView(
                squeezed(each.code, _CODE_WIDTH),
                each.serious,
                shortened(f"{each.seen} {each.why}", _TEXT_WIDTH),
                shortened(each.advice, _TEXT_WIDTH),
            )
            for each in result.findings
        ),
        plain=_plain(result, charts),
    )


test_view.__test__ = False  # type: ignore[attr-defined]  # for pytest, which goes by the name


def _tables(result: TestResult) -> Iterator[Table]:
    record = result.record
    yield from tables(result)
    if record.database is not None:
        yield from database_tables(record.database, record.elapsed_ns)
    if record.cache is not None:
        yield from cache_tables(record.cache)
    if result.comparison is not None:
        yield from changed_plans(result.comparison)


def _facts(result: TestResult, detail: Detail) -> Iterator[Facts]:
    record = result.record
    groups = [] if record.database is None else [database_facts(record.database)]
    groups += [] if record.cache is None else [cache_facts(record.cache)]
    for group in (*groups, *facts(result, detail)):
        pairs = tuple((shortened(label, _NAME_WIDTH), shortened(text, _TEXT_WIDTH)) for label, text in group.pairs)
        if pairs:
            yield Facts(group.heading, pairs)


def _plain_changes(changes: ChangeTable) -> Table:
    """The same without the plot."""
    return Table(
        changes.caption, ("", "change", "verdict"), tuple((row.name, row.amount, row.verdict) for row in changes.rows)
    )


def _cells(result: TestResult) -> tuple[tuple[str, float | int | None], ...]:
    metrics = result.metrics
    latencies = (metrics.median_time_ms, metrics.p95_time_ms, metrics.p99_time_ms)
    return (
        *((format_ms(value), rounded(value)) for value in latencies),
        (format_count(metrics.throughput_ops_per_sec), rounded(metrics.throughput_ops_per_sec)),
        (share_text(metrics.error_rate), rounded(metrics.error_rate)),
    )


def _percentile_table(result: TestResult) -> Table | None:
    metrics = result.metrics
    if not result.record.latency.moments.count:
        return None
    figures = [("min", metrics.min_time_ms), ("mean", metrics.mean_time_ms), ("std dev", metrics.std_dev_ms)]
    figures += [(f"p{name}", value) for name, value in metrics.percentiles.items() if not math.isnan(value)]
    figures.append(("max", metrics.max_time_ms))
    return Table("Latency", ("", "latency"), tuple((name, format_ms(value)) for name, value in figures))


def _timeline(charts: Charts, most_rows: int) -> Table | None:
    """Some rows of what the time axis shows, for those who do not see it."""
    if charts.time is None:
        return None
    each = -(-charts.time.count // most_rows)
    lines = [(panel, line) for panel in charts.panels for line in panel.lines]
    columns = (
        "from",
        *(f"{_first(panel.title)} {line.name}" + (f", {panel.unit}" if panel.unit else "") for panel, line in lines),
    )
    rows = tuple(
        (f"{place * charts.time.interval_s:g} s", *(_number(line.values[place]) for _, line in lines))
        for place in range(0, charts.time.count, each)
    )
    width = f"{charts.time.interval_s:g} s"
    which = "" if each == 1 else f", every {each}th of them"
    return Table(f"Over time, in intervals of {width}{which}", columns, rows)


def _first(title: str) -> str:
    return title.partition(" ")[0].lower() if title not in {"CPU", "Disk I/O of the host"} else title.partition(" ")[0]


def _number(value: float | None) -> str:
    short = rounded(value, 3)
    return "–" if short is None else f"{short:,}"


def _errors(result: TestResult, detail: Detail) -> tuple[ErrorView, ...]:
    made = []
    for place, group in enumerate(result.metrics.errors[: detail.errors]):
        lines = group.traceback.rstrip().splitlines()[-detail.traceback_lines :] if place < detail.tracebacks else []
        text = "\n".join(line[: detail.line_width] for line in lines)
        title = f"{group.count:,} x {shortened(group.kind, detail.text_width)}"
        made.append(ErrorView(title, shortened(group.message, detail.text_width), text))
    return tuple(made)


def _plain(result: TestResult, charts: Charts) -> dict[str, object]:
    metrics = result.metrics
    figures: Sequence[tuple[str, float]] = (
        ("median_ms", metrics.median_time_ms),
        ("p95_ms", metrics.p95_time_ms),
        ("p99_ms", metrics.p99_time_ms),
        ("mean_ms", metrics.mean_time_ms),
        ("max_ms", metrics.max_time_ms),
        ("throughput_per_s", metrics.throughput_ops_per_sec),
        ("error_rate", metrics.error_rate),
    )
    return {
        "name": metrics.test_name[:_NAME_WIDTH],
        "status": result.status.value,
        "attempts": metrics.iterations,
        **{name: rounded(value) for name, value in figures},
        "reasons": [shortened(text, _NAME_WIDTH) for _, text in reasons(result)],
        "limits": [
            {
                "percentile": limit.metric.percentile,
                "sign": limit.sign,
                "ms": rounded(limit.bound, 6),
                "broken": held.broken,
            }
            for limit, held in held_limits(result)
            if limit.metric.unit == "ms" and limit.metric.percentile is not None
        ],
        **plain_charts(charts),
    }
