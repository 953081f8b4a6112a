"""Which code a session ends with: the first that applies."""

from dataclasses import replace

import pytest

from paceline.cli.exit_codes import ExitCode, exit_code_of
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.load import LoadRecord
from paceline.records.run_record import Circumstances, Execution, RunRecord
from tests.fakes import make_load, make_record

LIMIT = PerformanceThreshold(max_p95_ms=1_000)
BROKEN = PerformanceThreshold(max_p95_ms=0)


def passed() -> TestResult:
    return judge(make_record([1_000_000] * 100), LIMIT)


def saturated(execution: Execution, threshold: PerformanceThreshold | None) -> TestResult:
    record = make_record([1_000_000] * 100)
    definition = replace(record.definition, workers=4, execution=execution)
    circumstances = Circumstances(own_cpu_s=1.0)
    return judge(replace(record, definition=definition, circumstances=circumstances, elapsed_ns=10**9), threshold)


def generator_bound(threshold: PerformanceThreshold | None) -> TestResult:
    return judge(make_load(load=LoadRecord((99.0,))), threshold)


def nothing_measured() -> TestResult:
    return judge(make_record([]), LIMIT)


def warned() -> TestResult:
    record: RunRecord = make_record([1_000_000] * 100)
    return judge(replace(record, circumstances=Circumstances(interruption="KeyboardInterrupt")), LIMIT)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([passed()], ExitCode.HELD),
        ([passed(), judge(make_record([1_000_000] * 100), BROKEN)], ExitCode.BROKEN),
        ([saturated(Execution.THREADS, LIMIT)], ExitCode.NO_VERDICT),
        ([saturated(Execution.TASKS, LIMIT)], ExitCode.NO_VERDICT),
        ([saturated(Execution.THREADS, None)], ExitCode.HELD),  # nothing was to be judged
        ([saturated(Execution.THREADS, BROKEN)], ExitCode.BROKEN),
        ([generator_bound(LIMIT)], ExitCode.NO_VERDICT),
        ([generator_bound(None)], ExitCode.HELD),
        ([warned()], ExitCode.HELD),
        ([nothing_measured()], ExitCode.NOTHING_MEASURED),
        ([passed(), nothing_measured()], ExitCode.NOTHING_MEASURED),
        ([], ExitCode.NOTHING_MEASURED),
    ],
)
def test_first_that_applies(results: list[TestResult], code: ExitCode) -> None:
    assert exit_code_of(results) is code
    assert exit_code_of(results, interrupted=True) is ExitCode.INTERRUPTED


def test_strict_takes_a_warning_for_no_verdict() -> None:
    assert exit_code_of([warned()], strict=True) is ExitCode.NO_VERDICT
    assert exit_code_of([passed()], strict=True) is ExitCode.HELD
