"""Figures over the run so far."""

import math

from hypothesis import given
from hypothesis import strategies as st

from paceline.cli.sparkline import BLOCKS, History, sparkline

VALUES = st.lists(st.one_of(st.floats(0, 1e12), st.just(math.nan)), max_size=200)


@given(VALUES, st.integers(0, 60))
def test_a_sparkline_fits_and_its_highest_is_full(values: list[float], width: int) -> None:
    drawn = sparkline(values, width)
    assert len(drawn) == min(width, len(values))
    assert set(drawn) <= {*BLOCKS, " "}
    finite = [value for value in values if not math.isnan(value)]
    if drawn and len(values) <= width and max(finite, default=0.0) > 0:
        assert drawn[values.index(max(finite))] == BLOCKS[-1]
        assert [each == " " for each in drawn] == [math.isnan(value) for value in values]


def test_heights_begin_at_zero() -> None:
    assert sparkline([0, 50, 100], 3) == "▁▅█"
    assert sparkline([99, 100, 99], 3) == "███"  # a percent is nothing
    assert sparkline([0, 0], 2) == "▁▁"
    assert sparkline([1, 1, 0, 0], 2) == "█▁"


@given(VALUES.filter(bool))
def test_a_history_is_bounded_and_keeps_its_mean_and_highest(values: list[float]) -> None:
    history = History(most=8)
    for value in values:
        history.add(value)
    kept = history.values()
    assert len(kept) <= 8
    finite = [value for value in values if not math.isnan(value)]
    assert math.isnan(history.highest) if not finite else history.highest == max(finite)
    assert history.last == values[-1] or math.isnan(values[-1])
    for value in kept:
        assert math.isnan(value) or min(finite) * 0.999 <= value <= max(finite) * 1.001


def test_a_history_keeps_the_order() -> None:
    history = History(most=4)
    for value in range(16):
        history.add(value)
    assert history.values() == [3.5, 11.5]
