"""JUnit XML: a test suite with one case for each result, so that its figures can be properties of its own.

Neither Surefire's schema (surefire-test-report-3.0.xsd) nor that of Jenkins (junit-10.xsd of the xUnit plugin) lets a
case have properties; each suite here is valid by both.
"""

import math
from collections.abc import Iterator
from dataclasses import fields
from xml.etree import ElementTree as ET

from paceline.judge.change import Verdict
from paceline.judge.result import TestResult
from paceline.records.metrics import PerformanceMetrics
from paceline.report.document import Document
from paceline.report.layout import printable

_NAME = "paceline"
_NOT_FIGURES = frozenset({"test_name", "metadata", "percentiles", "errors"})


def render_junit(document: Document) -> bytes:
    """The whole report as XML 1.0 in UTF-8, ending in a newline."""
    seconds = math.fsum(result.metrics.total_duration_sec for result in document.results)
    root = ET.Element(
        "testsuites",
        name=_NAME,
        tests=str(document.totals.tests),
        failures=str(document.totals.failed),
        errors="0",
        time=_seconds(seconds),
    )
    for result in document.results:
        root.append(_suite(result, document.timestamp))
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def _suite(result: TestResult, timestamp: str) -> ET.Element:
    metrics = result.metrics
    name, seconds = _text(metrics.test_name) or "(no name)", _seconds(metrics.total_duration_sec)
    failures = list(_failures(result))
    suite = ET.Element(
        "testsuite", name=name, tests="1", failures=str(min(len(failures), 1)), errors="0", skipped="0", time=seconds
    )
    properties = ET.SubElement(suite, "properties")
    for key, value in _properties(result, timestamp):
        ET.SubElement(properties, "property", name=key, value=_text(value))
    file, separator, case_name = name.partition("::")
    classname = file.removesuffix(".py").replace("/", ".") if separator else _NAME
    case = ET.SubElement(suite, "testcase", name=case_name if separator else name, classname=classname, time=seconds)
    if failures:
        # One: some readers count each as a failed test.
        kind = failures[0][0]
        messages = [message for _, message in failures]
        failure = ET.SubElement(case, "failure", type=kind, message=_text(messages[0]))
        failure.text = "\n".join(_text(message) for message in messages)
    if result.findings:
        told = ET.SubElement(case, "system-out")
        told.text = "\n".join(
            _text(f"{'serious' if each.serious else 'note'}: {each} [{each.code}]") for each in result.findings
        )
    return suite


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


def _seconds(seconds: float) -> str:
    """As both schemas want it: at most three decimals, no exponent."""
    return f"{seconds:.3f}"


def _text(text: str) -> str:
    """``text`` on one line; what XML 1.0 cannot hold (control characters, halves of characters) as its escape."""
    return printable(text.replace("\n", "\\n"))
