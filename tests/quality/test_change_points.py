"""The gates of change points, small; ``python -m tests.quality change_points`` runs them whole."""

from typing import Any

import numpy as np
import pytest

from paceline.stats import change_point
from tests.quality.change_points import (
    POWER,
    SESSIONS,
    alarms,
    found,
    normal,
    spiky,
    wandering,
)

SEED = 20261122
TRIALS = 20


def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


@pytest.mark.parametrize("noise", [normal, spiky, wandering])
def test_a_level_that_never_changed_is_left_alone(noise: Any) -> None:
    assert alarms(noise, SESSIONS, rng(), TRIALS)[0] == 0


def test_ten_percent_steps_are_found_where_they_are() -> None:
    hits, others = found(normal, SESSIONS, 0.10, 1, rng(), TRIALS)
    assert hits >= POWER * TRIALS
    assert others == 0


def clustered(generator: np.random.Generator, count: int) -> Any:
    """Four spikes within six sessions, once."""
    values = normal(generator, count)
    values[[50, 51, 53, 55]] += 0.5
    return values


@pytest.mark.parametrize(
    ("name", "value", "noise"),
    [
        ("PENALTY", 1.0, normal),  # any wiggle becomes a level
        ("_lag_1_correlation", lambda _: 0.0, wandering),  # wandering becomes steps
        ("_without_spikes", lambda values, _: list(values), clustered),  # spikes become levels
    ],
)
def test_the_method_broken_on_purpose_raises_false_alarms(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Any, noise: Any
) -> None:
    assert alarms(noise, SESSIONS, rng(), 10)[0] == 0
    monkeypatch.setattr(change_point, name, value)
    assert alarms(noise, SESSIONS, rng(), 10)[0] >= 5


def test_a_step_far_above_the_wandering_is_told() -> None:
    hits, _ = found(wandering, SESSIONS, 0.35, 1, rng(), 10)
    assert hits >= 9
