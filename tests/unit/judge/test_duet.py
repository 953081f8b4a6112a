import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.judge.change import DUET, Rule, Verdict
from paceline.judge.duet import DuetResult, is_decided, judge_duets, next_look
from paceline.judge.duet_looks import looks_of
from paceline.records.duet import DuetRecord, Epochs, Pair
from paceline.records.quantities import ERROR_RATE, MEAN, MEDIAN, P95, P99, PEAK_RSS, THROUGHPUT, Quantity
from paceline.stats.intervals import binomial_tail, sign_interval, sign_rank
from tests.unit.judge.duets import JITTER, make_duet, make_pair, slower_by, swapped, with_all, with_side
from tests.unit.judge.test_change import MIRROR

LOOKS = (12, 24, 48)
ratios = st.lists(st.floats(-0.2, 0.2), min_size=0, max_size=30)


def judge(record: DuetRecord) -> DuetResult:
    (result,) = judge_duets([record]).results
    return result


class TestOneBenchmark:
    @pytest.mark.parametrize(
        ("share", "verdict"),
        [(0.05, Verdict.REGRESSED), (-0.05, Verdict.IMPROVED), (0.0, Verdict.UNCHANGED), (0.01, Verdict.UNCHANGED)],
    )
    def test_a_change_is_called_what_it_is(self, share: float, verdict: Verdict) -> None:
        result = judge(make_duet(slower_by(share)))
        assert result.verdict is result.primary.verdict is verdict
        assert result.primary.estimate == pytest.approx(share, abs=0.006)
        assert result.primary.gates
        assert result.pairs == 20
        assert not result.findings

    def test_the_interval_is_that_of_the_pairs(self) -> None:
        result = judge(make_duet(slower_by(0.05))).primary
        expected = sign_interval(slower_by(0.05), 0.01)
        assert result.low == pytest.approx(math.expm1(expected.low))
        assert result.high == pytest.approx(math.expm1(expected.high))
        assert result.confidence == expected.confidence == 1 - 2 * binomial_tail(4, 20)

    def test_a_pair_is_its_median_over_epochs(self) -> None:
        pairs = [make_pair(number, ratio) for number, ratio in enumerate(slower_by(0.05))]
        # One epoch of the candidate's is held up in every pair: the median of four does not care for the size of it.
        held_up = [
            replace(pair, candidate=replace(pair.candidate, epoch_ns=(1e9, *pair.candidate.epoch_ns[1:])))
            for pair in pairs
        ]
        assert judge(make_duet([], pairs=tuple(held_up))).primary.estimate == pytest.approx(
            judge(make_duet([], pairs=tuple(pairs))).primary.estimate
        )

    def test_a_wide_spread_is_inconclusive_and_says_what_would_settle_it(self) -> None:
        noisy = judge(make_duet(slower_by(0.0, spread=12.0))).primary
        assert noisy.verdict is Verdict.INCONCLUSIVE
        assert noisy.minimum_detectable is not None
        assert noisy.minimum_detectable > 0.05
        assert noisy.reason.startswith("this machine is too noisy for this benchmark; a change of the margin's size")
        assert 40 < int(noisy.reason.split("about ")[1].split()[0].replace(",", "")) < 400

    def test_a_change_near_the_margin_says_what_would_settle_it(self) -> None:
        between = judge(make_duet(slower_by(0.02, spread=6.0))).primary
        assert between.verdict is Verdict.INCONCLUSIVE
        assert between.reason.startswith("the interval holds both no change and one that matters; about ")
        assert between.reason.endswith(" pairs would settle it")

    def test_what_is_visible_is_told_with_every_verdict(self) -> None:
        for share in (0.05, 0.0, -0.05):
            visible = judge(make_duet(slower_by(share))).primary.minimum_detectable
            assert visible is not None
            assert 0.02 <= visible < 0.03

    @given(ratios)
    def test_changed_over_the_verdict_is_mirrored(self, values: list[float]) -> None:
        record = make_duet(values)
        one, other = judge(record).primary, judge(swapped(record)).primary
        assert other.verdict is MIRROR[one.verdict]
        if one.estimate is not None and other.estimate is not None:
            assert 1 + other.estimate == pytest.approx(1 / (1 + one.estimate))
        if one.low is not None and other.high is not None:
            assert 1 + other.high == pytest.approx(1 / (1 + one.low))

    @given(ratios, st.sampled_from([1e-3, 0.5, 3.0, 1e6]))
    def test_the_unit_of_time_does_not_matter(self, values: list[float], factor: float) -> None:
        record = make_duet(values)
        pairs = tuple(
            replace(pair, base=_times(pair, "base", factor), candidate=_times(pair, "candidate", factor))
            for pair in record.pairs
        )
        one, other = judge(record).primary, judge(replace(record, pairs=pairs)).primary
        assert other.verdict is one.verdict or _is_at_an_edge(values)
        assert other.estimate == pytest.approx(one.estimate, abs=1e-9)

    @given(ratios, st.floats(0, 0.1))
    def test_slower_pairs_never_make_a_regression_go_away(self, values: list[float], more: float) -> None:
        before = judge(make_duet(values)).verdict
        after = judge(make_duet([value + more for value in values])).verdict
        assert before is not Verdict.REGRESSED or after is Verdict.REGRESSED or _is_at_an_edge(values)
        assert after is not Verdict.IMPROVED or before is Verdict.IMPROVED or _is_at_an_edge(values)

    @given(ratios, st.randoms(use_true_random=False))
    def test_the_order_of_pairs_does_not_matter(self, values: list[float], chance: object) -> None:
        pairs = list(make_duet(values).pairs)
        chance.shuffle(pairs)  # type: ignore[attr-defined]  # Hypothesis's own kind of random.Random
        shuffled = judge(make_duet([], pairs=tuple(pairs))).primary
        ordered = judge(make_duet(values)).primary
        assert (shuffled.verdict, shuffled.low, shuffled.high) == (ordered.verdict, ordered.low, ordered.high)

    def test_the_rule_is_an_argument(self) -> None:
        strict = Rule(min_effect=0.06, margin=0.08)
        (result,) = judge_duets([make_duet(slower_by(0.05))], rule=strict).results
        assert result.verdict is Verdict.UNCHANGED
        assert result.primary.reason == "the difference is too small to matter"


