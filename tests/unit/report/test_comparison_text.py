from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.judge.change import Change, Verdict
from paceline.judge.duet import judge_duets
from paceline.records.quantities import ERROR_RATE, MEDIAN, PEAK_RSS, QUANTITIES, THROUGHPUT
from paceline.report.comparison_text import amount, describe
from tests.unit.judge.duets import make_duet, slower_by

SLOWER = Change(
    MEDIAN,
    Verdict.REGRESSED,
    "the whole interval is worse",
    estimate=0.078,
    low=0.051,
    high=0.102,
    confidence=0.99742,
    minimum_detectable=0.039,
    gates=True,
)


def test_the_line_of_the_specification() -> None:
    assert describe("get_record", SLOWER, "20 pairs") == (
        "get_record  +7.8 % [+5.1, +10.2]  regressed  (20 pairs, 99.7 % confidence; smallest change visible: 3.9 %)"
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"verdict": Verdict.IMPROVED, "reason": "the whole interval is better"}, "improved  ("),
        ({"verdict": Verdict.UNCHANGED, "low": -0.01, "reason": "within"}, "unchanged  ("),
        (
            {"verdict": Verdict.UNCHANGED, "reason": "a real change, but small"},
            "unchanged: a real change, but small  (",
        ),
        ({"verdict": Verdict.INCONCLUSIVE, "reason": "too noisy"}, "inconclusive: too noisy  ("),
    ],
)
def test_the_reason_is_told_where_the_interval_does_not_say_it(changes: dict[str, Any], told: str) -> None:
    assert told in describe("get_record", replace(SLOWER, **changes), "20 pairs")


def test_without_figures() -> None:
    nothing = Change(MEDIAN, Verdict.INCONCLUSIVE, "3 usable pairs: at least 7 are needed at this level", gates=True)
    assert describe("f", nothing, "3 pairs") == (
        "f  no figure  inconclusive: 3 usable pairs: at least 7 are needed at this level  (3 pairs)"
    )
    assert describe("f", nothing, "").endswith("at this level")
    assert amount(replace(nothing, estimate=0.02)) == "+2.0 %"


@pytest.mark.parametrize(
    ("estimate", "low", "high", "text"),
    [
        (-0.0001, -0.02, 0.0004, "+0.0 % [-2.0, +0.0]"),
        (-0.5, -0.6, -0.4, "-50.0 % [-60.0, -40.0]"),
        (8.0, 7.0, 9.9, "+800.0 % [+700.0, +990.0]"),
        (999.0, 9.0, 1_100.0, "x 1,000 [+900.0, x 1,101]"),
        (5e7, 1e7, float("inf"), "x 5e+07 [x 1e+07, +∞]"),
        (float("inf"), 1.0, float("inf"), "no figure"),
    ],
)
def test_ratios(estimate: float, low: float, high: float, text: str) -> None:
    assert amount(replace(SLOWER, estimate=estimate, low=low, high=high)) == text


def test_what_is_no_ratio_has_its_unit() -> None:
    memory = replace(SLOWER, quantity=PEAK_RSS, estimate=3_120_000, low=-50_000, high=4e6, minimum_detectable=2e6)
    assert amount(memory) == "+3.1 MB [-0.1, +4.0]"
    assert describe("f", memory, "20 pairs").endswith("smallest change visible: 2.0 MB)")
    errors = replace(SLOWER, quantity=ERROR_RATE, estimate=0.012, low=0.0, high=0.02, minimum_detectable=0.005)
    assert amount(errors) == "+1.2 points [+0.0, +2.0]"
    assert describe("f", errors, "").endswith("(99.7 % confidence; smallest change visible: 0.5 points)")
    assert amount(replace(SLOWER, quantity=THROUGHPUT)) == "+7.8 % [+5.1, +10.2]"


@pytest.mark.parametrize(
    ("confidence", "text"),
    [
        (0.98, "98 %"),
        (0.98818, "98.8 %"),
        (0.9979, "99.7 %"),
        (0.9996, "99.96 %"),
        (0.999999, "99.9999 %"),
        (1.0, "100 %"),
    ],
)
def test_confidence_is_never_rounded_up(confidence: float, text: str) -> None:
    assert f"(20 pairs, {text} confidence;" in describe("f", replace(SLOWER, confidence=confidence), "20 pairs")


def test_a_name_cannot_drive_the_terminal() -> None:
    assert describe("a\x1b[31m", SLOWER, "").startswith("a\\x1b[31m  +7.8 %")


def test_a_judged_duet_reads_well() -> None:
    (result,) = judge_duets([make_duet(slower_by(0.08))]).results
    assert describe(result.record.name, result.primary, "20 pairs") == (
        "get_record  +8.2 % [+7.5, +8.6]  regressed  (20 pairs, 98.8 % confidence; smallest change visible: 2.2 %)"
    )


numbers = st.none() | st.floats(allow_nan=False)


@given(
    st.builds(
        Change,
        quantity=st.sampled_from(sorted(QUANTITIES.values(), key=lambda each: each.key)),
        verdict=st.sampled_from(Verdict),
        reason=st.text(max_size=20),
        estimate=numbers,
        low=numbers,
        high=numbers,
        confidence=st.none() | st.floats(0, 1),
        minimum_detectable=st.none() | st.floats(0),
    ),
    st.text(max_size=20),
)
def test_whatever_was_judged_is_one_line(change: Change, evidence: str) -> None:
    assert "nan" not in describe("f", change, "20 pairs")
    assert change.verdict.value in describe("f", change, evidence)
