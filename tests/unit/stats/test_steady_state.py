import math
from itertools import combinations, combinations_with_replacement, permutations
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.significance import orders_by_inversions
from paceline.stats.steady_state import trend


def _score(points: tuple[float, ...]) -> int:
    return sum((later > earlier) - (later < earlier) for earlier, later in combinations(points, 2))


def _p_value(points: tuple[float, ...]) -> float:
    """Of all orders of these very points, the share with a score at least as far from 0."""
    scores = [abs(_score(order)) for order in permutations(points)]
    return sum(score >= abs(_score(points)) for score in scores) / len(scores)


@pytest.mark.parametrize("count", [5, 6])
def test_the_p_value_is_that_of_all_permutations(count: int) -> None:
    share_by_score: dict[int, float] = {}
    for order in permutations(range(1, count + 1)):
        found = trend(order)
        assert found is not None
        score = _score(order)
        if score not in share_by_score:
            share_by_score[score] = _p_value(order)
        assert found.p_value == pytest.approx(share_by_score[score], rel=1e-12)


@pytest.mark.parametrize(
    "points", [(1, 2, 3, 4, 5, 6, 7), (2, 1, 3, 4, 6, 5, 7), (7, 6, 5, 1, 2, 4, 3), (4, 1, 7, 2, 6, 3, 5)]
)
def test_the_p_value_is_that_of_all_permutations_of_seven(points: tuple[int, ...]) -> None:
    found = trend(points)
    assert found is not None
    assert found.p_value == pytest.approx(_p_value(points), rel=1e-12)


@pytest.mark.parametrize(
    ("count", "orders"), [(0, (1,)), (1, (1,)), (2, (1, 1)), (3, (1, 2, 2, 1)), (4, (1, 3, 5, 6, 5, 3, 1))]
)
def test_orders_by_inversions_are_the_mahonian_numbers(count: int, orders: tuple[int, ...]) -> None:
    assert orders_by_inversions(count) == orders


def test_ten_points_in_order_are_one_of_two_in_ten_factorial() -> None:
    found = trend(range(1, 11))
    assert found is not None
    assert found.p_value == pytest.approx(2 / math.factorial(10), rel=1e-12)


@pytest.mark.parametrize("points", [p for p in combinations_with_replacement((1, 2, 3, 4), 5) if len(set(p)) > 1])
def test_ties_never_make_a_trend_more_certain_than_it_is(points: tuple[int, ...]) -> None:
    for order in {points, points[::-1], points[1:] + points[:1]}:
        found = trend(order)
        assert found is not None
        assert found.p_value >= _p_value(order) - 1e-12


def test_equal_points_have_no_trend() -> None:
    found = trend([3.0] * 10)
    assert found is not None
    assert (found.relative_change, found.p_value) == (0.0, 1.0)


@pytest.mark.parametrize("points", [(), (1.0,), (1.0, 2.0, 3.0, 4.0), (0.0, 0.0, 0.0, 1.0, 1.0), (-1.0,) * 5])
def test_where_nothing_can_be_said_nothing_is_said(points: tuple[float, ...]) -> None:
    assert trend(points) is None


@pytest.mark.parametrize(
    ("points", "relative_change"),
    [
        ((10, 11, 12, 13, 14), 4 / 12),
        ((14, 13, 12, 11, 10), -4 / 12),
        ((10, 10, 10, 10, 10, 900), 0.0),  # one outlier makes no trend
        ((10, 12, 11, 13, 15, 14), 5 / 12.5),
    ],
)
def test_the_size_of_a_trend_is_its_way_from_end_to_end(points: tuple[int, ...], relative_change: float) -> None:
    found = trend(points)
    assert found is not None
    assert found.relative_change == pytest.approx(relative_change)


@given(st.lists(st.floats(1.0, 1e9), min_size=5, max_size=15))
def test_the_slope_is_the_median_of_all_slopes(points: list[float]) -> None:
    found = trend(points)
    assert found is not None
    slopes = [(points[j] - points[i]) / (j - i) for i, j in combinations(range(len(points)), 2)]
    assert found.relative_change == pytest.approx(median(slopes) * (len(points) - 1) / median(points))
    assert 0 < found.p_value <= 1


@given(st.lists(st.integers(1, 10**6), min_size=5, max_size=15))
def test_backwards_the_trend_is_the_opposite(points: list[int]) -> None:
    forwards, backwards = trend(points), trend(points[::-1])
    assert forwards is not None
    assert backwards is not None
    assert backwards.relative_change == pytest.approx(-forwards.relative_change)
    assert backwards.p_value == forwards.p_value
