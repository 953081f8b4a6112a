"""The face: what a call returns, keeps and refuses. How it is measured is tested in the rooms below."""

from typing import Any

import pytest

from paceline import PerformanceThreshold, TestResult, TestStatus, TestType
from paceline.records.recorder import SAMPLE_LIMIT
from paceline.records.run_record import Execution
from tests.fakes import ManualClock
from tests.runs import Work, awaited, codes, make_framework, raising


class Uneven:
    """An operation whose calls take 1, 2, ... 10 ms in turn."""

    def __init__(self, clock: ManualClock) -> None:
        self._work = Work(on_call=lambda number: clock.advance((number % 10 + 1) / 1_000))

    def __call__(self) -> object:
        return self._work()


def test_metrics_are_those_of_the_specification() -> None:
    clock = ManualClock()
    framework = make_framework(clock)
    result = framework.run_benchmark(
        test_name="my_test",
        test_type=TestType.API_ENDPOINT,
        operation=Uneven(clock),
        iterations=100,
        warmup_iterations=10,
        threshold=PerformanceThreshold(max_p95_ms=100, max_p99_ms=200, min_throughput_ops=10),
        metadata={"endpoint": "/api/v1/fir"},
    )
    assert isinstance(result, TestResult)
    assert framework.results == [result]
    assert result.status is TestStatus.PASSED
    assert result.violations == []
    metrics = result.metrics
    assert (metrics.test_name, metrics.test_type, metrics.iterations) == ("my_test", "api_endpoint", 100)
    assert (metrics.min_time_ms, metrics.max_time_ms, metrics.mean_time_ms) == (1.0, 10.0, 5.5)
    assert metrics.median_time_ms == 5.5
    assert metrics.p90_time_ms == pytest.approx(9.1)  # type 7: between the 90th (9) and the 91st (10) of 100
    assert metrics.p95_time_ms == metrics.p99_time_ms == 10.0
    assert metrics.std_dev_ms == pytest.approx((8.25 * 100 / 99) ** 0.5)
    assert metrics.total_duration_sec == pytest.approx(0.55)
    assert metrics.throughput_ops_per_sec == pytest.approx(100 / 0.55)
    assert metrics.timestamp == "2026-11-22T23:59:58.055000Z"  # the window began after 55 ms of warm-up
    assert metrics.metadata == {"endpoint": "/api/v1/fir"}
    assert (metrics.error_count, metrics.error_rate, metrics.errors) == (0, 0.0, ())


def test_the_defaults_are_a_hundred_calls_after_ten() -> None:
    work = Work()
    assert make_framework().run_benchmark("my_test", TestType.API_ENDPOINT, work).metrics.iterations == 100
    assert work.calls == 110


@pytest.mark.parametrize("limit_ms", [1.999, 2.0, 2.001])
def test_a_threshold_decides(limit_ms: float) -> None:
    clock = ManualClock()
    result = make_framework(clock).run_benchmark(
        "my_test", TestType.API_ENDPOINT, Work(clock, 0.002), threshold=PerformanceThreshold(max_max_ms=limit_ms)
    )
    assert result.status is (TestStatus.FAILED if limit_ms < 2 else TestStatus.PASSED)
    assert len(result.violations) == (1 if limit_ms < 2 else 0)


def test_errors_without_a_limit_are_a_warning() -> None:
    framework = make_framework()
    operation = Work(on_call=raising(ValueError, on=50))
    result = framework.run_benchmark("my_test", TestType.API_ENDPOINT, operation)
    assert result.status is TestStatus.WARNING
    assert "errors" in codes(result)


def test_nothing_but_errors_is_a_failure() -> None:
    def operation() -> None:
        raise SystemExit(1)

    result = make_framework().run_benchmark("my_test", TestType.API_ENDPOINT, operation)
    assert result.status is TestStatus.FAILED
    assert result.violations == ["no attempt was ok: all 100 failed"]


