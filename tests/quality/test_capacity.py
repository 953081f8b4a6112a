"""The fast part of the quality gates of the search for the highest load, and that they can fail."""

import numpy as np
import pytest

from paceline.judge import capacity_lines
from paceline.records.capacity import Reading
from tests.quality.capacity import CASES, COVERED, M_D_1, WANDERING, beyond_m_d_1, told, told_of_wandering
from tests.virtual_capacity import queue

FAST = CASES[1]  # M/M/1, p95, 80 % busy


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)


def test_answers_are_near_theory_and_their_intervals_hold_it(rng: np.random.Generator) -> None:
    seen = told(FAST, rng, 40)
    assert seen.near >= 38
    assert seen.covered >= 34


def test_the_interval_of_a_single_line_of_correlated_parts_would_not_hold_it(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the quarters of a probe, which wait in one queue, were probes of their own: the gate is one that can fail.
    usual = capacity_lines.window_probes
    monkeypatch.setattr(
        capacity_lines, "window_probes", lambda record: [probe for probe in usual(record) for _ in range(4)]
    )
    seen = told(FAST, rng, 40)
    assert seen.covered / len(seen.errors) < COVERED[0]


def test_without_the_correction_high_percentiles_of_busy_servers_are_too_hopeful(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[-1]  # M/M/1, p99, 90 % busy, little time
    corrected = told(case, rng, 30)
    monkeypatch.setattr("tests.virtual_capacity.Reading", lambda value, held, _=(): Reading(value, held))
    raw = told(case, rng, 30)
    assert np.median(raw.errors) > np.median(corrected.errors)


def test_the_queue_of_constant_services_is_the_one_of_theory(rng: np.random.Generator) -> None:
    took_ms = 1e3 * queue(M_D_1, rng)(800.0, 400_000)
    for limit_ms in (2.0, 5.0, 8.0):
        assert np.mean(took_ms > limit_ms) == pytest.approx(beyond_m_d_1(800.0, 1.0, limit_ms), rel=0.1)


def test_edges_on_machines_that_are_not_steady_have_intervals_that_hold_them(rng: np.random.Generator) -> None:
    seen = told_of_wandering(WANDERING[1], rng, 12)
    assert len(seen.errors) >= 10
    assert seen.covered >= len(seen.errors) - 1


def test_lines_through_two_levels_would_not_hold_them(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity_lines, "_fault", lambda line, *_: line.fault)
    seen = told_of_wandering(WANDERING[1], rng, 12)
    assert seen.covered < COVERED[0] * len(seen.errors)
