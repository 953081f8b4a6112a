"""Changes against a baseline or a base, as rows of a forest plot with the sentence that a person reads."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paceline.core.units import counted
from paceline.judge.change import Change, Rule, Verdict
from paceline.judge.comparison import Comparison
from paceline.judge.duet import DuetResult, SuiteVerdict
from paceline.judge.duet_pairs import usable_pairs, values_of
from paceline.records.duet import Side
from paceline.report.baseline_text import changes_of, worst_first
from paceline.report.comparison_text import amount, describe
from paceline.report.html.picture import Forest, ForestRow
from paceline.report.layout import squeezed

_NAME_WIDTH = 100
_MOST_DOTS = 60
_WORST_FIRST = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.UNCHANGED)


@dataclass(frozen=True)
class ChangeRow:
    """One change.

    Attributes:
        name: what changed: a test, or a quantity of one.
        anchor: of the test in this page; empty where it has none.
        amount: estimate and interval.
        verdict: its word.
        reason: what it rests on, with the evidence.
        forest: its place in the plot.
    """

    name: str
    anchor: str
    amount: str
    verdict: str
    reason: str
    forest: ForestRow


@dataclass(frozen=True)
class ChangeTable:
    """Rows over one axis."""

    caption: str
    forest: Forest
    rows: tuple[ChangeRow, ...]


@dataclass(frozen=True)
class DuetView:
    """One test of a duet."""

    name: str
    anchor: str
    verdict: str
    sentence: str
    sides: tuple[tuple[str, str], ...]
    table: ChangeTable
    controls: tuple[str, ...]
    findings: tuple[tuple[str, str], ...]


def comparison_table(compared: Sequence[tuple[str, Comparison]], anchor_of: Mapping[str, str]) -> ChangeTable | None:
    """The primary change of each test, the worst first; None without any.

    Args:
        compared: tests by name.
        anchor_of: where a test stands in the page, by name.
    """
    if not compared:
        return None
    ordered = [(name, each, changes_of(each)[0]) for name, each in worst_first(compared)]
    # Tests may have margins of their own: one that not all share is not drawn.
    margins = {each.margin_pct for _, each, _ in ordered}
    margin_pct = margins.pop() if len(margins) == 1 else None
    forest = Forest.over([change for _, _, change in ordered], None if margin_pct is None else margin_pct / 100)
    rows = tuple(
        ChangeRow(
            squeezed(name, _NAME_WIDTH),
            anchor_of.get(name, ""),
            amount(change),
            change.verdict.value,
            f"{each.reason}; {evidence(each)}",
            forest.row(change),
        )
        for name, each, change in ordered
    )
    return ChangeTable("Against the baseline", forest, rows)


def quantities_table(comparison: Comparison) -> ChangeTable:
    """Every quantity of one test against its baseline."""
    margin = None if comparison.margin_pct is None else comparison.margin_pct / 100
    return _quantities(changes_of(comparison), margin, f"Against the baseline ({evidence(comparison)})")


def short_change(comparison: Comparison) -> str:
    """The primary change in a few words: ``+12.3 % regressed``."""
    first = _shown(changes_of(comparison))[0]
    return f"{amount(first).partition(' [')[0]} {first.verdict.value}"


def _shown(changes: Sequence[Change]) -> Sequence[Change]:
    """Those with a figure; where none has one, the first."""
    return [each for each in changes if each.estimate is not None and math.isfinite(each.estimate)] or changes[:1]


def _quantities(changes: Sequence[Change], margin: float | None, caption: str) -> ChangeTable:
    known = _shown(changes)
    forest = Forest.over(known, margin)
    rows = tuple(
        ChangeRow(each.quantity.label, "", amount(each), each.verdict.value, each.reason, forest.row(each))
        for each in known
    )
    return ChangeTable(caption, forest, rows)


def evidence(comparison: Comparison) -> str:
    """``12 sessions on 5 days``."""
    days = f" on {counted(comparison.days, 'day')}" if comparison.days else ""
    told = counted(comparison.sessions, "session") + days
    return told if comparison.candidates == 1 else f"{comparison.candidates} sessions against {told}"


def duet_table(suite: SuiteVerdict, rule: Rule, anchor_of: Mapping[str, str]) -> ChangeTable | None:
    """The change that gates of each duet, the worst first, with its pairs as dots."""
    if not suite.results:
        return None
    ordered = sorted(suite.results, key=_badness)
    forest = Forest.over([each.primary for each in ordered], rule.margin)
    rows = tuple(
        ChangeRow(
            squeezed(each.record.name, _NAME_WIDTH),
            anchor_of.get(each.record.name, ""),
            amount(each.primary),
            each.verdict.value,
            f"{each.primary.reason}; {counted(each.pairs, 'pair')}",
            forest.row(each.primary, _dots(each)),
        )
        for each in ordered
    )
    return ChangeTable("Candidate against base", forest, rows)


def duet_views(suite: SuiteVerdict, rule: Rule, anchor_of: Mapping[str, str]) -> Iterator[DuetView]:
    """Each duet with all its quantities, the worst first."""
    for result in sorted(suite.results, key=_badness):
        record = result.record
        yield DuetView(
            squeezed(record.name, _NAME_WIDTH),
            anchor_of.get(record.name, ""),
            result.verdict.value,
            describe(result.primary.quantity.label, result.primary, counted(result.pairs, "pair")),
            (("base", _side(record.base)), ("candidate", _side(record.candidate))),
            _quantities(result.changes, rule.margin, f"Every quantity, over {counted(result.pairs, 'pair')}"),
            tuple(_controls(result)),
            tuple((finding.code, str(finding)) for finding in result.findings),
        )


def _dots(result: DuetResult) -> tuple[float, ...]:
    values = values_of(usable_pairs(result.record)[0], result.primary.quantity) or ()
    return tuple(values[:_MOST_DOTS]) if result.primary.quantity.is_ratio else ()


def _badness(result: DuetResult) -> tuple[int, float]:
    worse = result.primary.estimate or 0.0
    return _WORST_FIRST.index(result.verdict), worse if result.primary.quantity.higher_is_better else -worse


def _side(side: Side) -> str:
    known = ", ".join(part for part in (side.detail, side.python) if part)
    return f"{side.label} ({known})" if known else side.label


def _controls(result: DuetResult) -> Iterator[str]:
    if result.null_change is not None:
        yield f"The base against itself: {100 * result.null_change:+.1f} %."
    if result.planted is not None:
        found = "found" if result.planted.verdict is Verdict.REGRESSED else "not found"
        yield f"A planted {100 * result.record.planted_effect:+.0f} %: {found}, as {amount(result.planted)}."
