"""The text report over many results."""

from collections.abc import Iterator
from dataclasses import replace

from bench.figure import Figure
from bench.pairing import repeated, timed
from paceline.framework import PerformanceTestFramework
from paceline.judge.result import TestResult
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import TestType

_RESULTS = 1_000


def failing() -> None:
    """Raise, so that the report has a traceback to show."""
    raise ConnectionError("connection refused by db-1:5432")


def kinds() -> list[TestResult]:
    """Results of each kind: passed, a broken limit, errors with a traceback."""
    framework = PerformanceTestFramework()
    strict = PerformanceThreshold(max_p95_ms=1e-6, max_mean_ms=1e-6)
    api = TestType.API_ENDPOINT
    return [
        framework.run_benchmark("passing", api, lambda: sum(range(1_000)), 200, metadata={"table": "records"}),
        framework.run_benchmark("slow", api, lambda: sum(range(1_000)), 200, threshold=strict),
        framework.run_benchmark("failing", api, failing, 200),
    ]


def figures() -> Iterator[Figure]:
    """``generate_report`` over 1,000 results."""
    framework, made = PerformanceTestFramework(), kinds()
    for number in range(_RESULTS):
        result = made[number % len(made)]
        name = f"{result.metrics.test_name} {number}"
        framework.results.append(replace(result, metrics=replace(result.metrics, test_name=name)))
    assert len(framework.results) == _RESULTS
    yield Figure("generate_report over 1,000 results", repeated(timed(framework.generate_report), 7), "s", at_most=0.5)
