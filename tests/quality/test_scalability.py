"""The fast part of the quality gates of the scalability law, and that they can fail."""

import numpy as np
import pytest

from paceline.stats import scalability_fit
from tests.quality.gates import at_most
from tests.quality.scalability import FALSE_BENDS, FALSE_PEAKS, World, told

TRIALS = 250
SEVEN = (1, 2, 4, 8, 16, 32, 64)
SLACK = 0.042  # three standard deviations of a share of 95 % in so many trials


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


def test_intervals_hold_what_was_planted(rng: np.random.Generator) -> None:
    seen = told(World(0.1, 1e-3, 0.02, SEVEN), rng, TRIALS)
    assert seen.peaks == TRIALS
    for held in (*seen.held, *seen.held_peaks):
        assert abs(held / TRIALS - 0.95) <= SLACK


def test_what_is_straight_is_not_bent(rng: np.random.Generator) -> None:
    seen = told(World(0.0, 0.0, 0.05), rng, TRIALS)
    assert at_most("", "", seen.bent, TRIALS, FALSE_BENDS).holds
    assert at_most("", "", seen.peaks, TRIALS, FALSE_PEAKS).holds


def test_what_levels_off_has_no_peak(rng: np.random.Generator) -> None:
    seen = told(World(0.05, 0.0, 0.03), rng, TRIALS)
    assert at_most("", "", seen.peaks, TRIALS, FALSE_PEAKS).holds


def test_intervals_of_half_the_width_would_be_noticed(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scalability_fit, "TAIL", 0.2)
    seen = told(World(0.1, 1e-3, 0.02, SEVEN), rng, TRIALS)
    assert all(held / TRIALS < 0.95 - SLACK for held in (*seen.held, *seen.held_peaks))
