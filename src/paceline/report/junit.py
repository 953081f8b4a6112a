"""JUnit XML: a test suite with one case for each result, so that its figures can be properties of its own.

Neither Surefire's schema (surefire-test-report-3.0.xsd) nor that of Jenkins (junit-10.xsd of the xUnit plugin) lets a
case have properties; each suite here is valid by both.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from xml.etree import ElementTree as ET

from paceline.core.findings import Finding
from paceline.judge.change import Verdict
from paceline.judge.result import TestResult
from paceline.records.metrics import PerformanceMetrics
from paceline.report.document import Document
from paceline.report.layout import printable

_NAME = "paceline"
_NOT_FIGURES = frozenset({"test_name", "metadata", "percentiles", "errors"})


def render_junit(document: Document) -> bytes:
    """The whole report as XML 1.0 in UTF-8, ending in a newline."""
    return suites_as_xml(suites_of(document))


def suites_of(document: Document) -> list[ET.Element]:
    """A suite for each result."""
    return [_suite(result, document.timestamp) for result in document.results]


def suites_as_xml(suites: Sequence[ET.Element]) -> bytes:
    """The report that consists of ``suites``, with their totals."""
    cases = [case for suite in suites for case in suite.iter("testcase")]
    root = ET.Element(
        "testsuites",
        name=_NAME,
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors="0",
        time=seconds_text(math.fsum(float(case.get("time", 0)) for case in cases)),
    )
    root.extend(suites)
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def suite_with_one_case(
    name: str, seconds: float, properties: Iterable[tuple[str, str]]
) -> tuple[ET.Element, ET.Element]:
    """A suite and the case in it, named as pytest does where ``name`` is a node id; what came of it is missing."""
    told, time = one_line(name) or "(no name)", seconds_text(seconds)
    suite = ET.Element("testsuite", name=told, tests="1", failures="0", errors="0", skipped="0", time=time)
    container = ET.SubElement(suite, "properties")
    for key, value in properties:
        ET.SubElement(container, "property", name=key, value=one_line(value))
    file, separator, case_name = told.partition("::")
    classname = file.removesuffix(".py").replace("/", ".") if separator else _NAME
    case = ET.SubElement(suite, "testcase", name=case_name if separator else told, classname=classname, time=time)
    return suite, case


def _suite(result: TestResult, timestamp: str) -> ET.Element:
    metrics = result.metrics
    suite, case = suite_with_one_case(metrics.test_name, metrics.total_duration_sec, _properties(result, timestamp))
    add_failures(suite, case, list(_failures(result)))
    add_findings(case, result.findings)
    return suite


def add_failures(suite: ET.Element, case: ET.Element, failures: Sequence[tuple[str, str]]) -> None:
    """One element for all ``failures``, each a type and a message: some readers count each as a failed test."""
    if not failures:
        return
    suite.set("failures", "1")
    kind, message = failures[0]
    failure = ET.SubElement(case, "failure", type=kind, message=one_line(message))
    failure.text = "\n".join(one_line(each) for _, each in failures)


def add_findings(case: ET.Element, findings: Sequence[Finding]) -> None:
    """What else should be known, as the case's output."""
    if findings:
        told = ET.SubElement(case, "system-out")
        told.text = "\n".join(
            one_line(f"{'serious' if each.serious else 'note'}: {each} [{each.code}]") for each in findings
        )


def _failures(result: TestResult) -> Iterator[tuple[str, str]]:
    for violation in result.broken_limits:
        yield "threshold", violation.message
    comparison = result.comparison
    if comparison is not None and comparison.verdict is Verdict.REGRESSED:
        change = comparison.median_change_pct
        size = "" if math.isnan(change) else f": the median changed by {change:+.1f} %"
        yield "regression", f"regressed against the baseline{size} ({comparison.reason})"


def _properties(result: TestResult, timestamp: str) -> Iterator[tuple[str, str]]:
    yield "status", result.status.value
    yield "reported_at", timestamp
    for field in fields(PerformanceMetrics):
        value = getattr(result.metrics, field.name)
        if field.name not in _NOT_FIGURES and value is not None and not _is_nothing(value):
            yield field.name, f"{value:.6g}" if isinstance(value, float) else str(value)
    if result.comparison is not None:
        yield "verdict", result.comparison.verdict.value
        yield "verdict_reason", result.comparison.reason
        if not math.isnan(result.comparison.median_change_pct):
            yield "median_change_pct", f"{result.comparison.median_change_pct:.6g}"


def _is_nothing(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def seconds_text(seconds: float) -> str:
    """As both schemas want it: at most three decimals, no exponent."""
    return f"{seconds:.3f}"


def one_line(text: str) -> str:
    """``text`` on one line; what XML 1.0 cannot hold (control characters, halves of characters) as its escape."""
    return printable(text.replace("\n", "\\n"))