def _times(pair: Pair, side: str, factor: float) -> Epochs:
    epochs: Epochs = getattr(pair, side)
    return replace(epochs, epoch_ns=tuple(factor * each for each in epochs.epoch_ns), mean_ns=factor * epochs.mean_ns)


def _is_at_an_edge(values: list[float]) -> bool:
    """Whether rounding of a log ratio may decide: a value at 0, at the smallest effect or at the margin."""
    edges = (0.0, math.log1p(DUET.min_effect), math.log1p(DUET.margin))
    between = [(one + other) / 2 for one, other in pairwise(sorted(values))]
    return any(abs(abs(value) - edge) < 1e-9 for value in (*values, *between) for edge in edges)


class TestQuantities:
    def test_all_that_is_told_is_shown_and_only_the_first_gates(self) -> None:
        result = judge(make_duet(slower_by(0.05)))
        assert [each.quantity for each in result.changes] == [MEDIAN, MEAN, P95, P99, THROUGHPUT, ERROR_RATE, PEAK_RSS]
        assert [each.gates for each in result.changes] == [True] + [False] * 6
        by_key = {each.quantity.key: each for each in result.changes}
        assert by_key["throughput"].verdict is Verdict.REGRESSED
        assert by_key["throughput"].estimate == pytest.approx(1 / 1.05 - 1, abs=0.006)
        assert by_key["error_rate"].verdict is by_key["peak_rss"].verdict is Verdict.UNCHANGED

    @pytest.mark.parametrize(("calls", "told"), [(1_000, {"p95", "p99"}), (999, {"p95"}), (200, {"p95"}), (199, set())])
    def test_a_quantile_takes_ten_calls_beyond_it(self, calls: int, told: set[str]) -> None:
        record = with_side(make_duet(slower_by(0.05)), 3, "candidate", calls=calls)
        assert {each.quantity.key for each in judge(record).changes} & {"p95", "p99"} == told

    def test_what_one_pair_does_not_tell_is_left_out(self) -> None:
        record = with_side(make_duet(slower_by(0.0)), 7, "base", throughput_per_s=None, p95_ns=math.nan)
        keys = {each.quantity.key for each in judge(record).changes}
        assert keys == {"median", "mean", "p99", "error_rate", "peak_rss"}

    def test_another_quantity_may_gate(self) -> None:
        record = with_all(make_duet(slower_by(0.0)), "candidate", peak_rss_bytes=60_000_000)
        (result,) = judge_duets([record], primary=PEAK_RSS).results
        assert result.verdict is Verdict.REGRESSED
        assert result.primary.estimate == 10_000_000
        assert result.primary.minimum_detectable == 2_000_000
        assert [each.gates for each in result.changes] == [True] + [False] * 6
        (result,) = judge_duets([make_duet(slower_by(0.05))], primary=THROUGHPUT).results
        assert result.verdict is Verdict.REGRESSED
        assert result.primary.minimum_detectable == pytest.approx(0.02, abs=0.005)

    @pytest.mark.parametrize(
        ("quantity", "field", "sizes", "least"),
        [(PEAK_RSS, "peak_rss_bytes", (50_000_000, 58_000_000), "2 MB"), (ERROR_RATE, "errors", (0, 40), "0.5 points")],
    )
    def test_no_number_of_pairs_is_told_for_what_is_judged_by_difference(
        self, quantity: Quantity, field: str, sizes: tuple[int, int], least: str
    ) -> None:
        record = make_duet(slower_by(0.0))
        for number in range(20):
            record = with_side(record, number, "candidate", **{field: sizes[number % 2]})
        (result,) = judge_duets([record], primary=quantity).results
        assert result.verdict is Verdict.INCONCLUSIVE
        assert result.primary.reason == f"the interval holds both no change and one that matters: {least}"

    def test_tails_of_unequal_numbers_of_calls_say_so(self) -> None:
        record = make_duet(slower_by(0.0))
        (finding,) = judge(with_all(record, "candidate", calls=1_300)).findings
        assert (finding.code, finding.serious) == ("calls-differ", False)
        assert finding.seen == "The p95 and p99 of the base are of 20,000 calls, the candidate's of 26,000."
        assert judge(with_all(record, "candidate", calls=1_100)).findings == ()
        assert judge(with_all(record, "candidate", calls=100)).findings == ()  # then no percentile is shown

    def test_visible_is_a_worsening_whichever_way_is_better(self) -> None:
        skewed = [value / 10 + 0.2 * (place < 6) for place, value in enumerate(JITTER[:20])]
        (time,) = judge_duets([make_duet(skewed)]).results
        (rate,) = judge_duets([make_duet(skewed)], primary=THROUGHPUT).results
        assert time.primary.minimum_detectable is not None
        assert rate.primary.minimum_detectable == pytest.approx(1 - 1 / (1 + time.primary.minimum_detectable))
        (other,) = judge_duets([make_duet([-value for value in skewed])]).results
        assert other.primary.minimum_detectable != pytest.approx(time.primary.minimum_detectable, rel=0.1)

    def test_a_gate_that_is_not_told_is_inconclusive(self) -> None:
        record = with_all(make_duet(slower_by(0.05)), "base", calls=500)
        (result,) = judge_duets([record], primary=P99).results
        assert result.verdict is Verdict.INCONCLUSIVE
        assert result.primary.reason == "not every pair tells the p99, which takes 1,000 calls a side timed singly"
        assert judge(record).verdict is Verdict.REGRESSED

    def test_more_errors_make_no_better_verdict(self) -> None:
        for ratios_ in (slower_by(0.0), slower_by(-0.1)):
            record = with_all(make_duet(ratios_), "candidate", errors=20)
            result = judge(record)
            assert result.verdict is Verdict.INCONCLUSIVE
            assert "more calls fail" in result.primary.reason
            (finding,) = result.findings
            assert (finding.code, finding.serious) == ("candidate-fails-more", True)
            assert finding.seen == "2.0 more calls of a hundred fail on the candidate's side."
        assert judge(with_all(make_duet(slower_by(0.05)), "candidate", errors=20)).verdict is Verdict.REGRESSED
        assert judge(with_all(make_duet(slower_by(0.0)), "candidate", errors=2)).verdict is Verdict.UNCHANGED
        assert judge(with_all(make_duet(slower_by(-0.1)), "base", errors=20)).verdict is Verdict.IMPROVED


