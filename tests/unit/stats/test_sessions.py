"""Two forecasts: of a level with days in it, and of a line."""

import math
from statistics import fmean, stdev, variance

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.stats.intervals import prediction_interval, student_quantile
from paceline.stats.sessions import Forecast, level_forecast, line_forecast

figures = st.lists(st.integers(-1_000, 1_000).map(lambda value: value / 100), min_size=4, max_size=30, unique=True)
VALUES = (1.0, 1.3, 0.8, 1.1, 0.9, 1.2)


class TestForecast:
    @given(st.floats(-5, 5), st.floats(0.01, 5), st.floats(2, 60), st.floats(0.001, 0.4))
    def test_interval_and_p_value_say_the_same(self, shift: float, error: float, degrees: float, tail: float) -> None:
        forecast = Forecast(shift, error, degrees)
        low = forecast.interval(tail).low
        if abs(low) > 1e-9:
            assert (forecast.p_above < tail) is (low > 0)
        assert forecast.mirrored.interval(tail) == forecast.interval(tail).mirrored

    @pytest.mark.parametrize(("shift", "p_value"), [(1.0, 0.0), (0.0, 1.0), (-1.0, 1.0)])
    def test_without_any_spread(self, shift: float, p_value: float) -> None:
        assert Forecast(shift, 0.0, 5).p_above == p_value


class TestLevel:
    @given(figures, st.floats(-10, 10))
    def test_a_session_a_day_is_the_prediction_interval(self, values: list[float], candidate: float) -> None:
        forecast = level_forecast(values, range(len(values)), [candidate], [-1])
        predicted = prediction_interval(values, 0.01)
        assert forecast is not None
        assert forecast.shift - forecast.interval(0.01).low == pytest.approx(predicted.high - fmean(values))
        assert forecast.shift == pytest.approx(candidate - fmean(values))

    def test_variance_components_of_a_balanced_layout_by_hand(self) -> None:
        days = {1: (1.0, 3.0), 2: (4.0, 6.0), 3: (8.0, 8.0)}
        values = [value for pair in days.values() for value in pair]
        forecast = level_forecast(values, [day for day in days for _ in range(2)], [10.0], [9])
        between, within = 2 * variance([2.0, 5.0, 8.0]), (2 + 2 + 0) / 3  # mean squares with 2 and 3 degrees
        day, session = (between - within) / 2, within
        assert forecast is not None
        # A new session is off by a day and a session; the mean of six by a third of a day and a sixth of a session.
        assert forecast.error**2 == pytest.approx(day * (1 + 1 / 3) + session * (1 + 1 / 6))
        terms = ((between * (1 / 2 + 1 / 6), 2), (within * (1 - 1 / 2), 3))
        assert forecast.degrees == pytest.approx(
            sum(term for term, _ in terms) ** 2 / sum(term**2 / degrees for term, degrees in terms)
        )

    def test_of_one_day_there_is_but_one_level(self) -> None:
        one, other = (level_forecast(VALUES, days, [2.0], [9]) for days in ([1] * 6, range(6)))
        assert one == other

    def test_days_that_differ_widen_it(self) -> None:
        values = [1.0, 1.01, 2.0, 2.01, 3.0, 3.01]
        days = level_forecast(values, [1, 1, 2, 2, 3, 3], [2.0], [9])
        none = level_forecast(values, range(6), [2.0], [9])
        assert days is not None
        assert none is not None
        assert days.interval(0.01).high > 2 * none.interval(0.01).high

    @given(figures, figures)
    def test_two_samples_a_session_a_day_are_welchs_test(self, reference: list[float], candidate: list[float]) -> None:
        forecast = level_forecast(reference, range(len(reference)), candidate, range(len(candidate)))
        parts = [(stdev(side) ** 2 / len(side), len(side) - 1) for side in (reference, candidate)]
        assert forecast is not None
        assert forecast.error == pytest.approx(math.sqrt(parts[0][0] + parts[1][0]))
        assert forecast.degrees == pytest.approx(
            (parts[0][0] + parts[1][0]) ** 2 / sum(part**2 / degrees for part, degrees in parts)
        )

    def test_a_steady_candidate_leaves_the_error_of_the_reference(self) -> None:
        forecast = level_forecast(VALUES, range(6), [2.0] * 5, range(5))
        assert forecast is not None
        assert forecast.error == pytest.approx(stdev(VALUES) / math.sqrt(6))
        assert forecast.degrees == pytest.approx(5)

    def test_of_one_value_nothing_is_known(self) -> None:
        assert level_forecast([1.0], [1], [2.0], [2]) is None
        constant = level_forecast([1.0] * 5, range(5), [2.0], [9])
        assert constant is not None
        assert (constant.shift, constant.error) == (1.0, 0.0)


class TestLine:
    @given(figures, st.floats(-3, 3), st.floats(-10, 10))
    def test_a_slope_changes_nothing(self, values: list[float], slope: float, candidate: float) -> None:
        marks = [False] * len(values) + [True]
        level = line_forecast([*values, candidate], marks)
        steep = line_forecast([value + slope * place for place, value in enumerate([*values, candidate])], marks)
        assert level is not None
        assert steep is not None
        assert steep.shift == pytest.approx(level.shift, abs=1e-6)
        assert steep.error == pytest.approx(level.error, abs=1e-6)

    @given(figures, st.lists(st.floats(-10, 10), min_size=1, max_size=6))
    def test_is_the_step_of_least_squares(self, values: list[float], candidate: list[float]) -> None:
        together, marks = [*values, *candidate], [False] * len(values) + [True] * len(candidate)
        forecast = line_forecast(together, marks)
        count = len(together)
        design = np.column_stack([np.ones(count), np.arange(count), np.array(marks, dtype=float)])
        fitted, *_ = np.linalg.lstsq(design, np.array(together), rcond=None)
        residual = float(np.sum((np.array(together) - design @ fitted) ** 2))
        error = math.sqrt(residual / (count - 3) * np.linalg.inv(design.T @ design)[2, 2])
        assert forecast is not None
        assert forecast.shift == pytest.approx(fitted[2], abs=1e-6)
        assert forecast.error == pytest.approx(error, abs=1e-6)
        assert forecast.degrees == count - 3

    def test_for_one_candidate_it_is_the_prediction_interval_of_a_regression(self) -> None:
        values = list(VALUES)
        forecast = line_forecast([*values, 1.5], [False] * 6 + [True])
        times = [place - 2.5 for place in range(6)]
        slope = sum(time * value for time, value in zip(times, values, strict=True)) / 17.5
        line = [fmean(values) + slope * time for time in times]
        spread = math.sqrt(sum((value - on) ** 2 for value, on in zip(values, line, strict=True)) / 4)
        assert forecast is not None
        assert forecast.shift == pytest.approx(1.5 - (fmean(values) + slope * 3.5))
        half = student_quantile(0.99, 4) * spread * math.sqrt(1 + 1 / 6 + 3.5**2 / 17.5)
        assert forecast.interval(0.01).high - forecast.shift == pytest.approx(half)

    def test_of_too_few_others_there_is_none(self) -> None:
        assert line_forecast([1.0, 2.0, 1.5, 3.0], [False, False, False, True]) is None
        assert line_forecast([1.0, 2.0, 1.5, 3.0], [False] * 4) is None
