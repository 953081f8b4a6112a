"""Markdown for job summaries and pull-request comments: the verdict first, the worst first, details folded away.

A comment on GitHub has at most 65,536 characters; the report keeps within 60,000 bytes. Whatever tests are called
stands in code spans and code blocks, where nothing is markup, a link or a mention.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from paceline.core.units import counted, format_count, format_ms
from paceline.judge.result import TestResult, TestStatus
from paceline.report.baseline_text import verdict_line
from paceline.report.comparison_text import amount
from paceline.report.document import Document
from paceline.report.layout import printable, share_text, squeezed
from paceline.report.text import render_text

MOST_BYTES = 60_000
_TABLE_BYTES = 30_000
_NAME_WIDTH = 100
_MOST_TOLD = 100  # results: of more than these there is no room
_MARK = {TestStatus.FAILED: "❌ failed", TestStatus.WARNING: "⚠️ warning", TestStatus.PASSED: "✅ passed"}
_COLUMNS = ("", "test", "median", "p95", "p99", "ops/s", "errors")
_BACKTICKS = re.compile("`+")


def render_markdown(document: Document) -> str:
    """The whole report, ending in a newline, at most :data:`MOST_BYTES` long in UTF-8."""
    text = "\n".join(_head(document)) + "\n"
    if document.results:
        text += "\n" + "\n".join(_table(document)) + "\n"
    reasons = [line for result in document.worst_first[: 10 * _MOST_TOLD] for line in _reasons(result)]
    # Half of what is left for each of the two.
    text += _folded("What is to be looked at", reasons, (MOST_BYTES - _size(text)) // 2, is_open=True)
    worst = document.worst_first[:_MOST_TOLD]
    told = render_text(replace(document, results=worst, worst_first=worst)).splitlines()
    return text + _folded("Whole report", told, MOST_BYTES - _size(text), is_open=False)


def code_span(text: str, width: int = _NAME_WIDTH) -> str:
    """``text`` as code, for a cell of a table: on one line, shortened in its middle, nothing of it markup."""
    line = squeezed(text, width) or "(no name)"
    ticks = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(line)), default=0))
    pad = " " if "`" in (line[0], line[-1]) else ""
    return f"{ticks}{pad}{line}{pad}{ticks}".replace("|", "\\|")


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


def _table(document: Document) -> Iterator[str]:
    compared = bool(document.compared)
    columns = (*_COLUMNS, "change of the median", "verdict") if compared else _COLUMNS
    yield _row(columns)
    yield _row([*(["---"] * 2), *(["---:"] * (len(_COLUMNS) - 2)), *(["---"] * (len(columns) - len(_COLUMNS)))])
    used = 0
    for place, result in enumerate(document.worst_first):
        row = _row(_cells(result, compared=compared))
        used += _size(row) + 1
        if used > _TABLE_BYTES:
            yield _row(
                [f"and {document.totals.tests - place:,} more, none of them worse", *([""] * (len(columns) - 1))]
            )
            return
        yield row


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


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _reasons(result: TestResult) -> Iterator[str]:
    name = squeezed(result.metrics.test_name, _NAME_WIDTH)
    told = [f"  ✗ {violation.message}" for violation in result.broken_limits]
    told += [f"  ! {finding} [{finding.code}]" for finding in result.findings if finding.serious]
    if result.comparison is not None and result.status is TestStatus.FAILED and not result.broken_limits:
        told.append(f"  ✗ {verdict_line('against the baseline', result.comparison)}")
    if told:
        yield name
        yield from (printable(each.replace("\n", "\\n"))[:1_000] for each in told)


def _folded(title: str, lines: Sequence[str], most_bytes: int, *, is_open: bool) -> str:
    """``lines`` as a code block that can be folded, cut at whole lines to ``most_bytes``; nothing where none fits."""
    if not lines:
        return ""
    longest = max((len(run) for line in lines for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    beginning = f"\n<details{' open' if is_open else ''}><summary>{title}</summary>\n\n{fence}text\n"
    rest = "... (cut: a comment has room for no more)\n"
    end = f"{fence}\n\n</details>\n"
    room = most_bytes - _size(beginning + rest + end)
    kept: list[str] = []
    for line in lines:
        room -= _size(line) + 1
        if room < 0:
            break
        kept.append(f"{line}\n")
    if not kept:
        return ""
    return beginning + "".join(kept) + (rest if len(kept) < len(lines) else "") + end


def _size(text: str) -> int:
    return len(text.encode())
