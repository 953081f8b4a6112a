import math
import random
from itertools import combinations, permutations
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.significance import (
    holm_tails,
    kendall_p_value,
    lag1_correlation,
    normal_tail,
    orders_by_inversions,
    trend_p_value,
)

p_lists = st.lists(st.sampled_from([0.0, 1e-4, 1e-3, 0.00166, 0.004, 0.01, 0.02, 0.04, 0.05, 0.3, 1.0]), max_size=12)


def _rejected(p_values: list[float], alpha: float) -> set[int]:
    """Holm's procedure as the paper has it."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    rejected: set[int] = set()
    for place, test in enumerate(order):
        if p_values[test] > alpha / (len(order) - place):
            break
        rejected.add(test)
    return rejected


@given(p_lists, st.sampled_from([0.01, 0.05]))
def test_levels_say_what_the_step_down_says(p_values: list[float], alpha: float) -> None:
    tails = holm_tails(p_values, alpha)
    passing = {test for test, (p_value, tail) in enumerate(zip(p_values, tails, strict=True)) if p_value <= tail}
    assert passing == _rejected(p_values, alpha)
    assert all(alpha / len(p_values) <= tail <= alpha for tail in tails)


@given(p_lists, st.randoms(use_true_random=False))
def test_levels_follow_their_tests(p_values: list[float], chance: random.Random) -> None:
    shuffled = list(p_values)
    chance.shuffle(shuffled)
    assert dict(zip(p_values, holm_tails(p_values, 0.05), strict=True)) == dict(
        zip(shuffled, holm_tails(shuffled, 0.05), strict=True)
    )


def test_levels_by_hand() -> None:
    # 0.01 <= 0.05 / 4 and 0.015 <= 0.05 / 3, but 0.03 > 0.05 / 2: the last two stay there.
    assert holm_tails([0.03, 0.01, 0.04, 0.015], 0.05) == (0.025, 0.0125, 0.025, 0.05 / 3)
    assert holm_tails([0.2], 0.05) == (0.05,)
    assert holm_tails([0.2, 0.9, 0.2], 0.05) == (0.05 / 3,) * 3
    assert holm_tails([], 0.05) == ()
    assert holm_tails([0.025, 0.05], 0.05) == (0.025, 0.05)  # what equals its level passes


@given(st.lists(st.integers(-50, 50), min_size=4, max_size=6).filter(lambda values: len(set(values)) > 1))
def test_over_all_orders_the_correlation_is_minus_one_nth_on_average(values: list[int]) -> None:
    found = [lag1_correlation(order) for order in permutations(values)]
    assert fmean(each.coefficient for each in found if each) == pytest.approx(-1 / len(values), abs=1e-9)


def test_independent_values_have_the_stated_spread() -> None:
    rows = np.random.default_rng(4).normal(size=(4_000, 12)).tolist()
    found = [each for row in rows if (each := lag1_correlation(row))]
    assert np.std([each.coefficient for each in found]) == pytest.approx(10 / (12 * math.sqrt(11)), rel=0.03)
    assert np.mean([each.p_value <= 0.05 for each in found]) == pytest.approx(0.05, abs=0.012)


def test_what_follows_itself_correlates() -> None:
    slow = lag1_correlation([math.sin(place / 5) for place in range(40)])
    assert slow is not None
    assert slow.coefficient > 0.9
    assert slow.p_value < 1e-6
    swinging = lag1_correlation([1, -1] * 10)
    assert swinging is not None
    assert swinging.coefficient == pytest.approx(-0.95)
    assert swinging.p_value > 0.999


def test_by_hand() -> None:
    found = lag1_correlation([1, 2, 4, 1])
    # Away from the mean of 2: -1, 0, 2, -1; products 0, 0, -2; squares 6.
    assert found is not None
    assert found.coefficient == pytest.approx(-1 / 3)
    z = (-1 / 3 + 1 / 4) / (2 / (4 * math.sqrt(3)))
    assert found.p_value == pytest.approx(math.erfc(z / math.sqrt(2)) / 2)


@pytest.mark.parametrize("values", [[], [1, 2, 3], [5.0] * 10])
def test_no_correlation_of_what_does_not_vary(values: list[float]) -> None:
    assert lag1_correlation(values) is None


@given(st.lists(st.integers(0, 9), min_size=5, max_size=5, unique=True))
def test_a_trend_is_judged_against_all_orders(values: list[int]) -> None:
    def score(order: tuple[int, ...]) -> int:
        return abs(sum((later > earlier) - (later < earlier) for earlier, later in combinations(order, 2)))

    scores = [score(order) for order in permutations(values)]
    expected = sum(each >= score(tuple(values)) for each in scores) / len(scores)
    assert trend_p_value(values) == pytest.approx(expected)


def test_few_values_have_no_trend_and_a_direction_does_not_matter() -> None:
    assert trend_p_value([1, 2, 3, 4]) is None
    assert trend_p_value([-5, -4, -3, -2, -1]) == trend_p_value([5, 4, 3, 2, 1]) == pytest.approx(2 / 120)


@pytest.mark.parametrize("score", [0, 1, 101, 301, 501])
def test_beyond_sixty_points_the_normal_curve_is_as_good(score: int) -> None:
    count, most = 61, 61 * 60 // 2
    at_least = sum(orders_by_inversions(count)[: (most - score + 1) // 2 + 1])
    exact = min(1.0, 2 * at_least / math.factorial(count))
    assert kendall_p_value(count, score) == kendall_p_value(count, -score) == pytest.approx(exact, rel=0.02, abs=2e-4)


def test_sixty_points_are_exact() -> None:
    assert kendall_p_value(60, 60 * 59 // 2) == 2 / math.factorial(60)


def test_the_normal_tail() -> None:
    assert normal_tail(0) == 0.5
    assert normal_tail(1.6448536269514722) == pytest.approx(0.05)
    assert normal_tail(-1.6448536269514722) == pytest.approx(0.95)
