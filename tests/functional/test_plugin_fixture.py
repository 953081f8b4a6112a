"""The fixture and the marker: what is measured, what a test fails with, what is refused."""

import json
from xml.etree import ElementTree as ET

import pytest

from paceline.store.journal import read_journal
from tests.functional.plugin_runs import run, suite

pytest_plugins = ["pytester"]


def test_a_call_is_a_benchmark_named_after_its_test(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        def test_sum(perf):
            result = perf(work)
            assert result.metrics.test_name == perf.name == "test_it.py::test_sum"
            assert (result.metrics.iterations, len(calls)) == (100, 110)
            assert result.status is TestStatus.PASSED

        def test_said(perf):
            assert perf(work, test_type=TestType.API_ENDPOINT).record.kind_is_said

        @pytest.mark.parametrize("n", [10, 20])
        def test_arguments(perf, n):
            result = perf(range, n, iterations=5, warmup_iterations=0, keep_returned=True)
            assert perf.returned == range(n)
            assert not result.record.kind_is_said
            assert result.metrics.test_name.endswith(f"[{n}]")
        """,
    )
    outcome = run(pytester, "--perf-json", "out.json")
    outcome.assert_outcomes(passed=4)
    names = [each["metrics"]["test_name"] for each in json.loads((pytester.path / "out.json").read_text())["results"]]
    assert names == [
        "test_it.py::test_sum",
        "test_it.py::test_said",
        "test_it.py::test_arguments[10]",
        "test_it.py::test_arguments[20]",
    ]
    outcome.stdout.fnmatch_lines(["*= performance =*", "*median*p95*p99*ops/s*errors*status", "*::test_sum *passed"])


def test_the_frameworks_own_methods(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        def test_all(perf):
            perf.run_benchmark("one", TestType.DATABASE_QUERY, work, 20, metadata={"a": 1})
            levels = perf.run_concurrent_benchmark("several", work, [1, 2], 40)
            assert [each.metrics.metadata["concurrency"] for each in levels] == [1, 2]
            loaded = perf.run_load("load", work, ClosedLoop(1, 0.1), warmup_s=0)
            assert loaded.metrics.iterations > 0
        """,
    )
    outcome = run(pytester)
    outcome.assert_outcomes(passed=1)
    outcome.stdout.fnmatch_lines_random(["one *", "several_concurrency_1 *", "several_concurrency_2 *", "load *"])


def test_a_broken_limit_fails_the_test_with_what_to_act_on(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        @pytest.mark.perf(threshold="avg<1ns", iterations=30)
        def test_slow(perf):
            perf(work)
            calls.append("went on")

        def test_it_went_on():
            assert calls[-1] == "went on"
        """,
    )
    outcome = run(pytester)
    outcome.assert_outcomes(passed=1, failed=1)
    outcome.stdout.fnmatch_lines(
        [
            "mean * ns > limit 1 ns (avg<1ns)",
            "  test: test_it.py::test_slow",
            "  measured: 30 attempts, median * p95 * ok/s",
            "  note: *",
        ]
    )
    outcome.stdout.no_fnmatch_line("*paceline/pytest_plugin*")
    assert outcome.ret == 1


def test_what_the_operation_raises_is_told(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        def test_broken(perf):
            perf(lambda: [].pop())

        def test_its_own_failure_comes_first(perf):
            perf(work, threshold="avg<1ns")
            assert False, "mine"
        """,
    )
    outcome = run(pytester)
    outcome.assert_outcomes(failed=2)
    outcome.stdout.fnmatch_lines(
        ["no attempt was ok: all 100 failed", "*100 x IndexError: pop from empty list", "*lambda: ?].pop()*"]
    )
    outcome.stdout.fnmatch_lines(["*AssertionError: mine*", "*performance*", "mean * > limit 1 ns *"])


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("iteration=5", "*::test_marked: the marker perf has no argument 'iteration': did you mean 'iterations'?"),
        ("iterations=0", "*iterations in the marker perf must be a whole number of at least 1, not 0"),
        ("iterations=True", "*must be a whole number of at least 1, not True"),
        ("threshold='p95<5'", "*test_it.py::test_marked: threshold in the marker perf: *did you mean p(95)?*"),
        ("threshold=5", "*a threshold is an expression such as 'p(95)<100ms'*not 5"),
        ("threshold={'max_p95': 5}", "*there is no limit 'max_p95': did you mean 'max_p95_ms'?"),
        ("group=5", "*group in the marker perf must be a text, not 5"),
        ("5", "*the marker perf takes names, as in perf(iterations=50)"),
    ],
)  # fmt: skip
def test_a_wrong_marker_ends_the_session_before_any_test(pytester: pytest.Pytester, marker: str, told: str) -> None:
    suite(pytester, f"@pytest.mark.perf({marker})\ndef test_marked(perf): perf(work)\n")
    outcome = run(pytester)
    assert outcome.ret == 4
    outcome.stderr.fnmatch_lines([told])


