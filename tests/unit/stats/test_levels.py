"""Spreads between and within groups, on logarithms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.levels import levels_of

values = st.floats(1e-3, 1e9)
groups = st.lists(st.lists(values, min_size=1, max_size=6), min_size=2, max_size=6)


def exps(*logs: float) -> list[float]:
    return [math.exp(value) for value in logs]


def test_by_hand() -> None:
    # Means 1, 4, 7; squares within: 3 groups x 2 over 9 - 3; between: 3 x (9 + 0 + 9) over 2; F = 27.
    found = levels_of([exps(0, 1, 2), exps(3, 4, 5), exps(6, 7, 8)])
    assert found is not None
    assert found.within == pytest.approx(1.0)
    assert found.between == pytest.approx(3.0)
    assert found.own == pytest.approx(math.sqrt((27 - 1) / 3))
    assert found.p_value == pytest.approx(0.001, rel=1e-6)  # (1 + 2 F / 6) ** -3, the tail of F(2, 6)


def test_groups_of_unequal_size() -> None:
    # Means 1, 3; 2 squares of 1 within over 1 degree of freedom; between: grand mean 5/3, 2 x 4/9 + 1 x 16/9 = 8/3.
    found = levels_of([exps(0, 2), exps(3)])
    assert found is not None
    assert found.within == pytest.approx(math.sqrt(2))
    assert found.own == pytest.approx(math.sqrt((8 / 3 - 2) / (4 / 3)))


def test_without_repetition_only_the_spread_of_groups_is_known() -> None:
    found = levels_of([[1.0], [math.e], []])
    assert found is not None
    assert found.between == pytest.approx(math.sqrt(0.5))
    assert (found.within, found.own, found.p_value) == (None, None, None)


def test_constant_values() -> None:
    alike, apart = levels_of([[5.0, 5.0], [5.0, 5.0]]), levels_of([[5.0, 5.0], [6.0, 6.0]])
    assert alike is not None
    assert apart is not None
    assert (alike.between, alike.own, alike.p_value) == (0.0, 0.0, 1.0)
    assert apart.p_value == 0.0
    assert apart.own == pytest.approx(apart.between)


@pytest.mark.parametrize(
    "given_groups",
    [[], [[1.0, 2.0]], [[1.0], []], [[1.0], [0.0]], [[1.0], [-1.0]], [[1.0], [math.nan]], [[1.0], [math.inf]]],
)
def test_nothing_to_tell(given_groups: list[list[float]]) -> None:
    assert levels_of(given_groups) is None


@given(groups, st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(given_groups: list[list[float]], factor: float) -> None:
    one, other = levels_of(given_groups), levels_of([[factor * value for value in group] for group in given_groups])
    assert one is not None
    assert other is not None
    assert other.between == pytest.approx(one.between, abs=1e-9)
    assert (other.within is None) == (one.within is None)
    if one.within is not None and other.within is not None:
        assert other.within == pytest.approx(one.within, abs=1e-9)


@given(groups)
def test_the_order_does_not_matter(given_groups: list[list[float]]) -> None:
    one, other = levels_of(given_groups), levels_of([group[::-1] for group in given_groups][::-1])
    assert one is not None
    assert other is not None
    assert other.between == pytest.approx(one.between, abs=1e-9)
    assert (other.own is None) == (one.own is None)
    if one.own is not None and other.own is not None:
        assert other.own**2 == pytest.approx(one.own**2, abs=1e-9)
