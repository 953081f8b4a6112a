import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.judge.change import DUET, STORED, Rule, Verdict, decide, share
from paceline.records.quantities import ERROR_RATE, MEDIAN, THROUGHPUT
from paceline.stats.intervals import NOTHING_KNOWN, Interval

MIRROR = {
    Verdict.REGRESSED: Verdict.IMPROVED,
    Verdict.IMPROVED: Verdict.REGRESSED,
    Verdict.UNCHANGED: Verdict.UNCHANGED,
    Verdict.INCONCLUSIVE: Verdict.INCONCLUSIVE,
}


def test_the_sizes_of_a_rule_are_shares_the_right_way_round() -> None:
    assert Rule(0.05, 0.05).margin == 0.05
    with pytest.raises(ConfigurationError, match="the smallest effect, 10 %, must not be above the margin, 5 %"):
        Rule(0.1, 0.05)


@pytest.mark.parametrize("sizes", [(0.0, 0.05), (-0.02, 0.05), (0.02, 1.0), (math.nan, 0.05), (0.02, math.inf)])
def test_a_size_that_is_no_share(sizes: tuple[float, float]) -> None:
    with pytest.raises(ConfigurationError, match="must be between 0 and 100 %, not "):
        Rule(*sizes)


triples = st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=3).map(sorted)


def _verdict(low: float, estimate: float, high: float) -> Verdict:
    return decide(MEDIAN, estimate, Interval(low, high, 0.99), DUET)[0]


EDGE, MARGIN = math.log1p(0.02), math.log1p(0.05)
TINY = 1e-9


@pytest.mark.parametrize(
    ("low", "estimate", "high", "verdict"),
    [
        (TINY, EDGE, 0.3, Verdict.REGRESSED),
        (0.0, EDGE, 0.3, Verdict.INCONCLUSIVE),
        (TINY, EDGE - TINY, 0.3, Verdict.INCONCLUSIVE),
        (TINY, EDGE - TINY, MARGIN, Verdict.UNCHANGED),
        (-MARGIN, 0.0, MARGIN, Verdict.UNCHANGED),
        (-MARGIN - TINY, 0.0, MARGIN, Verdict.INCONCLUSIVE),
        (-MARGIN, 0.0, MARGIN + TINY, Verdict.INCONCLUSIVE),
        (-0.3, -EDGE, -TINY, Verdict.IMPROVED),
        (0.01, 0.03, 0.04, Verdict.REGRESSED),
    ],
)
def test_the_rule_at_its_edges(low: float, estimate: float, high: float, verdict: Verdict) -> None:
    assert _verdict(low, estimate, high) is verdict


@given(triples)
def test_the_other_direction_is_the_mirrored_verdict(triple: list[float]) -> None:
    low, estimate, high = triple
    assert _verdict(-high, -estimate, -low) is MIRROR[_verdict(low, estimate, high)]


@given(triples)
def test_more_is_better_mirrors_too(triple: list[float]) -> None:
    low, estimate, high = triple
    upside_down = decide(THROUGHPUT, estimate, Interval(low, high, 0.99), DUET)[0]
    assert upside_down is MIRROR[_verdict(low, estimate, high)]


@given(triples, st.floats(0, 0.1))
def test_worse_figures_never_make_a_better_verdict(triple: list[float], more: float) -> None:
    order = [Verdict.IMPROVED, Verdict.UNCHANGED, Verdict.INCONCLUSIVE, Verdict.REGRESSED]
    low, estimate, high = triple
    before, after = _verdict(low, estimate, high), _verdict(low + more, estimate + more, high + more)
    assert (before is not Verdict.REGRESSED) or after is Verdict.REGRESSED
    assert (after is not Verdict.IMPROVED) or before is Verdict.IMPROVED
    assert order.index(after) >= order.index(before) or before is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_what_could_not_be_computed_is_no_verdict(broken: float) -> None:
    for low, estimate, high in ((broken, 0.1, 0.2), (0.1, broken, 0.2), (0.1, 0.2, broken)):
        assert _verdict(low, estimate, high) is Verdict.INCONCLUSIVE
    assert decide(MEDIAN, 0.5, NOTHING_KNOWN, DUET) == (
        Verdict.INCONCLUSIVE,
        "there is no interval to judge by",
    )


@pytest.mark.parametrize(
    ("low", "estimate", "high", "reason"),
    [
        (0.01, 0.03, 0.04, "the whole interval is worse"),
        (-0.04, -0.03, -0.01, "the whole interval is better"),
        (-0.01, 0.0, 0.01, "the whole interval is within the margin"),
        (0.005, 0.01, 0.015, "the difference is too small to matter"),
        (-0.015, -0.01, -0.005, "the difference is too small to matter"),
        (0.005, 0.01, 0.09, "about as large as the smallest change that matters"),
        (-0.1, 0.01, 0.09, "the interval holds both no change and one that matters"),
    ],
)
def test_the_reason_says_what_was_seen(low: float, estimate: float, high: float, reason: str) -> None:
    assert decide(MEDIAN, estimate, Interval(low, high, 0.99), DUET)[1] == reason


def test_differences_are_held_against_the_smallest_difference() -> None:
    assert decide(ERROR_RATE, 0.005, Interval(0.001, 0.02, 0.99), DUET)[0] is Verdict.REGRESSED
    assert decide(ERROR_RATE, 0.0049, Interval(0.001, 0.02, 0.99), DUET)[0] is Verdict.INCONCLUSIVE
    assert decide(ERROR_RATE, 0.0, Interval(0.0, 0.0, 0.99), DUET)[0] is Verdict.UNCHANGED


def test_a_stored_baseline_asks_for_more() -> None:
    assert decide(MEDIAN, 0.03, Interval(0.01, 0.06, 0.99), DUET)[0] is Verdict.REGRESSED
    assert decide(MEDIAN, 0.03, Interval(0.01, 0.06, 0.99), STORED)[0] is Verdict.INCONCLUSIVE


def test_a_log_ratio_as_a_share() -> None:
    assert share(math.log(1.05)) == pytest.approx(0.05)
    assert share(-700.0) == -1
    assert share(708.9) < math.inf
    assert share(1_400.0) == math.inf