class TestBadInput:
    @pytest.mark.parametrize("time_ns", [0.0, -5.0, math.nan, math.inf])
    @pytest.mark.parametrize("side", ["base", "candidate"])
    def test_a_pair_with_no_time_is_discarded_and_counted(self, time_ns: float, side: str) -> None:
        record = make_duet(slower_by(0.05, 21))
        epoch_ns = (time_ns, *getattr(record.pairs[3], side).epoch_ns[1:])
        result = judge(with_side(record, 3, side, epoch_ns=epoch_ns))
        assert result.verdict is Verdict.REGRESSED
        assert result.pairs == 20
        fault = f"a time of {time_ns:g} ns on the {side}'s side is no time a call can take"
        if not math.isfinite(time_ns):
            fault = f"an epoch of the {side} has no time"
        assert result.discarded == (f"pair 4: {fault}",)
        (finding,) = result.findings
        assert (finding.code, finding.serious) == ("pairs-discarded", False)
        assert finding.seen == f"1 of 21 pairs were discarded; the first: pair 4: {fault}."

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"epoch_ns": ()}, "the sides have 0 and 4 epochs"),
            ({"epoch_ns": (1.0, 2.0)}, "the sides have 2 and 4 epochs"),
            ({"errors": 1_000}, "every call of the base failed"),
            ({"mean_ns": 0.0}, "a time of 0 ns on the base's side is no time a call can take"),
        ],
    )
    def test_other_faults(self, changes: dict[str, object], fault: str) -> None:
        result = judge(with_side(make_duet(slower_by(0.05)), 0, "base", **changes))
        assert result.discarded == (f"pair 1: {fault}",)

    def test_a_third_may_be_lost_and_no_more(self) -> None:
        record = make_duet(slower_by(0.05))
        assert judge(replace(record, discarded=("a worker was killed",) * 10)).verdict is Verdict.REGRESSED
        result = judge(replace(record, discarded=("a worker was killed",) * 11))
        assert result.verdict is Verdict.INCONCLUSIVE
        assert result.primary.reason == "11 of 31 pairs were discarded"
        assert result.findings[0].serious

    @pytest.mark.parametrize("pairs", [0, 1, 6])
    def test_too_few_pairs_prove_nothing(self, pairs: int) -> None:
        result = judge(make_duet(slower_by(0.5, pairs)))
        assert result.verdict is Verdict.INCONCLUSIVE
        assert result.primary.low is result.primary.high is result.primary.confidence is None
        assert result.primary.reason.endswith(": at least 7 are needed at this level")
        assert (result.primary.estimate is None) == (pairs == 0)

    def test_seven_pairs_are_enough(self) -> None:
        assert judge(make_duet(slower_by(0.5, 7))).verdict is Verdict.REGRESSED

    @pytest.mark.parametrize("candidate_ns", [1_000.0, 1_100.0])
    def test_constant_times_are_no_measurement(self, candidate_ns: float) -> None:
        record = with_all(make_duet(slower_by(0.0)), "base", epoch_ns=(1_000.0,) * 4)
        record = with_all(record, "candidate", epoch_ns=(candidate_ns,) * 4)
        result = judge(record)
        assert result.verdict is Verdict.INCONCLUSIVE
        assert result.primary.reason == "every epoch took exactly the same time: that is no measurement"

    def test_a_thousandfold_difference_is_one(self) -> None:
        result = judge(make_duet(slower_by(999.0)))
        assert result.verdict is Verdict.REGRESSED
        assert result.primary.estimate == pytest.approx(999, rel=0.01)

    def test_the_widest_times_there_are_do_not_overflow(self) -> None:
        record = with_all(make_duet(slower_by(0.0)), "candidate", epoch_ns=(1e308, 1.1e308, 1.2e308, 1.3e308))
        record = with_all(record, "base", epoch_ns=(1e-308, 1e-307, 1e-306, 1e-305))
        result = judge(record)
        assert result.verdict is Verdict.REGRESSED
        assert result.primary.estimate == math.inf

    def test_no_records_no_verdicts(self) -> None:
        assert judge_duets([]).results == ()


