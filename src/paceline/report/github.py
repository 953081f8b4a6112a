"""Annotations of GitHub Actions: ``::error file=...::``, one line for each broken limit and each doubt."""

from collections.abc import Iterator

from paceline.judge.change import Verdict
from paceline.judge.result import TestResult
from paceline.report.baseline_text import verdict_line
from paceline.report.document import Document
from paceline.report.layout import printable, squeezed

MOST_OF_A_KIND = 10  # GitHub shows no more of a step
_TITLE_WIDTH = 100


def render_annotations(document: Document) -> str:
    """A line for each, the worst first; empty where there is nothing to say."""
    lines: list[str] = []
    for kind in ("error", "warning"):
        own = [line for result in document.worst_first for line in _of(result, kind)]
        if len(own) > MOST_OF_A_KIND:
            more = len(own) - MOST_OF_A_KIND + 1
            own = [*own[: MOST_OF_A_KIND - 1], f"::{kind} title=Performance::and {more:,} more: see the report"]
        lines += own
    return "".join(f"{line}\n" for line in lines)


def _of(result: TestResult, kind: str) -> Iterator[str]:
    name = result.metrics.test_name
    file, separator, _ = name.partition("::")
    # Of a test of pytest, whose name is its node id; GitHub shows it beside the file then.
    place = f"file={_property(file)}," if separator and file.endswith(".py") else ""
    title = f"{place}title={_property(squeezed(name, _TITLE_WIDTH))}"
    messages = _errors(result) if kind == "error" else _warnings(result)
    yield from (f"::{kind} {title}::{_data(printable(message))}" for message in messages)


def _errors(result: TestResult) -> Iterator[str]:
    yield from result.violations
    if result.comparison is not None and result.comparison.verdict is Verdict.REGRESSED:
        yield verdict_line("against the baseline", result.comparison)


def _warnings(result: TestResult) -> Iterator[str]:
    yield from (f"{finding} [{finding.code}]" for finding in result.findings if finding.serious)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(printable(text)).replace(":", "%3A").replace(",", "%2C")
