"""The end of pytest's output: one table of what was measured, the worst first, as wide as the terminal."""

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paceline.core.redaction import redact
from paceline.core.units import counted, format_count, format_ms
from paceline.judge.change import Verdict
from paceline.judge.duet import DuetResult, judge_duets
from paceline.judge.result import TestResult, TestStatus
from paceline.pytest_plugin.outcome import is_advice
from paceline.pytest_plugin.session import PerfSession
from paceline.report.comparison_text import describe
from paceline.report.layout import printable, share_text

_STATUSES = (TestStatus.FAILED, TestStatus.WARNING, TestStatus.PASSED)
_VERDICTS = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.UNCHANGED)
_SAID = {TestStatus.FAILED: "FAILED", TestStatus.WARNING: "WARNING", TestStatus.PASSED: "passed"}
_COLOURS: dict[TestStatus | None, dict[str, bool]] = {
    TestStatus.FAILED: {"red": True, "bold": True},
    TestStatus.WARNING: {"yellow": True},
    TestStatus.PASSED: {"green": True},
}
_MOST_NAME, _LEAST_NAME = 60, 16
_MOST_REASONS = 3
# Findings that are no warning of a test, because they are about all of them: by their codes.
_OF_THE_MACHINE = {"host-busy": "busy with other work"}


@dataclass(frozen=True)
class Line:
    """A line of the summary, and the status it is coloured by."""

    text: str
    status: TestStatus | None = None


def write_summary(session: PerfSession, reporter: Any) -> None:  # noqa: ANN401  # pytest keeps its type to itself
    """Write the section of this session below pytest's own."""
    results, duets = session.framework.results, judge_duets(session.framework.duets).results
    if not results and not duets and not session.notices:
        return
    reporter.section("performance")
    for line in (*table(results, reporter.config.get_terminal_writer().fullwidth), *duet_lines(duets)):
        reporter.write_line(line.text, **_COLOURS.get(line.status, {}))
    for told in machine_lines(results):
        reporter.write_line(told)
    tests = common_path(session.results, session.folder, reporter.config.invocation_params.dir)
    for told in advice_lines(results, tests):
        reporter.write_line(told)
    if session.skipped:
        reporter.write_line(f"{counted(len(session.skipped), 'test')} not measured: the budget was used up")
    for notice in session.notices:
        reporter.write_line(f"paceline: {printable(redact(notice))}")  # in one piece: paths are there to be copied


def machine_lines(results: Sequence[TestResult]) -> Iterator[str]:
    """What was wrong with the machine while ``results`` were measured: a line for each kind."""
    for code, seen in _OF_THE_MACHINE.items():
        if hit := sum(any(finding.code == code for finding in result.findings) for result in results):
            yield f"machine: {seen} in {hit} of {counted(len(results), 'test')} ({code})"


def advice_lines(results: Sequence[TestResult], tests: str) -> Iterator[str]:
    """A line where the baseline proves nothing yet, and what does.

    Args:
        results: of the session.
        tests: where they are, for a command line.
    """
    compared = [result.comparison for result in results if result.comparison is not None]
    reasons = Counter(each.reason for each in compared if is_advice(each)).most_common()
    if not reasons:
        return
    several = len(reasons) > 1
    why = "; ".join(f"{count} x {text}" if several else text for text, count in reasons[:_MOST_REASONS])
    affected = f"{sum(count for _, count in reasons)} of {counted(len(compared), 'test')}"
    yield printable(
        f"inconclusive against the baseline: {affected}; {redact(why)}; "
        f"for an answer now: paceline duet HEAD -- {shlex.quote(tests)}"
    )


def common_path(nodeids: Iterable[str], root: Path, here: Path) -> str:
    """The file or folder that all tests ``nodeids`` of the project in ``root`` are in, as seen from ``here``."""
    files = {os.path.join(root, nodeid.partition("::")[0]) for nodeid in nodeids}  # noqa: PTH118  # no Path is needed
    return os.path.relpath(os.path.commonpath(files), here) if files else "."


