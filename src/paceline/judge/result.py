"""The judged run: record, figures, status, and what led to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from paceline.core.findings import Finding
from paceline.core.plain import to_plain
from paceline.judge.change import Verdict
from paceline.judge.comparison import Comparison, compare
from paceline.judge.diagnosis import diagnose
from paceline.judge.thresholds import PerformanceThreshold, Violation, violations_of
from paceline.records.baseline import BaselineSession
from paceline.records.metrics import PerformanceMetrics, metrics_of, system_metrics_of
from paceline.records.run_record import RunRecord


class TestStatus(Enum):
    """FAILED: a threshold is broken, no attempt was ok, or it regressed. WARNING: a serious finding. Else PASSED."""

    __test__ = False

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"


@dataclass(frozen=True)
class TestResult:
    """One run and what was concluded from it.

    Attributes:
        metrics: the figures.
        status: passed, failed or warning.
        threshold: the limits it was held against.
        broken_limits: those that did not hold, with numbers.
        findings: observations about the validity of the run, the serious ones first.
        comparison: with the loaded baseline, if it has this test.
        record: all that was seen.
    """

    __test__ = False

    metrics: PerformanceMetrics
    status: TestStatus
    threshold: PerformanceThreshold | None
    broken_limits: tuple[Violation, ...]
    findings: tuple[Finding, ...]
    comparison: Comparison | None
    record: RunRecord

    @property
    def violations(self) -> list[str]:
        """What is broken, a sentence each: measured value, limit and unit."""
        return [violation.message for violation in self.broken_limits]

    @property
    def system_metrics(self) -> dict[str, object]:
        """CPU, memory and disk I/O of the measured window; see ``docs/measuring.md`` for the names."""
        return system_metrics_of(self.record.usage)

    def to_dict(self) -> dict[str, object]:
        """Plain dicts, lists, strings and numbers, without the record's raw samples."""
        plain = to_plain(
            {
                "metrics": self.metrics,
                "status": self.status,
                "threshold": self.threshold,
                "violations": self.violations,
                "system_metrics": self.system_metrics,
                "findings": self.findings,
                "comparison": self.comparison,
            }
        )
        assert isinstance(plain, dict)
        return plain


def judge(
    record: RunRecord,
    threshold: PerformanceThreshold | None = None,
    baseline: Sequence[BaselineSession] = (),
    noted: Sequence[Finding] = (),
) -> TestResult:
    """Judge a record.

    Args:
        record: the run.
        threshold: limits to hold it against.
        baseline: stored sessions of the same test.
        noted: findings made before the run.
    """
    metrics = metrics_of(record)
    broken = _with_abort(violations_of(threshold, record, metrics), record)
    if not record.counts.ok:
        attempts = record.counts.attempts
        failed = f"all {attempts} failed" if attempts > 1 else "the only one failed"
        message = f"no attempt was ok: {failed}" if attempts else "nothing was measured: no attempt ended"
        broken = (Violation("ok attempts", 0.0, 1.0, "attempts", message), *broken)
    findings = sorted((*noted, *diagnose(record, metrics, threshold)), key=lambda finding: not finding.serious)
    comparison = compare(record, baseline)
    return TestResult(
        metrics=metrics,
        status=_status(broken, findings, comparison),
        threshold=threshold,
        broken_limits=broken,
        findings=tuple(findings),
        comparison=comparison,
        record=record,
    )


def _with_abort(broken: tuple[Violation, ...], record: RunRecord) -> tuple[Violation, ...]:
    """``broken`` with the limit that ended the run as it was then; by the run's end it may have come to hold again."""
    aborted = record.circumstances.aborted
    if aborted is None:
        return broken
    message = f"after {aborted.after_s:.3g} s, which ended the run: {aborted.message}"
    first = Violation(aborted.limit, aborted.measured, aborted.bound, aborted.unit, message)
    return (first, *(violation for violation in broken if violation.source != aborted.limit))


def compared(result: TestResult, comparison: Comparison | None) -> TestResult:
    """``result`` with ``comparison`` in the place of its own, and the status that follows."""
    if comparison == result.comparison:
        return result
    status = _status(result.broken_limits, result.findings, comparison)
    return replace(result, comparison=comparison, status=status)


def _status(broken: Sequence[Violation], findings: Sequence[Finding], comparison: Comparison | None) -> TestStatus:
    if broken or (comparison is not None and comparison.verdict is Verdict.REGRESSED):
        return TestStatus.FAILED
    return TestStatus.WARNING if any(finding.serious for finding in findings) else TestStatus.PASSED
