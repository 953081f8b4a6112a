"""A session's results against a baseline: together, and with what is known of the session."""

from pathlib import Path

import pytest

from paceline.campaign.against_baseline import AgainstBaseline
from paceline.campaign.calibration import ROUNDS, calibrate
from paceline.core.errors import PacelineWarning
from paceline.judge.change import Verdict
from paceline.judge.result import TestResult, TestStatus, judge
from paceline.records.fingerprint import Fingerprint
from paceline.records.run_record import Definition, TestType
from paceline.store.baselines import load_baseline
from paceline.store.codec import encode
from paceline.sysmon.boot import booted_at
from paceline.sysmon.fingerprint import this_machine
from tests.fakes import MS, ManualClock, make_record
from tests.runs import make_framework
from tests.unit.judge.stored import STEADY, daily

HERE = Fingerprint(cpu_model="Example CPU")


def result(name: str, median_ms: float) -> TestResult:
    samples = [int(median_ms * MS)] * 2_000
    return judge(make_record(samples, name=name, fingerprint=HERE, started_at="2026-02-01T09:00:00Z"))


def against(tmp_path: Path, *names: str, clock: ManualClock | None = None) -> AgainstBaseline:
    sessions = daily([10 * each for each in STEADY], fingerprint=HERE.key, definition=Definition(iterations=2_000))
    path = tmp_path / "base.json"
    path.write_bytes(encode({"schema": "paceline/baseline/1", "tests": dict.fromkeys(names, sessions)}))
    found = AgainstBaseline((clock or ManualClock()).as_clock())
    found.load(path, stacklevel=2)
    return found


def measure(baseline: AgainstBaseline, *measured: TestResult) -> list[TestResult]:
    results: list[TestResult] = []
    for each in measured:
        results.append(baseline.judged(each, results))
    return results


def test_one_that_regressed_fails(tmp_path: Path) -> None:
    baseline = against(tmp_path, "a", "b", "c")
    results = measure(baseline, result("a", 11.5), result("b", 10), result("c", 10))
    assert [each.status for each in results] == [TestStatus.FAILED, TestStatus.PASSED, TestStatus.PASSED]
    assert baseline.settled(results) == results


def test_results_that_come_later_change_the_verdict_on_those_before(tmp_path: Path) -> None:
    baseline = against(tmp_path, "a", "b", "c")
    results = measure(baseline, *(result(name, 11.5) for name in "abc"))
    assert results[0].status is TestStatus.FAILED
    settled = baseline.settled(results)
    assert [each.status for each in settled] == [TestStatus.PASSED] * 3
    for each in settled:
        assert each.comparison is not None
        assert each.comparison.reason == "the environment shifted: 3 of 3 tests are worse together; run a duet"


def test_what_was_measured_before_the_baseline_was_loaded_stays(tmp_path: Path) -> None:
    early = result("a", 11.5)
    baseline = against(tmp_path, "a")
    assert baseline.settled([early]) == [early]
    comparison = baseline.comparison(early, [early])
    assert comparison is not None
    assert comparison.verdict is Verdict.REGRESSED


def test_a_test_without_sessions_has_no_comparison(tmp_path: Path) -> None:
    assert against(tmp_path, "a").judged(result("b", 1), []).comparison is None


def test_without_a_file_there_is_nothing_and_that_is_said(tmp_path: Path) -> None:
    baseline = AgainstBaseline(ManualClock().as_clock())
    with pytest.warns(PacelineWarning, match="there is no baseline .* yet"):
        baseline.load(tmp_path / "none.json", stacklevel=2)
    one = result("a", 1)
    assert baseline.settled([one]) == [one]


class TestCalibration:
    def test_is_the_median_of_its_rounds(self) -> None:
        readings = iter([0, 5, 10, 11, 20, 22, 30, 33, 40, 44, 50, 59, 60, 68])
        clock = ManualClock().as_clock()
        moved = type(clock)(lambda: float(next(readings)), clock.cpu_s, clock.thread_cpu_s, clock.utc_now)
        assert calibrate(moved) == 4e9
        assert ROUNDS == 7

    def test_of_a_clock_that_stands_still_is_none(self) -> None:
        assert calibrate(ManualClock().as_clock()) is None

    def test_is_run_once_a_session_and_noted_with_each_record(self, tmp_path: Path) -> None:
        clock = ManualClock(tick_s=0.007)
        baseline = against(tmp_path, "a", clock=clock)
        noted = baseline.noted(make_record()).circumstances
        assert noted.calibration_ns == pytest.approx(7e6)
        assert noted.booted_at == booted_at()
        now_s = clock.as_clock().now_s()
        baseline.calibrate()
        assert clock.as_clock().now_s() == pytest.approx(now_s + 0.007)  # nothing but this reading

    def test_is_run_with_the_first_baseline_saved_too(self, tmp_path: Path) -> None:
        baseline = AgainstBaseline(ManualClock(tick_s=0.007).as_clock())
        baseline.save(tmp_path / "new.json", [result("a", 1)], "s", stacklevel=2)
        (session,) = load_baseline(tmp_path / "new.json")["a"]
        assert session.calibration_ns == pytest.approx(7e6)


def test_the_boot_is_a_moment_in_the_past() -> None:
    booted = booted_at()
    assert booted is not None
    assert booted.endswith("Z")


def test_a_framework_judges_anew_what_is_read(tmp_path: Path) -> None:
    here = daily([10 * each for each in STEADY], fingerprint=this_machine().key)
    path = tmp_path / "base.json"
    path.write_bytes(encode({"schema": "paceline/baseline/1", "tests": dict.fromkeys("abc", here)}))
    clock = ManualClock()
    framework = make_framework(clock)
    framework.load_baseline(path)
    for name in "abc":
        framework.run_benchmark(name, TestType.API_ENDPOINT, lambda: clock.advance(0.0115), 2_000, 0)
        if name == "a":
            assert framework.results[0].status is TestStatus.FAILED
    assert [each.status for each in framework.results] == [TestStatus.PASSED] * 3
    assert "the environment shifted: 3 of 3 tests are worse together" in " ".join(framework.generate_report().split())
    assert framework.results is framework.results
    assert all(each.record.circumstances.booted_at == booted_at() for each in framework.results)