def test_the_nearest_marker_wins(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        @pytest.mark.perf(iterations=50, warmup_iterations=0, group="all")
        class TestIt:
            @pytest.mark.perf(iterations=7)
            def test_it(self, perf):
                result = perf(work)
                assert (result.metrics.iterations, len(calls)) == (7, 7)
                assert result.metrics.metadata == {"group": "all"}
                assert perf(work, iterations=3).metrics.iterations == 3
        """,
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_marked_test_that_measures_nothing_is_a_warning(pytester: pytest.Pytester) -> None:
    idle = """
        @pytest.mark.perf
        def test_marked(): pass
        def test_taken(perf): pass
        @pytest.fixture
        def perf_of_theirs(): return lambda operation: operation()
        def test_other(perf_of_theirs): perf_of_theirs(work)
        def test_left_out(perf): pytest.skip("not today")
        """
    suite(pytester, idle)
    outcome = run(pytester)
    outcome.assert_outcomes(passed=3, skipped=1, warnings=2)
    outcome.stdout.fnmatch_lines(["*test_it.py:*: PacelineWarning: it has the marker 'perf' and measured nothing: *"])
    outcome.stdout.fnmatch_lines(
        ["*test_it.py:*: PacelineWarning: it takes the fixture 'perf' and measured nothing: *"]
    )
    assert run(pytester, "--perf-disable").parseoutcomes() == {"passed": 3, "skipped": 1}
    suite(pytester, "@pytest.mark.perf\ndef test_idle(perf): pass\n")
    strict = run(pytester, "-W", "error")
    strict.assert_outcomes(failed=1)
    strict.stdout.no_fnmatch_line("*warn_explicit*")


def test_measuring_twice_keeps_both(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        def test_twice(perf):
            assert perf(work).metrics.test_name == "test_it.py::test_twice"
            second = perf(work)
            assert second.metrics.test_name == "test_it.py::test_twice#2"
            assert "duplicate-name" in {each.code for each in second.findings}
        """,
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_name_belongs_to_one_test(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        def test_one(perf):
            perf(work, name="mine")
            perf(work, name="mine")

        def test_other(perf):
            perf.run_benchmark("mine", TestType.API_ENDPOINT, work)
        """,
    )
    outcome = run(pytester)
    outcome.assert_outcomes(passed=1, failed=1)
    outcome.stdout.fnmatch_lines(["*ConfigurationError: the name 'mine' is taken by test_it.py::test_one: give each*"])


def test_parameters_without_ids_are_told_apart_by_position(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        @pytest.mark.parametrize("thing", [object(), object()], ids=repr)
        def test_addresses(perf, thing):
            result = perf(work)
            assert result.metrics.test_name in {f"test_it.py::test_addresses[thing{n}]" for n in (0, 1)}
            assert "numbered-parameters" in {each.code for each in result.findings}

        @pytest.mark.parametrize("thing", [object(), object()])
        def test_numbered(perf, thing):
            assert "numbered-parameters" in {each.code for each in perf(work).findings}

        @pytest.mark.parametrize("text", ["password=abc", "password=abd"])
        def test_secrets(perf, text):
            assert perf(work).metrics.test_name in {f"test_it.py::test_secrets[text{n}]" for n in (0, 1)}

        @pytest.mark.parametrize("kind", [int, "a", 1, None, pytest.param(object(), id="named")])
        def test_named(perf, kind):
            assert "numbered-parameters" not in {each.code for each in perf(work).findings}
        """,
    )
    run(pytester).assert_outcomes(passed=11)


HOSTILE = ["<b>&\"'", "a\nb\r\x1b[31m", "x" * 10_000, "\u202e\u0000", "'; DROP TABLE--", "[brackets]::"]


def test_hostile_names_are_harmless(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        f"""
        @pytest.mark.parametrize("n", range({len(HOSTILE)}))
        def test_name(perf, n):
            perf(work, name={HOSTILE!r}[n], iterations=3, threshold="avg<1ns")

        @pytest.mark.parametrize("text", {HOSTILE!r})
        def test_id(perf, text):
            perf(work, iterations=3)
        """,
    )
    outcome = run(pytester, "--perf-json", "out.json", "--perf-junit", "junit.xml")
    outcome.assert_outcomes(passed=len(HOSTILE), failed=len(HOSTILE))
    cases = ET.parse(pytester.path / "junit.xml").getroot().iter("testcase")
    assert sum(case.find("failure") is not None for case in cases) == len(HOSTILE)
    lines = outcome.outlines
    begins = next(place for place, line in enumerate(lines) if line.endswith(" status"))
    shown = "\n".join(lines[begins : begins + 2 * len(HOSTILE) + 1])
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) < 200
    assert len(json.loads((pytester.path / "out.json").read_text())["results"]) == 2 * len(HOSTILE)