def test_a_teardown_that_fails_is_a_finding() -> None:
    def teardown() -> None:
        raise ValueError("still in use")

    result = make_framework().run_benchmark("my_test", TestType.API_ENDPOINT, Work(), teardown=teardown)
    assert "teardown-failed" in codes(result)
    assert result.status is TestStatus.PASSED


class TestConcurrent:
    @pytest.mark.parametrize(
        ("wrapped", "execution"),
        [(lambda work: work, Execution.THREADS), (awaited, Execution.TASKS)],
        ids=["threads", "tasks"],
    )
    def test_a_result_a_level(self, wrapped: Any, execution: Execution) -> None:
        framework, work = make_framework(), Work()
        results = framework.run_concurrent_benchmark(
            test_name="load",
            operation=wrapped(work),
            concurrency_levels=[2, 5, 10],
            iterations_per_level=200,
            threshold=PerformanceThreshold(max_p95_ms=100),
            metadata={"region": "eu"},
        )
        assert framework.results == results
        assert work.calls == 3 * (200 + 10)
        assert [result.metrics.test_name for result in results] == [
            "load_concurrency_2",
            "load_concurrency_5",
            "load_concurrency_10",
        ]
        assert [result.metrics.metadata for result in results] == [
            {"region": "eu", "concurrency": level} for level in (2, 5, 10)
        ]
        assert {result.metrics.iterations for result in results} == {200}
        assert {result.metrics.test_type for result in results} == {"concurrent_load"}
        assert {result.record.definition.execution for result in results} == {execution}
        assert {result.status for result in results} == {TestStatus.PASSED}

    def test_setup_and_teardown_once_a_level(self) -> None:
        log: list[str] = []
        make_framework().run_concurrent_benchmark(
            "load", Work(), [1, 3], 60, setup=lambda: log.append("up"), teardown=lambda: log.append("down")
        )
        assert log == ["up", "down", "up", "down"]

    def test_levels_are_checked_before_the_first_runs(self) -> None:
        work = Work()
        with pytest.raises(ValueError, match=r"concurrency_levels\[1\]"):
            make_framework().run_concurrent_benchmark("load", work, [1, -5])
        assert work.calls == 0

    def test_few_iterations_are_a_finding(self) -> None:
        (result,) = make_framework().run_concurrent_benchmark("load", Work(), [10], 5)
        assert "few-iterations-per-worker" in codes(result)
        assert result.metrics.iterations == 5


class TestManyIterations:
    @pytest.mark.parametrize("iterations", [SAMPLE_LIMIT, SAMPLE_LIMIT + 1])
    def test_raw_samples_are_kept_up_to_a_limit(self, iterations: int) -> None:
        clock = ManualClock()
        result = make_framework(clock).run_benchmark("my_test", TestType.API_ENDPOINT, Uneven(clock), iterations, 0)
        samples, metrics = result.record.latency.samples_ns, result.metrics
        assert (samples is None) == (iterations > SAMPLE_LIMIT)
        assert result.record.latency.histogram.count == iterations
        # Exact from the samples, and to a tenth of a percent from the histogram.
        assert metrics.median_time_ms == pytest.approx(5.5 if samples else 5.0, rel=1e-3)
        assert metrics.p99_time_ms == pytest.approx(10.0, rel=1e-3)
        # Sums are exact either way; the clock's own floats are good to a nanosecond.
        assert metrics.mean_time_ms == pytest.approx(5.5, rel=1e-5)
        assert metrics.max_time_ms == pytest.approx(10.0, abs=2e-6)


def test_a_result_as_plain_data() -> None:
    result = make_framework().run_benchmark("my_test", TestType.CACHE_OPERATION, Work(), metadata={"n": 1})
    plain = result.to_dict()
    assert plain["status"] == "passed"
    assert isinstance(plain["metrics"], dict)
    assert plain["metrics"]["test_type"] == "cache_operation"
    assert plain["metrics"]["metadata"] == {"n": 1}
    assert plain["metrics"]["hit_rate"] is None
    assert "record" not in plain
