"""Limits that end loads under way: on a real server and in this process, with threads, tasks and callbacks."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from paceline import (
    ClosedLoop,
    ConfigurationError,
    ConstantRate,
    HttpRequest,
    HttpTarget,
    PerformanceTestFramework,
    PerformanceThreshold,
    Scenario,
    TestResult,
    TestStatus,
    TestType,
    Threshold,
    User,
)
from paceline.cli.exit_codes import ExitCode, exit_code_of
from paceline.cli.http import command
from tests.functional.small_server import small_server

pytestmark = pytest.mark.real

LONG_S = 60.0


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


def _check_aborted(result: TestResult, limit: str) -> None:
    record = result.record
    aborted = record.circumstances.aborted
    assert aborted is not None
    assert aborted.limit == result.broken_limits[0].source == limit
    assert record.circumstances.interruption == f"aborted: {limit}"
    assert result.violations[0].startswith(f"after {aborted.after_s:.3g} s, which ended the run: ")
    assert record.elapsed_ns < LONG_S / 2 * 1e9
    assert record.counts.attempts > 0
    assert result.status is TestStatus.FAILED
    assert exit_code_of([result]) is ExitCode.BROKEN
    codes = [finding.code for finding in result.findings]
    assert "aborted" in codes
    assert "interrupted" not in codes
    assert "load-not-delivered" not in codes


def test_a_load_in_a_process_of_its_own_ends_with_the_limit(url: str) -> None:
    limit = "error_rate{bad}<5%, abort"
    target = HttpTarget(url, requests=[HttpRequest("/", name="good"), HttpRequest("/fails/2", name="bad")])
    threshold = PerformanceThreshold(expressions=["p(95)<10s over 1s, abort", limit])
    framework = PerformanceTestFramework()
    result = framework.run_load("load", target, ConstantRate(100, LONG_S), threshold, warmup_s=0, probe=False)
    _check_aborted(result, limit)
    assert result.record.load is not None
    assert result.record.load.own_process
    assert framework.results == [result]  # and nothing was raised


def test_arrivals_that_are_dropped_end_a_load_by_the_percentile_of_a_window(url: str) -> None:
    limit = "p(95)<10s over 1s, abort"
    threshold = PerformanceThreshold(expressions=["error_rate<5% over 1s, abort", limit])
    load = ConstantRate(100, LONG_S, max_in_flight=1)  # each takes 20 ms: every second one is dropped
    result = PerformanceTestFramework().run_load(
        "load", HttpTarget(f"{url}/slow"), load, threshold, warmup_s=0, probe=False
    )
    _check_aborted(result, limit)
    assert result.broken_limits[0].measured is None
    assert "falls among dropped arrivals" in result.violations[0]
    assert sum(piece.dropped for piece in result.record.series.slices) == result.record.counts.dropped > 20


def test_the_one_request_of_a_scenario_has_a_name_too(url: str) -> None:
    async def go(user: User) -> None:
        await user.client.get("/fails/3", name="fails")

    limit = "error_rate{fails}<5%, abort"
    threshold = PerformanceThreshold(expressions=["error_rate{other}<5%, abort", limit])
    result = PerformanceTestFramework().run_load(
        "load", Scenario(go, url), ConstantRate(50, LONG_S), threshold, warmup_s=0, probe=False
    )
    _check_aborted(result, limit)
    assert [violation.source for violation in result.broken_limits] == [limit, "error_rate{other}<5%, abort"]


def test_the_command_line_says_so_and_ends_with_1(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    limit = "error_rate<5% over 1s, abort after 1s"
    words = [f"{url}/fails/3", "--rate", "100", "-d", "60s", "-w", "0", "--no-probe", "-t", limit]
    ended = CliRunner().invoke(command, words, standalone_mode=False)
    assert ended.return_value is ExitCode.BROKEN
    assert "ended the run: error rate over 1 s 3" in " ".join(ended.stdout.split())
    assert "[aborted]" in ended.stdout
    assert list(Path(".paceline").glob("journal*")) == []


async def _awaits() -> None:
    await asyncio.sleep(0.005)


def _sleeps() -> None:
    time.sleep(0.005)


@pytest.mark.parametrize("operation", [_awaits, _sleeps])
@pytest.mark.parametrize("users", [1, 3])
def test_loads_in_this_process_end_too(operation: Callable[[], object], users: int) -> None:
    threshold = PerformanceThreshold(expressions=[Threshold("med<1ms over 1s", abort_on_fail=True)])
    framework = PerformanceTestFramework()
    result = framework.run_load("load", operation, ClosedLoop(users, LONG_S), threshold, warmup_s=0)
    _check_aborted(result, "med<1ms over 1s, abort")


def test_on_the_callers_loop_the_task_goes_on_afterwards() -> None:
    async def main() -> TestResult:
        framework = PerformanceTestFramework()
        made = await framework.arun_benchmark(
            "sleep",
            TestType.API_ENDPOINT,
            _awaits,
            iterations=10_000,
            threshold=PerformanceThreshold(expressions=["med<1ms, abort"]),
        )
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        return made

    _check_aborted(asyncio.run(main()), "med<1ms, abort")


def test_the_warm_up_is_in_no_window_and_ends_nothing() -> None:
    calls = 0

    def cold() -> None:
        nonlocal calls
        calls += 1
        if calls <= 20:
            raise RuntimeError("cold")
        time.sleep(0.001)

    threshold = PerformanceThreshold(expressions=["error_rate<=0 over 1s, abort", "error_rate<=0"])
    framework = PerformanceTestFramework()
    result = framework.run_load("load", cold, ClosedLoop(1, 1.2), threshold, warmup_s=0.5)
    assert result.broken_limits == ()
    assert sum(group.count for group in result.record.circumstances.warmup_errors) == 20


def test_several_processes_one_after_the_other_cannot_be_ended() -> None:
    threshold = PerformanceThreshold(expressions=["avg<1, abort"])
    with pytest.raises(ConfigurationError, match="'abort' ends a run under way, and this one is made in several"):
        PerformanceTestFramework().run_benchmark("sleep", TestType.API_ENDPOINT, _sleeps, threshold=threshold, runs=2)