def test_async_tests(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        import asyncio

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        async def wait():
            await asyncio.sleep(0)
            return 5

        @pytest.mark.anyio
        async def test_awaited(perf):
            result = await perf.arun(wait, iterations=20, keep_returned=True)
            assert (result.metrics.iterations, perf.returned) == (20, 5)
            await perf.arun_benchmark("named", TestType.API_ENDPOINT, wait, 10)
            await perf.arun_load("load", wait, ClosedLoop(2, 0.1), warmup_s=0)
            assert len(await perf.arun_concurrent_benchmark("levels", wait, [1, 2], 40)) == 2

        @pytest.mark.anyio
        async def test_inside_a_running_loop(perf):
            assert "caller-loop-waited" in {each.code for each in perf(wait).findings}

        @pytest.mark.anyio
        @pytest.mark.perf(threshold="avg<1ns")
        async def test_fails(perf):
            await perf.arun(wait)

        def test_without_a_plugin_for_it(perf):
            assert perf(wait).status is TestStatus.PASSED
        """,
    )
    run(pytester).assert_outcomes(passed=3, failed=1)


def test_a_duet(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        def test_duet(perf):
            result = perf.run_duet("sums", work, work, pairs=7)
            assert result.pairs <= 7

        def test_breaks_off():
            import pathlib
            assert pathlib.Path("out.json").exists()

        def test_last():
            pass
        """,
    )
    outcome = run(pytester, "--perf-json", "out.json", "-x")
    # What seven pairs prove is the machine's to say; that it warns where they prove nothing is the plugin's.
    warned = "  inconclusive: " in outcome.stdout.str()
    outcome.assert_outcomes(passed=1, failed=1, warnings=int(warned))
    assert warned == ("PacelineWarning: inconclusive duet: " in outcome.stdout.str())
    outcome.stdout.fnmatch_lines(["*= performance =*", "sums *(* pairs*"])
    duets = json.loads((pytester.path / "out.json").read_text())["duets"]
    assert duets["verdicts"][0]["name"] == "sums"
    (journal,) = (pytester.path / ".paceline").glob("journal-*")
    assert [each.name for each in read_journal(journal).duets] == ["sums"]
    # A session that goes on has these very pairs, and another duet of that name does not.
    run(pytester, "--perf-resume", "--perf-json", "again.json").assert_outcomes(passed=3, warnings=int(warned))
    assert json.loads((pytester.path / "again.json").read_text())["duets"] == duets
    assert not journal.exists()


def test_refused_calls(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        import os

        def test_refused(perf):
            for call, why in (
                (lambda: perf(work, keep_returned=True, runs=2), "runs=1"),
                (lambda: perf(5), "must be callable"),
                (lambda: perf(5, 1), "takes no arguments"),
                (lambda: perf(5, keep_returned=True), "is for functions"),
                (lambda: perf(work, threshold=5), "a threshold is an expression"),
                (lambda: perf(work, name=""), "test_name must be a text"),
            ):
                with pytest.raises(ConfigurationError, match=why):
                    call()
            with pytest.raises(TypeError, match="iteration"):
                perf(work, iteration=5)

        def test_forked(perf):
            perf(work)
            child = os.fork()
            if child == 0:
                try:
                    perf(work)
                except ConfigurationError as error:
                    os._exit(7 if "forked" in str(error) else 8)
                os._exit(9)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        """,
    )
    run(pytester).assert_outcomes(passed=2)


def test_what_was_returned_is_no_operation_and_the_message_says_what_was_meant(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        def test_called_too_early(perf):
            perf(sum([1, 2]),
                 iterations=7)

        def test_with_names(perf):
            perf(sum([1, 2], start=3))

        def test_elsewhere(perf):
            total = sum([1, 2])
            perf(total)

        def test_refused_deep_inside(perf):
            perf(lambda needed: needed)
        """,
    )
    outcome = run(pytester)
    outcome.assert_outcomes(failed=4)
    told = outcome.stdout.str()
    for meant in ("perf(sum, [1, 2], iterations=7)", "perf(lambda: sum([1, 2], start=3))", "perf(function, argument)"):
        assert f"ConfigurationError: operation must be callable, not int: write {meant}" in told
    assert "paceline.core.errors.ConfigurationError: operation is called without arguments, but" in told
    assert "fixture.py" not in told  # nothing of the way through this project: the test's own lines alone
    assert "/paceline/" not in told
    assert "During handling" not in told
    assert "direct cause" not in told


def test_a_traced_measurement_is_in_doubt(pytester: pytest.Pytester) -> None:
    suite(
        pytester,
        """
        import sys

        def test_traced(perf):
            before = sys.gettrace()
            sys.settrace(lambda *_: None)
            try:
                result = perf(work)
            finally:
                sys.settrace(before)
            assert "traced" in {each.code for each in result.findings}
            assert result.status is TestStatus.WARNING
        """,
    )
    outcome = run(pytester)
    outcome.assert_outcomes(passed=1, warnings=1)
    outcome.stdout.fnmatch_lines(["*PacelineWarning: It was measured under a tracer*?traced?"])
