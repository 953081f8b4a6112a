import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from paceline.core.findings import Finding
from paceline.judge import result
from paceline.judge.change import Verdict
from paceline.judge.comparison import Comparison
from paceline.judge.result import TestResult, TestStatus, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.run_record import Circumstances, RunRecord
from tests.fakes import MS, make_record
from tests.strategies import records, thresholds

PASSED, FAILED, WARNING = TestStatus.PASSED, TestStatus.FAILED, TestStatus.WARNING
HOLDS, BREAKS = PerformanceThreshold(max_p95_ms=1), PerformanceThreshold(max_p95_ms=0.999)
HEALTHY = make_record()
INFORMED = make_record([MS] * 10)  # few samples: a finding that only informs
DOUBTFUL = make_record(circumstances=Circumstances(interruption="KeyboardInterrupt"))
NONE_OK = make_record([], errors_counted=3)
EMPTY = make_record([])


@pytest.mark.parametrize(
    ("record", "threshold", "status"),
    [
        (HEALTHY, None, PASSED),
        (HEALTHY, HOLDS, PASSED),
        (HEALTHY, BREAKS, FAILED),
        (INFORMED, None, PASSED),
        (INFORMED, BREAKS, FAILED),
        (DOUBTFUL, None, WARNING),
        (DOUBTFUL, HOLDS, WARNING),
        (DOUBTFUL, BREAKS, FAILED),
        (NONE_OK, None, FAILED),
        (NONE_OK, PerformanceThreshold(max_error_rate=1), FAILED),
        (make_record(timeouts=2_000), None, FAILED),
        (make_record([MS], errors_counted=2_000), PerformanceThreshold(max_error_rate=1), PASSED),
        (make_record(errors_counted=1), None, WARNING),
        (EMPTY, None, FAILED),
    ],
)
def test_the_status_says_what_matters_most(
    record: RunRecord, threshold: PerformanceThreshold | None, status: TestStatus
) -> None:
    assert judge(record, threshold).status is status


@pytest.mark.parametrize(
    ("verdict", "record", "status"),
    [
        (Verdict.REGRESSED, HEALTHY, FAILED),
        (Verdict.REGRESSED, DOUBTFUL, FAILED),
        (Verdict.IMPROVED, HEALTHY, PASSED),
        (Verdict.UNCHANGED, HEALTHY, PASSED),
        (Verdict.INCONCLUSIVE, HEALTHY, PASSED),
        (Verdict.INCONCLUSIVE, DOUBTFUL, WARNING),
    ],
)
def test_only_a_regression_fails_by_comparison(
    verdict: Verdict, record: RunRecord, status: TestStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    comparison = Comparison(0.0, 0.0, 0.0, 0.0, 0.0, verdict, "planted", sessions=9, same_machine=True)
    monkeypatch.setattr(result, "compare", lambda *_: comparison)
    judged = judge(record)
    assert (judged.status, judged.comparison) == (status, comparison)


@pytest.mark.parametrize(
    ("record", "violation"),
    [
        (NONE_OK, "no attempt was ok: all 3 failed"),
        (make_record([], errors_counted=1), "no attempt was ok: the only one failed"),
        (EMPTY, "nothing was measured: no attempt ended"),
    ],
)
def test_no_ok_attempt_is_the_first_violation(record: RunRecord, violation: str) -> None:
    judged = judge(record, HOLDS)
    assert judged.violations[0] == violation
    assert judged.broken_limits[0].source == "ok attempts"
    assert (judged.broken_limits[0].measured, judged.broken_limits[0].bound) == (0.0, 1.0)
    assert judged.broken_limits[0].unit == "attempts"
    assert judged.broken_limits[1].source == "max_p95_ms"
    assert len(judged.violations) == 2


def test_violations_are_sentences_and_limits_that_hold_have_none() -> None:
    assert judge(HEALTHY, HOLDS).violations == []
    assert judge(HEALTHY, BREAKS).violations == ["p95 1,000 us > limit 999 us (max_p95_ms)"]


def test_serious_findings_come_first_and_those_noted_before_the_run_are_kept() -> None:
    noted = [
        Finding("noted", "A.", "B.", "C."),
        Finding("noted-serious", "A.", "B.", "C.", serious=True),
    ]
    judged = judge(replace(INFORMED, circumstances=DOUBTFUL.circumstances), noted=noted)
    assert [finding.code for finding in judged.findings] == ["noted-serious", "interrupted", "noted", "few-samples"]
    assert judge(HEALTHY, noted=noted[1:]).status is WARNING
    assert judge(HEALTHY, noted=noted[:1]).status is PASSED


def test_a_baseline_is_compared_with_and_no_baseline_is_no_comparison() -> None:
    session = BaselineSession("s1", "2026-11-22", HEALTHY.fingerprint.key, {"mean_time_ms": 0.5})
    comparison = judge(HEALTHY, baseline=[session]).comparison
    assert comparison is not None
    assert comparison.mean_change_pct == pytest.approx(100.0)
    assert comparison.same_machine
    assert judge(HEALTHY).comparison is None


def test_a_result_keeps_what_it_was_made_of() -> None:
    judged = judge(HEALTHY, HOLDS)
    assert judged.record is HEALTHY
    assert judged.threshold is HOLDS
    assert judged.metrics.median_time_ms == 1.0
    assert judged.system_metrics["cpu_percent"] is None
    assert judged.findings == ()


def test_as_a_mapping_it_is_plain_and_without_raw_samples() -> None:
    session = BaselineSession("s1", "2026-11-22", "elsewhere", {"mean_time_ms": 0.5})
    plain: Any = judge(NONE_OK, BREAKS, [session]).to_dict()
    assert set(plain) == {*("metrics", "status", "threshold", "violations", "system_metrics", "findings", "comparison")}
    assert plain["status"] == "failed"
    assert plain["threshold"]["max_p95_ms"] == 0.999
    assert plain["metrics"]["p95_time_ms"] is None
    assert plain["comparison"]["verdict"] == "inconclusive"
    assert plain["comparison"]["mean_change_pct"] is None
    assert len(plain["violations"]) == 2
    assert "samples_ns" not in json.dumps(plain)


@given(records(), thresholds)
def test_any_record_can_be_judged_and_the_same_one_again_in_the_same_way(
    record: RunRecord, threshold: PerformanceThreshold
) -> None:
    judged = judge(record, threshold)
    assert json.dumps(judge(record, threshold).to_dict()) == json.dumps(judged.to_dict(), allow_nan=False)
    assert (judged.status is FAILED) is bool(judged.violations)
    assert (judged.status is PASSED) <= (not any(finding.serious for finding in judged.findings))
    if not record.counts.ok:
        assert judged.status is FAILED


@given(thresholds)
def test_limits_of_nothing_are_broken_by_every_latency_there_is(threshold: PerformanceThreshold) -> None:
    judged = judge(EMPTY, threshold)
    unmeasured = [violation for violation in judged.broken_limits[1:] if violation.measured is None]
    latency = [limit for limit in threshold.limits() if limit.metric.unit == "ms"]
    assert {violation.source for violation in unmeasured} >= {limit.source for limit in latency}


def test_names_in_files_and_for_pytest() -> None:
    assert [status.value for status in TestStatus] == ["passed", "failed", "warning"]
    assert TestStatus.__test__ is False
    assert TestResult.__test__ is False
