"""Duets as JUnit XML: a suite with one case for each, as results have them (:mod:`paceline.report.junit`)."""

import math
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from paceline.core.units import NS_PER_S, counted
from paceline.judge.change import Change, Verdict
from paceline.judge.duet import DuetResult, SuiteVerdict
from paceline.records.duet import DuetRecord
from paceline.report.comparison_text import describe
from paceline.report.duet_text import typical_ns
from paceline.report.junit import add_failures, add_findings, one_line, suite_with_one_case, suites_as_xml


def render_duets_junit(suite: SuiteVerdict, left_out: Mapping[str, str]) -> bytes:
    """The duets of a session as XML 1.0 in UTF-8, ending in a newline.

    A regression is a failure; what was left out is skipped, with the reason; a duet that proves nothing passes, and its
    property ``verdict`` says so.
    """
    return suites_as_xml(duet_suites(suite, left_out))


def duet_suites(suite: SuiteVerdict, left_out: Mapping[str, str]) -> list[ET.Element]:
    """A suite for each duet, and for each test that was left out."""
    return [*(_compared(result) for result in suite.results), *(_left_out(*each) for each in left_out.items())]


def _compared(result: DuetResult) -> ET.Element:
    suite, case = suite_with_one_case(result.record.name, _measured_s(result.record), _properties(result))
    change = result.primary
    if result.verdict is Verdict.REGRESSED:
        told = describe(change.quantity.label, change, counted(result.pairs, "pair"))
        add_failures(suite, case, [("regression", told)])
    add_findings(case, result.findings)
    return suite


def _left_out(name: str, reason: str) -> ET.Element:
    suite, case = suite_with_one_case(name, 0.0, [("verdict", "not compared")])
    suite.set("skipped", "1")
    ET.SubElement(case, "skipped", message=one_line(reason))
    return suite


def _measured_s(record: DuetRecord) -> float:
    """How long the calls of base and candidate took together, in seconds."""
    sides = [side for pair in record.pairs for side in (pair.base, pair.candidate)]
    # A file may say anything: what is no length of time is left out.
    return math.fsum(side.mean_ns * side.calls for side in sides if 0 < side.mean_ns < math.inf) / NS_PER_S


def _properties(result: DuetResult) -> Iterator[tuple[str, str]]:
    record = result.record
    yield "verdict", result.verdict.value
    yield "verdict_reason", result.primary.reason
    yield "base", record.base.label
    yield "candidate", record.candidate.label
    yield "pairs", str(result.pairs)
    yield "discarded", str(len(result.discarded))
    for side, seen in (
        ("base", [pair.base for pair in record.pairs]),
        ("candidate", [pair.candidate for pair in record.pairs]),
    ):
        time_ns = typical_ns(seen)
        if time_ns is not None:
            yield f"{side}_median_ns", f"{time_ns:.6g}"
    for change in result.changes:
        yield from _figures(change)


def _figures(change: Change) -> Iterator[tuple[str, str]]:
    """Shares in percent; of a quantity without ratio the difference, in its unit."""
    unit, factor = ("_pct", 100) if change.quantity.is_ratio else ("", 1)
    for name, value in (("change", change.estimate), ("ci_low", change.low), ("ci_high", change.high)):
        if value is not None and math.isfinite(value):
            yield f"{change.quantity.key}_{name}{unit}", f"{factor * value:.6g}"
