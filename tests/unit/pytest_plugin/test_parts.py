"""The parts of the plugin that need no pytest session: limits put together, and the table at the end."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.judge.result import TestStatus, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.pytest_plugin.quick import quickened
from paceline.pytest_plugin.summary import table
from paceline.pytest_plugin.thresholds import threshold_from, together
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
