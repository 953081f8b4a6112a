"""Where something changes over, of outcomes alone."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.edge import edge

LOADS = [float(load) for load in range(100, 116)]


def test_seven_on_either_side_bound_it() -> None:
    found = edge(LOADS, [load < 108 for load in LOADS])
    assert found is not None
    assert found.load == 107.5
    assert (found.interval.low, found.interval.high) == (101.0, 114.0)  # 101 to 107 all held, 108 to 114 all broke
    assert found.interval.confidence == pytest.approx(1 - 2 * (1 / 2**7 + 106 / 2**14 + 35_443 / 2**22))
    assert found.precision == pytest.approx(6.5 / 107.5)


@pytest.mark.parametrize(
    ("held", "low", "high"),
    [
        ([load < 106 for load in LOADS], 0.0, 112.0),  # only six held
        ([load < 110 for load in LOADS], 103.0, math.inf),  # only six broke
        ([load < 108 and load != 103 for load in LOADS], 0.0, 114.0),  # one of the lowest seven broke
        ([load < 108 or load == 112 for load in LOADS], 101.0, math.inf),
    ],
)
def test_fewer_bound_nothing(held: list[bool], low: float, high: float) -> None:
    found = edge(LOADS, held)
    assert found is not None
    assert (found.interval.low, found.interval.high) == (low, high)
    assert not found.is_bounded
    assert found.precision == math.inf


def test_among_more_of_them_some_may_be_odd() -> None:
    loads = [float(load) for load in range(100, 160)]
    found = edge(loads, [(load < 130 and load not in {110, 112}) or load in {150, 153} for load in loads])
    assert found is not None
    assert 100 <= found.interval.low <= found.load <= found.interval.high <= 159
    assert 120 < found.load < 140


def test_without_a_change_there_is_no_edge() -> None:
    assert edge(LOADS, [True] * 16) is None
    assert edge(LOADS, [False] * 16) is None
    assert edge([], []) is None


def test_each_load_has_its_outcome() -> None:
    with pytest.raises(ValueError, match="2 loads and 1 outcomes"):
        edge([1.0, 2.0], [True])


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=40), st.randoms())
def test_the_order_of_the_probes_does_not_matter_and_the_estimate_lies_in_its_interval(
    seen: list[tuple[int, bool]], shuffled: "np.random.Generator"
) -> None:
    first = edge([float(load) for load, _ in seen], [held for _, held in seen])
    again = list(seen)
    shuffled.shuffle(again)
    assert edge([float(load) for load, _ in again], [held for _, held in again]) == first
    if first is not None:
        assert first.interval.low <= first.load <= first.interval.high
        assert first.interval.low <= first.interval.high


@pytest.mark.parametrize("scatter", [0.0, 0.01, 0.03, 0.1])
def test_the_interval_holds_the_median_of_a_service_that_wanders(scatter: float) -> None:
    rng = np.random.default_rng(20261123)
    bounded = held_it = 0
    for _ in range(400):
        loads = 1_000 * rng.uniform(0.88, 1.12, 28)
        found = edge(loads.tolist(), (loads < 1_000 * np.exp(scatter * rng.standard_normal(28))).tolist())
        if found is not None:
            bounded += found.is_bounded
            held_it += found.interval.low <= 1_000 <= found.interval.high
    assert held_it >= 380
    assert bounded >= {0.0: 390, 0.01: 380, 0.03: 300, 0.1: 0}[scatter]
