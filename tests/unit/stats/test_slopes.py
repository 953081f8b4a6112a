"""The slope of a series: against numpy, and how its interval widens with the likeness of neighbours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.intervals import student_quantile
from paceline.stats.slopes import slope

STEPS = [float(step) for step in range(24)]
TAIL = 0.005


@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=40), st.floats(0.1, 100))
def test_the_line_is_that_of_least_squares(values: list[float], step: float) -> None:
    times = [step * place for place in range(len(values))]
    found = slope(times, values, TAIL)
    if found is None:
        return
    per_unit, start = np.polyfit(times, values, 1)
    size = max(map(abs, values)) / step + 1e-9
    assert found.per_unit == pytest.approx(per_unit, abs=1e-9 * size)
    assert found.level == pytest.approx(start + per_unit * np.mean(times), abs=1e-9 * size * step)
    assert found.interval.low <= found.per_unit <= found.interval.high
    assert found.interval.confidence == 1 - 2 * TAIL


def test_of_residuals_that_alternate_the_interval_is_the_textbook_s() -> None:
    values = [0.5 * step + (-1) ** step for step in range(24)]
    found = slope(STEPS, values, TAIL)
    assert found is not None
    assert found.correlation == 0
    (per_unit, _), (squares,) = np.polyfit(STEPS, values, 1, full=True)[:2]
    error = np.sqrt(squares / 22 / np.sum((np.array(STEPS) - np.mean(STEPS)) ** 2))
    half = student_quantile(1 - TAIL, 22) * error
    assert found.interval.high - found.per_unit == pytest.approx(half)
    assert found.per_unit == pytest.approx(per_unit)


def test_neighbours_that_are_alike_widen_it() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=24)
    alike = np.repeat(noise[:12], 2)
    widths = []
    for values in (noise, alike):
        found = slope(STEPS, values.tolist(), TAIL)
        assert found is not None
        widths.append((found.interval.high - found.interval.low) / np.std(values))
    assert widths[1] > 1.5 * widths[0]


def test_nothing_is_said_of_few_points_or_of_one_wave() -> None:
    assert slope(STEPS[:7], STEPS[:7], TAIL) is None
    assert slope(STEPS, np.sin(np.array(STEPS) / 4).tolist(), TAIL) is None


def test_a_line_without_noise_is_itself() -> None:
    found = slope(STEPS, [3.0 + 2.0 * step for step in STEPS], TAIL)
    assert found is not None
    assert found.per_unit == pytest.approx(2.0)
    assert found.interval.high - found.interval.low == pytest.approx(0.0, abs=1e-6)
    flat = slope(STEPS, [3.0] * 24, TAIL)
    assert flat is not None
    assert (flat.per_unit, flat.interval.low, flat.interval.high) == (0.0, 0.0, 0.0)


def test_false_alarms_stay_rare_where_neighbours_are_alike() -> None:
    rng = np.random.default_rng(20261122)
    hits = 0
    for _ in range(400):
        values = [0.0]
        for fresh in rng.normal(size=300):
            values.append(0.95 * values[-1] + fresh)
        found = slope(STEPS, np.mean(np.reshape(values[13:], (24, 12)), axis=1).tolist(), TAIL)
        hits += found is not None and found.interval.low > 0
    assert hits <= 8  # two are asked for; taken for independent values it would be 38
