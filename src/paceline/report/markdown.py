"""Markdown for job summaries and pull-request comments: the verdict first, the worst first, details folded away.

A comment on GitHub has at most 65,536 characters; the report keeps within 60,000 bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from paceline.core.units import counted, format_count, format_ms
from paceline.judge.result import TestResult, TestStatus
from paceline.report.baseline_text import verdict_line
from paceline.report.comparison_text import amount
from paceline.report.document import Document
from paceline.report.layout import printable, share_text, squeezed
from paceline.report.markdown_parts import MOST_BYTES, NAME_WIDTH, code_span, folded, size, table
from paceline.report.text import render_text

_MOST_TOLD = 100  # results: of more than these there is no room
_MARK = {TestStatus.FAILED: "❌ failed", TestStatus.WARNING: "⚠️ warning", TestStatus.PASSED: "✅ passed"}
_COLUMNS = ("", "test", "median", "p95", "p99", "ops/s", "errors")


def render_markdown(document: Document, most_bytes: int = MOST_BYTES) -> str:
    """The whole report, ending in a newline, at most ``most_bytes`` long in UTF-8."""
    text = "\n".join(_head(document)) + "\n"
    if document.results:
        text += "\n" + "\n".join(_table(document, most_bytes // 2)) + "\n"
    reasons = [line for result in document.worst_first[: 10 * _MOST_TOLD] for line in _reasons(result)]
    # Half of what is left for each of the two.
    text += folded("What is to be looked at", reasons, (most_bytes - size(text)) // 2, is_open=True)
    worst = document.worst_first[:_MOST_TOLD]
    told = render_text(replace(document, results=worst, worst_first=worst)).splitlines()
    return text + folded("Whole report", told, most_bytes - size(text), is_open=False)


def _head(document: Document) -> Iterator[str]:
    totals = document.totals
    if not totals.tests:
        yield "### Performance: no test was measured"
        return
    told = [
        f"{totals.failed} of {counted(totals.tests, 'test')} failed"
        if totals.failed
        else f"{counted(totals.tests, 'test')}, none failed"
    ]
    if totals.warnings:
        told.append(counted(totals.warnings, "warning"))
    yield f"### {'❌' if totals.failed else '⚠️' if totals.warnings else '✅'} Performance: {', '.join(told)}"
    environment = document.environment
    cores = f"{environment.cpu_count} x " if environment.cpu_count else ""
    yield ""
    yield code_span(f"{environment.python}, {environment.system}, {cores}{environment.cpu_model}")


def _table(document: Document, most_bytes: int) -> Sequence[str]:
    compared = bool(document.compared)
    columns = (*_COLUMNS, "change of the median", "verdict") if compared else _COLUMNS
    alignment = [*(["---"] * 2), *(["---:"] * (len(_COLUMNS) - 2)), *(["---"] * (len(columns) - len(_COLUMNS)))]
    return table(columns, alignment, [_cells(result, compared=compared) for result in document.worst_first], most_bytes)


def _cells(result: TestResult, *, compared: bool) -> Sequence[str]:
    metrics = result.metrics
    cells = [
        _MARK[result.status],
        code_span(metrics.test_name),
        *map(format_ms, (metrics.median_time_ms, metrics.p95_time_ms, metrics.p99_time_ms)),
        format_count(metrics.throughput_ops_per_sec),
        share_text(metrics.error_rate),
    ]
    if compared:
        comparison = result.comparison
        cells += ["–", "–"] if comparison is None else [_amount(result), comparison.verdict.value]
    return cells


def _amount(result: TestResult) -> str:
    assert result.comparison is not None
    return amount(result.comparison.changes[0]) if result.comparison.changes else _percent(result)


def _percent(result: TestResult) -> str:
    """Of a comparison in an older file, which has nothing but percentages."""
    assert result.comparison is not None
    change = result.comparison.median_change_pct
    return "no figure" if change != change else f"{change:+.1f} %"  # noqa: PLR0124  # NaN is not itself


def _reasons(result: TestResult) -> Iterator[str]:
    name = squeezed(result.metrics.test_name, NAME_WIDTH)
    told = [f"  ✗ {violation.message}" for violation in result.broken_limits]
    told += [f"  ! {finding} [{finding.code}]" for finding in result.findings if finding.serious]
    if result.comparison is not None and result.status is TestStatus.FAILED and not result.broken_limits:
        told.append(f"  ✗ {verdict_line('against the baseline', result.comparison)}")
    if told:
        yield name
        yield from (printable(each.replace("\n", "\\n"))[:1_000] for each in told)
