"""The specification's own snippets, taken out of its text and run as they stand, by both import paths."""

import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paceline import Outcome, PacelineWarning, PerformanceThreshold, TestResult, TestStatus

SPECIFICATION = (Path(__file__).parents[1] / "data" / "specification.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", SPECIFICATION, re.MULTILINE | re.DOTALL)
BASIC, CONCURRENT, BASELINE, REPORTS, THRESHOLD, CI = range(6)

# `...` stands for the first snippet's arguments.
ELLIPSIS = "framework.run_benchmark(...)"
_ARGUMENTS = re.search(r"framework\.run_benchmark\((.*?)\n\)", SNIPPETS[BASIC], re.DOTALL)
assert _ARGUMENTS is not None
ARGUMENTS = _ARGUMENTS[1]

Snippets = Callable[..., dict[str, Any]]


@pytest.fixture(params=["infrastructure.performance_testing", "paceline"])
def run_snippets(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snippets:
    """Runs snippets one after the other in one namespace and an empty folder; returns the namespace."""
    monkeypatch.chdir(tmp_path)
    path: str = request.param
    namespace: dict[str, Any] = {"sys": sys, "__name__": "specification"}
    # The last snippet takes it for granted that this is imported, like sys.
    exec(f"from {path} import TestStatus", namespace)

    def run(*numbers: int) -> dict[str, Any]:
        for number in numbers:
            source = SNIPPETS[number].replace(ELLIPSIS, f"framework.run_benchmark({ARGUMENTS}\n)")
            assert "..." not in source
            source = source.replace("infrastructure.performance_testing", path)
            with warnings.catch_warnings():
                # A baseline that is not there yet is a first run: a warning, no exception.
                warnings.filterwarnings("ignore", "there is no baseline", PacelineWarning)
                exec(compile(source, f"specification, snippet {number + 1}", "exec"), namespace)
        return namespace

    return run


def test_the_specification_has_six_snippets() -> None:
    assert len(SNIPPETS) == 6
    assert [ELLIPSIS in snippet for snippet in SNIPPETS] == [False, False, True, False, False, True]
    for word in ('"my_test"', "operation=my_operation", "iterations=100", "threshold=threshold"):
        assert word in ARGUMENTS


def test_all_in_order(run_snippets: Snippets, tmp_path: Path) -> None:
    namespace = run_snippets(*range(6))
    names = [result.metrics.test_name for result in namespace["framework"].results]
    levels = [f"concurrent_api_test_concurrency_{level}" for level in (1, 5, 10, 20, 50)]
    assert names == ["my_test", *levels, "my_test#2", "my_test#3"]
    files = {"baseline_metrics.json", "performance_report.txt", "performance_results.json"}
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == files


def test_basic(run_snippets: Snippets, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_snippets(BASIC)["result"]
    assert isinstance(result, TestResult)
    assert result.status is TestStatus.PASSED
    assert re.fullmatch(r"Status: passed\nMean: \d+\.\d\dms\nP95: \d+\.\d\dms\n", capsys.readouterr().out)


def test_concurrent(run_snippets: Snippets, capsys: pytest.CaptureFixture[str]) -> None:
    results = run_snippets(BASIC, CONCURRENT)["results"]
    assert [result.metrics.metadata["concurrency"] for result in results] == [1, 5, 10, 20, 50]
    assert {result.metrics.iterations for result in results} == {50}
    printed = capsys.readouterr().out.splitlines()[3:]
    assert [line.split(":")[0] for line in printed] == [f"Concurrency {level}" for level in (1, 5, 10, 20, 50)]


def test_baseline(run_snippets: Snippets, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_snippets(BASIC, BASELINE)["comparison"] is None  # the first time there is none
    capsys.readouterr()
    comparison = run_snippets(BASIC, BASELINE)["comparison"]  # a second session, which finds the first one's file
    assert isinstance(comparison["mean_change_pct"], float)
    assert re.search(r"Mean change: [+-]\d+\.\d\d%\nP95 change: [+-]\d+\.\d\d%\n", capsys.readouterr().out)


def test_reports(run_snippets: Snippets, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = run_snippets(BASIC, CONCURRENT, REPORTS)["report"]
    assert (tmp_path / "performance_report.txt").read_text(encoding="utf-8") == report
    assert report in capsys.readouterr().out
    # 'Report Format': summary, details, comparison and violations where there are any, system metrics.
    for part in ("Summary: 6 tests:", "my_test", "concurrent_api_test_concurrency_50", "latency", "CPU", "memory"):
        assert part in report


def test_threshold(run_snippets: Snippets) -> None:
    assert run_snippets(BASIC, THRESHOLD)["threshold"] == PerformanceThreshold(
        max_p95_ms=2000, max_p99_ms=5000, max_mean_ms=1000, min_throughput_ops=10, max_error_rate=0.01
    )


def test_ci_goes_on_when_nothing_failed(run_snippets: Snippets, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_snippets(BASIC, CI)["failed_tests"] == []
    assert "failed" not in capsys.readouterr().out


def test_ci_exits_with_1_when_something_failed(run_snippets: Snippets, capsys: pytest.CaptureFixture[str]) -> None:
    namespace = run_snippets(BASIC)
    namespace["threshold"] = PerformanceThreshold(max_p95_ms=0)  # 0 is a limit, and nothing keeps it
    with pytest.raises(SystemExit) as exit_:
        run_snippets(CI)
    assert exit_.value.code == 1
    assert "Performance tests failed!" in capsys.readouterr().out
    assert [result.metrics.test_name for result in namespace["failed_tests"]] == ["my_test#2"]


@pytest.mark.parametrize("line", re.findall(r"^- `TestType\.(\w+)`", SPECIFICATION, re.MULTILINE))
def test_the_test_types(run_snippets: Snippets, line: str) -> None:
    namespace = run_snippets(BASIC)
    result = namespace["framework"].run_benchmark("typed", getattr(namespace["TestType"], line), Outcome.hit)
    assert result.metrics.test_type == line.lower()
