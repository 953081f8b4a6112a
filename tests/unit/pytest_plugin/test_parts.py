"""The parts of the plugin that need no pytest session: limits put together, and the table at the end."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline import pytest_plugin
from paceline.core.errors import ConfigurationError
from paceline.core.findings import Finding
from paceline.judge.comparison import compare
from paceline.judge.result import TestResult, TestStatus, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.pytest_plugin.fixture import Perf
from paceline.pytest_plugin.quick import quickened
from paceline.pytest_plugin.summary import advice_lines, common_path, machine_lines, table
from paceline.pytest_plugin.thresholds import threshold_from, together
from paceline.records.baseline import session_of
from paceline.workload.models import ClosedLoop, ConstantRate, Poisson, Stages
from tests.fakes import MS, make_record

LIMITS = st.builds(
    PerformanceThreshold,
    max_p95_ms=st.none() | st.floats(0, 10),
    max_mean_ms=st.none() | st.floats(0, 10),
    min_throughput_ops=st.none() | st.floats(0, 2_000),
    max_error_rate=st.none() | st.floats(0, 1),
    expressions=st.lists(st.sampled_from(["med<2", "max<0.5", "error_rate<1%"])),
)


@given(st.lists(LIMITS, min_size=1, max_size=4), st.integers(1, 8 * MS))
def test_limits_together_hold_where_all_of_them_do(several: list[PerformanceThreshold], took_ns: int) -> None:
    record = make_record((took_ns,) * 100)
    apart = [judge(record, each).status is TestStatus.FAILED for each in several]
    assert (judge(record, together(several)).status is TestStatus.FAILED) == any(apart)


def test_of_a_field_that_several_set_the_stricter_limit_counts() -> None:
    one = PerformanceThreshold(max_p95_ms=5, min_throughput_ops=10, expressions=["med<2"])
    other = PerformanceThreshold(max_p95_ms=3, min_throughput_ops=20, max_error_rate=0, expressions=["med<2", "max<5"])
    assert together([one, other]) == PerformanceThreshold(
        max_p95_ms=3, min_throughput_ops=20, max_error_rate=0, expressions=["med<2", "max<5"]
    )


@pytest.mark.parametrize(
    "written", ["p(95)<100", ["p(95)<100"], ("p(95)<100",), {"expressions": ["p(95)<100"]}], ids=str
)  # fmt: skip
def test_the_ways_to_write_a_limit(written: object) -> None:
    assert threshold_from(written) == PerformanceThreshold(expressions=["p(95)<100"])


@pytest.mark.parametrize(
    "written",
    [b"p(95)<100", 5, None, object(), {"max_p95": 5}, ["p95<5"], {5: 5}],
    ids=["bytes", "number", "none", "object", "no field", "no expression", "no name"],
)
def test_what_is_no_limit(written: object) -> None:
    with pytest.raises(ConfigurationError):
        threshold_from(written)


@given(st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=5), st.integers(40, 250))
def test_the_table_is_aligned_and_fits(names: list[str], width: int) -> None:
    results = [
        judge(replace(make_record(), name=name), PerformanceThreshold(max_mean_ms=n)) for n, name in enumerate(names)
    ]
    lines = list(table(results, width))
    assert len(lines) == len(names) + 1
    assert all("\n" not in line.text and line.text.isprintable() for line in lines)
    assert all(len(line.text) <= width for line in lines)
    ends = {
        line.text.rindex(word) for line in lines for word in ("status", "passed", "FAILED") if line.text.endswith(word)
    }
    assert len(ends) == 1
    assert lines[1].status is TestStatus.FAILED, "the worst comes first"


def test_no_results_no_table() -> None:
    assert list(table([], 80)) == []
    assert list(machine_lines([])) == []
    assert list(advice_lines([], "tests")) == []


def test_a_machine_that_others_kept_busy_is_told_once() -> None:
    quiet = judge(make_record(), None)
    assert list(machine_lines([quiet])) == []
    busy = replace(quiet, findings=(Finding("host-busy", "The machine was full.", "", ""),))
    assert list(machine_lines([busy, quiet, busy])) == ["machine: busy with other work in 2 of 3 tests (host-busy)"]


def test_advice_of_several_kinds_is_one_line_and_what_is_settled_is_not_in_it() -> None:
    plain = judge(make_record(), None)
    few = compare_with(plain, 2)
    more = compare_with(plain, 6)
    (line,) = advice_lines([few, more, few, plain], "tests/my perf")
    assert line.startswith(
        "inconclusive against the baseline: 3 of 3 tests; 2 x advice needs 3 more sessions; a verdict"
    )
    assert "; 1 x advice only, " in line
    assert line.endswith("; for an answer now: paceline duet HEAD -- 'tests/my perf'")


def compare_with(result: TestResult, count: int) -> TestResult:
    """``result`` against so many sessions, one a day."""
    sessions = [
        replace(session_of(result.record, str(number), f"2026-01-{number + 1:02}T12:00:00Z"), reference=True)
        for number in range(count)
    ]
    sessions = [
        replace(each, metrics={**each.metrics, "median_time_ms": (each.metrics["median_time_ms"] or 0) * (1 + n / 100)})
        for n, each in enumerate(sessions)
    ]
    return replace(result, comparison=compare(result.record, sessions))


@pytest.mark.parametrize(
    ("nodeids", "here", "path"),
    [
        (["tests/perf/test_a.py::test_one", "tests/perf/test_b.py::test[a/b]"], "/project", "tests/perf"),
        (["tests/perf/test_a.py::test_one", "tests/perf/test_a.py::test_two"], "/project", "tests/perf/test_a.py"),
        (["tests/perf/test_a.py::test_one", "test_b.py::test_two"], "/project", "."),
        (["tests/perf/test_a.py::test_one"], "/project/tests", "perf/test_a.py"),
        ([], "/project", "."),
    ],
    ids=["folder", "file", "root", "from below", "none"],
)
def test_where_tests_are_as_a_command_line_names_it(nodeids: list[str], here: str, path: str) -> None:
    assert common_path(nodeids, Path("/project"), Path(here)) == path


@pytest.mark.parametrize(
    "workload",
    [
        ClosedLoop(3, 100),
        ConstantRate(0.01, 5_000),
        ConstantRate(50, 100),
        Poisson(50, 100),
        Stages([(0, 5), (60, 50)]),
    ],
    ids=str,
)
def test_a_quick_load_is_a_short_one_that_can_be_made(workload: ClosedLoop | ConstantRate | Poisson | Stages) -> None:
    short = quickened({"workload": workload}, {"workload": None})["workload"]
    assert type(short) is type(workload)
    assert short.duration_s <= max(1.0, 2 / getattr(workload, "per_second", 2)) * (1 + 1e-9)


def test_quick_leaves_what_is_less_and_what_is_refused() -> None:
    known = dict.fromkeys(("iterations", "warmup_iterations", "runs"))
    assert quickened({"iterations": 3, "runs": "many"}, known) == {
        "iterations": 3,
        "warmup_iterations": 1,
        "runs": "many",
    }


def test_the_type_of_the_fixture_has_a_public_name() -> None:
    assert pytest_plugin.Perf is Perf
    assert "Perf" not in vars(pytest_plugin)  # looked up when it is asked for: pytest must not start slower
    with pytest.raises(AttributeError, match="no attribute 'Pref'"):
        pytest_plugin.Pref  # noqa: B018  # the look is the test