class TestSuite:
    def test_many_benchmarks_are_judged_more_strictly(self) -> None:
        # Sixteen of twenty pairs are slower: enough for one benchmark (p = 0.0059), not for one of thirty.
        values = [0.05] * 16 + [-0.01] * 4
        values = [value + jitter / 10 for value, jitter in zip(values, JITTER, strict=False)]
        alone = judge(make_duet(values))
        assert alone.verdict is Verdict.REGRESSED
        suite = judge_duets([make_duet(values)] + [make_duet(slower_by(0.0))] * 29)
        assert suite.results[0].verdict is Verdict.INCONCLUSIVE
        assert suite.results[0].primary.confidence == 1 - 2 * binomial_tail(3, 20)
        assert suite.regressed == ()
        assert suite.inconclusive == suite.results[:1]

    def test_what_is_found_leaves_more_for_the_others(self) -> None:
        values = [value + jitter / 10 for value, jitter in zip([0.05] * 16 + [-0.01] * 4, JITTER, strict=False)]
        clear = make_duet(slower_by(0.2))
        suite = judge_duets([clear] * 25 + [make_duet(values)] + [make_duet(slower_by(0.0))] * 4)
        assert suite.results[25].verdict is Verdict.REGRESSED
        assert len(suite.regressed) == 26

    def test_the_level_is_never_looser_than_for_one(self) -> None:
        assert judge_duets([make_duet(slower_by(0.05))], alpha_suite=0.5).results[0] == judge(
            make_duet(slower_by(0.05))
        )

    def test_faster_benchmarks_do_not_loosen_the_level_of_slower_ones(self) -> None:
        values = [value + jitter / 10 for value, jitter in zip([0.05] * 16 + [-0.01] * 4, JITTER, strict=False)]
        suite = judge_duets([make_duet(slower_by(-0.2))] * 25 + [make_duet(values)] + [make_duet(slower_by(0.0))] * 4)
        assert suite.results[25].verdict is Verdict.INCONCLUSIVE
        mirrored = judge_duets([swapped(result.record) for result in suite.results])
        assert mirrored.results[25].verdict is Verdict.INCONCLUSIVE
        assert len(mirrored.regressed) == 25

    def test_what_cannot_be_judged_counts_and_loosens_nothing(self) -> None:
        broken = replace(make_duet(slower_by(0.2)), discarded=("killed",) * 20)
        values = [value + jitter / 10 for value, jitter in zip([0.05] * 16 + [-0.01] * 4, JITTER, strict=False)]
        suite = judge_duets([broken] * 29 + [make_duet(values)])
        assert {each.verdict for each in suite.results} == {Verdict.INCONCLUSIVE}


