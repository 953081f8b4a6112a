"""How many fresh processes, and what is drawn for them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.workload.fresh_processes import MOST_EPOCHS, MOST_RUNS, FreshProcesses, fresh_processes, hash_seeds
from paceline.workload.models import MOST_SEED


def test_one_run_of_one_epoch_needs_no_fresh_process() -> None:
    assert fresh_processes(1, 1) is None
    assert fresh_processes(1, 2) == FreshProcesses(1, 2)
    assert fresh_processes(2, 1, 5) == FreshProcesses(2, 1, 5)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ((0, 1), "runs"),
        ((MOST_RUNS + 1, 1), "runs"),
        ((True, 1), "runs"),
        ((2.0, 1), "runs"),
        ((2, 0), "epochs"),
        ((2, MOST_EPOCHS + 1), "epochs"),
        ((2, 1, -1), "seed"),
        ((2, 1, MOST_SEED + 1), "seed"),
        ((1, 1, 5), "seed is what hash seeds"),
    ],
)
def test_what_cannot_be_asked_for(asked: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        fresh_processes(*asked)


@given(st.integers(0, MOST_SEED), st.integers(1, 200))
def test_seeds_are_drawn_again_from_the_same(seed: int, runs: int) -> None:
    drawn = hash_seeds(seed, runs)
    assert drawn == hash_seeds(seed, runs)
    assert drawn[:-1] == hash_seeds(seed, runs - 1)
    assert len(drawn) == runs
    assert all(1 <= each < 1 << 32 for each in drawn)  # what PYTHONHASHSEED takes, without its switch


def test_seeds_differ() -> None:
    assert len(set(hash_seeds(0, 1_000))) > 990
    assert hash_seeds(0, 10) != hash_seeds(1, 10)
