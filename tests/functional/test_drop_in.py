"""Suites written for pytest-benchmark, run by the drop-in: the fixture, the options, the folder, and one report."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from paceline.pytest_plugin.drop_in import document, fixture, record, stand_in, storage, table
from paceline.store.baselines import load_baseline
from tests.functional.plugin_runs import LOADED, run, run_apart

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(stand_in.is_installed(), reason="it steps aside")
IMPORTED = (document, fixture, record, storage, table)  # see plugin_runs

SUITE = """
import pytest

@pytest.mark.benchmark(group="texts", min_rounds=3, warmup=False, disable_gc=True)
@pytest.mark.parametrize("size", [1, 10])
def test_join(benchmark, size):
    benchmark.extra_info["size"] = size
    assert benchmark("".join, ["a"] * size) == "a" * size

def test_pedantic(benchmark):
    assert benchmark.pedantic(int, args=("3",), rounds=5, iterations=2, warmup_rounds=1) == 3
    assert benchmark.stats.stats.rounds == benchmark.stats["rounds"] == 5

def test_plain():
    pass
"""
QUICK = "--benchmark-max-time=0.001"


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester) -> Path:
    return pytester.makepyfile(test_suite=SUITE)


def saved(pytester: pytest.Pytester) -> list[Path]:
    return sorted((pytester.path / ".benchmarks").rglob("*.json"))


def content(path: Path) -> Mapping[str, Any]:
    read: Mapping[str, Any] = json.loads(path.read_text())
    return read


def test_it_runs_unchanged_and_is_in_both_tables(pytester: pytest.Pytester) -> None:
    outcome = run(pytester, QUICK)
    outcome.assert_outcomes(passed=4)
    outcome.stdout.fnmatch_lines(
        [
            "* benchmark: 1 tests *",
            "Name (time in ?s) * Min * Max * Mean * StdDev * Median * IQR * Outliers * OPS * Rounds * Iterations",
            "test_pedantic *",
            "* benchmark 'texts': 2 tests *",
            "test_join* (1.0) *",
            "Legend:",
            "* performance *",
            "*::test_pedantic *passed",
        ]
    )


def test_json_is_pytest_benchmarks_and_reads_back(pytester: pytest.Pytester) -> None:
    run(pytester, QUICK, "--benchmark-json=out.json", "--perf-json=results.json").assert_outcomes(passed=4)
    written = content(pytester.path / "out.json")
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} <= set(written)
    first = written["benchmarks"][0]
    assert (first["group"], first["name"], first["param"], first["params"]) == (
        "texts",
        "test_join[1]",
        "1",
        {"size": 1},
    )
    assert first["extra_info"] == {"size": 1}
    assert first["options"] == {
        "disable_gc": True,
        "timer": "perf_counter",
        "min_rounds": 3,
        "max_time": 0.001,
        "min_time": 5e-6,
        "precision": None,
        "confidence": None,
        "warmup": False,
    }
    assert len(first["stats"]["data"]) == first["stats"]["rounds"] >= 3
    stored = load_baseline(pytester.path / "out.json")
    results = content(pytester.path / "results.json")["results"]
    assert [each["metrics"]["test_name"] for each in results] == list(stored)
    for each in results:
        of_file = stored[each["metrics"]["test_name"]][0].metrics["median_time_ms"]
        assert each["metrics"]["median_time_ms"] == pytest.approx(of_file, abs=2e-6)  # whole nanoseconds a round


def test_save_and_compare(pytester: pytest.Pytester) -> None:
    run(pytester, QUICK, "--benchmark-save=base")
    run(pytester, QUICK, "--benchmark-autosave", "--benchmark-save-data")
    first, second = saved(pytester)
    assert first.name == "0001_base.json"
    assert second.name.startswith("0002_unversioned_")
    assert "data" not in content(first)["benchmarks"][0]["stats"]
    assert "data" in content(second)["benchmarks"][0]["stats"]

    outcome = run(
        pytester, QUICK, "--benchmark-compare=0001", "--benchmark-columns=median,p95", "--benchmark-sort=name"
    )
    outcome.assert_outcomes(passed=4)
    outcome.stderr.fnmatch_lines(["Comparing against benchmarks from: *0001_base.json"])
    outcome.stdout.fnmatch_lines(["*benchmark: 2 tests*", "test_pedantic (0001_base) *", "test_pedantic (NOW) *"])


def test_a_figure_that_grew_fails_the_session(pytester: pytest.Pytester) -> None:
    run(pytester, QUICK, "--benchmark-save=base")
    (path,) = saved(pytester)
    plain = dict(content(path))
    for each in plain["benchmarks"]:
        each["stats"]["min"] /= 1000
    path.write_text(json.dumps(plain))
    outcome = run(
        pytester, QUICK, "--benchmark-compare", "--benchmark-compare-fail=min:5%", "--benchmark-compare-fail=max:1"
    )
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    outcome.stdout.fnmatch_lines(["Performance has regressed:", "*test_join[[]1[]]: min grew by * %, more than 5 %*"])
    assert run(pytester, QUICK, "--benchmark-compare", "--benchmark-compare-fail=max:60").ret == pytest.ExitCode.OK


@pytest.mark.parametrize("wanted", ["--benchmark-compare", "--benchmark-compare=0007"])
def test_nothing_to_compare_with_is_no_pass(pytester: pytest.Pytester, wanted: str) -> None:
    assert run(pytester, QUICK, wanted).ret == pytest.ExitCode.OK
    outcome = run(pytester, QUICK, wanted, "--benchmark-compare-fail=min:5%")
    assert outcome.ret == pytest.ExitCode.TESTS_FAILED
    outcome.stderr.fnmatch_lines(["Can't compare. No benchmark files in *"])


def test_which_tests_are_run(pytester: pytest.Pytester) -> None:
    run(pytester, QUICK, "--benchmark-only").assert_outcomes(passed=3, skipped=1)
    run(pytester, QUICK, "--benchmark-skip").assert_outcomes(passed=1, skipped=3)
    run(pytester, QUICK, "--benchmark-skip", "--benchmark-only").assert_outcomes(passed=3, skipped=1)
    run(pytester, QUICK, "--perf-only").assert_outcomes(passed=3, deselected=1)


def test_disabled(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_suite="""
        calls = []
        def test_it(benchmark):
            assert not benchmark.enabled
            assert benchmark(calls.append, 1) is None
            assert calls == [1]
            assert benchmark.stats is None
        """
    )
    for option in ("--benchmark-disable", "--perf-disable"):
        outcome = run(pytester, option)
        outcome.assert_outcomes(passed=1)
        assert "Name (time" not in outcome.stdout.str()
    outcome = run(pytester, "--benchmark-disable", "--benchmark-enable", QUICK)
    outcome.assert_outcomes(failed=1)


def test_a_limit_of_ours_holds_for_them_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_suite="""
        import pytest
        @pytest.mark.perf(threshold="avg<0.000000001ms")
        def test_it(benchmark):
            benchmark(sum, range(100))
        """
    )
    outcome = run(pytester, QUICK)
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["*mean * > limit *"])


def test_what_is_wrong_is_said_before_any_test_runs(pytester: pytest.Pytester) -> None:
    for option, told in {
        "--benchmark-histogram": "charts are not drawn here",
        "--benchmark-timer=bogus": "must be in dotted form",
        "--benchmark-timer=time.bogus": "there is no time.bogus",
        "--benchmark-storage=elasticsearch+http://x": "is not to be had here",
        "--benchmark-compare-fail=min:5%": "requires --benchmark-compare",
        "--benchmark-json=no/such/folder/x.json": "there is no folder",
        "--benchmark-max-time=bogus": "Invalid decimal value 'bogus'",
    }.items():
        outcome = run_apart(pytester, option)
        assert outcome.ret == pytest.ExitCode.USAGE_ERROR
        assert told in outcome.stderr.str()
    for marker, told in {"bogus=1": "can't have 'bogus' keyword", "5": "can't have positional"}.items():
        pytester.makepyfile(test_suite=f"import pytest\n@pytest.mark.benchmark({marker})\ndef test_it(benchmark): pass")
        outcome = run_apart(pytester)
        assert outcome.ret == pytest.ExitCode.USAGE_ERROR
        assert told in outcome.stderr.str()


def test_errors_of_the_operation_have_no_internals_in_their_traceback(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_suite="""
        def test_it(benchmark):
            @benchmark
            def result():
                raise ValueError("planted")
        """
    )
    outcome = run(pytester, QUICK, "--benchmark-json=out.json")
    outcome.assert_outcomes(failed=1)
    outcome.stdout.fnmatch_lines(["E*ValueError: planted"])
    assert "fixture.py" not in outcome.stdout.str()
    assert "calls.py" not in outcome.stdout.str()
    assert not (pytester.path / "out.json").exists()


def test_a_fixture_that_is_never_called_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_suite="""
        import pytest
        def test_forgets(benchmark): pass
        def test_skips(benchmark): pytest.skip("no")
        """
    )
    outcome = run(pytester)
    outcome.assert_outcomes(passed=1, skipped=1, warnings=1)
    outcome.stdout.fnmatch_lines(["*Benchmark fixture was not used at all in this test!"])


def test_hooks_of_a_conftest_are_called(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest
        def pytest_benchmark_update_machine_info(config, machine_info):
            machine_info["rack"] = 7
        @pytest.hookimpl(hookwrapper=True)
        def pytest_benchmark_generate_json(config, benchmarks, include_data, machine_info, commit_info):
            assert include_data
            for each in benchmarks:
                each.extra_info["rack"] = machine_info["rack"]
            yield
        def pytest_benchmark_update_commit_info(config, commit_info):
            commit_info["message"] = "x"
        def pytest_benchmark_update_json(config, benchmarks, output_json):
            output_json["tests"] = len(benchmarks)
        def pytest_benchmark_group_stats(config, benchmarks, group_by):
            return [("everything", benchmarks)]
        """
    )
    outcome = run(pytester, QUICK, "--benchmark-json=out.json")
    outcome.stdout.fnmatch_lines(["* benchmark 'everything': 3 tests *"])
    written = content(pytester.path / "out.json")
    assert (written["machine_info"]["rack"], written["commit_info"]["message"], written["tests"]) == (7, "x", 3)
    assert [each["extra_info"]["rack"] for each in written["benchmarks"]] == [7, 7, 7]