class TestArms:
    def test_without_arms_nothing_is_said_of_them(self) -> None:
        suite = judge_duets([make_duet(slower_by(0.0))])
        assert suite.null is None
        assert suite.results[0].planted is None
        assert suite.results[0].null_z is None

    def test_alike_sides_pass(self) -> None:
        suite = judge_duets([make_duet(slower_by(0.05), null=JITTER[20:40])])
        assert suite.null is not None
        assert not suite.null.failed
        assert suite.null.pairs == 20
        assert suite.results[0].verdict is Verdict.REGRESSED
        ups = sum(value > 0 for value in JITTER[20:40])
        assert suite.results[0].null_z == pytest.approx((2 * ups - 20) / math.sqrt(20))

    def test_tilted_sides_take_every_verdict_back(self) -> None:
        tilted = make_duet(slower_by(0.05), null=slower_by(0.03))
        suite = judge_duets([tilted, make_duet(slower_by(0.0))])
        assert suite.null is not None
        assert suite.null.failed
        assert suite.null.bias == pytest.approx(0.03, abs=0.006)
        assert [each.verdict for each in suite.results] == [Verdict.INCONCLUSIVE] * 2
        assert suite.results[0].primary.reason.startswith("the base differs from itself by +3.")
        assert [finding.code for finding in suite.results[0].findings] == ["null-arm-differs"]
        assert suite.results[0].primary.estimate == pytest.approx(0.05, abs=0.006)

    @pytest.mark.parametrize(("ups", "failed"), [(17, True), (16, False), (3, True), (4, False)])
    def test_the_test_is_exact(self, ups: int, failed: bool) -> None:  # noqa: FBT001
        # 17 of 20 have p = 0.0026 and 16 have p = 0.012, two-sided.
        null = [0.1] * ups + [-0.1] * (20 - ups)
        suite = judge_duets([make_duet(slower_by(0.0), null=null)])
        assert suite.null is not None
        assert suite.null.failed is failed
        assert suite.null.p_value == pytest.approx(2 * binomial_tail(min(ups, 20 - ups), 20))

    def test_a_tilt_that_does_no_harm_is_let_pass(self) -> None:
        suite = judge_duets([make_duet(slower_by(0.0), null=[0.0049 + value / 1e3 for value in JITTER[:20]])])
        assert suite.null is not None
        assert suite.null.p_value < 1e-5
        assert not suite.null.failed
        suite = judge_duets([make_duet(slower_by(0.0), null=[0.0051 + value / 1e3 for value in JITTER[:20]])])
        assert suite.null is not None
        assert suite.null.failed

    def test_tests_of_the_same_processes_are_one_observation(self) -> None:
        # Fourteen of twenty slower are chance (p = 0.12), and no less so as thirty tests say it alike.
        null = [0.03] * 14 + [-0.03] * 6
        suite = judge_duets([make_duet(slower_by(0.0), null=null) for _ in range(30)])
        assert suite.null is not None
        assert suite.null.pairs == 20
        assert suite.null.p_value == pytest.approx(2 * binomial_tail(6, 20))
        assert not suite.null.failed

    def test_a_pair_is_its_median_over_tests(self) -> None:
        odd = make_duet(slower_by(0.0), null=slower_by(0.5))
        suite = judge_duets([odd, *(make_duet(slower_by(0.0), null=slower_by(-0.02)) for _ in range(2))])
        assert suite.null is not None
        assert suite.null.bias == pytest.approx(-0.02, abs=0.006)

    def test_pairs_that_only_some_tests_have_count_once_too(self) -> None:
        few, many = make_duet(slower_by(0.0, 12), null=JITTER[:12]), make_duet(slower_by(0.0, 24), null=JITTER[:24])
        suite = judge_duets([few, many])
        assert suite.null is not None
        assert suite.null.pairs == 24

    def test_equal_times_are_for_neither_side(self) -> None:
        suite = judge_duets([make_duet(slower_by(0.0), null=[0.0] * 20)])
        assert suite.null is not None
        assert suite.null.p_value == 1
        assert suite.results[0].null_z is None

    def test_a_planted_change_that_is_found(self) -> None:
        result = judge(make_duet(slower_by(0.0), planted=slower_by(0.05)))
        assert result.verdict is Verdict.UNCHANGED
        assert result.planted is not None
        assert result.planted.verdict is Verdict.REGRESSED
        assert result.planted.estimate == pytest.approx(0.05, abs=0.006)

    def test_a_planted_change_that_is_missed_takes_unchanged_back(self) -> None:
        missed = slower_by(0.0)
        result = judge(make_duet(slower_by(0.0), planted=missed))
        assert result.verdict is Verdict.INCONCLUSIVE
        assert result.primary.reason == "too noisy to tell: a planted +5 % was not found"
        assert judge(make_duet(slower_by(0.05), planted=missed)).verdict is Verdict.REGRESSED
        assert judge(make_duet(slower_by(-0.05), planted=missed)).verdict is Verdict.IMPROVED

    def test_a_planted_change_is_found_whatever_matters_to_the_user(self) -> None:
        record = make_duet(slower_by(0.0), planted=slower_by(0.05))
        (result,) = judge_duets([record], rule=Rule(0.1, 0.2)).results
        assert result.verdict is Verdict.UNCHANGED
        assert result.planted is not None
        assert result.planted.verdict is Verdict.REGRESSED

    @pytest.mark.parametrize(("told", "found"), [(0.024, False), (0.026, True), (0.2, True)])
    def test_half_of_what_was_planted_has_to_be_seen(self, told: float, found: bool) -> None:  # noqa: FBT001
        planted = [math.log1p(told) + value / 100 for value in slower_by(0.0)]
        result = judge(make_duet(slower_by(0.0), planted=planted))
        assert (result.verdict is Verdict.UNCHANGED) is found

    def test_planted_time_says_nothing_of_memory_or_failures(self) -> None:
        record = make_duet(slower_by(0.0), planted=slower_by(0.0))
        for quantity in (PEAK_RSS, ERROR_RATE):
            (result,) = judge_duets([record], primary=quantity).results
            assert result.verdict is Verdict.UNCHANGED
        for quantity in (MEAN, THROUGHPUT):
            (result,) = judge_duets([record], primary=quantity).results
            assert result.verdict is Verdict.INCONCLUSIVE

    def test_arms_of_other_lengths_or_without_times_count_for_nothing(self) -> None:
        record = make_duet(slower_by(0.0), null=JITTER[:20])
        record = with_side(record, 0, "null", epoch_ns=(1.0,))
        record = with_side(record, 1, "null", epoch_ns=(math.nan, 1.0))
        suite = judge_duets([record])
        assert suite.null is not None
        assert suite.null.pairs == 18


