"""The view model: what a report says, before anyone decides how it looks."""

from collections.abc import Sequence
from dataclasses import dataclass

from paceline.judge.result import TestResult, TestStatus
from paceline.judge.scalability import Scalability, scalabilities
from paceline.records.fingerprint import Fingerprint

_WORST_FIRST = {TestStatus.FAILED: 0, TestStatus.WARNING: 1, TestStatus.PASSED: 2}


@dataclass(frozen=True)
class Totals:
    """How many tests ended how."""

    tests: int
    passed: int
    failed: int
    warnings: int


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        timestamp: when it was made, ISO 8601, UTC.
        environment: machine and interpreter.
        totals: of the tests.
        results: in the order they were measured.
        worst_first: the same, failed ones first.
        compared: those that a baseline has.
        sweeps: what the levels among them say together.
    """

    timestamp: str
    environment: Fingerprint
    totals: Totals
    results: tuple[TestResult, ...]
    worst_first: tuple[TestResult, ...]
    compared: tuple[TestResult, ...]
    sweeps: tuple[Scalability, ...]


def document_of(results: Sequence[TestResult], environment: Fingerprint, timestamp: str) -> Document:
    """The report about ``results``."""
    by_status = [result.status for result in results]
    return Document(
        timestamp=timestamp,
        environment=environment,
        totals=Totals(
            tests=len(results),
            passed=by_status.count(TestStatus.PASSED),
            failed=by_status.count(TestStatus.FAILED),
            warnings=by_status.count(TestStatus.WARNING),
        ),
        results=tuple(results),
        worst_first=tuple(sorted(results, key=lambda result: _WORST_FIRST[result.status])),
        compared=tuple(result for result in results if result.comparison is not None),
        sweeps=scalabilities(results),
    )
