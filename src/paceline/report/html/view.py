"""What the template of a test is given: everything decided and formatted, nothing left to compute."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from paceline.core.findings import Finding
from paceline.core.units import format_count, format_ms
from paceline.judge.limits import Limit
from paceline.judge.result import TestResult, TestStatus
from paceline.report.html.changes import ChangeTable, quantities_table, short_change
from paceline.report.html.charts import Charts, charts_of, plain_charts
from paceline.report.html.detail import Detail
from paceline.report.html.facts import Facts, Table, facts, tables
from paceline.report.html.legs import LegsTable, legs_table
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
from paceline.report.html.tiles import Held, Tile, held_limits, tiles
from paceline.report.layout import share_text, shortened, squeezed
from paceline.report.text import how_run

WORDS = {TestStatus.FAILED: "failed", TestStatus.WARNING: "in doubt", TestStatus.PASSED: "passed"}
_NAME_WIDTH = 120
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
class TestRow:
    """One test among all.

    Attributes:
        name, anchor: of the test.
        status, word: for machines and for people.
        cells: median, p95, p99, throughput, errors, with the numbers to sort by.
        range: its latencies on the axis of all.
        change: against the baseline, in short; empty without one.
    """

    __test__ = False

    name: str
    anchor: str
    status: str
    word: str
    cells: tuple[tuple[str, float | int | None], ...]
    range: Range | None
    change: str


def test_row(result: TestResult, anchor: str, scale: Scale | None) -> TestRow:
    """The row of ``result``.

    Args:
        result: to be shown.
        anchor: its id in the page.
        scale: the axis of latencies that all tests share.
    """
    return TestRow(
        name=squeezed(result.metrics.test_name, _NAME_WIDTH),
        anchor=anchor,
        status=result.status.value,
        word=WORDS[result.status],
        cells=_cells(result),
        range=latency_range(result, scale),
        change="" if result.comparison is None else short_change(result.comparison),
    )


@dataclass(frozen=True)
class TestView:
    """One test.

    Attributes:
        how: what was run, a sentence.
        reasons: why it did not pass.
        tiles: its figures.
        charts: which there are.
        percentiles, timeline: the tables behind the charts.
        tables, facts: what else is known.
        legs: the processes that made it together.
        changes: against the baseline.
        errors, findings: what went wrong, what is to be known.
        more_errors, more_findings: how many there is no room for.
        plain: all that the script draws from.
    """

    __test__ = False

    how: str
    reasons: tuple[str, ...]
    tiles: tuple[Tile, ...]
    charts: Charts
    percentiles: Table | None
    timeline: Table | None
    tables: tuple[Table, ...]
    facts: tuple[Facts, ...]
    legs: LegsTable | None
    changes: ChangeTable | None
    errors: tuple[ErrorView, ...]
    more_errors: int
    findings: tuple[FindingView, ...]
    more_findings: int
    plain: Mapping[str, object]


def test_view(result: TestResult, detail: Detail) -> TestView:
    """What is shown of ``result``, in so much ``detail``."""
    charts = charts_of(result, detail.points)
    comparison = result.comparison
    changes = None if comparison is None else quantities_table(comparison)
    held = held_limits(result)
    told = tuple(shortened(text, detail.text_width) for _, text in reasons(result))[: detail.findings]
    # The serious ones are the last to be left out; what is left stays in its order.
    findings = sorted(sorted(enumerate(result.findings), key=lambda each: not each[1].serious)[: detail.findings])
    return TestView(
        how=shortened(how_run(result), detail.text_width),
        reasons=told,
        tiles=tuple(tiles(result, held)),
        charts=charts,
        percentiles=_percentile_table(result),
        timeline=_timeline(charts, detail.table_rows),
        tables=tuple(
            _cut(table, detail)
            for table in (*_tables(result), *([] if changes is None or detail.plots else [_plain_changes(changes)]))
        ),
        facts=tuple(_facts(result, detail)),
        legs=legs_table(result.record.load, detail),
        changes=changes if detail.plots else None,
        errors=_errors(result, detail),
        more_errors=max(len(result.metrics.errors) - detail.errors, 0),
        findings=tuple(_finding(each, detail) for _, each in findings),
        more_findings=len(result.findings) - len(findings),
        plain=_plain(result, charts, held, told),
    )


# For pytest, which goes by the name.
test_row.__test__ = test_view.__test__ = False  # type: ignore[attr-defined]


def _finding(finding: Finding, detail: Detail) -> FindingView:
    return FindingView(
        squeezed(finding.code, _CODE_WIDTH),
        finding.serious,
        shortened(f"{finding.seen} {finding.why}", detail.text_width),
        shortened(finding.advice, detail.text_width),
    )


def _cut(table: Table, detail: Detail) -> Table:
    """``table`` in so much detail."""
    left = len(table.rows) - detail.rows
    rows = tuple(tuple(shortened(cell, detail.text_width) for cell in row) for row in table.rows[: detail.rows])
    caption = f"{table.caption} ({left} more in the results file)" if left > 0 else table.caption
    return replace(table, caption=caption, rows=rows)


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
        pairs = tuple(
            (shortened(label, min(_NAME_WIDTH, detail.text_width)), shortened(text, detail.text_width))
            for label, text in group.pairs
        )
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
    """Some rows of what the time axis shows, for those without a script, which makes a row of every interval."""
    if charts.time is None or not most_rows:
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


def _plain(
    result: TestResult, charts: Charts, held: Sequence[tuple[Limit, Held]], told: Sequence[str]
) -> dict[str, object]:
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
        "reasons": [shortened(text, _NAME_WIDTH) for text in told],
        "limits": [
            {
                "percentile": limit.metric.percentile,
                "sign": limit.sign,
                "ms": rounded(limit.bound, 6),
                "broken": each.broken,
            }
            for limit, each in held
            if limit.metric.unit == "ms" and limit.metric.percentile is not None
        ],
        **plain_charts(charts),
    }