class TestLooks:
    def test_a_clear_change_ends_at_the_first_look(self) -> None:
        record = make_duet(slower_by(0.1, 12), looks=LOOKS)
        assert is_decided(record)
        assert next_look(record) is None
        result = judge(record)
        assert (result.verdict, result.pairs) == (Verdict.REGRESSED, 12)
        assert result.primary.confidence == 1 - 2 * binomial_tail(1, 12)  # a third of the level

    def test_what_is_not_decided_goes_on_to_the_end(self) -> None:
        for pairs, wanted in ((12, 24), (24, 48), (48, None)):
            record = make_duet(slower_by(0.0, pairs, spread=12.0), looks=LOOKS)
            assert not is_decided(record)
            assert next_look(record) == wanted
            assert judge(record).pairs == pairs

    def test_before_the_first_look_it_is_the_first_one(self) -> None:
        assert next_look(make_duet([], looks=LOOKS)) == 12
        assert next_look(make_duet(slower_by(0.0, 5))) == 20
        assert next_look(make_duet(slower_by(0.0, 20))) is None

    def test_between_looks_nothing_is_decided(self) -> None:
        assert next_look(make_duet(slower_by(0.0, 13, spread=12.0), looks=LOOKS)) == 24

    def test_the_first_look_that_proves_something_counts(self) -> None:
        # Slower at the first look; the pairs that were appended would take it back.
        values = slower_by(0.1, 12) + slower_by(-0.1, 36)
        result = judge(make_duet(values, looks=LOOKS))
        assert (result.verdict, result.pairs) == (Verdict.REGRESSED, 12)

    def test_an_early_end_is_a_look_too(self) -> None:
        result = judge(make_duet(slower_by(0.03, 30, spread=2.0), looks=LOOKS))
        assert result.pairs in {12, 24, 30}
        assert judge(make_duet(slower_by(0.0, 30, spread=12.0), looks=LOOKS)).pairs == 30

    def test_a_look_before_the_first_pair_proves_nothing(self) -> None:
        record = make_duet(slower_by(0.1, 20), appended=(0,))  # all pairs of the first run were discarded
        assert judge(record).verdict is Verdict.REGRESSED
        assert judge(replace(record, pairs=())).verdict is Verdict.INCONCLUSIVE

    def test_in_a_suite_the_level_is_divided_first(self) -> None:
        # Eleven of twelve slower: a third of 1 % is 0.0033 and allows it (0.0032), a third of 5 % / 30 does not.
        values = [value + jitter / 10 for value, jitter in zip([0.1] * 11 + [-0.01], JITTER, strict=False)]
        record = make_duet(values, looks=LOOKS)
        assert is_decided(record)
        assert not is_decided(record, suite=30)
        assert next_look(record, suite=30) == 24

    def test_looks_count_before_the_step_down(self) -> None:
        # Four of 24 faster: p = 0.00077, three looks make that 0.0023, above 5 % / 30. Had they not been counted, all
        # 29 would pass, and the last one, five of 24 faster, be held at 1 %.
        def with_faster(count: int) -> DuetRecord:
            values = ([-0.01] * 2 + [0.1] * 10) + [-0.01] * (count - 2) + [0.1] * (14 - count)
            values = [value + jitter / 10 for value, jitter in zip(values, JITTER, strict=False)]
            return make_duet(values, looks=LOOKS)

        suite = judge_duets([with_faster(4)] * 29 + [with_faster(5)])
        assert suite.regressed == ()
        assert judge(with_faster(5)).verdict is Verdict.REGRESSED

    @given(
        st.lists(st.floats(-0.15, 0.15), min_size=48, max_size=48),
        st.integers(1, 40),
    )
    def test_what_stops_early_stays_decided_in_any_suite_of_that_size(self, values: list[float], suite: int) -> None:
        record = make_duet(values[:12], looks=LOOKS)
        if is_decided(record, suite=suite):
            others = [make_duet(slower_by(0.0))] * (suite - 1)
            assert judge_duets([record, *others]).results[0].verdict is not Verdict.INCONCLUSIVE

    def test_many_lost_pairs_end_it(self) -> None:
        record = replace(make_duet(slower_by(0.0, 5), looks=LOOKS), discarded=("killed",) * 7)
        assert next_look(record) is None
        assert next_look(replace(record, discarded=("killed",) * 6)) == 12


