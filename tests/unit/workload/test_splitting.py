"""A load shared by weights: the parts come to the whole, and none is empty."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.workload.arrivals import expected_arrivals
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload
from paceline.workload.splitting import split

weights = st.lists(st.floats(0.01, 100), min_size=1, max_size=6)


@given(st.integers(1, 500), weights)
def test_users_come_to_the_whole_and_are_as_fair_as_whole_numbers_can_be(users: int, by: list[float]) -> None:
    try:
        parts = split(ClosedLoop(users, 5.0, think_time_s=1.0), by)
    except ConfigurationError:
        assert min(users * weight / sum(by) for weight in by) < 1  # somebody's quota was less than one
        return
    found = [part.users for part in parts if isinstance(part, ClosedLoop)]
    assert sum(found) == users
    assert all(abs(each - users * weight / sum(by)) < 1 for each, weight in zip(found, by, strict=True))
    assert all(part == ClosedLoop(each, 5.0, think_time_s=1.0) for part, each in zip(parts, found, strict=True))


@given(st.floats(10, 10_000), weights)
def test_rates_come_to_the_whole(per_second: float, by: list[float]) -> None:
    parts = split(ConstantRate(per_second, 1_000.0), by)
    rates = [part.per_second for part in parts if isinstance(part, ConstantRate)]
    assert math.fsum(rates) == pytest.approx(per_second)
    assert [rate / rates[0] for rate in rates] == pytest.approx([weight / by[0] for weight in by])


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        (ConstantRate(100, 5, max_in_flight=8), [ConstantRate(75, 5, 6), ConstantRate(25, 5, 2)]),
        (Poisson(100, 5, seed=4), [Poisson(75, 5, seed=4), Poisson(25, 5, seed=5)]),
        (FixedIterations(40, workers=8), [FixedIterations(30, workers=6), FixedIterations(10, workers=2)]),
        (
            Stages([(5, 100), (0, 40)], start=20, seed=7),
            [Stages([(5, 75), (0, 30)], start=15, seed=7), Stages([(5, 25), (0, 10)], start=5, seed=8)],
        ),
        (
            Stages([(5, 10), (5, 1)], of="users"),
            [Stages([(5, 8), (5, 1)], of="users"), Stages([(5, 2), (5, 0)], of="users")],
        ),
    ],
)
def test_three_to_one(whole: Workload, parts: list[Workload]) -> None:
    assert list(split(whole, [3, 1])) == parts
    if isinstance(whole, Poisson | ConstantRate):
        assert sum(expected_arrivals(part) for part in parts) == expected_arrivals(whole)


@pytest.mark.parametrize(
    ("whole", "by", "complaint"),
    [
        (ClosedLoop(2, 5), [1, 1, 1], "users=2 is too few for 3 scenarios of the weights 1, 1, 1"),
        (ClosedLoop(10, 5), [99, 1], "users=10 is too few for 2 scenarios of the weights 99, 1"),
        (FixedIterations(1), [1, 1], "iterations=1 is too few"),
        (ConstantRate(10, 5, max_in_flight=1), [1, 1], "max_in_flight=1 is too few"),
        (ConstantRate(1, 1), [99, 1], "makes no arrival"),
        (Stages([(5, 1)], of="users"), [99, 1], "1 users at most are too few for 2 scenarios"),
        (ClosedLoop(2, 5), [1, 0], "weights must be numbers above 0"),
        (ClosedLoop(2, 5), [1, math.nan], "weights must be numbers above 0"),
        (ClosedLoop(2, 5), [], "weights must be numbers above 0"),
    ],
)
def test_what_cannot_be_shared_is_said(whole: Workload, by: list[float], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(complaint)):
        split(whole, by)
