"""A session as a whole: options, settings, files, exit codes, and what is left when it is cut off."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from paceline.store.journal import read_journal
from tests.functional.plugin_runs import IS_INSTALLED, run, run_apart, suite

pytest_plugins = ["pytester"]

TWO = """
def test_one(perf):
    perf(work)

def test_two(perf):
    perf(work)
"""
MIXED = """
def test_plain():
    pass

def test_measures(perf):
    perf(work)
"""


def journals(pytester: pytest.Pytester) -> list[Path]:
    return sorted((pytester.path / ".paceline").glob("journal-*.jsonl"))


class TestSelection:
    def test_only(self, pytester: pytest.Pytester) -> None:
        suite(pytester, MIXED)
        outcome = run(pytester, "--perf-only")
        outcome.assert_outcomes(passed=1, deselected=1)
        assert outcome.ret == 0

    def test_only_and_nothing_measured(self, pytester: pytest.Pytester) -> None:
        suite(pytester, "def test_plain(): pass\ndef test_idle(perf): pass\n")
        assert run(pytester, "--perf-only").ret == 5
        assert run(pytester, "--perf-only", "-k", "plain").ret == 5
        assert run(pytester).ret == 0

    def test_skip(self, pytester: pytest.Pytester) -> None:
        suite(pytester, MIXED)
        outcome = run(pytester, "--perf-skip")
        outcome.assert_outcomes(passed=1, skipped=1)
        assert not (pytester.path / ".paceline").exists()

    def test_disable_calls_once(self, pytester: pytest.Pytester) -> None:
        suite(
            pytester,
            """
            import asyncio

            async def wait():
                calls.append(1)
                return 5

            @pytest.mark.perf(threshold="avg<1ns")
            def test_called_once(perf):
                before = len(calls)
                result = perf(work, keep_returned=True)
                assert (len(calls) - before, perf.returned, result.metrics.iterations) == (1, 19900, 1)
                assert perf(wait, keep_returned=True).metrics.iterations == 1 and perf.returned == 5
                assert len(perf.run_concurrent_benchmark("levels", work, [1, 2])) == 2
                perf.run_load("load", work, ClosedLoop(10, 60))
                assert len(calls) - before == 4

            def test_what_it_raises_is_the_tests(perf):
                perf([].pop)

            def test_duet(perf):
                perf.run_duet("duet", work, work)
            """,
        )
        outcome = run(pytester, "--perf-disable")
        outcome.assert_outcomes(passed=1, failed=1, skipped=1)
        outcome.stdout.fnmatch_lines(["*IndexError: pop from empty list"])
        outcome.stdout.no_fnmatch_line("*= performance =*")
        assert not (pytester.path / ".paceline").exists()

    def test_quick(self, pytester: pytest.Pytester) -> None:
        suite(
            pytester,
            """
            from paceline import ConstantRate, Stages

            def test_quick(perf):
                result = perf(work, iterations=100_000, warmup_iterations=50, runs=3)
                assert (result.metrics.iterations, len(calls)) == (10, 11)
                assert perf(work, iterations=3, warmup_iterations=0).metrics.iterations == 3
                for workload in (ClosedLoop(1, 3600), ConstantRate(50, 3600), Stages([(1800, 50), (1800, 0)])):
                    assert perf.run_load("load", work, workload).metrics.total_duration_sec < 3
            """,
        )
        run(pytester, "--perf-quick").assert_outcomes(passed=1)


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (["--perf-only", "--perf-skip"], "*--perf-only and --perf-skip exclude each other: together they leave*"),
            (["--perf-disable", "--perf-json=a"], "*--perf-disable and --perf-json exclude each other: nothing*"),
            (["--perf-quick", "--perf-save-baseline=a"], "*--perf-quick and --perf-save-baseline exclude each other*"),
            (["--perf-json=a", "--perf-save-baseline=./a"], "*--perf-json and --perf-save-baseline both name */a: *"),
            (["--perf-json=none/a.json"], "*cannot write */none/a.json: there is no folder */none; make it: mkdir *"),
            (["--perf-json=."], "*cannot write *: it is a folder; name a file in it"),
            (["--perf-json="], "*'' is no path of a file"),
            (["--perf-baseline=test_it.py"], "*test_it.py: *expected a baseline*The file was left as it is."),
            (["--perf-xdist=maybe"], "*--perf-xdist: invalid choice: 'maybe'*"),
        ],
    )
    def test_wrong_options_end_the_session_before_any_test(
        self, pytester: pytest.Pytester, arguments: list[str], told: str
    ) -> None:
        suite(pytester, TWO)
        outcome = run(pytester, *arguments)
        assert outcome.ret == 4
        outcome.stderr.fnmatch_lines([told])

    @pytest.mark.parametrize(
        ("table", "told"),
        [
            ('threshold = {"*" = ["p(95)<1"]}', "has an unknown key 'threshold': did you mean 'thresholds'?"),
            ("nonsense = 1", "has an unknown key 'nonsense'; known are baseline, history, strict, *"),
            ("iterations = 0", "iterations: it must be a whole number of at least 1, not 0"),
            ("warmup_iterations = true", "warmup_iterations: it must be a whole number of at least 0, not True"),
            ("strict = 'yes'", "strict: it must be true or false, not 'yes'"),
            ("xdist = 'maybe'", "xdist: it must be one of 'refuse', 'mark', not 'maybe'"),
            ("budget = 10", "budget: it must be a text that is not empty, not 10"),
            ("budget = 'soon'", "budget: 'soon' is not a duration: write it as 500ms, 30s or 1h30m"),
            ("budget = '0s'", "budget: '0s' must be longer than nothing"),
            ("thresholds = 5", "thresholds: it is a table of patterns, such as *"),
            ('thresholds = {"*" = 5}', "thresholds: '[*]': limits are a list such as *"),
            ('thresholds = {"*" = ["p95<5"]}', "thresholds.'[*]': *did you mean p(95)?*"),
            ('thresholds = {"x" = {max_p95 = 5}}', "thresholds.'x': there is no limit 'max_p95': did you mean*"),
            ('margins = {"*" = 0.1}', "margins: '[*]': it must be a text that is not empty, not 0.1"),
            ('margins = {"*" = "0.1"}', "margins: '[*]': a margin is a text such as '10%', *not '0.1'"),
            (
                'margins = {"*" = "100%"}',
                "margins: '[*]': a margin is a text such as '10%', above 0 and below 100 %, *",
            ),
            ('margins = {"*" = "nan%"}', "margins: '[*]': a margin is a text such as '10%', *not 'nan%'"),
        ],
    )
    def test_wrong_settings_are_named_with_file_and_place(
        self, pytester: pytest.Pytester, table: str, told: str
    ) -> None:
        suite(pytester, TWO)
        pytester.makepyprojecttoml(f"[tool.paceline]\n{table}\n")
        outcome = run(pytester)
        assert outcome.ret == 4
        outcome.stderr.fnmatch_lines([f"*pyproject.toml: [[]tool.paceline[]] {told}"])

    def test_a_table_that_is_none(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        pytester.makepyprojecttoml("[tool]\npaceline = 5\n")
        outcome = run(pytester)
        assert outcome.ret == 4
        outcome.stderr.fnmatch_lines(["*pyproject.toml: tool.paceline is a table, not 5"])


class TestSettings:
    def test_limits_by_pattern_add_up_and_the_nearest_word_wins(self, pytester: pytest.Pytester) -> None:
        suite(
            pytester,
            """
            def test_both(perf):
                threshold = perf(work).threshold
                assert (threshold.max_p95_ms, threshold.max_mean_ms) == (1000, 2000)
                assert set(threshold.expressions) == {"error_rate<1%"}
                assert len(calls) == 7

            @pytest.mark.perf(threshold=PerformanceThreshold(max_p99_ms=5000))
            def test_marked(perf):
                assert perf(work).threshold == PerformanceThreshold(max_p99_ms=5000)
                assert perf(work, threshold="avg<9s").threshold == PerformanceThreshold(expressions=["avg<9s"])

            def test_broken(perf):
                perf(work)
            """,
        )
        pytester.makepyprojecttoml(
            """
            [tool.paceline]
            iterations = 5
            warmup_iterations = 2

            [tool.paceline.thresholds]
            "test_it.py::test_both*" = { max_p95_ms = 1000, max_mean_ms = 2000 }
            "*both" = { max_p95_ms = 3000, expressions = ["error_rate<1%"] }
            "*test_broken" = ["avg<1ns"]
            """
        )
        outcome = run(pytester)
        outcome.assert_outcomes(passed=2, failed=1)
        outcome.stdout.fnmatch_lines(["mean * limit 1 ns (avg<1ns)"])

    def test_the_budget_ends_the_measuring_and_resume_goes_on(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        pytester.makepyprojecttoml("[tool.paceline]\nbudget = '1us'\n")
        outcome = run(pytester)
        outcome.assert_outcomes(passed=1, skipped=1)
        outcome.stdout.fnmatch_lines(["1 test not measured: the budget was used up"])
        assert len(journals(pytester)) == 1
        assert outcome.ret == 0
        resumed = run(pytester, "--perf-resume", "--perf-json=out.json", "--perf-strict")
        assert resumed.ret == 6
        resumed.assert_outcomes(passed=1, skipped=1)  # the microsecond is used up again: by the first, by not measuring
        pytester.makepyprojecttoml("")
        run(pytester, "--perf-resume", "--perf-json=out.json").assert_outcomes(passed=2)
        assert journals(pytester) == []
        assert run(pytester, "--perf-strict").ret == 0

    def test_a_history_gets_the_session(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        pytester.makepyprojecttoml("[tool.paceline]\nhistory = 'history.db'\n")
        run(pytester).stdout.fnmatch_lines(["paceline: 2 sessions added to the history"])
        assert (pytester.path / "history.db").exists()


# A millisecond by the clock, however busy the machine is.
# Short and often: where others have the core now and then, the median does not notice.
STEADY = """
import time

