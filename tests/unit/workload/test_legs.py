"""Legs: whatever the workload and their number, together they are the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.workload.arrivals import arrivals
from paceline.workload.legs import WHOLE, Leg, check_legs, leg_arrivals, leg_workload
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, OpenLoop, Poisson, Stages

_of = st.integers(1, 12)
_open_loops = st.one_of(
    st.builds(ConstantRate, st.floats(1, 300), st.floats(1, 3)),
    st.builds(Poisson, st.floats(1, 300), st.floats(1, 3), st.integers(0, 99)),
    st.builds(
        lambda seed: Stages([(1.0, 100), (0.5, 0), (0, 50), (1.0, 50)], seed=seed), st.none() | st.integers(0, 99)
    ),
)


@given(_open_loops, _of)
def test_arrivals_of_all_legs_are_those_of_the_whole(workload: OpenLoop, of: int) -> None:
    legs = [list(leg_arrivals(workload, Leg(number, of))) for number in range(of)]
    assert sorted(offset_s for leg in legs for offset_s in leg) == list(arrivals(workload))
    assert max(map(len, legs)) - min(map(len, legs)) <= 1


@given(st.integers(0, 1_000), _of)
def test_what_is_dealt_out_is_all_there_is(count: int, of: int) -> None:
    legs = [Leg(number, of) for number in range(of)]
    dealt = [leg.nth(place) for leg in legs for place in range(leg.share(count))]
    assert sorted(dealt) == list(range(count))


@given(st.integers(1, 500), st.integers(0, 50), st.integers(1, 50), _of)
def test_users_and_iterations_are_shared(iterations: int, warmup: int, users: int, of: int) -> None:
    legs = [Leg(number, of) for number in range(of)]
    fixed = [leg_workload(FixedIterations(iterations, warmup, users), leg) for leg in legs]
    assert sum(each.iterations for each in fixed if isinstance(each, FixedIterations)) == sum(
        leg.share(iterations) for leg in legs if leg.share(users)
    )
    closed = [leg_workload(ClosedLoop(users, 3.0, warmup), leg) for leg in legs]
    assert sum(each.users for each in closed if isinstance(each, ClosedLoop)) == users
    assert all(each is None for each in closed[users:])


def test_one_leg_is_the_whole() -> None:
    for workload in (FixedIterations(7, 3, 2), ClosedLoop(3, 1.0, 5), ConstantRate(9, 1.0, 4), Stages([(1, 5)])):
        assert leg_workload(workload, WHOLE) == workload


def test_drops_are_shared_and_never_forbidden() -> None:
    shares = [leg_workload(Poisson(100, 1.0, max_in_flight=5), Leg(number, 8)) for number in range(8)]
    assert [each.max_in_flight for each in shares if isinstance(each, Poisson)] == [1] * 8


@pytest.mark.parametrize(
    ("workload", "most"),
    [
        (FixedIterations(3, workers=9), "3 workers with something to do"),
        (FixedIterations(9, workers=3), "3 workers with something to do"),
        (ClosedLoop(3, 1.0), "3 users"),
        (ConstantRate(3, 1.0), "3 arrivals"),
        (Stages([(1, 3)], of="users"), "3 users"),
    ],
)
def test_more_legs_than_there_is_work_for_are_refused(workload: object, most: str) -> None:
    check_legs(workload, 3)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=f"^4 processes for a load of {most}: ask for at most 3$"):
        check_legs(workload, 4)  # type: ignore[arg-type]


def test_one_user_is_no_users() -> None:
    with pytest.raises(ConfigurationError, match=r"^2 processes for a load of 1 user: ask for at most 1$"):
        check_legs(ClosedLoop(1, 1.0), 2)


@pytest.mark.parametrize(("number", "of"), [(0, 0), (-1, 1), (2, 2), (0, 10_001)])
def test_there_is_no_such_leg(number: int, of: int) -> None:
    with pytest.raises(ConfigurationError):
        Leg(number, of)
