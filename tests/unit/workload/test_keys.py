import re
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from paceline.core.errors import ConfigurationError
from paceline.workload.keys import (
    MOST_KEYS,
    PATTERNS,
    Gaussian,
    KeyPattern,
    Sequential,
    Uniform,
    Zipf,
    endless,
    key_of_rank,
)
from paceline.workload.legs import Leg

_DRAWS = 200_000
_Floats = NDArray[np.float64]
_patterns = st.one_of(
    st.builds(Uniform, st.integers(1, MOST_KEYS)),
    st.builds(Sequential, st.integers(1, MOST_KEYS)),
    st.builds(Gaussian, st.integers(1, MOST_KEYS)),
    st.builds(Zipf, st.integers(1, MOST_KEYS), st.floats(0.01, 20), st.booleans()),
)


def _zipf(keys: int, constant: float) -> _Floats:
    weights: _Floats = np.arange(1, keys + 1, dtype=np.float64) ** -constant
    return weights / float(weights.sum())


def _misfit(drawn: list[int], expected: _Floats) -> float:
    """Probability of a chi-square at least this large if ``expected`` is right; rare keys are taken together."""
    counts = np.bincount(drawn, minlength=len(expected)).astype(float)
    order = np.argsort(-expected)
    # Neighbours are taken together until each group is expected at least ten times.
    group = np.floor(np.cumsum(expected[order]) * len(drawn) / 20).astype(int)
    observed = np.bincount(group, counts[order])
    wanted = np.bincount(group, expected[order] * len(drawn))
    filled = wanted >= 10
    chi_square = (((observed - wanted)[filled]) ** 2 / wanted[filled]).sum()
    return float(chdtrc(max(filled.sum() - 1, 1), chi_square))


@pytest.mark.parametrize("constant", [0.01, 0.5, 0.99, 1.0, 1.0 + 1e-10, 1.5, 3.0])
@pytest.mark.parametrize("keys", [2, 3, 10, 1_000, 100_000])
def test_zipf_has_exactly_its_probabilities(keys: int, constant: float) -> None:
    drawn = list(islice(endless(Zipf(keys, constant, scattered=False), seed=7), _DRAWS))
    assert _misfit(drawn, _zipf(keys, constant)) > 1e-4


def test_the_chi_square_would_notice_a_constant_that_is_a_little_off() -> None:
    drawn = list(islice(endless(Zipf(1_000, 0.97, scattered=False), seed=7), _DRAWS))
    assert _misfit(drawn, _zipf(1_000, 0.99)) < 1e-6


def test_scattering_moves_ranks_and_changes_no_probability() -> None:
    keys = 1_000
    plain = islice(endless(Zipf(keys, scattered=False), seed=3), 50_000)
    scattered = islice(endless(Zipf(keys), seed=3), 50_000)
    assert Counter(key_of_rank(rank, keys) for rank in plain) == Counter(scattered)


def test_the_first_half_of_scattered_keys_carries_about_half_of_the_accesses() -> None:
    drawn = list(islice(endless(Zipf(10_000), seed=1), _DRAWS))
    share = sum(key < 5_000 for key in drawn) / len(drawn)
    assert 0.4 < share < 0.6


@given(st.integers(1, 3_000))
def test_each_key_belongs_to_one_rank(keys: int) -> None:
    assert sorted(key_of_rank(rank, keys) for rank in range(keys)) == list(range(keys))


def test_scattering_does_not_overflow_at_the_most_keys() -> None:
    drawn = list(islice(endless(Zipf(MOST_KEYS, 0.01), seed=5), 2_000))
    ranks = list(islice(endless(Zipf(MOST_KEYS, 0.01, scattered=False), seed=5), 2_000))
    assert drawn == [key_of_rank(rank, MOST_KEYS) for rank in ranks]


def test_uniform_and_gaussian_have_their_probabilities() -> None:
    assert _misfit(list(islice(endless(Uniform(500), seed=2), _DRAWS)), np.full(500, 1 / 500)) > 1e-4
    pattern = Gaussian(600, mean=100)
    edges = ndtr((np.arange(601) - 100) / 100)
    assert pattern.deviation == 100
    inside = np.diff(edges) / (edges[-1] - edges[0])
    assert _misfit(list(islice(endless(pattern, seed=2), _DRAWS)), inside) > 1e-4


def test_a_gaussian_lies_in_the_middle_unless_told_otherwise() -> None:
    pattern = Gaussian(600)
    assert (pattern.centre, pattern.deviation) == (300, 100)


def test_sequential_begins_again() -> None:
    assert list(islice(endless(Sequential(3), seed=9), 7)) == [0, 1, 2, 0, 1, 2, 0]


@settings(deadline=None)
@given(_patterns, st.integers(0, 2**63 - 1))
def test_draws_are_keys_and_the_seed_repeats_them(pattern: KeyPattern, seed: int) -> None:
    drawn = list(islice(endless(pattern, seed), 1_500))
    assert drawn == list(islice(endless(pattern, seed), 1_500))
    assert all(type(key) is int and 0 <= key < pattern.keys for key in drawn)


@settings(deadline=None)
@given(_patterns, st.integers(0, 2**63 - 1), st.integers(1, 7))
def test_legs_draw_together_what_one_process_draws(pattern: KeyPattern, seed: int, of: int) -> None:
    legs = [endless(pattern, seed, Leg(number, of)) for number in range(of)]
    together = [next(leg) for _ in range(1_500 // of) for leg in legs]
    assert together == list(islice(endless(pattern, seed), len(together)))


def test_another_seed_draws_others() -> None:
    first, second = (list(islice(endless(Zipf(10_000), seed), 100)) for seed in (0, 1))
    assert first != second


def test_patterns_by_name_need_a_number_of_keys_only() -> None:
    assert [make(5).keys for make in PATTERNS.values()] == [5, 5, 5, 5]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(0), "keys must be a whole number of at least 1 and at most 1000000000000, not 0"),
        (lambda: Zipf(10**13), "keys must be"),
        (lambda: Sequential(2.0), "keys must be a whole number"),  # type: ignore[arg-type]
        (lambda: Zipf(5, 0), "constant must be a number from 0.01 to 20, not 0"),
        (lambda: Zipf(5, "1"), "constant must be a number from 0.01 to 20, not '1'"),  # type: ignore[arg-type]
        (lambda: Zipf(5, 1, scattered=1), "scattered must be True or False, not 1"),  # type: ignore[arg-type]
        (lambda: Gaussian(5, mean=6), "mean must be a number from 0 to 5, not 6"),
        (lambda: Gaussian(5, spread=0), "spread must be a number from 0.001 to 50, not 0"),
        (lambda: Gaussian(5, spread=float("nan")), "spread must be"),
        (lambda: endless(5, 0), "a key pattern is a Uniform, Sequential, Gaussian or Zipf, not 5"),  # type: ignore[arg-type]
        (lambda: endless(Uniform(5), -1), "seed must be"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        make()