def steady():
    until_s = time.perf_counter() + 0.0002
    while time.perf_counter() < until_s:
        pass
"""


def older(path: Path, factors: Mapping[str, float], days: int = 12) -> None:
    """Give the baseline in ``path`` so many days of sessions, in which tests took ``factors`` times as long."""
    stored = json.loads(path.read_text())
    for name, (session,) in stored["tests"].items():
        sessions = []
        for day in range(1, days + 1):
            factor = factors.get(name, 1.0) * (1 + 0.01 * (-1) ** day * (day % 5))
            figures = {
                key: value * factor if key.endswith("_ms") and value else value
                for key, value in session["metrics"].items()
            }
            saved = {"session_id": str(day), "saved_at": f"2026-01-{day:02}T12:00:00.000000Z", "booted_at": None}
            sessions.append({**session, **saved, "metrics": figures})
        stored["tests"][name] = sessions
    path.write_text(json.dumps(stored))


class TestBaseline:
    def test_a_regression_fails_the_test_when_all_was_measured(self, pytester: pytest.Pytester) -> None:
        names = ("one", "two", "three", "four")
        suite(pytester, STEADY + "".join(f"def test_{n}(perf): perf(steady, iterations=200)\n" for n in names))
        first = run(pytester, "--perf-baseline=base.json", "--perf-save-baseline=base.json")
        assert first.ret == 0
        first.stdout.fnmatch_lines(["*there is no baseline */base.json yet: *", "*4 tests saved to */base.json"])
        older(pytester.path / "base.json", {"test_it.py::test_two": 0.7})
        outcome = run(pytester, "--perf-baseline=base.json", "-p", "junitxml", "--junitxml=junit.xml")
        assert outcome.ret == 1
        outcome.assert_outcomes(passed=3, failed=1)
        outcome.stdout.fnmatch_lines(["*_ test_two _*", "slower than the baseline: test_it.py::test_two *regressed *"])
        outcome.stdout.fnmatch_lines(["* change *verdict *status", "*test_two * regressed *FAILED"])
        assert 'failures="1"' in (pytester.path / "junit.xml").read_text()
        pytester.makepyprojecttoml('[tool.paceline.margins]\n"*test_two" = "80%"\n"*test_one" = "6%"\n')
        assert run(pytester, "--perf-baseline=base.json").ret == 0, "the margin forgives it"

    def test_where_everything_is_slower_nothing_fails(self, pytester: pytest.Pytester) -> None:
        names = ("one", "two", "three", "four")
        suite(pytester, STEADY + "".join(f"def test_{n}(perf): perf(steady, iterations=200)\n" for n in names))
        run(pytester, "--perf-save-baseline=base.json")
        older(pytester.path / "base.json", {f"test_it.py::test_{n}": 0.7 for n in names})
        outcome = run(pytester, "--perf-baseline=base.json")
        outcome.assert_outcomes(passed=4, warnings=outcome.parseoutcomes().get("warnings", 0))
        assert outcome.ret == 0
        assert run(pytester, "--perf-baseline=base.json", "--perf-strict").ret == 6

    def test_a_young_baseline_is_told_once_and_strict_is_an_exit_code(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        run(pytester, "--perf-save-baseline=base.json")
        outcome = run(pytester, "--perf-baseline=base.json")
        outcome.assert_outcomes(passed=2)
        told = [line for line in outcome.outlines if "inconclusive against the baseline" in line]
        assert "\n".join(told) == (
            "inconclusive against the baseline: 2 of 2 tests; advice needs 4 more sessions; a verdict needs 9 more "
            "sessions and 4 more days (those count that are 6 h or a reboot apart); for an answer now: paceline duet "
            "HEAD -- test_it.py"
        )
        assert outcome.ret == 0
        strict = run(pytester, "--perf-baseline=base.json", "--perf-strict")
        strict.assert_outcomes(passed=2)
        assert strict.ret == 6

    def test_a_baseline_of_another_definition_warns_at_each_test(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        run(pytester, "--perf-save-baseline=base.json")
        pytester.makepyprojecttoml("[tool.paceline]\niterations = 77\n")
        outcome = run(pytester, "--perf-baseline=base.json")
        outcome.assert_outcomes(passed=2, warnings=2)
        outcome.stdout.fnmatch_lines(["*PacelineWarning: inconclusive against the baseline: *iterations 100 -> 77*"])

    def test_of_another_project(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        (pytester.path / "base.json").write_text(json.dumps({"theirs": {"mean_time_ms": 1.0}}))
        outcome = run(pytester, "--perf-baseline=base.json")
        outcome.stdout.fnmatch_lines(["*the baseline has none of the 2 tests measured; it has theirs: is it*"])

    def test_failed_ones_are_not_saved(self, pytester: pytest.Pytester) -> None:
        suite(
            pytester,
            """
            def test_limit(perf):
                perf(work, threshold="avg<1ns")

            def test_wrong(perf):
                perf(work)
                assert False
            """,
        )
        outcome = run(pytester, "--perf-save-baseline=base.json", "--perf-json=out.json")
        outcome.stdout.fnmatch_lines(
            ["*::test_limit was not saved to *", "*::test_wrong was not saved to *", "*0 tests*"]
        )
        assert not (pytester.path / "base.json").exists()
        assert len(json.loads((pytester.path / "out.json").read_text())["results"]) == 2


class TestCutOff:
    def test_a_clean_end_leaves_no_journal(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        run(pytester)
        assert journals(pytester) == []
        assert (pytester.path / ".paceline" / ".gitignore").read_text() == "*\n"

    def test_nothing_to_resume(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        run(pytester, "--perf-resume").stdout.fnmatch_lines(["*there was nothing to resume: *"])

    def test_a_killed_session_is_gone_on_with(self, pytester: pytest.Pytester) -> None:
        suite(
            pytester,
            TWO
            + """
