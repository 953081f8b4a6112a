"""Annotations of GitHub Actions: ``::error file=...::``, one line for each broken limit and each doubt."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from paceline.core.units import counted
from paceline.judge.change import Verdict
from paceline.judge.duet import SuiteVerdict
from paceline.judge.result import TestResult
from paceline.report.baseline_text import verdict_line
from paceline.report.comparison_text import describe
from paceline.report.document import Document
from paceline.report.duet_text import worst_first
from paceline.report.layout import printable, squeezed

MOST_OF_A_KIND = 10  # GitHub shows no more of a step
_TITLE_WIDTH = 100


def render_annotations(document: Document) -> str:
    """A line for each, the worst first; empty where there is nothing to say."""
    return _capped(lambda kind: (line for result in document.worst_first for line in _of(result, kind)))


def render_duet_annotations(suite: SuiteVerdict, left_out: Mapping[str, str]) -> str:
    """The same of duets: an error for each that regressed, a warning for each that proves nothing or was left out."""
    return _capped(lambda kind: _of_duets(suite, left_out, kind))


def _capped(lines_of: Callable[[str], Iterable[str]]) -> str:
    lines: list[str] = []
    for kind in ("error", "warning"):
        own = list(lines_of(kind))
        if len(own) > MOST_OF_A_KIND:
            more = len(own) - MOST_OF_A_KIND + 1
            own = [*own[: MOST_OF_A_KIND - 1], f"::{kind} title=Performance::and {more:,} more: see the report"]
        lines += own
    return "".join(f"{line}\n" for line in lines)


def _of_duets(suite: SuiteVerdict, left_out: Mapping[str, str], kind: str) -> Iterator[str]:
    wanted = Verdict.REGRESSED if kind == "error" else Verdict.INCONCLUSIVE
    for result in worst_first(suite):
        name, change = result.record.name, result.primary
        if result.verdict is wanted:
            yield _line(kind, name, describe(change.quantity.label, change, counted(result.pairs, "pair")))
        if kind == "warning":
            yield from (_line(kind, name, f"{each} [{each.code}]") for each in result.findings if each.serious)
    if kind == "warning":
        yield from (_line(kind, name, f"not compared: {reason}") for name, reason in left_out.items())


def _of(result: TestResult, kind: str) -> Iterator[str]:
    messages = _errors(result) if kind == "error" else _warnings(result)
    yield from (_line(kind, result.metrics.test_name, message) for message in messages)


def _line(kind: str, name: str, message: str) -> str:
    file, separator, _ = name.partition("::")
    # Of a test of pytest, whose name is its node id; GitHub shows it beside the file then.
    place = f"file={_property(file)}," if separator and file.endswith(".py") else ""
    return f"::{kind} {place}title={_property(squeezed(name, _TITLE_WIDTH))}::{_data(printable(message))}"


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
