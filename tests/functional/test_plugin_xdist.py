"""Under pytest-xdist: measuring beside others is refused or marked; what a worker measured reaches the controller."""

import json

import pytest

from tests.functional.plugin_runs import run_apart, suite

pytest_plugins = ["pytester"]
pytest.importorskip("xdist", reason="pytest-xdist belongs to the development tools: pip install -e '.[dev]'")

SUITE = """
def test_one(perf):
    perf(work)

def test_two(perf):
    perf(work, name="named")

def test_plain():
    pass
"""


def test_parallel_workers_are_refused(pytester: pytest.Pytester) -> None:
    suite(pytester, SUITE)
    outcome = run_apart(pytester, "-n2")
    outcome.assert_outcomes(passed=1, failed=2)
    outcome.stdout.fnmatch_lines(["*ConfigurationError: 2 workers of pytest-xdist compete for this machine*-n 0*"])
    outcome.stdout.no_fnmatch_line("*= performance =*")


def test_or_their_results_are_marked_invalid_and_merged(pytester: pytest.Pytester) -> None:
    suite(pytester, SUITE)
    outcome = run_apart(pytester, "-n2", "--perf-xdist=mark", "--perf-json=out.json", "--perf-save-baseline=base.json")
    outcome.assert_outcomes(passed=3)
    results = json.loads((pytester.path / "out.json").read_text())["results"]
    assert {each["metrics"]["test_name"] for each in results} == {"test_it.py::test_one", "named"}
    assert {each["status"] for each in results} == {"warning"}
    assert all("parallel-workers" in {finding["code"] for finding in each["findings"]} for each in results)
    assert not (pytester.path / "base.json").exists(), "what is in doubt is no reference"
    assert not list((pytester.path / ".paceline").glob("journal-*"))


def test_the_settings_can_say_so_too(pytester: pytest.Pytester) -> None:
    suite(pytester, SUITE)
    pytester.makepyprojecttoml("[tool.paceline]\nxdist = 'mark'\n")
    outcome = run_apart(pytester, "-n2", "--perf-strict")
    outcome.assert_outcomes(passed=3)
    assert outcome.ret == 6


def test_a_single_worker_measures_and_the_controller_judges(pytester: pytest.Pytester) -> None:
    suite(pytester, SUITE + "def test_slow(perf): perf(work, threshold='avg<1ns')\n")
    outcome = run_apart(pytester, "-n1", "--perf-save-baseline=base.json")
    outcome.assert_outcomes(passed=3, failed=1)
    outcome.stdout.fnmatch_lines(["*= performance =*", "*test_slow *FAILED", "*2 tests saved to *"])
    again = run_apart(pytester, "-n1", "--perf-baseline=base.json", "-k", "one or two")
    again.stdout.fnmatch_lines(["*test_one * inconclusive *passed"])


def test_a_worker_that_dies_loses_the_test_under_way(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        import os

        def test_one(perf):
            perf(work)

        def test_dies(perf):
            perf(work)
            os._exit(1)
        """,
    )
    outcome = run_apart(pytester, "-n1", "--max-worker-restart=0", "--perf-json=out.json")
    assert outcome.ret != 0
    results = json.loads((pytester.path / "out.json").read_text())["results"]
    assert [each["metrics"]["test_name"] for each in results] == ["test_it.py::test_one"]


def test_nothing_is_measured_under_workers_when_disabled(pytester: pytest.Pytester) -> None:
    suite(pytester, SUITE)
    run_apart(pytester, "-n2", "--perf-disable").assert_outcomes(passed=3)


def test_resuming_is_for_one_process(pytester: pytest.Pytester) -> None:
    suite(pytester, SUITE)
    outcome = run_apart(pytester, "-n1", "--perf-resume")
    assert outcome.ret == 4
    outcome.stderr.fnmatch_lines(["*--perf-resume is for one process: *-n 0*"])
