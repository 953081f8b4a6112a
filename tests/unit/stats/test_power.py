import math
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.intervals import sign_interval, sign_rank, student_quantile
from paceline.stats.power import (
    pairs_needed,
    smallest_visible_in_pairs,
    smallest_visible_in_sessions,
    smallest_visible_shift,
)

LEAST = math.log1p(0.02)
spreads = st.lists(st.floats(-0.3, 0.3), min_size=7, max_size=30)


def _share_found(values: list[float], shift: float, tail: float, min_effect: float) -> float:
    """The same bootstrap by the rule itself, draw by draw."""
    rng = np.random.default_rng(99)
    centred = [value - median(values) + shift for value in values]
    found = 0
    for _ in range(2_000):
        drawn = [centred[place] for place in rng.integers(0, len(values), len(values))]
        found += sign_interval(drawn, tail).low > 0 and median(drawn) >= min_effect
    return found / 2_000


@pytest.mark.parametrize(("spread", "tail"), [(0.01, 0.01), (0.04, 0.01), (0.04, 0.05 / 30)])
def test_the_shift_is_found_in_four_of_five_draws(spread: float, tail: float) -> None:
    values = np.random.default_rng(7).normal(0.5, spread, 20).tolist()
    visible = smallest_visible_in_pairs(values, tail, LEAST)
    assert _share_found(values, visible + 1e-9, tail, LEAST) > 0.77
    assert _share_found(values, visible - 0.1 * spread, tail, LEAST) < 0.83


@given(spreads, st.sampled_from([0.25, 2.0, 8.0]), st.floats(-1, 1))
def test_it_scales_with_the_values_and_forgets_where_they_are(values: list[float], factor: float, shift: float) -> None:
    visible = smallest_visible_in_pairs(values, 0.01, LEAST)
    scaled = smallest_visible_in_pairs([factor * value for value in values], 0.01, factor * LEAST)
    moved = smallest_visible_in_pairs([value + shift for value in values], 0.01, LEAST)
    assert scaled == pytest.approx(factor * visible)
    assert moved == pytest.approx(visible, abs=1e-9)


@given(spreads, st.floats(0, 0.2), st.floats(0, 0.2))
def test_it_is_never_below_the_smallest_effect_and_grows_with_it(values: list[float], one: float, other: float) -> None:
    small, large = (smallest_visible_in_pairs(values, 0.01, least) for least in sorted((one, other)))
    assert min(one, other) <= small <= large
    assert smallest_visible_in_pairs(values, 0.001, one) >= smallest_visible_in_pairs(values, 0.01, one)


def test_without_spread_the_smallest_effect_is_visible() -> None:
    assert smallest_visible_in_pairs([0.3] * 20, 0.01, LEAST) == LEAST


def test_too_few_pairs_show_nothing() -> None:
    assert not sign_rank(6, 0.01)
    assert smallest_visible_in_pairs([0.0] * 6, 0.01, LEAST) == math.inf


def test_the_draws_are_those_of_the_seed() -> None:
    values = np.random.default_rng(3).normal(0, 0.005, 40).tolist()
    one, same, other = (smallest_visible_in_pairs(values, 0.01, 0.05, seed=seed) for seed in (5, 5, 6))
    assert one == same != other
    assert one == pytest.approx(other, rel=0.01)


@pytest.mark.parametrize(("sessions", "sds"), [(5, 5.3), (10, 3.9), (20, 3.5)])
def test_sessions_show_so_many_standard_deviations(sessions: int, sds: float) -> None:
    assert smallest_visible_in_sessions(0.02, sessions, 0.01, 0.0) / 0.02 == pytest.approx(sds, abs=0.05)


@pytest.mark.parametrize("sessions", [3, 5, 10, 20])
def test_four_of_five_sessions_slower_by_it_are_found(sessions: int) -> None:
    rng = np.random.default_rng(11)
    visible = smallest_visible_in_sessions(1.0, sessions, 0.01, 0.0)
    reference = rng.normal(0, 1, (40_000, sessions))
    sd = reference.std(axis=1, ddof=1) * math.sqrt(1 + 1 / sessions)
    away = rng.normal(visible, 1, 40_000) - reference.mean(axis=1)
    assert np.mean(away > student_quantile(0.99, sessions - 1) * sd) == pytest.approx(0.8, abs=0.01)


def test_a_small_spread_leaves_the_smallest_effect_and_a_little() -> None:
    assert smallest_visible_in_sessions(0.0, 10, 0.01, 0.05) == 0.05
    # Of an estimate around the shift four in five have to reach the smallest effect.
    assert smallest_visible_in_sessions(0.001, 10, 0.01, 0.05) == pytest.approx(
        0.05 + 0.8416 * 0.001 * math.sqrt(1.1), abs=1e-6
    )
    assert smallest_visible_in_sessions(0.02, 1, 0.01, 0.05) == math.inf


def test_an_estimate_with_its_error_is_the_same_thing() -> None:
    assert smallest_visible_shift(0.02 * math.sqrt(1.1), 9, 0.01, 0.05) == smallest_visible_in_sessions(
        0.02, 10, 0.01, 0.05
    )


@pytest.mark.parametrize(
    ("pairs", "visible", "wanted", "needed"),
    [(20, 0.10, 0.05, 80), (20, 0.05, 0.05, 20), (20, 0.01, 0.05, 20), (20, 0.06, 0.05, 29)],
)
def test_errors_shrink_with_the_square_root(pairs: int, visible: float, wanted: float, needed: int) -> None:
    assert pairs_needed(pairs, visible, wanted) == needed
