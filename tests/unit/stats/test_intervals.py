import math
from fractions import Fraction
from itertools import product
from statistics import NormalDist, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.intervals import (
    NOTHING_KNOWN,
    Interval,
    binomial_tail,
    prediction_interval,
    proportion_interval,
    sign_interval,
    sign_p,
    sign_rank,
    student_quantile,
)

tails = st.floats(1e-6, 0.5)
values = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60)


def _exact_tail(most: int, trials: int) -> Fraction:
    return Fraction(sum(math.comb(trials, hits) for hits in range(most + 1)), 2**trials)


@given(st.integers(0, 80).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_tail_of_coins_is_exact(case: tuple[int, int]) -> None:
    most, trials = case
    assert binomial_tail(most, trials) == float(_exact_tail(most, trials))


def test_the_tail_of_many_coins_is_exact_and_no_overflow() -> None:
    assert binomial_tail(1_000, 2_000) == float(_exact_tail(1_000, 2_000))
    assert binomial_tail(-1, 5) == 0


@given(st.integers(0, 80), tails)
def test_the_rank_is_the_highest_that_keeps_to_the_tail(trials: int, tail: float) -> None:
    rank = sign_rank(trials, tail)
    assert rank == 0 or _exact_tail(rank - 1, trials) <= tail
    assert rank == trials // 2 + 1 or _exact_tail(rank, trials) > tail


@pytest.mark.parametrize(
    ("trials", "tail", "rank"),
    [(20, 0.01, 5), (20, 0.05 / 30, 4), (12, 0.05 / 30, 1), (12, 0.01 / 3, 2), (6, 0.01, 0), (7, 0.01, 1), (2, 0.5, 1)],
)
def test_ranks_by_hand(trials: int, tail: float, rank: int) -> None:
    assert sign_rank(trials, tail) == rank


def test_the_interval_of_twenty_pairs() -> None:
    shuffled = [7, 3, 19, 1, 15, 11, 2, 20, 9, 5, 13, 17, 4, 8, 16, 12, 6, 18, 10, 14]
    found = sign_interval(shuffled, 0.01)
    assert (found.low, found.high) == (5, 16)
    assert found.confidence == pytest.approx(0.98818, abs=1e-5)
    assert sign_interval(shuffled, 0.05 / 30).confidence == pytest.approx(0.99742, abs=1e-5)


def test_too_few_values_know_nothing() -> None:
    assert sign_interval([1.0] * 6, 0.01) == NOTHING_KNOWN
    assert sign_interval([], 0.01) == NOTHING_KNOWN
    assert sign_interval([1.0] * 7, 0.01) == Interval(1.0, 1.0, 1 - 2 / 128)


def test_the_confidence_is_that_of_all_signs() -> None:
    # Around a median of 0 every pattern of signs is equally likely: count those whose interval holds it.
    held = 0
    for signs in product((-1, 1), repeat=9):
        found = sign_interval([sign * (place + 1) for place, sign in enumerate(signs)], 0.03)
        held += found.low <= 0 <= found.high
    assert held / 2**9 == sign_interval(list(range(9)), 0.03).confidence


@given(values, tails)
def test_an_end_above_zero_and_a_p_value_within_the_tail_are_one(given_values: list[float], tail: float) -> None:
    assert (sign_interval(given_values, tail).low > 0) == (sign_p(given_values) <= tail)


@given(values, tails, st.floats(-100, 100), st.sampled_from([0.5, 2.0, 1024.0]))
def test_the_interval_moves_with_its_values(
    given_values: list[float], tail: float, shift: float, factor: float
) -> None:
    found = sign_interval(given_values, tail)
    moved = sign_interval([factor * value + shift for value in given_values], tail)
    assert moved.confidence == found.confidence
    assert (moved.low, moved.high) == (factor * found.low + shift, factor * found.high + shift)
    assert sign_interval([-value for value in given_values], tail) == found.mirrored


@given(values, tails, tails)
def test_a_stricter_interval_holds_the_looser_one_and_the_median(
    given_values: list[float], one: float, other: float
) -> None:
    strict, loose = (sign_interval(given_values, tail) for tail in sorted((one, other)))
    assert strict.low <= loose.low <= median(given_values) <= loose.high <= strict.high
    assert strict.confidence >= loose.confidence >= 1 - 2 * max(one, other)


def test_a_p_value_counts_what_speaks_for_the_shift() -> None:
    assert sign_p([1, 2, 3, 0]) == binomial_tail(1, 4)
    assert sign_p([1, 2, 3, 0], shift=-1) == binomial_tail(0, 4)
    assert sign_p([]) == 1


def test_a_prediction_interval_by_hand() -> None:
    found = prediction_interval([1, 2, 3, 4, 5], 0.01)
    half = 3.7469 * math.sqrt(2.5) * math.sqrt(1.2)  # Student's t with 4 degrees of freedom at 99 %
    assert found.low == pytest.approx(3 - half, abs=1e-3)
    assert found.high == pytest.approx(3 + half, abs=1e-3)
    assert found.confidence == 0.98
    assert prediction_interval([1.0], 0.01) == NOTHING_KNOWN
    assert prediction_interval([2.0, 2.0], 0.01) == Interval(2.0, 2.0, 0.98)


def test_student_is_normal_in_the_end() -> None:
    assert student_quantile(0.99, 4) == pytest.approx(3.74695, abs=1e-5)
    assert student_quantile(0.99, 1e9) == pytest.approx(NormalDist().inv_cdf(0.99), abs=1e-6)


@pytest.mark.parametrize(
    ("hits", "trials", "high"), [(0, 299, 0.01), (2, 628, 0.01), (5, 1_049, 0.01)], ids=["0", "2", "5"]
)
def test_a_rate_is_proven_by_so_many_trials(hits: int, trials: int, high: float) -> None:
    assert proportion_interval(hits, trials, 0.05).high <= high < proportion_interval(hits, trials - 1, 0.05).high


@given(st.integers(1, 200).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_a_proportion_lies_within_and_mirrors(case: tuple[int, int]) -> None:
    hits, trials = case
    found, mirror = proportion_interval(hits, trials, 0.05), proportion_interval(trials - hits, trials, 0.05)
    assert 0 <= found.low <= hits / trials <= found.high <= 1
    assert found.confidence == pytest.approx(0.9)
    assert found.low == pytest.approx(1 - mirror.high, abs=1e-9)
    # The bounds are where what was seen, or more of it, has just the probability of the tail.
    if hits:
        beyond = sum(
            math.comb(trials, k) * found.low**k * (1 - found.low) ** (trials - k) for k in range(hits, trials + 1)
        )
        assert beyond == pytest.approx(0.05, rel=1e-6)
