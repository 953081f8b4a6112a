"""Findings about the course of a run, from both sides of their borders: on services whose truth is known."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from paceline.core.findings import Finding
from paceline.judge.diagnosis import diagnose
from paceline.judge.leaks import memory_leaks
from paceline.judge.over_time import diagnose_over_time
from paceline.judge.timeline import timeline, up_to_peak
from paceline.records.load import LoadRecord, Stretch
from paceline.records.metrics import metrics_of
from paceline.records.resources import ResourceUsage, SystemUsage
from paceline.records.run_record import Execution, RunRecord
from paceline.workload.arrivals import arrivals
from paceline.workload.models import ConstantRate, OpenLoop, Poisson, Stages
from tests.fakes import make_latency, make_load
from tests.queues import Answer, Service, Station, m_d_1, m_m_c
from tests.virtual_loads import open_load, watched

MB = 1_000_000
EVEN = Poisson(50, 120, seed=4)
RAMP = Stages([(5, 50), (60, 500)], start=50, seed=1)
SPIKE = Stages([(20, 100), (0, 500), (5, 500), (0, 100), (40, 100)], start=100, seed=2)
QUICK = Service(mean_ms=0.0, before_ms=5.0)


def found(code: str, record: RunRecord) -> Finding | None:
    hits = [finding for finding in diagnose_over_time(record) if finding.code == code]
    assert len(hits) <= 1
    assert not any(finding.serious for finding in hits)
    return hits[0] if hits else None


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"-?[\d,]*\d(?:\.\d+)?", text)]


NOBODY = ResourceUsage("nobody")


def used(
    *targets: ResourceUsage, cores: int = 4, host: ResourceUsage = NOBODY, process: ResourceUsage = NOBODY
) -> SystemUsage:
    return SystemUsage(host, process, targets, cores)


@cache
def load(workload: OpenLoop, service: Service) -> RunRecord:
    """Many tests look at the same one."""
    return open_load(workload, service)


def watching(workload: OpenLoop, service: Service, usage: SystemUsage) -> RunRecord:
    return replace(load(workload, service), usage=usage)


class TestTimeline:
    def test_moments_know_what_was_planned_and_what_came(self) -> None:
        moments = timeline(open_load(Stages([(10, 100), (0, 40), (10, 40)], start=0), QUICK))
        assert [moment.begin_s for moment in moments] == list(range(20))
        assert [moment.level for moment in moments] == [5, 15, 25, 35, 45, 55, 65, 75, 85, 95, *[40] * 10]
        assert all(abs(moment.ended - moment.due) <= 2 for moment in moments)

    def test_there_are_only_so_many_and_none_of_several_windows(self) -> None:
        record = open_load(ConstantRate(10, 999.0), QUICK)
        assert len(timeline(record)) == 199
        assert {moment.length_s for moment in timeline(record)} == {5.0}
        assert timeline(record)[0].level is None
        assert timeline(replace(record, definition=replace(record.definition, epochs=2))) == ()

    def test_moments_without_attempts_are_there(self) -> None:
        moments = timeline(open_load(Stages([(2, 50), (0, 0), (3, 0), (0, 50), (2, 50)], start=50), QUICK))
        assert [moment.ended for moment in moments[25:45]] == [0] * 20

    def test_a_scenario_s_levels_are_of_attempts(self) -> None:
        record = open_load(Stages([(10, 100)], start=0), QUICK)
        assert record.load is not None
        three_each = replace(record.load, iterations=record.counts.attempts // 3)
        levels = [moment.level for moment in timeline(replace(record, load=three_each))]
        assert levels[-1] == pytest.approx(3 * timeline(record)[-1].due / timeline(record)[-1].length_s, rel=0.02)

    def test_the_climb_goes_from_the_lowest_before_the_peak_to_its_end(self) -> None:
        plan = Stages([(5, 20), (5, 10), (5, 50), (5, 50), (5, 10)], start=30)
        climb = up_to_peak(timeline(open_load(plan, QUICK)))
        assert (climb[0].begin_s, climb[-1].end_s) == (9.0, 20.0)
        assert up_to_peak(timeline(open_load(Stages([(20, 10)], start=50), QUICK))) == ()


def held(
    growth_mb_s: float, *, seconds: int = 120, noise_mb: float = 0.2, until: float = 1.0, seed: int = 1
) -> list[float]:
    """Memory that begins at 100 MB and grows up to that part of the run; two samples a second."""
    rng = random.Random(seed)
    return [
        MB * (100 + growth_mb_s * min(place / 2, until * seconds) + rng.gauss(0, noise_mb))
        for place in range(2 * seconds)
    ]


class TestLeak:
    @pytest.mark.parametrize(
        ("memory", "fires"),
        [
            (held(0.0), False),
            (held(0.1), True),
            (held(-0.1), False),
            (held(0.009), False),  # 32 MB an hour, but 0.9 MB so far: an allocator's grain
            (held(0.02, noise_mb=20.0), False),  # not told from chance
            (held(0.1, until=0.5), False),  # it has filled up
            (held(0.1, seconds=55), False),  # too short to say
            (held(0.1, seconds=61), True),
        ],
    )
    def test_of_a_target(self, memory: list[float], *, fires: bool) -> None:
        finding = found("leak", watching(EVEN, QUICK, used(watched(memory))))
        assert (finding is not None) == fires

    def test_says_how_much_an_hour_with_its_interval_and_what_of_each_attempt(self) -> None:
        finding = found("leak", watching(EVEN, QUICK, used(watched(held(0.1)))))
        assert finding is not None
        pid, at, low, high, _, _, begin, end, each = numbers(finding.seen)
        assert pid == 4711
        assert low < 360 < high
        assert at == pytest.approx(360, rel=0.03)
        assert (begin, end) == pytest.approx((102.4, 112), abs=0.5)
        assert each == pytest.approx(2_000, rel=0.05)

    def test_a_collector_s_sawtooth_is_none_unless_its_troughs_rise(self) -> None:
        for growth_mb_s, fires in ((0.0, False), (0.1, True)):
            # It is called later and later.
            teeth = [held_ + MB * (place % 8) * place / 20 for place, held_ in enumerate(held(growth_mb_s))]
            assert (found("leak", watching(EVEN, QUICK, used(watched(teeth)))) is not None) == fires

    def test_of_this_process_only_where_the_operation_is_in_it(self) -> None:
        own = watched(held(0.2), subject="process", pid=None)
        outside = watching(EVEN, QUICK, used(process=own))
        assert found("leak", outside) is None
        inside = replace(outside, definition=replace(outside.definition, execution=Execution.THREADS))
        assert "this process" in getattr(found("leak", inside), "seen", "")
        little = replace(inside, usage=used(process=watched(held(0.15), subject="process", pid=None)))
        assert found("leak", little) is None  # 14.4 MB: what a run may take for itself

    def test_the_record_of_this_process_takes_memory_for_each_moment(self) -> None:
        own = used(process=watched(held(0.2), subject="process", pid=None))
        outside = watching(EVEN, m_m_c(1, 10.0), own)
        inside = replace(outside, definition=replace(outside.definition, execution=Execution.THREADS))
        assert list(memory_leaks(inside, timeline(inside)))
        whole = tuple(replace(piece, histogram=inside.latency.histogram) for piece in inside.series.slices * 10)
        long = replace(inside, series=replace(inside.series, slices=whole))
        assert not list(memory_leaks(long, timeline(inside)))

    def test_a_load_that_changes_may_take_more_memory(self) -> None:
        assert found("leak", watching(RAMP, QUICK, used(watched(held(0.1))))) is None

    def test_memory_that_could_not_be_read_is_no_leak(self) -> None:
        gone = watched(held(0.1))
        gone = replace(gone, series=replace(gone.series, memory_bytes=(None,) * 240))
        assert found("leak", watching(EVEN, QUICK, used(gone))) is None


class TestLatencyCreep:
    @pytest.mark.parametrize(
        ("service", "fires"),
        [
            (m_m_c(1, 10.0), False),
            (Service(mean_ms=1.0, before_ms=5.0, creep_ms_per_s=0.01), True),
            (Service(mean_ms=1.0, before_ms=5.0, creep_ms_per_s=-0.01), False),
            (Service(mean_ms=1.0, before_ms=5.0, creep_ms_per_s=0.002), False),  # 3 % within the run
        ],
    )
    def test_of_a_load_that_stays(self, service: Service, *, fires: bool) -> None:
        finding = found("latency-creep", open_load(EVEN, service))
        assert (finding is not None) == fires
        if finding is not None:
            at, low, high, _, span_s, *_ = numbers(finding.seen)
            assert low < 36 < high
            assert at == pytest.approx(36, rel=0.1)
            assert span_s == 96

    def test_it_says_more_than_not_steady_which_it_replaces(self) -> None:
        record = open_load(EVEN, Service(mean_ms=1.0, before_ms=5.0, creep_ms_per_s=0.02))
        codes = {finding.code for finding in diagnose(record, metrics_of(record), None)}
        assert "latency-creep" in codes
        assert "not-steady" not in codes

    def test_of_a_short_or_a_changing_load_nothing_is_said(self) -> None:
        creeping = Service(mean_ms=1.0, before_ms=5.0, creep_ms_per_s=0.1)
        assert found("latency-creep", open_load(Poisson(50, 59, seed=4), creeping)) is None
        assert found("latency-creep", open_load(Poisson(50, 60, seed=4), creeping)) is not None
        assert found("latency-creep", open_load(RAMP, creeping)) is None
        assert found("latency-creep", open_load(Poisson(2, 120, seed=4), creeping)) is None  # too few a block


def cpu(ceiling: float, per_second: float) -> list[float]:
    """Of a service that uses so much a request, in percent of a core; two samples a second of RAMP."""
    rng = random.Random(3)
    rates = [50 + 450 * max(place / 2 - 5, 0) / 60 for place in range(130)]
    return [min(ceiling, per_second * rate + rng.gauss(0, 2)) for rate in rates]


class TestCpuSaturation:
    def test_names_time_rate_and_who(self) -> None:
        record = watching(RAMP, m_d_1(1e3 / 300), used(watched(cpu_percent=cpu(100, 1 / 3))))
        finding = found("cpu-saturation", record)
        assert finding is not None
        at_s, rate, most, pid, percent = numbers(finding.seen)
        assert rate == pytest.approx(300, rel=0.02)
        assert at_s == pytest.approx(5 + 60 * 250 / 450, abs=1)
        assert (most, pid, percent) == (496, 4711, 100)

    @pytest.mark.parametrize(
        ("ceiling", "fires"),
        [(100, True), (91, True), (85, False), (200, True), (120, False), (150, False), (45, False)],
    )
    def test_of_whole_cores(self, ceiling: float, *, fires: bool) -> None:
        """Somebody who waits for a disk uses half a core at whatever rate."""
        record = watching(RAMP, m_d_1(1e3 / 300), used(watched(cpu_percent=cpu(ceiling, ceiling / 300))))
        assert (found("cpu-saturation", record) is not None) == fires

    def test_not_of_what_was_as_busy_before_the_climb(self) -> None:
        """Others fill the machine; a process turns idly."""
        host = watched(cpu_percent=[398.0] * 130, subject="host", pid=None)
        for usage in (used(host=host), used(watched(cpu_percent=[100.0] * 130))):
            assert found("cpu-saturation", watching(RAMP, m_d_1(1e3 / 300), usage)) is None

    def test_not_where_answers_followed(self) -> None:
        record = watching(RAMP, m_d_1(1e3 / 520), used(watched(cpu_percent=cpu(100, 1 / 3))))
        assert found("cpu-saturation", record) is None

    def test_of_the_machine(self) -> None:
        host = watched(cpu_percent=cpu(390, 1.3), subject="host", pid=None)
        record = watching(RAMP, m_d_1(1e3 / 300), used(cores=4, host=host))
        assert "the machine was full (390 % of 400 %)" in getattr(found("cpu-saturation", record), "seen", "")
        assert found("cpu-saturation", replace(record, usage=used(cores=5, host=host))) is None
        assert found("cpu-saturation", replace(record, usage=SystemUsage())) is None


class TestQueueing:
    @pytest.mark.parametrize(
        ("service", "fires"), [(m_m_c(1, 2.5), True), (QUICK, False), (m_m_c(1, 0.2), False), (m_m_c(20, 20.0), False)]
    )
    def test_of_what_slows_down_under_load(self, service: Service, *, fires: bool) -> None:
        assert (found("queueing", load(RAMP, service)) is not None) == fires

    def test_says_what_of_it_is_waiting(self) -> None:
        finding = found("queueing", load(RAMP, m_d_1(2.0)))
        assert finding is not None
        low_ms, low_rate, high_ms, high_rate, share = numbers(finding.seen)[:5]
        assert low_ms == pytest.approx(2.0, abs=0.3)
        assert (low_rate, high_rate) == pytest.approx((162, 388), abs=8)
        assert share == pytest.approx(100 * (1 - low_ms / high_ms), abs=1)
        assert "the queue is in the service" in finding.seen

    def test_or_for_a_connection(self) -> None:
        record = load(RAMP, m_d_1(2.0))
        assert record.load is not None
        assert record.load.arrivals is not None
        waits = make_latency([record.latency.moments.total // 4])
        waiting = replace(record.load, arrivals=replace(record.load.arrivals, connection_wait=waits))
        assert "25 % of all latency was waiting for a free connection" in getattr(
            found("queueing", replace(record, load=waiting)), "seen", ""
        )

    def test_a_load_that_stays_says_nothing_of_queues(self) -> None:
        assert found("queueing", load(Poisson(400, 60, seed=1), m_m_c(1, 2.4))) is None


def failing(share_at: Callable[[float], float]) -> Callable[[float], Answer]:
    """Of attempts at a moment such a share fails, at random."""
    rng = random.Random(5)
    return lambda at_s: Answer(at_s + 0.005, ok=rng.random() >= share_at(at_s))


class TestErrorOnset:
    def test_names_time_level_and_share(self) -> None:
        finding = found("error-onset", open_load(RAMP, Service(mean_ms=0.0, before_ms=5.0, errors_above=250)))
        assert finding is not None
        at_s, level, share, most, before = numbers(finding.seen)
        assert level == pytest.approx(250, rel=0.1)
        assert at_s == pytest.approx(5 + 60 * 200 / 450, abs=4)
        # Of a rate r above the limit 1 - 250 / r is refused; between them and the peak that comes to a third.
        assert share == pytest.approx(33, abs=5)
        assert (most, before) == pytest.approx((496, 0), abs=0.5)

    @pytest.mark.parametrize(
        ("share", "from_rate", "until_rate", "earlier", "fires"),
        [
            (0.05, 0, 999, 0.0, False),  # fails as often at any rate
            (0.05, 300, 999, 0.0, True),
            (0.008, 300, 999, 0.0, False),  # below what matters
            (0.03, 300, 999, 0.01, False),  # not much more often than before
            (0.06, 300, 999, 0.01, True),
            (1.0, 300, 330, 0.0, False),  # an outage of four seconds
            (1.0, 420, 440, 0.0, False),  # of three, late
            (0.08, 470, 999, 0.0, False),  # a cluster at the very end
            (0.50, 470, 999, 0.0, True),  # not by chance
            (0.3, 0, 100, 0.0, False),  # fewer errors as the rate rises
        ],
    )
    def test_only_of_errors_that_come_with_the_load(
        self, share: float, from_rate: float, until_rate: float, earlier: float, *, fires: bool
    ) -> None:
        def share_at(at_s: float) -> float:
            return share if from_rate <= 50 + 450 * max(at_s - 5, 0) / 60 < until_rate else earlier

        assert (found("error-onset", open_load(RAMP, failing(share_at))) is not None) == fires

    def test_few_attempts_are_no_evidence(self) -> None:
        few = Stages([(5, 5), (60, 30)], start=5, seed=1)
        assert found("error-onset", open_load(few, failing(lambda at_s: 0.06 * (at_s > 30)))) is None
        assert found("error-onset", open_load(few, failing(lambda at_s: 0.5 * (at_s > 30)))) is not None

    def test_what_begins_before_the_load_rises_does_not_come_with_it(self) -> None:
        patient = Stages([(30, 50), (60, 500)], start=50, seed=1)
        assert found("error-onset", open_load(patient, failing(lambda at_s: 0.3 * (at_s > 10)))) is None
        assert found("error-onset", open_load(patient, failing(lambda at_s: 0.3 * (at_s > 35)))) is not None

    def test_of_users_too(self) -> None:
        record = open_load(RAMP, Service(mean_ms=0.0, errors_above=250))
        users = replace(record, definition=replace(record.definition, open_loop=False))
        assert " users: " in getattr(found("error-onset", users), "seen", "")


class TestRecovery:
    def test_says_how_long_it_took(self) -> None:
        finding = found("recovery", load(SPIKE, m_d_1(4.0)))
        assert finding is not None
        took_s, peak, level = numbers(finding.seen)[:3]
        # 1,250 requests too many in five seconds at 500/s of 250/s; 150/s of them are worked off.
        assert took_s == pytest.approx(1_250 / 150, abs=2)
        assert (peak, level) == (500, 100)
        assert "medians of up to" in finding.seen

    def test_says_that_it_never_came_back(self) -> None:
        dead, full = Service(mean_ms=4.0, dies_after=3_000), m_d_1(9.9)
        for service, told in ((dead, "4,008 of 4,008 attempts failed."), (full, "medians of up to 20.2 s.")):
            finding = found("recovery", open_load(SPIKE, service))
            assert finding is not None
            assert finding.seen.startswith("In the 40 s after the spike to 500/s (from 100/s) that were left")
            assert finding.seen.endswith(told)

    def test_nothing_of_a_spike_that_left_no_trace(self) -> None:
        assert found("recovery", load(SPIKE, m_m_c(1, 0.2))) is None
        assert found("recovery", load(SPIKE, m_m_c(1, 1.9))) is None  # full within, empty a second later

    @pytest.mark.parametrize(
        "plan",
        [
            Stages([(20, 100), (0, 500), (5, 500)], start=100),  # nothing after it
            Stages([(20, 100), (0, 140), (5, 140), (0, 100), (40, 100)], start=100),  # no spike
            Stages([(20, 500), (5, 500), (0, 100), (40, 100)], start=0),  # no level before it
            Stages([(20, 100), (0, 500), (5, 500), (0, 200), (40, 200)], start=100),  # another level after it
            Stages([(3, 100), (0, 500), (5, 500), (0, 100), (40, 100)], start=100),  # too little before it
        ],
    )
    def test_nothing_where_there_is_no_level_to_come_back_to(self, plan: Stages) -> None:
        assert found("recovery", open_load(plan, m_d_1(4.0))) is None

    def test_errors_must_be_gone_too(self) -> None:
        def answer(at_s: float) -> Answer:
            return Answer(at_s + 0.005, ok=not 20 <= at_s < 37)

        finding = found("recovery", open_load(SPIKE, answer))
        assert finding is not None
        assert numbers(finding.seen)[0] == 12
        assert "attempts failed" in finding.seen


def test_stretches_longer_or_shorter_than_the_run_do_no_harm() -> None:
    """A run that was interrupted saw a part of its plan; a file may say anything."""
    record = open_load(RAMP, m_m_c(1, 2.5))
    for stretches in ((Stretch(1e9, 0.0, 1e6),), (Stretch(1e-3, 5.0, 5.0),), (Stretch(10.0, 0.0, 0.0),) * 3):
        assert record.load is not None
        diagnose_over_time(replace(record, load=replace(record.load, stretches=stretches)))
    assert diagnose_over_time(make_load(load=LoadRecord(stretches=(Stretch(1.0, 1.0, 9.0),)))) == ()


def test_virtual_loads_are_what_the_queue_made() -> None:
    station = Station(m_m_c(1, 10.0))
    waits = [station.arrive(at_s).due_s - at_s for at_s in arrivals(EVEN)]
    assert open_load(EVEN, m_m_c(1, 10.0)).latency.moments.mean == pytest.approx(1e9 * sum(waits) / len(waits))