def test_coroutine_tests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_suite="""
        import asyncio, pytest

        async def fetch(number):
            await asyncio.sleep(0)
            return number

        def test_outside(benchmark):
            assert benchmark(fetch, 1) == 1

        @pytest.mark.anyio
        async def test_inside(benchmark):
            assert await benchmark(fetch, 2) == 2

        @pytest.fixture
        def anyio_backend():
            return "asyncio"
        """
    )
    run(pytester, QUICK).assert_outcomes(passed=2)


def test_modules_that_suites_import_are_there_while_the_session_is(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_suite="""
        import pytest
        package = pytest.importorskip("pytest_benchmark", minversion="4")
        from pytest_benchmark.fixture import BenchmarkFixture, FixtureAlreadyUsed
        from pytest_benchmark.stats import Metadata

        def test_it(benchmark: BenchmarkFixture):
            assert isinstance(benchmark, BenchmarkFixture)
            benchmark(sum, [1])
            assert isinstance(benchmark.stats, Metadata)
            with pytest.raises(FixtureAlreadyUsed):
                benchmark(sum, [1])

        def test_others_are_not():
            with pytest.raises(ModuleNotFoundError, match="pytest_benchmark.csv"):
                import pytest_benchmark.csv
        """
    )
    before = [type(each).__name__ for each in sys.meta_path]
    run(pytester, QUICK).assert_outcomes(passed=2)
    assert [type(each).__name__ for each in sys.meta_path] == before
    assert not stand_in.is_installed()
    outcome = run_apart(pytester, "-p", "no:paceline-benchmark-modules")
    outcome.assert_outcomes(skipped=1)


