"""The power of a duet, estimated from one: right on average, and an interval that holds what it is of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.detection import CONFIDENCE, power_in_pairs
from paceline.stats.intervals import sign_rank

TAIL, LEAST = 0.01, 0.02


def test_too_few_pairs_find_nothing() -> None:
    power = power_in_pairs([0.5] * 6, TAIL, LEAST)
    assert (power.share, power.low, power.high) == (0.0, 0.0, 0.0)


def test_all_pairs_far_above() -> None:
    power = power_in_pairs([0.05] * 20, TAIL, LEAST)
    assert (power.share, power.high) == (1.0, 1.0)
    # Of 20 pairs none was below: by 4 % at most 14.9 % of all are, and then 4 or fewer of 20 are in 83.4 % of duets.
    # Of being below 2 %, by 1 % at most 20.6 %: 9 or fewer in 99.7 %.
    assert power.low == pytest.approx(0.8317, abs=0.0005)


def test_some_pairs_below() -> None:
    # 3 of 20 are not above 0, by 4 % at least 4.0 and at most 35.5 % of all; 5 are below 2 %, by 1 % at most 53.2 %.
    # The bounds by summing up binomials, the share by the estimate's own 4,000 draws (truth: P(X <= 4) = 83.0 %).
    power = power_in_pairs([-0.03, -0.001, 0.0, 0.01, 0.015, *[0.05] * 15], TAIL, LEAST)
    assert power.low == pytest.approx(0.108661 * 0.303712, abs=1e-6)
    assert power.high == pytest.approx(0.999188, abs=1e-6)
    assert power.share == pytest.approx(0.8298, abs=0.02)


def test_nothing_there_is_hardly_ever_found() -> None:
    power = power_in_pairs([0.01 * (-1) ** number for number in range(20)], TAIL, LEAST)
    assert power.share == 0.0
    assert power.low == pytest.approx(0, abs=1e-6)
    assert power.high < 0.5


def test_a_change_below_the_smallest_effect_is_never_called_one() -> None:
    power = power_in_pairs([0.015] * 40, TAIL, LEAST)
    assert (power.share, power.low) == (0.0, 0.0)
    assert power.high < 0.001


@given(
    st.lists(st.floats(-0.2, 0.3), min_size=7, max_size=60),
    st.floats(0.001, 0.1),
    st.integers(0, 2**32 - 1),
)
def test_more_of_a_change_is_found_more_often(values: list[float], more: float, seed: int) -> None:
    before = power_in_pairs(values, TAIL, LEAST, seed=seed)
    after = power_in_pairs([value + more for value in values], TAIL, LEAST, seed=seed)
    assert 0 <= before.low <= before.share <= before.high <= 1
    assert after.share >= before.share
    assert after.low >= min(before.low, after.share)
    assert after.high >= before.high


@pytest.mark.parametrize("spread", [0.03, 0.045, 0.06])
def test_the_interval_holds_the_power(spread: float) -> None:
    """Of 200 duets each; the truth by drawing 20,000. Spikes on one pair in ten."""
    random = np.random.default_rng(7)

    def pairs(duets: int) -> np.ndarray:
        values = random.normal(0.05, spread, (duets, 20))
        return np.where(random.random((duets, 20)) < 0.1, values - 0.1, values)

    ordered = np.sort(pairs(20_000), axis=1)
    found = (ordered[:, sign_rank(20, TAIL) - 1] > 0) & (np.median(ordered, axis=1) >= LEAST)
    truth = float(found.mean())
    estimates = [power_in_pairs(list(values), TAIL, LEAST, seed=seed) for seed, values in enumerate(pairs(200))]
    covered = sum(each.low <= truth <= each.high for each in estimates)
    assert covered >= CONFIDENCE * 200
    # Not by saying nothing: the shares lie about the truth.
    assert float(np.mean([each.share for each in estimates])) == pytest.approx(truth, abs=0.15)
