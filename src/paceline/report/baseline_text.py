"""Comparisons with stored sessions as text: a line for the verdict, one for what else changed."""

import math
from collections.abc import Iterable, Iterator

from paceline.core.units import counted
from paceline.judge.change import Change, Verdict
from paceline.judge.comparison import COMPARED, Comparison
from paceline.records.quantities import MEDIAN
from paceline.report.comparison_text import amount, describe
from paceline.report.layout import wrapped

_ORDER = (Verdict.REGRESSED, Verdict.INCONCLUSIVE, Verdict.IMPROVED, Verdict.UNCHANGED)


def worst_first(compared: Iterable[tuple[str, Comparison]]) -> list[tuple[str, Comparison]]:
    """Named comparisons: regressions first, within a verdict the largest worsening first."""
    return sorted(compared, key=lambda pair: (_ORDER.index(pair[1].verdict), -_worsening(_primary(pair[1]))))


def verdict_line(name: str, comparison: Comparison) -> str:
    """``get_record  +7.8 % [+5.1, +10.2]  regressed  (12 sessions, 99 % confidence; smallest visible ...)``."""
    evidence = counted(comparison.sessions, "session")
    if comparison.candidates > 1:
        evidence = f"{comparison.candidates} sessions against {comparison.sessions}"
    primary = _primary(comparison)
    if comparison.beside and primary.low is None:  # no forecast: then it is the percentage, which is of all of them
        evidence = f"median of {comparison.sessions + comparison.beside} sessions, {comparison.sessions} of them apart"
    told = name if primary.quantity == MEDIAN else f"{name} ({primary.quantity.label})"
    return describe(told, primary, evidence)


def other_changes(comparison: Comparison) -> str:
    """``mean +7.1 %, p95 +9.0 %, throughput -6.7 %``: the quantities that do not gate; empty where none is known."""
    known = (each for each in changes_of(comparison)[1:] if each.estimate is not None and math.isfinite(each.estimate))
    told = (each for each in known if each.quantity.is_ratio or each.estimate)
    return ", ".join(f"{each.quantity.label} {amount(_without_interval(each))}" for each in told)


def wrapped_lines(name: str, comparison: Comparison) -> Iterator[str]:
    """Both for a report of 80 columns."""
    yield from wrapped(verdict_line(name, comparison), "", "    ")
    if others := other_changes(comparison):
        yield from wrapped(others, "    ")
    for change in comparison.plan_changes:
        yield from wrapped(f"other plan of {change.statement}: {change.after}; before: {change.before}", "    ")


def _primary(comparison: Comparison) -> Change:
    return changes_of(comparison)[0]


def changes_of(comparison: Comparison) -> tuple[Change, ...]:
    """Those of the comparison; of one in an older file, what its percentages say."""
    if comparison.changes:
        return comparison.changes
    quantities = sorted(COMPARED, key=lambda key: COMPARED[key] != MEDIAN)
    return tuple(
        Change(COMPARED[key], comparison.verdict, comparison.reason, estimate=None if math.isnan(pct) else pct / 100)
        for key in quantities
        for pct in [getattr(comparison, key)]
    )


def _without_interval(change: Change) -> Change:
    return Change(change.quantity, change.verdict, change.reason, estimate=change.estimate)


def _worsening(change: Change) -> float:
    if change.estimate is None or math.isnan(change.estimate):
        return -math.inf
    return -change.estimate if change.quantity.higher_is_better else change.estimate