def test_it_gives_way_to_codspeed(pytester: pytest.Pytester) -> None:
    """What pytest-codspeed registers, by its names; where it is not enabled it calls, and must not be what is taken."""
    pytester.makeconftest(
        """
        import pytest
        def pytest_addoption(parser):
            parser.addoption("--codspeed", action="store_true")
        class Codspeed:
            def __init__(self, is_enabled):
                self.is_codspeed_enabled = is_enabled
        def pytest_configure(config):
            config.pluginmanager.register(Codspeed(config.option.codspeed), "codspeed_plugin")
        @pytest.fixture
        def codspeed_benchmark():
            return lambda function, *args: "theirs"
        """
    )
    pytester.makepyfile(
        test_suite="""
        def test_it(benchmark, request):
            assert benchmark(lambda: "ours") == ("theirs" if request.config.option.codspeed else "ours")
        """
    )
    measured = run(pytester, QUICK)
    measured.assert_outcomes(passed=1)
    measured.stdout.fnmatch_lines(["*benchmark: 1 tests*"])
    outcome = run(pytester, QUICK, "--codspeed", "-W", "error")
    outcome.assert_outcomes(passed=1)
    assert "Name (time" not in outcome.stdout.str()


def test_beside_other_workers_nothing_is_measured(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    outcome = run_apart(pytester, QUICK, "-n", "2")
    outcome.assert_outcomes(passed=3, failed=1, warnings=3)  # the test that reads its figures has none
    outcome.stdout.fnmatch_lines(["*benchmarks are called once and not measured*"])


def test_it_steps_aside(pytester: pytest.Pytester) -> None:
    (pytester.path / "pytest_benchmark").mkdir()
    (pytester.path / "pytest_benchmark" / "__init__.py").touch()
    pytester.makeini("[pytest]\npythonpath = .")
    outcome = pytester.runpytest_subprocess(*LOADED, f"--rootdir={pytester.path}", QUICK, timeout=60)
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments: --benchmark-max-time" in outcome.stderr.str()


def test_figures_are_compared_with_a_folder_of_sessions(pytester: pytest.Pytester) -> None:
    run(pytester, QUICK, "--benchmark-save=base")
    outcome = run(pytester, QUICK, f"--perf-baseline={pytester.path / '.benchmarks'}")
    outcome.assert_outcomes(passed=4)
    outcome.stdout.fnmatch_lines(["*inconclusive against the baseline: *advice needs 4 more sessions*"])


def test_junit_of_the_session(pytester: pytest.Pytester) -> None:
    run(pytester, QUICK, "--perf-junit=report.xml")
    assert '<testcase name="test_join[1]" classname="test_suite"' in (pytester.path / "report.xml").read_text()


RESUMED = """
    import os, pathlib

    def noted(name):
        with open("calls.txt", "a") as file:
            file.write(name)

    def test_calibrated(benchmark):
        benchmark(lambda: noted("c"))
        (pathlib.Path("mean.txt")).open("a").write(f"{benchmark.stats['mean']!r}\\n")

    def test_pedantic(benchmark):
        benchmark.pedantic(lambda: noted("p"), rounds=3, iterations=2)

    def test_other_rounds(benchmark):
        benchmark.pedantic(lambda: noted("o"), rounds=5 if os.path.exists("again") else 3, iterations=1)

    def test_killed(benchmark):
        os.path.exists("again") or os._exit(9)
        benchmark(lambda: noted("k"))
"""


def test_a_session_that_was_cut_off_is_gone_on_with(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_suite=RESUMED)
    calls = pytester.path / "calls.txt"
    quick = ("--benchmark-max-time=0.01", "--benchmark-min-time=0.001")
    assert run_apart(pytester, *quick).ret == 9
    before = calls.read_text()
    calls.write_text("")
    (pytester.path / "again").touch()
    outcome = run_apart(pytester, *quick, "--perf-resume", "--perf-json=out.json", "--benchmark-json=theirs.json")
    outcome.assert_outcomes(passed=4)
    after = calls.read_text()
    assert (before.count("c") > 5, before.count("p")) == (True, 7)
    assert (after.count("c"), after.count("p"), after.count("o"), after.count("k") > 5) == (1, 1, 5, True)
    first, second = (pytester.path / "mean.txt").read_text().splitlines()
    assert float(first) == pytest.approx(float(second), rel=1e-6)
    names = ["test_calibrated", "test_pedantic", "test_other_rounds", "test_killed"]
    results = json.loads((pytester.path / "out.json").read_text())["results"]
    assert [each["metrics"]["test_name"].rpartition("::")[2] for each in results] == names
    theirs = json.loads((pytester.path / "theirs.json").read_text())["benchmarks"]
    assert [each["name"] for each in theirs] == names
    assert theirs[0]["stats"]["mean"] == float(second)
