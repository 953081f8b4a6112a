"""The line through the probes of a search, read backwards."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.capacity import Fault, Scale, crossing, evenly, unbiased_height

LOADS = evenly(700, 850, 7)
EVEN = [1.0] * 7


@given(st.floats(1, 1e5), st.floats(0.1, 20), st.sampled_from(Scale))
def test_a_line_without_noise_is_read_off_exactly(truth: float, steepness: float, scale: Scale) -> None:
    loads = [truth * factor for factor in (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1)]
    gradient = -steepness / truth if scale is Scale.QUEUE else -steepness
    heights = [gradient * (scale.across(load) - scale.across(truth)) for load in loads]
    found = crossing(loads, heights, EVEN, scale)
    assert found.load == pytest.approx(truth, rel=1e-6)
    assert found.steepness == pytest.approx(steepness, rel=1e-5)
    assert found.interval.low <= found.load * (1 + 1e-9)
    assert found.interval.high >= found.load * (1 - 1e-9)


def test_figures_and_heights_are_each_others_inverse() -> None:
    for scale in Scale:
        for value in (1.0, 15.0, 1e4):
            assert scale.figure(scale.height(value, 15.0), 15.0) == pytest.approx(value)
        assert scale.height(15.0, 15.0) == 0
    assert Scale.QUEUE.figure(-1.5, 15.0) == math.inf


def test_fieller_s_interval_is_that_of_a_worked_example() -> None:
    # By hand: mean load 3, Sxx 10, gradient -0.98, level 0.06, residual variance 0.0252 / 3; t(3) = 3.18245.
    heights = [2.0, 1.1, 0.0, -0.9, -1.9]
    found = crossing([1, 2, 3, 4, 5], heights, [1.0] * 5, Scale.QUEUE)
    gradient, level, variance, t = (
        -0.98,
        0.06,
        sum((height - 0.06 + 0.98 * (load - 3)) ** 2 for load, height in zip(range(1, 6), heights, strict=True)) / 3,
        3.182446,
    )
    g = t**2 * variance / (gradient**2 * 10)
    offset = -level / gradient
    half = t * math.sqrt(variance) / abs(gradient) * math.sqrt((1 - g) / 5 + offset**2 / 10)
    assert found.gradient == pytest.approx(gradient)
    assert found.level == pytest.approx(level)
    assert found.interval.low == pytest.approx(3 + (offset - half) / (1 - g), rel=1e-6)
    assert found.interval.high == pytest.approx(3 + (offset + half) / (1 - g), rel=1e-6)


@pytest.mark.parametrize(
    ("loads", "heights", "fault"),
    [
        ([1, 2, 3, 4], [3, 2, 1, 0], Fault.FEW),
        ([5, 5, 5, 5, 5], [3, 2, 1, 0, -1], Fault.FEW),
        ([1, 2, 3, 4, 5], [-2, -1, 0, 1, 2], Fault.RISING),
        ([1, 2, 3, 4, 5], [1, 1, 1, 1, 1], Fault.RISING),
        ([1, 2, 3, 4, 5], [2, -3, 2, -2, 0.5], Fault.NOISY),
    ],
)
def test_what_is_no_falling_line_has_no_interval(loads: list[float], heights: list[float], fault: Fault) -> None:
    found = crossing(loads, heights, [1.0] * len(loads), Scale.QUEUE)
    assert found.fault is fault
    assert math.isinf(found.interval.high)
    assert math.isinf(found.precision)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    truth, held = 800.0, 0
    for _ in range(1_000):
        heights = [(truth - load) / 200 + rng.normal(0, 0.1) for load in LOADS]
        interval = crossing(LOADS, heights, EVEN, Scale.QUEUE).interval
        held += interval.low <= truth <= interval.high
    assert 930 <= held <= 970


def test_what_is_left_of_a_bias_widens_the_interval_to_its_own_side_only() -> None:
    heights = [(800 - load) / 200 + 0.01 * (-1) ** place for place, load in enumerate(LOADS)]
    plain = crossing(LOADS, heights, EVEN, Scale.QUEUE)
    down = crossing(LOADS, heights, EVEN, Scale.QUEUE, corrected=-0.05)  # heights had been too great
    assert down.interval.high == plain.interval.high
    assert down.interval.low == pytest.approx(plain.interval.low - 10, rel=0.01)
    up = crossing(LOADS, heights, EVEN, Scale.QUEUE, corrected=0.05)
    assert up.interval.low == plain.interval.low
    assert up.interval.high == pytest.approx(plain.interval.high + 10, rel=0.01)


def test_parts_take_away_a_bias_that_goes_as_one_over_the_length() -> None:
    # limit / value is 1.5 in the long run, and too great by 0.2 of the whole, by 0.8 of a quarter of it.
    limit = 30.0
    height = unbiased_height(limit / 1.7, [limit / 2.3] * 4, limit, Scale.QUEUE)
    assert height == pytest.approx(0.5)
    assert unbiased_height(15.0, (), limit, Scale.QUEUE) == 1.0
    assert unbiased_height(15.0, [15.0, 0.0, 15.0, 15.0], limit, Scale.QUEUE) == 1.0
