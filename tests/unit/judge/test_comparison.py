import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.judge.comparison import COMPARED, REFERENCE_SESSIONS, Comparison, Verdict, compare, reference_of
from paceline.records.baseline import BaselineSession
from paceline.records.metrics import metrics_of
from paceline.records.run_record import Definition
from tests.fakes import MS, make_record
from tests.strategies import sessions

HERE, ELSEWHERE = "0123456789ab", "ba9876543210"
METRICS = metrics_of(make_record([10 * MS] * 100))  # every latency 10 ms, 100 a second


def _session(number: int = 0, fingerprint: str = HERE, **figures: float | None) -> BaselineSession:
    return _session_of(figures, number, fingerprint)


def _session_of(figures: dict[str, float | None], number: int = 0, fingerprint: str = HERE) -> BaselineSession:
    return BaselineSession(f"s{number}", "2026-11-22T18:00:00.000000Z", fingerprint, figures)


def _compared(*stored: BaselineSession) -> Comparison:
    comparison = compare(METRICS, stored, HERE)
    assert comparison is not None
    return comparison


def test_without_sessions_there_is_nothing_to_compare_with() -> None:
    assert compare(METRICS, (), HERE) is None


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
def test_changes_are_percent_of_the_baseline(key: str, figure: str, measured: float) -> None:
    assert COMPARED[key] == figure
    for stored, change in [(measured, 0.0), (measured / 2, 100.0), (measured * 2, -50.0), (measured / 1.1, 10.0)]:
        comparison = _compared(_session_of({figure: stored}))
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
    ],
)
def test_the_reference_is_the_median_of_what_is_known(stored: list[float | None], change: float) -> None:
    comparison = _compared(*(_session(number, mean_time_ms=value) for number, value in enumerate(stored)))
    assert comparison.mean_change_pct == pytest.approx(change, nan_ok=True)
    assert comparison.sessions == len(stored)


@pytest.mark.parametrize("measured", [math.nan, math.inf])
def test_what_was_not_measured_has_no_change(measured: float) -> None:
    comparison = compare(replace(METRICS, p95_time_ms=measured), [_session(p95_time_ms=5.0, mean_time_ms=5.0)], HERE)
    assert comparison is not None
    assert math.isnan(comparison.p95_change_pct)
    assert comparison.mean_change_pct == pytest.approx(100.0)


def test_no_verdict_is_drawn_yet_and_that_is_said() -> None:
    comparison = _compared(_session(mean_time_ms=1.0))
    assert comparison.verdict is Verdict.INCONCLUSIVE
    assert comparison.same_machine is True
    assert comparison.reason.startswith("statistics not built yet")
    assert (comparison.ci_low_pct, comparison.ci_high_pct, comparison.minimum_detectable_change_pct) == (None,) * 3


def test_another_machine_is_said_and_used_only_when_there_is_no_session_of_this_one() -> None:
    foreign = _session(1, ELSEWHERE, mean_time_ms=5.0)
    comparison = _compared(foreign)
    assert comparison.reason.startswith("the baseline is from another machine or interpreter; statistics")
    assert comparison.same_machine is False
    assert comparison.mean_change_pct == pytest.approx(100.0)
    both = _compared(foreign, _session(2, HERE, mean_time_ms=20.0))
    assert (both.same_machine, both.sessions) == (True, 1)
    assert both.mean_change_pct == pytest.approx(-50.0)


def test_the_reference_is_the_oldest_ten_so_that_slow_decay_cannot_creep_in() -> None:
    decaying = [_session(number, mean_time_ms=1.0 + number) for number in range(30)]
    reference, same_machine = reference_of(decaying, HERE)
    assert REFERENCE_SESSIONS == 10
    assert (reference, same_machine) == (tuple(decaying[:10]), True)
    assert _compared(*decaying).mean_change_pct == pytest.approx((10 / 5.5 - 1) * 100)


@given(st.lists(sessions, max_size=25))
def test_the_reference_never_mixes_machines_with_this_one(stored: list[BaselineSession]) -> None:
    reference, same_machine = reference_of(stored, HERE)
    own = [session for session in stored if session.fingerprint == HERE]
    assert same_machine is bool(own)
    assert list(reference) == (own or stored)[:10]
    assert (compare(METRICS, stored, HERE) is None) is (not stored)


def test_as_a_mapping_it_has_the_specifications_keys_and_nan_stays_a_number() -> None:
    plain = _compared(_session(mean_time_ms=5.0)).to_dict()
    assert plain["mean_change_pct"] == pytest.approx(100.0)
    assert all(isinstance(plain[key], float) for key in COMPARED)
    assert f"{plain['p99_change_pct']:+.1f}" == "+nan"
    assert plain["verdict"] == "inconclusive"
    assert {"reason", "ci_low_pct", "ci_high_pct", "minimum_detectable_change_pct", "sessions"} <= set(plain)


def test_verdicts_have_the_names_that_files_contain() -> None:
    assert [verdict.value for verdict in Verdict] == ["regressed", "improved", "unchanged", "inconclusive"]


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (Definition(iterations=2_000), False),
        (None, False),  # the older flat form
        (Definition(iterations=1_000), True),
        (Definition(iterations=2_000, workers=50), True),
        (Definition(iterations=2_000, calls_per_sample=8), True),
    ],
)
def test_another_definition_is_told(stored: Definition | None, told: bool) -> None:  # noqa: FBT001
    record = make_record()
    session = BaselineSession("monday", "", record.fingerprint.key, {"median_time_ms": 1.0}, stored)
    comparison = compare(metrics_of(record), [session], record.fingerprint.key, record.definition)
    assert comparison is not None
    assert ("another definition" in comparison.reason) is told


def test_a_calibrated_batch_of_another_size_is_the_same_definition() -> None:
    record = make_record(definition=Definition(iterations=2_000, calls_per_sample=512))
    stored = Definition(iterations=2_000, calls_per_sample=2)
    session = BaselineSession("monday", "", record.fingerprint.key, {"median_time_ms": 1.0}, stored)
    comparison = compare(metrics_of(record), [session], record.fingerprint.key, record.definition)
    assert comparison is not None
    assert "another definition" not in comparison.reason


def test_a_change_that_no_number_can_say_is_none() -> None:
    session = BaselineSession("a", "now", "", {"mean_time_ms": 5e-324, "median_time_ms": 1.0})
    comparison = compare(metrics_of(make_record()), [session], "")
    assert comparison is not None
    assert math.isnan(comparison.mean_change_pct)
    assert comparison.median_change_pct == 0