def test_three(perf):
    import os, pathlib, signal
    if not pathlib.Path("again").exists():
        pathlib.Path("again").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    perf(work)
    assert len(calls) == 110
""",
        )
        assert run_apart(pytester).ret == -signal.SIGKILL
        (journal,) = journals(pytester)
        assert [each.metrics.test_name for each in read_journal(journal).results] == [
            "test_it.py::test_one",
            "test_it.py::test_two",
        ]
        outcome = run_apart(pytester, "--perf-resume", "--perf-json=out.json")
        outcome.assert_outcomes(passed=3)
        assert len(json.loads((pytester.path / "out.json").read_text())["results"]) == 3
        assert journals(pytester) == []

    def test_an_interrupt_writes_what_was_measured(self, pytester: pytest.Pytester) -> None:
        suite(
            pytester,
            """
            def test_one(perf):
                perf(work)

            def test_two(perf):
                def interrupted():
                    if len(calls) == 150:
                        raise KeyboardInterrupt
                    work()

                perf(interrupted)
            """,
        )
        outcome = run_apart(pytester, "--perf-json=out.json")
        assert outcome.ret == 2
        results = json.loads((pytester.path / "out.json").read_text())["results"]
        assert [each["metrics"]["test_name"] for each in results] == ["test_it.py::test_one", "test_it.py::test_two"]
        assert results[1]["metrics"]["iterations"] == 30
        outcome.stdout.fnmatch_lines(
            ["*= performance =*", "*test_two *WARNING", "*test_one *passed", "*--perf-resume*"]
        )
        assert len(journals(pytester)) == 1

    def test_stopping_at_the_first_failure(self, pytester: pytest.Pytester) -> None:
        suite(pytester, "def test_one(perf): perf(work, threshold='avg<1ns')\n" + TWO.replace("test_one", "test_zero"))
        outcome = run(pytester, "-x")
        outcome.assert_outcomes(failed=1)
        assert outcome.ret == 1
        assert len(journals(pytester)) == 1
        resumed = run(pytester, "--perf-resume", "-k", "test_two")
        resumed.assert_outcomes(passed=1, deselected=2)
        assert len(journals(pytester)) == 1, "the other result of the journal was not taken up: it is kept"

    def test_last_failed(self, pytester: pytest.Pytester) -> None:
        suite(pytester, "def test_bad(perf): perf(work, threshold='avg<1ns')\n" + TWO)
        run_apart(pytester)
        run_apart(pytester, "--lf").assert_outcomes(failed=1)

    def test_a_collection_error(self, pytester: pytest.Pytester) -> None:
        suite(pytester, TWO)
        pytester.makepyfile(test_bad="1/0")
        assert run(pytester).ret == 2
        outcome = run(pytester, "--continue-on-collection-errors")
        outcome.assert_outcomes(passed=2, errors=1)

    def test_a_file_that_cannot_be_written_any_more(self, pytester: pytest.Pytester) -> None:
        suite(
            pytester,
            """
            import pathlib, shutil

            def test_one(perf):
                perf(work)
                shutil.rmtree("gone")
            """,
        )
        (pytester.path / "gone").mkdir()
        outcome = run(pytester, "--perf-json=gone/out.json")
        assert outcome.ret == 4
        outcome.stdout.fnmatch_lines(["*cannot write */gone/out.json: *", "*what was measured is in *journal*"])
        assert len(journals(pytester)) == 1


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of its entry point, which a folder on the path declares where Paceline is not installed with it."""
    if not IS_INSTALLED:
        facts = pytester.mkdir("path") / "entry-1.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: entry\nVersion: 1\n")
        (facts / "entry_points.txt").write_text("[pytest11]\npaceline = paceline.pytest_plugin\n")
        source = Path(__file__).parents[2] / "src"
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(facts.parent), str(source)]))
    suite(pytester, TWO)
    command = [sys.executable, "-m", "pytest", "-q", "test_it.py"]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0
    left_out = subprocess.run([*command, "-p", "no:paceline"], capture_output=True, check=False, text=True, timeout=60)
    assert left_out.returncode == 1
    assert "fixture 'perf' not found" in left_out.stdout


def test_a_narrow_terminal(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    suite(pytester, f"def test_{'long' * 30}(perf): perf(work)\n")
    for columns in (200, 100, 60, 40):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = run(pytester).outlines
        place = next(place for place, line in enumerate(lines) if line.endswith(" status"))
        assert max(map(len, lines[place : place + 2])) < columns
        assert lines[place + 1].endswith("passed")
