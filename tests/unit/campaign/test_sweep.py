"""A sweep asks for one run a level, named and marked by it."""

from typing import Any

import pytest

from paceline.campaign.sweep import checked_levels, level_requests
from paceline.core.errors import ConfigurationError
from paceline.records.run_record import TestType
from paceline.targets.call import CallTarget
from paceline.targets.operation import Measured
from paceline.workload.models import MOST_WORKERS, ClosedLoop, FixedIterations
from tests.runs import Work


@pytest.mark.parametrize(
    ("levels", "checked"),
    [([1, 5, 10], (1, 5, 10)), ((3,), (3,)), (range(1, 4), (1, 2, 3)), (iter([2, 1]), (2, 1)), ([MOST_WORKERS],) * 2],
    ids=["list", "tuple", "range", "iterator", "most"],
)
def test_levels(levels: Any, checked: Any) -> None:
    assert checked_levels(levels) == tuple(checked)


@pytest.mark.parametrize(
    ("levels", "complaint"),
    [
        ([], "is empty"),
        ("12", "must be a list"),
        (b"12", "must be a list"),
        (7, "must be a list"),
        (None, "must be a list"),
        ([1, 0], r"concurrency_levels\[1\] must be a whole number of at least 1"),
        ([-1], r"concurrency_levels\[0\]"),
        ([1.0], r"concurrency_levels\[0\]"),
        ([True], r"concurrency_levels\[0\]"),
        (["1"], r"concurrency_levels\[0\]"),
        ([MOST_WORKERS + 1], "at most 10000"),
        ([1, 2, 1], "a level twice"),
    ],
    ids=repr,
)
def test_wrong_levels(levels: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        checked_levels(levels)


def test_a_request_a_level() -> None:
    target = CallTarget(Work())
    asked = list(
        level_requests(
            "load", Measured(target), [1, 5], FixedIterations(50, 10), {"region": "eu"}, timeout_s=2.0, target_pids=(7,)
        )
    )
    assert [each.name for each in asked] == ["load_concurrency_1", "load_concurrency_5"]
    assert [each.metadata for each in asked] == [
        {"region": "eu", "concurrency": 1},
        {"region": "eu", "concurrency": 5},
    ]
    assert [each.workload for each in asked] == [FixedIterations(50, 10, 1), FixedIterations(50, 10, 5)]
    assert {(each.test_type, each.target, each.timeout_s, each.target_pids) for each in asked} == {
        (TestType.CONCURRENT_LOAD, target, 2.0, (7,))
    }


def test_a_duration_a_level() -> None:
    asked = list(level_requests("load", Measured(CallTarget(Work())), [2, 3], ClosedLoop(1, 5.0, 4), {}))
    assert [each.workload for each in asked] == [ClosedLoop(2, 5.0, 4), ClosedLoop(3, 5.0, 4)]
