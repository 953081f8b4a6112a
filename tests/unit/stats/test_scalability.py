"""The Universal Scalability Law: found in what follows it, refused where it cannot be told."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.scalability import LEAST_PER_WORKER, Scaling, scaling_of
from paceline.stats.scalability_law import Law, LevelRun, denominator

LEVELS = (1, 2, 4, 8, 16, 32)


def runs_of(
    sigma: float,
    kappa: float,
    noise: float = 0.0,
    *,
    levels: Sequence[int] = LEVELS,
    repeats: int = 3,
    per_worker_s: float = 1_000.0,
    seed: int = 1,
) -> list[LevelRun]:
    rng = np.random.default_rng(seed)
    return [
        LevelRun(
            level,
            per_worker_s * level / denominator(level, sigma, kappa) * math.exp(rng.normal(0, noise)),
            LEAST_PER_WORKER * level,
        )
        for level in levels
        for _ in range(repeats)
    ]


def law_of(runs: Sequence[LevelRun]) -> Law:
    law = scaling_of(runs).law
    assert law is not None
    return law


@pytest.mark.parametrize(
    ("sigma", "kappa"), [(0.05, 0.001), (0.0, 0.002), (0.5, 0.03), (0.0, 0.0), (0.1, 0.0), (0.99, 0.0)]
)
@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("levels", [LEVELS, (3, 5, 10, 20, 40, 80, 160)], ids=["from 1", "from 3"])
def test_what_follows_the_law_exactly_is_found_exactly(
    sigma: float, kappa: float, repeats: int, levels: Sequence[int]
) -> None:
    law = law_of(runs_of(sigma, kappa, levels=levels, repeats=repeats))
    assert law.per_worker_s.value == pytest.approx(1_000)
    assert law.contention.value == pytest.approx(sigma, abs=1e-7)
    assert law.coherency.value == pytest.approx(kappa, abs=1e-8)
    assert law.r_squared == pytest.approx(1)
    assert law.fits
    assert law.at(50) == pytest.approx(50_000 / denominator(50, sigma, kappa))
    if kappa:
        assert law.peak is not None
        assert law.peak.workers.value == pytest.approx(math.sqrt((1 - sigma) / kappa))
        assert law.peak.per_s.value == pytest.approx(law.at(law.peak.workers.value))
    else:
        assert law.peak is None
    if sigma:
        assert law.limit_per_s is not None
        assert law.limit_per_s.value == pytest.approx(1_000 / sigma)
    else:
        assert law.limit_per_s is None


def test_the_rate_of_one_worker_is_a_scale_and_nothing_else() -> None:
    slow, fast = (law_of(runs_of(0.1, 0.001, 0.02, per_worker_s=each)) for each in (0.001, 1e6))
    assert fast.contention.interval.high == pytest.approx(slow.contention.interval.high)
    assert fast.per_worker_s.interval.low == pytest.approx(1e9 * slow.per_worker_s.interval.low)


def test_repeats_are_observations_of_their_own() -> None:
    few, many = (law_of(runs_of(0.1, 0.002, 0.02, repeats=each)) for each in (2, 20))
    assert (few.degrees, many.degrees) == (9, 117)
    assert many.contention.interval.high - many.contention.interval.low < 0.5 * (
        few.contention.interval.high - few.contention.interval.low
    )


def test_parameters_are_never_below_zero() -> None:
    rising = [replace(run, per_s=run.per_s * run.workers**0.05) for run in runs_of(0.0, 0.0, 0.01)]
    law = law_of(rising)  # more than linear
    assert (law.contention.value, law.coherency.value) == (0.0, 0.0)
    assert law.contention.interval.low == law.coherency.interval.low == 0
    assert not law.contention.is_told
    assert law.contention.interval.high > 0  # what could be there unseen


def test_at_the_boundary_only_the_upper_bound_is_told() -> None:
    law = law_of(runs_of(0.1, 0.0, 0.02))
    assert law.contention.is_told
    assert not law.coherency.is_told
    assert 0 < law.coherency.interval.high < 0.005


def test_throughput_that_falls_from_the_first_level_on_has_its_peak_there() -> None:
    law = law_of(runs_of(0.2, 2.0, 0.01))
    assert law.peak is not None
    assert law.peak.workers.value == 1
    assert law.peak.per_s.value == pytest.approx(law.per_worker_s.value)


def test_the_peak_lies_in_its_interval() -> None:
    law = law_of(runs_of(0.05, 0.002, 0.03))
    assert law.peak is not None
    for each in (law.peak.workers, law.peak.per_s):
        assert each.interval.low < each.value < each.interval.high


def test_a_ceiling_is_not_the_law_and_is_seen_to_be_none() -> None:
    def ceiling(level: int) -> float:
        return 1_000.0 * min(level, 8)

    exact = [replace(run, per_s=ceiling(run.workers)) for run in runs_of(0.0, 0.0)]
    noisy = [replace(run, per_s=run.per_s * math.exp(0.01 * (place % 3 - 1))) for place, run in enumerate(exact)]
    assert refused(noisy) == "another-law"
    law = law_of(noisy)
    assert law.peak is None
    assert law.limit_per_s is None
    assert not law.fits
    assert law.misfit is not None
    assert law.misfit.p_value < 1e-6
    assert abs(law.misfit.off) > 0.05
    assert law.degrees == 3  # levels, not runs: their distance from the curve is what is not known
    assert law_of(runs_of(0.1, 0.001, 0.01)).fits


def refused(runs: Sequence[LevelRun]) -> str:
    scaling = scaling_of(runs)
    assert scaling.refusal is not None
    assert scaling.refusal.reason
    assert scaling.refusal.remedy
    return scaling.refusal.code


class TestRefusals:
    def test_fewer_than_six_levels(self) -> None:
        five = runs_of(0.1, 0.01, levels=LEVELS[:5], repeats=10)
        assert refused(five) == "few-levels"
        assert scaling_of(five).law is None
        assert refused([]) == "few-levels"

    def test_too_few_iterations_a_worker_in_a_single_run(self) -> None:
        runs = runs_of(0.1, 0.01)
        assert scaling_of(runs).refusal is None
        runs[-1] = replace(runs[-1], attempts=32 * LEAST_PER_WORKER - 1)
        assert refused(runs) == "few-iterations"
        assert scaling_of(runs).refusal == scaling_of(list(reversed(runs))).refusal

    @pytest.mark.parametrize("per_s", [0.0, math.nan, math.inf])
    def test_no_throughput(self, per_s: float) -> None:
        runs = runs_of(0.1, 0.01)
        runs[7] = replace(runs[7], per_s=per_s)
        assert refused(runs) == "no-throughput"

    def test_what_does_not_bend_has_no_peak_and_still_its_bounds(self) -> None:
        found = scaling_of(runs_of(0.0, 0.0, 0.02))
        assert found.refusal is not None
        assert found.refusal.code == "linear"
        assert found.law is not None
        assert found.law.peak is None
        assert found.law.limit_per_s is None
        assert found.law.contention.interval.high > 0

    def test_what_levels_off_has_none(self) -> None:
        found = scaling_of(runs_of(0.1, 0.0, 0.02))
        assert found.refusal is not None
        assert found.refusal.code == "no-peak"
        assert found.law is not None
        assert found.law.limit_per_s is not None


@given(
    st.lists(
        st.builds(
            LevelRun,
            workers=st.integers(1, 10_000),
            per_s=st.floats(0, 1e12),
            attempts=st.integers(0, 10**9),
        ),
        max_size=20,
    )
)
def test_whatever_was_measured_there_is_a_law_or_a_reason(runs: list[LevelRun]) -> None:
    check(scaling_of(runs))


@given(st.lists(st.floats(1e-6, 1e9) | st.floats(5e-324, 1e308), min_size=6, max_size=12), st.integers(1, 100))
def test_any_throughputs_at_rising_levels(rates: list[float], first: int) -> None:
    runs = [LevelRun(first + place, rate, 10**6) for place, rate in enumerate(rates)]
    check(scaling_of(runs))


def test_a_wild_level_makes_no_peak_of_nonsense() -> None:
    check(scaling_of([LevelRun(1 + place, rate, 10**6) for place, rate in enumerate([1.0, 2e7, 1.0, 1.0, 1.0, 1.0])]))


def check(found: Scaling) -> None:
    assert (found.law is not None and found.law.peak is not None) == (found.refusal is None)
    if found.law is None:
        return
    law = found.law
    if found.refusal is not None and found.refusal.code == "linear":
        assert not law.contention.is_told
        assert not law.coherency.is_told
    for each in (
        law.per_worker_s,
        law.contention,
        law.coherency,
        *((law.peak.workers, law.peak.per_s) if law.peak else ()),
    ):
        assert not math.isnan(each.value)
        assert each.interval.low <= each.value <= each.interval.high
    assert law.contention.interval.low >= 0
    assert law.coherency.interval.low >= 0
    assert 0 <= law.bends_p_value <= 1
