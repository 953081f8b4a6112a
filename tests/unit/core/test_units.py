import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.core.units import counted, format_count, format_ms, format_percent, parse_duration_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("30s", 30.0),
        ("1.5s", 1.5),
        ("1h30m", 5400.0),
        ("2m", 120.0),
        ("1h 1m 1s", 3661.0),
        (" 5us ", 5e-6),
        ("5µs", 5e-6),
        ("100ns", 1e-7),
        ("0s", 0.0),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    ["", " ", "30", "s", "-5s", "5s3", "5x", "x5s", "5 minutes", "1.s", ".5s", "1e3s", "nan", "inf", "9" * 400 + "s"],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a duration: write it as 500ms, 30s or 1h30m"):
        parse_duration_s(text)


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_parts_add_up(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    read = parse_duration_s(f"{hours}h{minutes}m{seconds}s{milliseconds}ms")
    assert read == pytest.approx(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000, rel=1e-12)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0.0, "0 ns"),
        (1e-6, "1 ns"),
        (0.000_999_4, "999 ns"),
        (0.000_999_6, "1 us"),
        (0.012_345, "12.3 us"),
        (0.999_4, "999 us"),
        (0.999_5, "1 ms"),
        (1.0, "1 ms"),
        (-1.5, "-1.5 ms"),
        (999.4, "999 ms"),
        (999.5, "1 s"),
        (99_940.0, "99.9 s"),
        (99_950.0, "100 s"),
        (12_345_678.0, "12346 s"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_durations_have_three_digits_and_the_unit_that_suits(milliseconds: float, text: str) -> None:
    assert format_ms(milliseconds) == text


@given(st.floats(1e-6, 1e9))
def test_a_printed_duration_is_within_half_a_percent(milliseconds: float) -> None:
    number, unit = format_ms(milliseconds).split()
    read = parse_duration_s(f"{float(number):.9f}{unit}") * 1e3
    assert read == pytest.approx(milliseconds, rel=0.0051)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (7, "7"),
        (12_345, "12,345"),
        (1.2345, "1.23"),
        (99.94, "99.9"),
        (100.4, "100"),
        (1_234.5678, "1,235"),
        (-1_234.5, "-1,234"),
        (-2.5, "-2.5"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_counts_are_grouped_by_thousands(value: float, text: str) -> None:
    assert format_count(value) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 samples"), (1, "1 sample"), (1_200, "1,200 samples")])
def test_one_thing_is_singular(count: int, text: str) -> None:
    assert counted(count, "sample") == text


@pytest.mark.parametrize(
    ("share", "places", "text"),
    [
        (0.012, 1, "1.2 %"),
        (0.0005, 2, "0.05 %"),
        (1.0, 0, "100 %"),
        (-0.031, 1, "-3.1 %"),
        (math.nan, 1, "–"),
        (math.inf, 1, "∞"),
    ],
)
def test_percent_stands_apart_from_its_number(share: float, places: int, text: str) -> None:
    assert format_percent(share, places) == text
