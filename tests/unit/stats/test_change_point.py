"""Change points: the partition against ruptures and against all partitions there are; noise, spikes, wandering."""

import itertools
import math
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.change_point import (
    LEAST_POINTS,
    PENALTY,
    ChangePoints,
    change_points,
    noise_scale,
    optimal_partition,
)

LEAST_SCALE = 0.002
values = st.integers(-1_000, 1_000).map(float)


def cost(series: list[float], positions: tuple[int, ...], penalty: float) -> float:
    """As the definition says it."""
    edges = pairwise((0, *positions, len(series)))
    parts = (series[begin:end] for begin, end in edges)
    return sum(sum(abs(each - median(part)) for each in part) for part in parts) + penalty * len(positions)


@given(st.lists(values, min_size=4, max_size=11), st.integers(0, 800), st.integers(1, 4))
def test_no_partition_is_cheaper(series: list[float], penalty: int, least: int) -> None:
    found = optimal_partition(series, penalty, least)
    allowed = [
        positions
        for count in range(len(series))
        for positions in itertools.combinations(range(1, len(series)), count)
        if all(end - begin >= least for begin, end in pairwise((0, *positions, len(series))))
    ]
    assert found in allowed
    assert cost(series, found, penalty) == min(cost(series, each, penalty) for each in allowed)


@pytest.mark.parametrize("seed", range(8))
def test_the_partition_is_that_of_ruptures(seed: int) -> None:
    import ruptures

    rng = np.random.default_rng(seed)
    series = rng.standard_t(3, 80)
    series[20:] += 4
    series[55:] -= 3
    # Its pruning is exact for segments of two points, which the cost has as its least; ours is exact for all.
    *oracle, _ = ruptures.Pelt(model="l1", min_size=2, jump=1).fit(series).predict(pen=8.0)
    assert optimal_partition(series.tolist(), 8.0, 2) == tuple(oracle)


@given(st.lists(values, max_size=40), st.floats(1e-6, 1e3))
def test_positions_are_ascending_and_segments_long_enough(series: list[float], least_scale: float) -> None:
    found = change_points(series, least_scale)
    edges = (0, *found.positions, len(series))
    assert not found.positions or min(end - begin for begin, end in pairwise(edges)) >= LEAST_POINTS
    assert found.withheld >= 0
    assert 0 <= found.correlation < 1


def test_a_step_between_two_still_levels_is_found() -> None:
    assert change_points([0.0] * 30 + [0.1] * 30, LEAST_SCALE) == ChangePoints((30,))


@pytest.mark.parametrize("series", [[], [1.0], [0.0] * 9 + [5.0], [3.0] * 300, [0.0, 1.0] * 150])
def test_what_has_no_levels_has_no_change(series: list[float]) -> None:
    assert change_points(series, LEAST_SCALE) == ChangePoints(())


def test_a_step_below_the_least_scale_is_none() -> None:
    series = [0.0] * 30 + [0.1] * 30
    assert change_points(series, 10.0).positions == ()


def test_spikes_are_no_levels() -> None:
    rng = np.random.default_rng(3)
    series = rng.normal(0, 0.02, 200)
    series[[50, 51, 53, 120, 121]] += 0.7
    assert change_points(series.tolist(), LEAST_SCALE).positions == ()


def test_wandering_is_withheld_and_said() -> None:
    rng = np.random.default_rng(4)
    series = [0.0]
    for shock in rng.normal(0, 0.012, 299):
        series.append(0.8 * series[-1] + shock)
    found = change_points(series, LEAST_SCALE)
    assert found.positions == ()
    assert found.withheld > 0
    assert 0.5 < found.correlation < 0.95


def test_the_scale_is_the_standard_deviation_of_the_noise() -> None:
    series = np.random.default_rng(5).normal(0, 0.02, 3_000)
    series[1_000:] += 5
    assert noise_scale(series.tolist(), LEAST_SCALE) == pytest.approx(0.02, rel=0.05)


def test_where_most_points_are_equal_the_mean_step_is_the_scale() -> None:
    series = [0.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert noise_scale(series, LEAST_SCALE) == pytest.approx(0.2 / 8 / (2 / math.sqrt(math.pi)))
    assert noise_scale([1.0] * 5, LEAST_SCALE) == LEAST_SCALE


def test_the_penalty_is_that_of_300_points() -> None:
    assert pytest.approx(3 * math.log(300)) == PENALTY
