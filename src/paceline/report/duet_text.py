"""Duets as text: the verdicts, a line a test, the worst first, and then what speaks for believing them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from paceline.core.units import NS_PER_MS, counted, format_ms
from paceline.judge.change import Change, Verdict
from paceline.judge.duet import DuetResult, SuiteVerdict
from paceline.records.duet import DuetRecord, Epochs, Side, Subject
from paceline.report.comparison_text import amount, describe
from paceline.report.layout import heading, labelled, page_width, squeezed, wrapped

_WORST_FIRST = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.UNCHANGED)
_VERDICT_WIDTH, _CHANGE_WIDTH, _LEAST_NAME_WIDTH = 12, 26, 16


def render_duets(suite: SuiteVerdict, left_out: Mapping[str, str], notices: Sequence[str] = ()) -> str:
    """The report of a session's duets.

    Args:
        suite: the finished judgement.
        left_out: why other tests are not in it, by name.
        notices: what else a person should know.
    """
    lines = ["", *_summary(suite, left_out)]
    if len(suite.results) > 1:
        lines += ["", *(line for result in worst_first(suite) for line in _line(result))]
    for result in worst_first(suite):
        lines += ["", *_section(result)]
    if left_out:
        lines += ["", heading("not compared")]
        lines += [line for name, reason in left_out.items() for line in wrapped(f"{name}  {reason}", "  ", "      ")]
    for notice in notices:
        lines += ["", *wrapped(notice, "note: ")]
    if len(suite.results) > 1:  # and at the end, which is what a terminal shows of a long report
        lines += ["", _told(suite, left_out)]
    lines.append("")
    return "\n".join(lines[1:])


def worst_first(suite: SuiteVerdict) -> list[DuetResult]:
    """Regressions first, within a verdict the largest worsening first."""
    return sorted(suite.results, key=_badness)


def typical_ns(seen: Sequence[Epochs]) -> float | None:
    """A side's time of a call: the median over pairs of the median over epochs; None where none has a time."""
    epochs_ns = [median(each.epoch_ns) for each in seen if each.epoch_ns and all(map(math.isfinite, each.epoch_ns))]
    return median(epochs_ns) if epochs_ns else None


def tally(suite: SuiteVerdict, left_out: Mapping[str, str]) -> list[str]:
    """``2 regressed``, ``1 not compared``: what there is, the worst first."""
    counts = [(verdict, sum(each.verdict is verdict for each in suite.results)) for verdict in _WORST_FIRST]
    parts = [f"{number} {verdict.value}" for verdict, number in counts if number]
    return [*parts, f"{len(left_out)} not compared"] if left_out else parts


def _badness(result: DuetResult) -> tuple[int, float]:
    worse = result.primary.estimate or 0.0
    return _WORST_FIRST.index(result.verdict), worse if result.primary.quantity.higher_is_better else -worse


def _section(result: DuetResult) -> Iterator[str]:
    record = result.record
    yield heading(record.name, result.verdict.value)
    yield from wrapped(describe(result.primary.quantity.label, result.primary, counted(result.pairs, "pair")), "  ")
    yield ""
    yield from labelled("  base", _side_text(record, record.base, [pair.base for pair in record.pairs]))
    yield from labelled("  candidate", _side_text(record, record.candidate, [pair.candidate for pair in record.pairs]))
    others = [f"{each.quantity.label} {amount(each)}" for each in result.changes[1:] if not _is_nothing(each)]
    if others:
        yield from labelled("  also", ", ".join(others))
    controls = list(_controls(result))
    if controls:
        yield from labelled("  controls", "; ".join(controls))
    for finding in result.findings:
        yield from labelled("  finding", f"{finding.seen} {finding.why} {finding.advice}")


def _is_nothing(change: Change) -> bool:
    """Whether no pair differed at all, as error rates of what never fails: not worth the space."""
    return change.estimate == change.low == change.high == 0


def _side_text(record: DuetRecord, side: Side, seen: Sequence[Epochs]) -> str:
    known = [part for part in (side.detail, side.python) if part]
    label = f"{side.label} ({', '.join(known)})" if known else side.label
    time_ns = typical_ns(seen)
    what = "request" if record.subject is Subject.HTTP else "call"
    return label if time_ns is None else f"{label}: {format_ms(time_ns / NS_PER_MS)} a {what}, median"


def _controls(result: DuetResult) -> Iterator[str]:
    if result.null_change is not None:
        yield f"the base against itself {100 * result.null_change:+.1f} %"
    if result.planted is not None:
        effect = f"a planted {100 * result.record.planted_effect:+.0f} %"
        found = result.planted.verdict is Verdict.REGRESSED
        told = f"{effect} {'found' if found else 'NOT found'}, as {amount(result.planted)}"
        if not found and result.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}:
            told += ": this noise would allow no 'unchanged'; what was found is larger than it"
        yield told


def _summary(suite: SuiteVerdict, left_out: Mapping[str, str]) -> Iterator[str]:
    yield _told(suite, left_out)
    if suite.results:
        yield "(a change is the median over pairs, not the ratio of the two medians shown)"


def _told(suite: SuiteVerdict, left_out: Mapping[str, str]) -> str:
    parts = tally(suite, left_out)
    compared = counted(len(suite.results), "duet") if suite.results else "nothing could be compared"
    return f"{compared}: {', '.join(parts)}" if parts else "nothing was measured"


def _line(result: DuetResult) -> Iterator[str]:
    """One duet of several: verdict, change, name."""
    change = amount(result.primary)
    room = page_width() - _VERDICT_WIDTH - _CHANGE_WIDTH - 6
    if room < _LEAST_NAME_WIDTH:
        yield f"  {result.verdict.value}  {change}"[: page_width()]
        yield f"    {squeezed(result.record.name, page_width() - 4)}"
        return
    name = squeezed(result.record.name, room)
    yield f"  {result.verdict.value:<{_VERDICT_WIDTH}}  {change:<{_CHANGE_WIDTH}}  {name}"[: page_width()]
