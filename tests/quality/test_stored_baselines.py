"""The fast part of the quality gates of stored baselines, and that breaking the method breaks them."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from paceline.judge import held
from tests.quality.gates import at_most
from tests.quality.stored_baselines import (
    FLEETS,
    LIMIT,
    WORLDS,
    Effort,
    World,
    alarms,
    daily,
    first_thought_of,
    fleet_alarms,
    power,
    several_a_day,
    suites_with_alarms,
    two_samples,
    visible_and_true,
    wandering,
    with_days,
)

TRIALS = 250
BY_NAME = {world.name: world for world in WORLDS}
HARD = (
    "independent, spread 5%",
    "days differ 2 x, two a day",
    "five sessions an hour",
    "AR(0.5), 20 stored",
    "AR(0.8), 10 stored",
    "drift of 0.3 sd a session, 10 stored",
    "drift of 0.1 sd a session, 20 stored",
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


def pooled(rng: np.random.Generator, worlds: Sequence[World], trials: int = TRIALS) -> tuple[int, int]:
    found = [alarms(world, rng, trials) for world in worlds]
    return sum(wrong for wrong, _ in found), sum(gating for _, gating in found)


def test_false_alarms_over_all_worlds_together(rng: np.random.Generator) -> None:
    wrong, gating = pooled(rng, [BY_NAME[name] for name in HARD])
    assert gating > 0.6 * TRIALS * len(HARD)
    assert at_most("", "", wrong, gating, LIMIT).holds


def test_runners_that_the_fingerprint_cannot_tell_apart(rng: np.random.Generator) -> None:
    wrong, gating = fleet_alarms(FLEETS[0], rng, 80)
    assert at_most("", "", wrong, gating, LIMIT).holds


def test_sessions_against_sessions(rng: np.random.Generator) -> None:
    wrong, gating = two_samples(wandering(0.05, 0.5), rng, 400)
    assert at_most("", "", wrong, gating, LIMIT).holds


def test_a_suite_of_thirty(rng: np.random.Generator) -> None:
    assert suites_with_alarms(rng, 20, 30) <= 2  # by chance, at 5 % a suite, more in one of 13


def test_slower_code_is_found(rng: np.random.Generator) -> None:
    assert power(0.02, 10, math.log(1.15), rng, 200) > 0.9


def test_the_smallest_visible_change_is_what_80_percent_find(rng: np.random.Generator) -> None:
    visible, true = visible_and_true(0.05, 20, rng, Effort(0, 0, 120))
    assert visible == pytest.approx(true, rel=0.2)


class TestBrokenOnPurpose:
    """A gate that holds whatever the method is would be none."""

    def test_without_the_line(self, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(held, "line_forecast", lambda *_: None)
        wrong, gating = alarms(BY_NAME["drift of 0.1 sd a session, 20 stored"], rng, TRIALS)
        assert not at_most("", "", wrong, gating, LIMIT).holds
        assert wrong / gating > LIMIT

    def test_with_medians_of_what_is_beside_each_other(self, rng: np.random.Generator) -> None:
        rows = rng.normal(0, 0.05, (400, 51))
        wrong, gating = first_thought_of(rows, medians_of=5)
        assert wrong / gating > 3 * LIMIT

    def test_taking_one_afternoon_for_ten_days(self, rng: np.random.Generator) -> None:
        afternoons = World("", with_days(0.01, 5, 10), daily(10))  # all ten on one day, the candidate on the next
        wrong, gating = alarms(afternoons, rng, TRIALS)
        assert wrong / gating > 10 * LIMIT
        as_they_were = World("", afternoons.draw, several_a_day(10, 10, 0.5))
        assert alarms(as_they_were, rng, 20) == (0, 0)

    def test_without_calibration_and_company(self, rng: np.random.Generator) -> None:
        wrong, gating = fleet_alarms(FLEETS[-1], rng, 500)
        assert not at_most("", "", wrong, gating, LIMIT).holds
