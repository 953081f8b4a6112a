"""Requirements 9.1 to 9.7 of the specification, each on a real API, a real database and a real cache."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from paceline import HttpTarget, PerformanceTestFramework, PerformanceThreshold, TestResult, TestStatus, TestType
from paceline.core.clock import SYSTEM_CLOCK
from paceline.demo.dataset import open_read_only
from paceline.demo.operations import Reports, get_record, newest_of_customer
from paceline.demo.servers import DemoServers, demo_servers

pytestmark = pytest.mark.real

SEED = 9
NO_ERRORS = PerformanceThreshold(max_error_rate=0, min_throughput_ops=0)


@pytest.fixture(scope="module")
def servers() -> Iterator[DemoServers]:
    with demo_servers(SYSTEM_CLOCK, SEED) as started:
        yield started


@pytest.fixture
def record(servers: DemoServers) -> HttpTarget:
    return get_record(servers.service.host, servers.service.port, SEED)


@pytest.fixture
def framework() -> PerformanceTestFramework:
    return PerformanceTestFramework()


def api(framework: PerformanceTestFramework, record: HttpTarget, pid: int) -> TestResult:
    return framework.run_benchmark("api", TestType.API_ENDPOINT, record, threshold=NO_ERRORS, target_pids=(pid,))


def figures_are_ordered(result: TestResult) -> bool:
    metrics = result.metrics
    return (
        0
        < metrics.min_time_ms
        <= metrics.median_time_ms
        <= metrics.p95_time_ms
        <= metrics.p99_time_ms
        <= metrics.max_time_ms
        and metrics.min_time_ms <= metrics.mean_time_ms <= metrics.max_time_ms
        and metrics.throughput_ops_per_sec > 0
    )


def test_9_1_api_response_time(framework: PerformanceTestFramework, servers: DemoServers, record: HttpTarget) -> None:
    result = api(framework, record, servers.service.pid)
    assert (result.metrics.test_type, result.metrics.iterations) == ("api_endpoint", 100)
    assert figures_are_ordered(result)
    target_memory_mb = result.system_metrics["target_memory_mb"]
    assert isinstance(target_memory_mb, float)
    assert target_memory_mb > 1


def test_9_2_database_query_time(framework: PerformanceTestFramework, servers: DemoServers) -> None:
    query = newest_of_customer(servers.database, SEED)
    result = framework.run_benchmark("query", TestType.DATABASE_QUERY, query, threshold=NO_ERRORS)
    assert (result.metrics.test_type, result.metrics.iterations) == ("database_query", 100)
    assert result.record.database is not None
    assert result.record.database.statements[0].rows == 2_000
    assert figures_are_ordered(result)


def test_9_3_cache_hit_rate_and_response_time(framework: PerformanceTestFramework, servers: DemoServers) -> None:
    with closing(open_read_only(servers.database)) as connection:
        result = framework.run_benchmark(
            "cache",
            TestType.CACHE_OPERATION,
            Reports(connection, SEED).through(servers.cache.socket_path),
            threshold=PerformanceThreshold(max_error_rate=0, min_hit_rate=0),
        )
    counts = result.record.counts
    assert counts.hits + counts.misses == 100
    assert result.metrics.hit_rate == counts.hits / 100
    assert 0 < result.metrics.hit_rate < 1
    assert result.record.cache is not None
    assert result.record.cache.loads is not None
    assert result.record.cache.loads.latency.moments.count == counts.misses
    assert figures_are_ordered(result)


def test_9_4_concurrent_requests(framework: PerformanceTestFramework, record: HttpTarget) -> None:
    results = framework.run_concurrent_benchmark("load", record, [1, 5, 10], 60, NO_ERRORS)
    assert [result.metrics.metadata["concurrency"] for result in results] == [1, 5, 10]
    assert [result.metrics.iterations for result in results] == [60, 60, 60]
    assert all(figures_are_ordered(result) for result in results)


def test_9_5_report_with_baseline_comparison(
    framework: PerformanceTestFramework, servers: DemoServers, record: HttpTarget, tmp_path: Path
) -> None:
    api(framework, record, servers.service.pid)
    framework.save_baseline(tmp_path / "baseline.json")

    second = PerformanceTestFramework()
    second.load_baseline(tmp_path / "baseline.json")
    api(second, record, servers.service.pid)
    comparison = second.compare_to_baseline("api")
    assert comparison is not None
    report = second.generate_report(tmp_path / "report.txt")
    for section in ("Summary: 1 test", "Baseline comparison", f"{comparison['median_change_pct']:+.1f} %"):
        assert section in report
    assert (tmp_path / "report.txt").read_text() == report


def test_9_6_thresholds(framework: PerformanceTestFramework, servers: DemoServers, record: HttpTarget) -> None:
    held = api(framework, record, servers.service.pid)
    broken = framework.run_benchmark(
        "impossible", TestType.API_ENDPOINT, record, threshold=PerformanceThreshold(max_p95_ms=0)
    )
    assert (held.status, held.violations) == (TestStatus.PASSED, [])
    assert broken.status is TestStatus.FAILED
    assert re.fullmatch(r"p95 \S+ (\S+) > limit 0 \1 \(max_p95_ms\)", broken.violations[0])


@pytest.mark.parametrize(("limit", "code"), [("error_rate<=0", 0), ("p(95)<0ns", 1)])
def test_9_7_pipelines_understand_the_exit_code(limit: str, code: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "paceline.cli.main", "call", "os:getpid", "-t", limit, "--json", "results.json"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert ended.returncode == code
    assert (tmp_path / "results.json").exists()
