import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from paceline.stats import summary
from paceline.stats.summary import Moments, moments_of, quantile_of_sorted
from tests.strategies import durations_ns, quantiles, samples_ns

LARGEST = 2**63 - 1


def _array(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _by_hand(values: list[int]) -> Moments:
    return Moments(
        count=len(values),
        total=sum(values),
        total_squares=sum(value * value for value in values),
        minimum=min(values, default=0),
        maximum=max(values, default=0),
    )


@given(st.lists(durations_ns, max_size=100))
@example([LARGEST])
@example([LARGEST] * 7)
@example([2**62 + 1, 1, 0])
@example([3_037_000_499])  # the largest whose square fits into an int64
@example([3_037_000_500])
@example([2**42 - 1, 2**42, 2**42 + 1, 2**21 - 1, 2**21])
def test_moments_are_exact_at_any_size(values: list[int]) -> None:
    assert moments_of(_array(values)) == _by_hand(values)


@pytest.mark.parametrize(
    ("values", "direct"),
    [
        ([LARGEST], True),
        ([LARGEST // 2, LARGEST // 2], True),
        ([LARGEST // 2 + 1, 1], False),
        ([LARGEST, LARGEST], False),
    ],
)
def test_a_sum_that_could_overflow_is_taken_apart(values: list[int], direct: bool) -> None:  # noqa: FBT001
    assert summary._INT64_MAX == LARGEST
    assert (max(values) * len(values) <= LARGEST) is direct
    assert moments_of(_array(values)).total == sum(values)


def test_squares_are_summed_in_parts_that_cannot_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    # 2**21 values a part in earnest; with limbs of 3 bits the same code has many parts and many limbs.
    monkeypatch.setattr(summary, "_LIMB_BITS", 3)
    monkeypatch.setattr(summary, "_LIMB_MASK", 7)
    monkeypatch.setattr(summary, "_INT64_MAX", -1)
    values = [(37 * number) % 512 for number in range(100)]  # three limbs of 3 bits
    assert moments_of(_array(values)) == _by_hand(values)


def test_more_values_than_one_part_holds() -> None:
    values = np.full(2**21 + 3, LARGEST, dtype=np.int64)
    values[-1] = 5
    found = moments_of(values)
    assert found.total_squares == (2**21 + 2) * LARGEST**2 + 25
    assert (found.minimum, found.maximum) == (5, LARGEST)


@given(st.lists(durations_ns, max_size=30), st.lists(durations_ns, max_size=30))
def test_merging_is_concatenating(left: list[int], right: list[int]) -> None:
    assert moments_of(_array(left)).merge(moments_of(_array(right))) == _by_hand(left + right)


def test_nothing_has_no_mean_and_one_value_no_spread() -> None:
    assert math.isnan(Moments().mean)
    assert math.isnan(Moments().standard_deviation)
    assert moments_of(_array([7])).standard_deviation == 0.0
    assert Moments() == Moments(count=0, total=0, total_squares=0, minimum=0, maximum=0)


@given(st.lists(durations_ns, min_size=2, max_size=50))
@example([10**18, 10**18 + 1])  # the textbook formula in floats says 0
@example([0, 0])
def test_mean_and_standard_deviation_are_those_of_exact_arithmetic(values: list[int]) -> None:
    found = moments_of(_array(values))
    mean = Fraction(sum(values), len(values))
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    assert found.mean == float(mean)
    assert found.standard_deviation == pytest.approx(math.sqrt(variance), rel=1e-14)
    assert found.standard_deviation == pytest.approx(statistics.stdev(values), rel=1e-14)


@given(samples_ns, quantiles)
def test_quantiles_are_type_7(values: list[int], q: float) -> None:
    ordered = sorted(values)
    expected = float(np.quantile(np.array(ordered, dtype=np.float64), q))
    assert quantile_of_sorted(ordered, q) == pytest.approx(expected, rel=1e-12, abs=1e-6)
    assert quantile_of_sorted(_array(ordered), q) == quantile_of_sorted(ordered, q)


@given(samples_ns, quantiles, quantiles)
def test_quantiles_rise_with_q_and_stay_within_the_values(values: list[int], one: float, other: float) -> None:
    ordered = sorted(values)
    low, high = (quantile_of_sorted(ordered, q) for q in sorted((one, other)))
    assert ordered[0] <= low <= high * (1 + 1e-12)
    assert high <= ordered[-1] * (1 + 1e-12)


@pytest.mark.parametrize(
    ("q", "quantile"),
    [(0.0, 10), (0.25, 20), (0.5, 30), (0.6, 34), (0.625, 35), (0.75, 40), (0.95, 48), (1.0, 50)],
)
def test_between_order_statistics_it_is_interpolated(q: float, quantile: float) -> None:
    assert quantile_of_sorted([10, 20, 30, 40, 50], q) == pytest.approx(quantile)


@pytest.mark.parametrize("q", [0.0, 0.5, 1.0])
def test_one_value_is_every_quantile(q: float) -> None:
    assert quantile_of_sorted([7], q) == 7
