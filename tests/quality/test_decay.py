"""The fast part of the quality gates of naming a decay, and that they can fail."""

import numpy as np
import pytest

from paceline.judge import comparison
from tests.quality.decay import DECAYS, LIMIT, told
from tests.quality.gates import at_most
from tests.quality.stored_baselines import WORLDS

BY_NAME = {world.name: world for world in WORLDS}
STEADY = "independent, 20 later sessions"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


def test_a_decay_is_named_and_fails_nothing(rng: np.random.Generator) -> None:
    seen = told(DECAYS[-1].world, rng, 60)
    assert seen.named > 0.9 * seen.gating
    assert seen.regressed <= 0.05 * seen.gating


def test_none_is_named_where_there_is_none(rng: np.random.Generator) -> None:
    seen = told(BY_NAME[STEADY], rng, 350)
    assert at_most("", "", seen.named, seen.gating, LIMIT).holds


def test_a_line_that_leads_anywhere_would_name_what_is_none(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "_LED", 10.0)
    monkeypatch.setattr(comparison, "TAIL", 0.05)
    seen = told(BY_NAME[STEADY], rng, 350)
    assert not at_most("", "", seen.named, seen.gating, LIMIT).holds
