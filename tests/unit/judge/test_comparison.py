"""Comparison with stored sessions: changes, conditions, verdicts, the suite as a whole."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.judge.change import Verdict
from paceline.judge.comparison import COMPARED, DECAYED, NOTHING_SEEN, SAMPLES_TAIL, TAIL, Comparison, compare, conclude
from paceline.judge.held import hold
from paceline.records.baseline import BaselineSession
from paceline.records.quantities import ERROR_RATE, MEAN, MEDIAN, P95, P99, PEAK_RSS, QUANTITIES, THROUGHPUT
from paceline.records.run_record import Definition
from paceline.stats.intervals import prediction_interval
from tests.fakes import MS, make_record
from tests.strategies import sessions
from tests.unit.judge.stored import ELSEWHERE, STEADY, compared, daily, held, session

RECORD = make_record([10 * MS] * 100)  # every latency 10 ms, 100 a second
HERE = RECORD.fingerprint.key


def _stored(**figures: float | None) -> BaselineSession:
    return BaselineSession("s", "2026-11-21T18:00:00.000000Z", HERE, figures)


def _against(*stored: BaselineSession) -> Comparison:
    comparison = compare(RECORD, stored)
    assert comparison is not None
    return comparison


class TestChanges:
    def test_without_sessions_there_is_nothing_to_compare_with(self) -> None:
        assert compare(RECORD, ()) is None
        assert hold([], daily()) is None

    @pytest.mark.parametrize(
        ("key", "figure", "measured"),
        [
            ("mean_change_pct", "mean_time_ms", 10.0),
            ("median_change_pct", "median_time_ms", 10.0),
            ("p95_change_pct", "p95_time_ms", 10.0),
            ("p99_change_pct", "p99_time_ms", 10.0),
            ("throughput_change_pct", "throughput_ops_per_sec", 100.0),
        ],
    )
    def test_are_percent_of_the_baseline(self, key: str, figure: str, measured: float) -> None:
        for stored, change in [(measured, 0.0), (measured / 2, 100.0), (measured * 2, -50.0), (measured / 1.1, 10.0)]:
            comparison = _against(_stored(**{figure: stored}))
            assert getattr(comparison, key) == pytest.approx(change)
            assert all(math.isnan(getattr(comparison, other)) for other in COMPARED if other != key)

    @pytest.mark.parametrize(
        ("stored", "change"),
        [
            ([5.0, 8.0, 20.0], 25.0),  # the median, not the mean
            ([8.0, 12.0], 0.0),
            ([None, 5.0, None], 100.0),
            ([0.0, 5.0], 100.0),  # a figure of nothing is no figure
            ([-5.0, 5.0], 100.0),
            ([math.nan, 5.0], 100.0),
            ([None], math.nan),
            ([0.0], math.nan),
            ([math.nan], math.nan),
            ([5e-324], math.nan),  # against which no number can say the change
        ],
    )
    def test_are_against_the_median_of_what_is_known(self, stored: list[float | None], change: float) -> None:
        days = [replace(each, fingerprint=HERE) for each in daily(stored)]
        assert _against(*days).median_change_pct == pytest.approx(change, nan_ok=True)
        assert _against(*days).sessions == len(stored)

    @pytest.mark.parametrize("measured", [math.nan, math.inf, 0.0, None])
    def test_what_was_not_measured_has_none(self, measured: float | None) -> None:
        comparison = compared(measured, daily())
        assert math.isnan(comparison.median_change_pct)
        assert comparison.verdict is Verdict.INCONCLUSIVE
        assert comparison.reason == "the candidate has no median above zero"

    def test_each_quantity_has_one_the_primary_first(self) -> None:
        changes = compared(1.0, daily()).changes
        assert [each.quantity for each in changes] == [MEDIAN, MEAN, P95, P99, THROUGHPUT, ERROR_RATE, PEAK_RSS]
        assert [each.gates for each in changes] == [True] + [False] * 6
        assert compared(1.0, daily(), P99).changes[0].quantity == P99

    def test_as_a_mapping_they_have_the_specifications_keys_and_nan_stays_a_number(self) -> None:
        plain = _against(_stored(mean_time_ms=5.0)).to_dict()
        assert plain["mean_change_pct"] == pytest.approx(100.0)
        assert all(isinstance(plain[key], float) for key in COMPARED)
        assert f"{plain['p99_change_pct']:+.1f}" == "+nan"
        assert plain["verdict"] == "inconclusive"
        assert {"reason", "ci_low_pct", "ci_high_pct", "minimum_detectable_change_pct", "sessions"} <= set(plain)


class TestVerdict:
    @pytest.mark.parametrize(
        ("median", "verdict", "reason"),
        [
            (1.10, Verdict.REGRESSED, "the whole interval is worse"),
            (0.90, Verdict.IMPROVED, "the whole interval is better"),
            (1.00, Verdict.UNCHANGED, "the whole interval is within the margin"),
            (1.02, Verdict.INCONCLUSIVE, NOTHING_SEEN),
        ],
    )
    def test_of_a_sound_baseline(self, median: float, verdict: Verdict, reason: str) -> None:
        comparison = compared(median, daily())
        assert (comparison.verdict, comparison.reason) == (verdict, reason)
        assert comparison.gates
        assert comparison.is_settled
        assert (comparison.sessions, comparison.days) == (10, 10)

    def test_a_real_change_below_what_matters_is_none(self) -> None:
        comparison = compared(1.049, daily([1 + (each - 1) / 100 for each in STEADY]))
        assert comparison.verdict is Verdict.UNCHANGED
        assert comparison.reason == "the difference is too small to matter"
        assert comparison.ci_low_pct is not None
        assert comparison.ci_low_pct > 0

    def test_its_interval_is_no_narrower_than_the_prediction_interval(self) -> None:
        comparison = compared(1.0, daily())
        log = [math.log(each) for each in STEADY]
        predicted = prediction_interval(log, TAIL)
        assert comparison.changes[0].confidence == pytest.approx(1 - 2 * TAIL)
        assert comparison.ci_low_pct is not None
        assert comparison.ci_high_pct is not None
        assert comparison.ci_low_pct <= 100 * math.expm1(-predicted.high) + 1e-9
        assert comparison.ci_high_pct >= 100 * math.expm1(-predicted.low) - 1e-9

    def test_a_drift_that_goes_on_is_no_step_and_is_named(self) -> None:
        wobble = (0.004, -0.003, 0.002, 0.005, -0.004, 0.0, -0.002, 0.003, -0.005, 0.001)
        level = [1 + change for change in wobble]
        assert compared(1.10, [*daily(level)]).verdict is Verdict.REGRESSED
        later = [session(1 + 0.01 * place + wobble[place], 24.0 * (10 + place)) for place in range(10)]
        comparison = compared(1.10, [*daily(level), *later])
        assert (comparison.verdict, comparison.reason) == (Verdict.INCONCLUSIVE, DECAYED)
        assert comparison.gates
        assert not comparison.is_settled  # with --strict it is exit code 6
        assert comparison.median_change_pct == pytest.approx(10.0, abs=0.5)

    def test_throughput_is_worse_when_it_falls(self) -> None:
        stored = [
            replace(each, metrics={"throughput_ops_per_sec": 1 / median})
            for each, median in zip(daily(), STEADY, strict=True)
        ]
        for rate, verdict in ((0.9, Verdict.REGRESSED), (1.1, Verdict.IMPROVED)):
            found = compared(None, stored, THROUGHPUT, metrics={"throughput_ops_per_sec": rate})
            assert found.verdict is verdict

    @pytest.mark.parametrize(("rate", "verdict"), [(0.0, "unchanged"), (0.004, "unchanged"), (0.006, "regressed")])
    def test_an_error_rate_is_judged_by_its_difference(self, rate: float, verdict: str) -> None:
        stored = [replace(each, metrics={"error_rate": 0.0}) for each in daily()]
        comparison = compared(None, stored, ERROR_RATE, metrics={"error_rate": rate})
        assert comparison.verdict.value == verdict
        assert comparison.changes[0].estimate == rate

    def test_the_smallest_visible_change_is_never_below_what_matters(self) -> None:
        quiet = compared(1.0, daily([1 + (each - 1) / 1000 for each in STEADY])).minimum_detectable_change_pct
        noisy = compared(1.0, daily([1 + (each - 1) * 10 for each in STEADY])).minimum_detectable_change_pct
        assert quiet == pytest.approx(5.0, abs=0.01)
        assert noisy is not None
        assert noisy > 40

    @given(st.permutations(STEADY), st.floats(0.2, 5))
    def test_does_not_depend_on_the_unit(self, medians: list[float], scale: float) -> None:
        one, other = (compared(1.06 * unit, daily([each * unit for each in medians])) for unit in (1.0, scale))
        assert one.verdict is other.verdict
        assert one.ci_low_pct == pytest.approx(other.ci_low_pct, rel=1e-6, abs=1e-6)

    @given(st.lists(sessions, max_size=25), sessions)
    def test_any_sessions_have_one(self, stored: list[BaselineSession], candidate: BaselineSession) -> None:
        found = hold([candidate], stored)
        assert (found is None) is (not stored)
        if found is not None:
            comparison = conclude([found])[0]
            assert comparison.reason
            assert comparison.gates or comparison.verdict is Verdict.INCONCLUSIVE


class TestAdvice:
    """What may not fail a test says so, and what is missing."""

    @pytest.mark.parametrize(
        ("count", "reason"),
        [
            (1, "advice needs 4 more sessions; a verdict needs 9 more sessions and 4 more days"),
            (4, "advice needs 1 more session; a verdict needs 6 more sessions and 1 more day"),
            (5, "advice only, looks regressed: a verdict needs 5 more sessions"),
            (9, "advice only, looks regressed: a verdict needs 1 more session"),
        ],
    )
    def test_of_few_sessions(self, count: int, reason: str) -> None:
        comparison = compared(1.3, daily(STEADY[:count]))
        assert comparison.verdict is Verdict.INCONCLUSIVE
        assert not comparison.gates
        assert not comparison.is_settled
        assert comparison.reason == f"{reason} (those count that are 6 h or a reboot apart)"
        assert (comparison.ci_low_pct is None) is (count < 5)
        assert comparison.median_change_pct == pytest.approx(30, abs=1)

    def test_of_one_afternoon(self) -> None:
        stored = [session(median, place / 2) for place, median in enumerate(STEADY)]
        comparison = compared(1.3, stored)
        assert comparison.sessions == 1
        assert comparison.reason.startswith("advice needs 4 more sessions")

    def test_of_ten_sessions_on_three_days(self) -> None:
        stored = [session(median, 7.0 * place) for place, median in enumerate(STEADY)]
        comparison = compared(1.3, stored)
        assert (comparison.sessions, comparison.days) == (10, 4)
        assert comparison.reason.startswith("advice only, looks regressed: a verdict needs 1 more day (")

    def test_of_another_machine(self) -> None:
        comparison = compared(1.3, daily(fingerprint=ELSEWHERE, definition=Definition()))
        assert not comparison.same_machine
        assert comparison.reason == "advice only, looks regressed: the baseline is from another machine or interpreter"

    def test_of_a_clock_that_went_backwards(self) -> None:
        stored = daily()
        stored[3], stored[4] = stored[4], stored[3]
        assert "the clock went backwards between its sessions" in compared(1.3, stored).reason

    def test_of_sessions_that_drift(self) -> None:
        comparison = compared(1.5, daily([1 + 0.01 * place for place in range(10)]))
        assert comparison.reason.startswith("advice only, looks regressed: its sessions resemble the ones before them")
        assert comparison.reason.endswith("; its sessions drift")
        assert comparison.verdict is Verdict.INCONCLUSIVE

    def test_of_exactly_equal_sessions(self) -> None:
        comparison = compared(1.3, daily([1.0] * 10))
        assert comparison.reason == "all reference sessions are exactly equal: no clock is as steady as that"
        assert comparison.verdict is Verdict.INCONCLUSIVE
        assert comparison.median_change_pct == pytest.approx(30)

    def test_of_sessions_without_the_figure(self) -> None:
        stored = [replace(each, metrics={}) if place < 6 else each for place, each in enumerate(daily())]
        assert compared(1.3, stored).reason.startswith("too few of the reference sessions have a median")

    def test_another_definition_is_no_comparison_at_all(self) -> None:
        stored = daily(definition=Definition(iterations=100))
        comparison = compared(1.3, stored, definition=Definition(iterations=200))
        assert comparison.reason == "the baseline was measured with another definition (iterations 100 -> 200)"
        assert all(math.isnan(getattr(comparison, key)) for key in COMPARED)
        assert comparison.changes[0].estimate is None

    def test_the_older_flat_form_is_of_no_known_machine(self) -> None:
        stored = BaselineSession("flat", "", "", {"median_time_ms": 1.0}, reference=True)
        comparison = compared(2.0, [stored])
        assert comparison.median_change_pct == pytest.approx(100)
        assert "the baseline's file does not say for certain from which machine" in comparison.reason
        assert "another machine" not in comparison.reason

    @pytest.mark.parametrize(
        ("samples", "candidate", "reason"),
        [
            (100, 100, "p99 of 100 samples is mostly chance"),
            (2_000, 2_000, "p99 needs 5,000 samples for a verdict, not 2,000"),
            (5_000, 6_000, "p99 of 5,000 samples is biased otherwise than of 6,000"),
            (5_000, 5_000, "the whole interval is worse"),
        ],
    )
    def test_of_a_quantile_of_few_samples(self, samples: float, candidate: float, reason: str) -> None:
        stored = [
            replace(each, metrics={"p99_time_ms": each.metrics["median_time_ms"], "iterations": samples})
            for each in daily()
        ]
        comparison = compared(None, stored, P99, metrics={"p99_time_ms": 1.3, "iterations": candidate})
        assert reason in comparison.reason
        assert comparison.gates is (reason == "the whole interval is worse")


class TestSamples:
    """Several sessions of a candidate."""

    def test_five_on_five_days_are_a_sample(self) -> None:
        later = [session(1.1 * each, 240 + 24.0 * place) for place, each in enumerate(STEADY)]
        found = hold(later, daily())
        assert found is not None
        assert found.candidates == 10
        comparison = conclude([found])[0]
        assert comparison.verdict is Verdict.REGRESSED
        assert comparison.changes[0].confidence == pytest.approx(1 - 2 * SAMPLES_TAIL)
        one = compared(1.1, daily())
        assert comparison.ci_high_pct is not None
        assert one.ci_high_pct is not None
        assert comparison.ci_high_pct < one.ci_high_pct

    @pytest.mark.parametrize("apart", [0.5, 6.0])
    def test_else_the_newest_is_judged_alone(self, apart: float) -> None:
        later = [session(1.1, 300 + apart * place) for place in range(5)]
        found = hold(later, daily())
        assert found is not None
        assert found.candidates == 1
        assert conclude([found])[0] == compared(1.1, daily())


class TestSuite:
    def test_verdicts_hold_together(self) -> None:
        alone = compared(1.06, daily())
        assert alone.verdict is Verdict.REGRESSED
        suite = conclude([held(1.06, daily()), *[held(1.0, daily())] * 199])
        assert suite[0].changes[0].confidence == pytest.approx(1 - 2 * 0.05 / 200)
        assert suite[0].verdict is Verdict.INCONCLUSIVE
        assert conclude([held(1.5, daily()), *[held(1.0, daily())] * 199])[0].verdict is Verdict.REGRESSED

    def test_advice_does_not_make_verdicts_stricter(self) -> None:
        advice = held(1.3, daily(STEADY[:5]))
        assert conclude([held(1.06, daily()), *[advice] * 100])[0].verdict is not Verdict.UNCHANGED
        found = conclude([held(1.06, daily()), *[held(1.0, daily(STEADY[:5]))] * 100])[0]
        assert found.verdict is Verdict.REGRESSED

    @pytest.mark.parametrize(
        ("worse", "others", "shifted"),
        [
            (1, 0, False),
            (1, 2, False),
            (2, 0, True),
            (2, 1, False),
            (3, 0, True),
            (3, 6, True),
            (3, 7, False),
            (4, 8, True),
        ],
    )
    def test_a_third_that_moves_together_is_the_environment(self, worse: int, others: int, shifted: bool) -> None:  # noqa: FBT001
        for median, word in ((1.1, "worse"), (0.9, "better")):
            found = conclude([*[held(median, daily())] * worse, *[held(1.0, daily())] * others])
            reason = f"the environment shifted: {worse} of {worse + others} tests are {word} together; run a duet"
            assert [each.reason == reason for each in found] == [shifted] * (worse + others)
            assert all(each.verdict is Verdict.INCONCLUSIVE and not each.gates for each in found) or not shifted

    @pytest.mark.parametrize(("factor", "shifted"), [(1.0, False), (1.02, False), (1.1, True), (0.9, True)])
    def test_the_calibration_workload_is_one_as_well(self, factor: float, shifted: bool) -> None:  # noqa: FBT001
        stored = [replace(each, calibration_ns=7e6 * figure) for each, figure in zip(daily(), STEADY, strict=True)]
        comparison = compared(1.3, stored, calibration_ns=7e6 * factor)
        assert comparison.reason.startswith("the environment shifted: the calibration workload took ") is shifted
        assert (comparison.verdict is Verdict.REGRESSED) is not shifted

    def test_a_calibration_that_one_side_lacks_says_nothing(self) -> None:
        assert compared(1.3, daily(), calibration_ns=9e9).verdict is Verdict.REGRESSED
        assert compared(1.3, [replace(each, calibration_ns=7e6) for each in daily()]).verdict is Verdict.REGRESSED

    def test_every_quantity_of_files_is_compared(self) -> None:
        assert {each.quantity.key for each in compared(1.0, daily()).changes} == set(QUANTITIES)
