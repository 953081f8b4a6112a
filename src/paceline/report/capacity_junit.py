"""Searches for the highest load as JUnit XML: a suite with one case for each."""

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree as ET

from paceline.judge.capacity import Answer, CapacityResult
from paceline.records.capacity import Ending
from paceline.report.capacity_text import sentence
from paceline.report.junit import add_failures, add_findings, suite_with_one_case, suites_as_xml


def render_capacities_junit(results: Sequence[CapacityResult]) -> bytes:
    """The searches of a session as XML 1.0 in UTF-8, ending in a newline."""
    return suites_as_xml(capacity_suites(results))


def capacity_suites(results: Sequence[CapacityResult]) -> list[ET.Element]:
    """A suite for each: a failure where not even the lowest load keeps the limits, or the service did not come back."""
    return [_suite(result) for result in results]


def _suite(result: CapacityResult) -> ET.Element:
    suite, case = suite_with_one_case(result.record.name, result.record.elapsed_s, _properties(result))
    if result.answer is Answer.BROKEN or result.record.ended is Ending.DIED:
        add_failures(suite, case, [("capacity", sentence(result))])
    add_findings(case, result.findings)
    return suite


def _properties(result: CapacityResult) -> Iterator[tuple[str, str]]:
    for name, value in result.to_dict().items():
        if name not in {"name", "findings"} and value not in {None, ""}:
            yield name, f"{value:.6g}" if isinstance(value, float) else str(value)