class TestAppendedRuns:
    def test_the_first_run_keeps_its_level_and_each_other_one_has_half_of_the_last(self) -> None:
        record = make_duet(slower_by(0.0, 60), looks=(20, 60), appended=(20, 40))
        assert [(look.pairs, look.parts) for look in looks_of(record, record.pairs)] == [(20, 1), (40, 2), (60, 4)]
        planned = replace(record, looks=(*LOOKS, 60), appended=(24, 50))
        assert [(look.pairs, look.parts) for look in looks_of(planned, planned.pairs)] == [
            (12, 3),
            (24, 3),
            (50, 2),
            (60, 4),
        ]

    @given(st.integers(0, 60), st.lists(st.integers(0, 60), max_size=6), st.sampled_from([(20,), LOOKS]))
    def test_all_runs_together_spend_no_more_than_twice_the_level(
        self, pairs: int, appended: list[int], planned: tuple[int, ...]
    ) -> None:
        looks = (*planned, 60) if appended else planned
        record = make_duet(slower_by(0.0, pairs), looks=looks, appended=tuple(appended))
        taken = looks_of(record, record.pairs)
        assert sum(1 / look.parts for look in taken) < 2
        assert taken[-1].pairs == pairs
        assert all(one.pairs < other.pairs for one, other in pairwise(taken))

    def test_a_run_that_was_interrupted_was_a_look_too(self) -> None:
        record = make_duet(slower_by(0.0, 35), looks=(*LOOKS, 35), appended=(15,))
        assert [(look.pairs, look.parts) for look in looks_of(record, record.pairs)] == [(12, 3), (15, 3), (35, 2)]

    def test_pairs_that_count_for_nothing_are_no_part_of_a_look(self) -> None:
        record = with_side(make_duet(slower_by(0.0, 40), looks=(20, 40), appended=(20,)), 3, "base", epoch_ns=())
        usable = tuple(pair for pair in record.pairs if pair.number != 3)
        assert [look.pairs for look in looks_of(record, usable)] == [19, 39]

    def test_a_run_that_brought_no_pair_spends_its_part_all_the_same(self) -> None:
        record = make_duet(slower_by(0.0, 40), looks=(20, 60), appended=(20, 20))
        assert [(look.pairs, look.parts) for look in looks_of(record, record.pairs)] == [(20, 1), (40, 4)]

    def test_what_the_first_run_said_is_not_taken_back(self) -> None:
        # Sixteen of twenty slower have p = 0.0059: enough at 1 %, and not at half of it.
        values = [value + jitter / 10 for value, jitter in zip([0.05] * 16 + [-0.01] * 4, JITTER, strict=False)]
        assert judge(make_duet(values)).verdict is Verdict.REGRESSED
        longer = make_duet(values + slower_by(-0.1, 20), looks=(20, 40), appended=(20,))
        assert (judge(longer).verdict, judge(longer).pairs) == (Verdict.REGRESSED, 20)

    def test_the_second_run_is_judged_at_half_the_level(self) -> None:
        result = judge(make_duet(slower_by(0.0, 40, spread=12.0), looks=(20, 40), appended=(20,)))
        assert result.pairs == 40
        assert result.primary.confidence == 1 - 2 * binomial_tail(11, 40)  # at 1 % it is the 13th

    @pytest.mark.parametrize(("first", "most"), [((20,), 0.0096), ((12, 24, 48), 0.0105)])
    def test_how_often_runs_of_twenty_pairs_call_equal_code_slower(self, first: tuple[int, ...], most: float) -> None:
        begun = tuple(first[-1] + 20 * run for run in range(7))
        record = make_duet([0.0] * (begun[-1] + 20), looks=(*first, begun[-1] + 20), appended=begun)
        # Exactly: of each number of slower pairs the probability to come there unnoticed, from look to look.
        unnoticed, done, alarms = {0: 1.0}, 0, 0.0
        for look in looks_of(record, record.pairs):
            more = look.pairs - done
            reached = dict.fromkeys(range(look.pairs + 1), 0.0)
            for faster, probability in unnoticed.items():
                for added in range(more + 1):
                    reached[faster + added] += probability * math.comb(more, added) / 2**more
            rank = sign_rank(look.pairs, 0.01 / look.parts)
            alarms += sum(probability for faster, probability in reached.items() if faster < rank)
            unnoticed = {faster: probability for faster, probability in reached.items() if faster >= rank}
            done = look.pairs
        assert 0.0059 < alarms < most

    def test_it_goes_on_to_the_end_of_the_run(self) -> None:
        for pairs in (20, 24, 39):
            record = make_duet(slower_by(0.2, pairs), looks=(*LOOKS, 40), appended=(20,))
            assert next_look(record) == 40
        assert next_look(make_duet(slower_by(0.0, 40, spread=12.0), looks=(*LOOKS, 40), appended=(20,))) is None


class TestDoubts:
    def test_what_was_not_measured_as_asked_proves_nothing_equal(self) -> None:
        doubts = ("outage in 1 of 40 windows of the base", "load-not-delivered in 9 of 40 windows of the candidate")
        for share in (0.0, -0.1):
            result = judge(make_duet(slower_by(share), doubts=doubts))
            assert result.verdict is Verdict.INCONCLUSIVE
            assert result.primary.reason == "not measured as asked: outage in 1 of 40 windows of the base"
            (finding,) = result.findings
            assert (finding.code, finding.serious) == ("duet-in-doubt", True)
            assert finding.seen == "outage in 1 of 40 windows of the base. And 1 other doubt."
        slower = judge(make_duet(slower_by(0.1), doubts=doubts[:1]))
        assert slower.verdict is Verdict.REGRESSED
        assert slower.findings[0].seen == "outage in 1 of 40 windows of the base."
