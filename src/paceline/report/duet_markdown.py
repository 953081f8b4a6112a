"""Duets as Markdown, for job summaries and pull-request comments: the verdict first, details folded away."""

from collections.abc import Iterator, Mapping, Sequence

from paceline.core.units import NS_PER_MS, counted, format_ms
from paceline.judge.change import Verdict
from paceline.judge.duet import DuetResult, SuiteVerdict
from paceline.records.duet import Epochs, Side
from paceline.report.comparison_text import amount, describe
from paceline.report.duet_text import render_duets, tally, typical_ns, worst_first
from paceline.report.layout import printable, squeezed
from paceline.report.markdown_parts import MOST_BYTES, NAME_WIDTH, code_span, folded, size, table

_MOST_TOLD = 100  # duets: of more than these there is no room
_LONGEST_LINE = 1_000
_ALIGNMENT = ("---", "---", "---:", "---:", "---:")
_MARK = {
    Verdict.REGRESSED: "❌ regressed",
    Verdict.INCONCLUSIVE: "❔ inconclusive",
    Verdict.IMPROVED: "✅ improved",
    Verdict.UNCHANGED: "✅ unchanged",
}
_SETTLED = (Verdict.IMPROVED, Verdict.UNCHANGED)


def render_duets_markdown(
    suite: SuiteVerdict, left_out: Mapping[str, str], notices: Sequence[str] = (), *, most_bytes: int = MOST_BYTES
) -> str:
    """The report of a session's duets, ending in a newline.

    Args:
        suite: the finished judgement.
        left_out: why other tests are not in it, by name.
        notices: what else a person should know.
        most_bytes: its length in UTF-8.
    """
    results = worst_first(suite)
    text = "\n".join(_head(suite, left_out)) + "\n"
    if results:
        rows = [_cells(result) for result in results]
        text += "\n" + "\n".join(table(_columns(results), _ALIGNMENT, rows, most_bytes // 2)) + "\n"
    reasons = [line for result in results[: 10 * _MOST_TOLD] for line in _reasons(result)]
    reasons += [
        line for name, reason in left_out.items() for line in (_name(name), f"  – not compared: {_line(reason)}")
    ]
    reasons += [f"note: {_line(notice)}" for notice in notices]
    # Half of what is left for each of the two.
    text += folded("What is to be looked at", reasons, (most_bytes - size(text)) // 2, is_open=True)
    told = SuiteVerdict(tuple(results[:_MOST_TOLD]), suite.null)
    whole = render_duets(told, left_out, notices).splitlines()
    return text + folded("Whole report", whole, most_bytes - size(text), is_open=False)


def _head(suite: SuiteVerdict, left_out: Mapping[str, str]) -> Iterator[str]:
    if not suite.results:
        yield "### Performance: nothing " + ("could be compared" if left_out else "was measured")
        return
    tests = counted(len(suite.results), "test")
    if suite.regressed:
        told, mark = f"{len(suite.regressed)} of {tests} regressed", "❌"
    else:
        doubtful = any(finding.serious for result in suite.results for finding in result.findings)
        told = f"{tests} compared, none regressed"
        mark = "⚠️" if doubtful or left_out or suite.inconclusive else "✅"
    others = [part for part in tally(suite, left_out) if not part.endswith(Verdict.REGRESSED.value)]
    yield f"### {mark} Performance: {'; '.join([told, *([', '.join(others)] if others else [])])}"
    sides = {(result.record.base, result.record.candidate) for result in suite.results}
    if len(sides) == 1:
        base, candidate = sides.pop()
        yield ""
        yield f"Base: {code_span(_side(base))}, candidate: {code_span(_side(candidate))}, together on one machine."


def _columns(results: Sequence[DuetResult]) -> Sequence[str]:
    quantities = {result.primary.quantity.label for result in results}
    return "", "test", f"change of the {', '.join(sorted(quantities))}", "base, median", "candidate, median"


def _cells(result: DuetResult) -> Sequence[str]:
    pairs = result.record.pairs
    return (
        _MARK[result.verdict],
        code_span(result.record.name),
        amount(result.primary),
        _time([pair.base for pair in pairs]),
        _time([pair.candidate for pair in pairs]),
    )


def _time(seen: Sequence[Epochs]) -> str:
    time_ns = typical_ns(seen)
    return "–" if time_ns is None else format_ms(time_ns / NS_PER_MS)


def _reasons(result: DuetResult) -> Iterator[str]:
    """Of a duet that is no plain pass."""
    change, findings = result.primary, [finding for finding in result.findings if finding.serious]
    if result.verdict in _SETTLED and not findings:
        return
    yield _name(result.record.name)
    mark = "✗" if result.verdict is Verdict.REGRESSED else "?"
    yield f"  {mark} {_line(describe(change.quantity.label, change, counted(result.pairs, 'pair')))}"
    yield from (f"  ! {_line(f'{finding} [{finding.code}]')}" for finding in findings)


def _side(side: Side) -> str:
    known = [part for part in (side.detail, side.python) if part]
    return f"{side.label} ({', '.join(known)})" if known else side.label


def _name(name: str) -> str:
    return squeezed(name, NAME_WIDTH)


def _line(text: str) -> str:
    return printable(text.replace("\n", "\\n"))[:_LONGEST_LINE]