def table(results: Sequence[TestResult], width: int) -> Iterator[Line]:
    """The results as an aligned table of at most ``width`` columns; columns that do not fit are left out."""
    if not results:
        return
    ordered = sorted(results, key=_badness)
    headings, rows = _cells(ordered)
    widths = [max(len(row[place]) for row in (headings, *rows)) for place in range(len(headings))]
    kept = _fitting(headings, widths, width)
    longest = max(len(_tail(each.metrics.test_name, _MOST_NAME)) for each in ordered)
    # What does not fit even then is a terminal of 40 columns: the name gives way, the figures stay readable.
    room = max(_LEAST_NAME, width - sum(widths[place] + 2 for place in kept) - 1)
    name_width = min(longest, _MOST_NAME, room)
    yield Line(_row("", name_width, headings, widths, kept))
    for result, cells in zip(ordered, rows, strict=True):
        name = _tail(result.metrics.test_name, name_width)
        yield Line(_row(name, name_width, cells, widths, kept), result.status)


def duet_lines(duets: Sequence[DuetResult]) -> Iterator[Line]:
    """A line for each duet, the worst first."""
    for result in sorted(duets, key=lambda each: _VERDICTS.index(each.verdict)):
        status = TestStatus.FAILED if result.verdict is Verdict.REGRESSED else None
        name = _tail(result.record.name, _MOST_NAME)
        yield Line(describe(name, result.primary, counted(result.pairs, "pair")), status)


def _badness(result: TestResult) -> tuple[int, int, float]:
    comparison = result.comparison
    verdict = len(_VERDICTS) if comparison is None else _VERDICTS.index(comparison.verdict)
    change = 0.0 if comparison is None else comparison.median_change_pct
    return _STATUSES.index(result.status), verdict, -change if change == change else 0.0  # noqa: PLR0124  # NaN


def _cells(results: Sequence[TestResult]) -> tuple[Sequence[str], list[Sequence[str]]]:
    compared = any(result.comparison is not None for result in results)
    headings = ("median", "p95", "p99", "ops/s", "errors", *(("change", "verdict") if compared else ()), "status")
    rows: list[Sequence[str]] = []
    for result in results:
        metrics, comparison = result.metrics, result.comparison
        cells = [
            format_ms(metrics.median_time_ms),
            format_ms(metrics.p95_time_ms),
            format_ms(metrics.p99_time_ms),
            format_count(metrics.throughput_ops_per_sec),
            share_text(metrics.error_rate),
        ]
        if compared and comparison is None:
            cells += ["", "new"]
        elif comparison is not None:
            change = comparison.median_change_pct
            cells += ["" if change != change else f"{change:+.1f} %", comparison.verdict.value]  # noqa: PLR0124  # NaN
        rows.append((*cells, _SAID[result.status]))
    return headings, rows


def _fitting(headings: Sequence[str], widths: Sequence[int], width: int) -> tuple[int, ...]:
    """The columns that leave room for a name; what says least goes first."""
    kept = list(range(len(headings)))
    for heading in ("p99", "errors", "ops/s", "change", "p95", "median"):
        if sum(widths[place] + 2 for place in kept) + _LEAST_NAME < width:
            break
        if heading in headings:
            kept.remove(headings.index(heading))
    return tuple(kept)


def _row(name: str, name_width: int, cells: Sequence[str], widths: Sequence[int], kept: Sequence[int]) -> str:
    *figures, last = kept
    told = "".join(f"  {cells[place]:>{widths[place]}}" for place in figures)
    return f"{name:<{name_width}}{told}  {cells[last]}".rstrip()


def _tail(name: str, width: int) -> str:
    """``name`` on one line, shortened at its beginning: node ids begin alike."""
    line = printable(name[-4 * width :].replace("\n", "\\n"))
    return line if len(line) <= width and len(name) <= 4 * width else f"…{line[1 - width :]}"
