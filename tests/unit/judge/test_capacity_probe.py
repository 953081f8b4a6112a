"""What of a run is read as a probe, and whose doing it was."""

from dataclasses import replace

import numpy as np
import pytest

from paceline.core.units import NS_PER_S
from paceline.judge.capacity_lines import margin_of
from paceline.judge.capacity_probe import Stretch, probe_of, sla_limits
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.capacity import LimitedBy, Phase
from paceline.records.error_log import ErrorGroup
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LoadRecord
from paceline.records.recorder import Counts
from paceline.records.run_record import Definition, Execution, RunRecord, TestType
from paceline.records.time_series import TimeSeries, TimeSlice

LIMITS = PerformanceThreshold(expressions=["p(95)<20", "error_rate<1%", "max<1s", "avg<15"]).limits()
MADE = Stretch(200.0, Phase.WINDOW, length_s=2.0, settle_s=1.0, idle_service_ms=5.0)


def latency(ms: float, count: int = 600) -> Latency:
    return Latency.of(np.full(count, round(ms * 1e6), dtype=np.int64))


def run(first_ms: float = 100.0, then_ms: float = 10.0, lag_ms: float = 0.1, **changes: object) -> RunRecord:
    """Three seconds of 200/s: the first one slow."""
    slices = tuple(
        TimeSlice(place, ok=20, histogram=Histogram.of(np.full(20, round(ms * 1e6), dtype=np.int64)))
        for place, ms in enumerate([first_ms] * 10 + [then_ms] * 20)
    )
    arrivals = Arrivals(600, 0, latency(lag_ms), latency(lag_ms), latency(0.0), latency(5.0))
    made = RunRecord(
        "x", TestType.API_ENDPOINT,
        Definition(None, 3.0, workers=50, execution=Execution.CONNECTIONS, open_loop=True),
        "", 3 * NS_PER_S, 3 * NS_PER_S, 600.0, Counts(ok=600), latency(then_ms), TimeSeries(slices=slices),
        load=LoadRecord((20.0, 20.0, 20.0), own_process=True, arrivals=arrivals),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of it


def test_the_beginning_is_cut_off_and_the_rest_is_read_in_quarters() -> None:
    probe = probe_of(run(), LIMITS, MADE)
    assert probe.held
    assert probe.attempts == 400
    assert probe.delivered_per_s == pytest.approx(200)
    p95, errors, most, mean = probe.readings
    assert p95.value == pytest.approx(10, rel=1e-3)
    assert p95.parts == pytest.approx((10.0,) * 4, rel=1e-3)
    assert (errors.value, errors.parts, most.parts) == (0, (), ())
    assert mean.value == pytest.approx(10, rel=1e-3)


def test_percentiles_mean_and_median_are_matters_of_degree_and_others_are_not() -> None:
    assert [limit.is_smooth for limit in sla_limits(LIMITS)] == [True, False, False, True]
    others = PerformanceThreshold(expressions=["throughput>=10", "p(0)<5", "p(95)>5", "cpu<80"]).limits()
    assert not any(limit.is_smooth for limit in sla_limits(others))


def test_what_the_generator_did_is_told_as_its_own() -> None:
    busy = run(load=replace(run().load or LoadRecord(), cpu_percent=(20.0, 97.0, 20.0)))
    probe = probe_of(busy, LIMITS, MADE)
    assert probe.limited_by is LimitedBy.GENERATOR
    assert "97 % of a core" in probe.why
    assert probe.is_sound  # it held all the same
    late = probe_of(run(then_ms=25.0, lag_ms=8.0), LIMITS, MADE)
    assert late.limited_by is LimitedBy.GENERATOR
    assert "8 ms late" in late.why
    assert not late.is_sound


def test_a_lag_that_is_nothing_beside_the_figure_is_none() -> None:
    assert probe_of(run(lag_ms=1.0), LIMITS, MADE).limited_by is None
    assert probe_of(run(then_ms=200.0, lag_ms=1.4), LIMITS, MADE).limited_by is None


def test_connections_that_are_all_taken_beside_an_idle_server_are_the_generator_s() -> None:
    arrivals = replace(run().load.arrivals, connection_wait=latency(40.0))  # type: ignore[union-attr, type-var]
    waiting = run(then_ms=45.0, load=LoadRecord((20.0,) * 3, own_process=True, arrivals=arrivals))
    # 200/s of 5 ms keep one busy: of 50, all wait for a server that has stopped for a moment.
    assert probe_of(waiting, LIMITS, MADE).limited_by is None
    waiting = replace(waiting, definition=replace(waiting.definition, workers=1))
    probe = probe_of(waiting, LIMITS, MADE)
    assert probe.limited_by is LimitedBy.GENERATOR
    assert "all 1 connections were busy" in probe.why
    # A server that answers three times as slowly as when idle is busy itself.
    slow = replace(arrivals, service=latency(15.0))  # type: ignore[type-var]
    loaded = replace(waiting, load=LoadRecord((20.0,) * 3, own_process=True, arrivals=slow))
    assert probe_of(loaded, LIMITS, MADE).limited_by is None


def test_connections_that_cannot_be_made_are_the_network_s() -> None:
    errors = (ErrorGroup("connect", "no free local port", 590),)
    failing = run(errors=errors, counts=Counts(ok=10, errors=590))
    probe = probe_of(failing, LIMITS, MADE)
    assert (probe.limited_by, probe.why) == (LimitedBy.NETWORK, "no free local port")


def test_a_stretch_without_an_answer_holds_nothing() -> None:
    probe = probe_of(run(series=TimeSeries()), LIMITS, MADE)
    assert not probe.held
    assert probe.failed_share == 1
    assert probe.readings[0].value is None


def test_a_service_that_fails_most_attempts_holds_nothing_and_the_probe_says_why() -> None:
    made = run()
    slices = tuple(replace(each, errors=2 * each.ok) for each in made.series.slices)
    groups = (ErrorGroup("status", "HTTP 503", 1_200),)
    failing = replace(made, counts=Counts(ok=600, errors=1_200), series=TimeSeries(slices=slices), errors=groups)
    probe = probe_of(failing, LIMITS[:1], MADE)
    assert (probe.held, probe.why) == (False, "66.7 % of the attempts failed: HTTP 503")
    assert probe.limited_by is None
    (reading,) = probe.readings
    assert reading.value == pytest.approx(10, rel=1e-3)
    assert margin_of(sla_limits(LIMITS[:1]), probe) == 0
