"""Every finding about loads from both sides of its border. The base is a healthy load of ten connections."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from paceline.core.findings import Finding
from paceline.judge.diagnosis import diagnose
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.database import DatabaseRecord
from paceline.records.load import Arrivals, LegRun, LoadRecord, Part, Probe, Traffic
from paceline.records.metrics import metrics_of
from paceline.records.recorder import Counts
from paceline.records.run_record import Circumstances, Execution, RunRecord
from paceline.records.time_series import TimeSeries, TimeSlice
from tests.fakes import MS, S, make_arrivals, make_latency, make_load, make_record
from tests.strategies import records, thresholds

US = 1_000
USERS, TASKS = Execution.USERS, Execution.TASKS


def _found(code: str, record: RunRecord, threshold: PerformanceThreshold | None = None) -> Finding | None:
    found = [finding for finding in diagnose(record, metrics_of(record), threshold) if finding.code == code]
    assert len(found) <= 1
    return found[0] if found else None


def _open(arrivals: Arrivals | None = None, samples_ns: Any = (MS,) * 2_000, **changes: Any) -> RunRecord:
    return make_load(samples_ns, LoadRecord(arrivals=arrivals or make_arrivals()), **changes)


def test_healthy_loads_have_none() -> None:
    for record in (make_load(), _open()):
        assert diagnose(record, metrics_of(record), None) == ()


@given(records(), thresholds)
def test_any_load_can_be_looked_at(record: RunRecord, threshold: PerformanceThreshold) -> None:
    for finding in diagnose(record, metrics_of(record), threshold):
        assert all(text.endswith(".") for text in (finding.seen, finding.why, finding.advice))
        assert "nan" not in finding.seen
        assert "inf" not in finding.seen.replace("info", "")


class TestGeneratorSaturated:
    @pytest.mark.parametrize(
        ("cpu_percent", "busiest"),
        [((), None), ((90.0, 90.0), None), ((12.0, 90.6, 40.0), "91 %"), ((99.9,) * 3, "100 %")],
    )
    def test_by_its_cpu(self, cpu_percent: tuple[float, ...], busiest: str | None) -> None:
        finding = _found("generator-saturated", make_load(load=LoadRecord(cpu_percent), elapsed_ns=3 * S))
        seen = None if busiest is None else f"The load generator used {busiest} of a core in its busiest second."
        assert (finding and finding.seen) == seen
        assert finding is None or finding.serious

    def test_a_last_stretch_shorter_than_a_second_does_not_count(self) -> None:
        load = LoadRecord((50.0, 50.0, 99.0))
        assert _found("generator-saturated", make_load(load=load, elapsed_ns=2_300_000_000)) is None
        assert _found("generator-saturated", make_load(load=load, elapsed_ns=3_100_000_000)) is not None
        assert _found("generator-saturated", make_load(load=LoadRecord((99.0,)), elapsed_ns=S // 2)) is not None

    @pytest.mark.parametrize(
        ("lag_ns", "median_ns", "fires"),
        [
            (240 * US, 500 * US, False),  # more than a tenth, but what timers make
            (260 * US, 2_700 * US, False),
            (260 * US, 2_500 * US, True),
            (5 * MS, 60 * MS, False),
            (7 * MS, 60 * MS, True),
        ],
    )
    def test_by_its_lag(self, lag_ns: int, median_ns: int, *, fires: bool) -> None:
        record = _open(make_arrivals((lag_ns,) * 100), (median_ns,) * 100)
        finding = _found("generator-saturated", record)
        assert (finding is not None) == fires
        assert finding is None or "late (p99; the median latency is" in finding.seen

    def test_a_few_arrivals_have_no_p99(self) -> None:
        assert _found("generator-saturated", _open(make_arrivals((MS,) * 99), (MS,) * 99)) is None
        assert _found("generator-saturated", _open(make_arrivals((MS,) * 100), (MS,) * 100)) is not None

    def test_a_loop_that_also_runs_the_target_is_another_finding(self) -> None:
        load = LoadRecord((99.0,) * 3)
        assert _found("generator-saturated", make_load(load=load, execution=USERS)) is not None
        assert _found("generator-saturated", make_load(load=load, execution=TASKS)) is None
        busy = Circumstances(own_cpu_s=1.0)
        on_connections = make_load(load=load, circumstances=busy, elapsed_ns=S)
        assert _found("event-loop-saturated", on_connections) is None
        on_tasks = make_load(load=load, circumstances=busy, elapsed_ns=S, execution=TASKS)
        assert _found("event-loop-saturated", on_tasks) is not None

    def test_an_idle_machine_is_not_saturated(self) -> None:
        # What was measured at half of the maximum without spinning: p50 60 us, p99 250 us; answers of 3 ms.
        lags = [int(60 * US * 1.85 ** (number / 100 * 2.3)) for number in range(100)]
        assert _found("generator-saturated", _open(make_arrivals(lags * 10), (3 * MS,) * 1_000)) is None


class TestArrivalsDropped:
    def test_any_drop_is_serious(self) -> None:
        finding = _found("arrivals-dropped", _open(make_arrivals(planned=2_001), dropped=1))
        assert finding is not None
        assert finding.seen == "1 of 2,001 arrivals (0.05 %) were dropped: max_in_flight was reached."
        assert finding.serious
        assert _found("arrivals-dropped", _open()) is None


class TestArrivalsLate:
    @pytest.mark.parametrize(
        ("arrivals", "late", "fires"),
        [(2_000, 19, False), (2_000, 20, True), (100, 4, False), (100, 5, True), (10, 10, True)],
    )
    def test_from_one_in_a_hundred(self, arrivals: int, late: int, *, fires: bool) -> None:
        lags = (2 * MS,) * late + (10 * US,) * (arrivals - late)
        finding = _found("arrivals-late", _open(make_arrivals(lags)))
        assert (finding is not None) == fires
        assert finding is None or not finding.serious

    @pytest.mark.parametrize(
        ("generator_ns", "wait_ns", "seen", "advice"),
        [
            (MS, 3 * MS, "75 % of all lateness was waiting for a free connection", "More connections"),
            (3 * MS, MS, "75 % the generator's own", "Give the generator a core of its own"),
        ],
    )
    def test_says_who_made_it(self, generator_ns: int, wait_ns: int, seen: str, advice: str) -> None:
        finding = _found("arrivals-late", _open(make_arrivals((generator_ns,) * 100, (wait_ns,) * 100)))
        assert finding is not None
        assert "100 of 100 arrivals were sent more than 1 ms late (p99 4 ms)" in finding.seen
        assert seen in finding.seen
        assert finding.advice.startswith(advice)


class TestLoadNotDelivered:
    @pytest.mark.parametrize(
        ("planned", "dropped", "iterations", "fires"),
        [
            (2_020, 0, None, False),
            (2_021, 0, None, True),
            (2_121, 100, None, False),
            (1_000, 0, 990, False),  # a scenario: two attempts an arrival
            (1_000, 0, 989, True),
        ],
    )
    def test_by_what_was_sent(self, planned: int, dropped: int, iterations: int | None, *, fires: bool) -> None:
        load = LoadRecord(arrivals=make_arrivals(planned=planned), iterations=iterations)
        finding = _found("load-not-delivered", make_load(load=load, dropped=dropped))
        assert (finding is not None) == fires
        assert finding is None or (finding.serious and f"of {planned:,} planned arrivals" in finding.seen)

    @pytest.mark.parametrize(("iterations", "fires"), [(None, False), (700, False), (680, True)])
    def test_what_a_lost_process_did_not_make_is_told_of_it(self, iterations: int | None, *, fires: bool) -> None:
        """In a scenario, too, in which its attempts are more than what was planned."""
        planned = 1_000 if iterations else 2_857
        legs = (LegRun(Counts(ok=1_000), planned=0), LegRun(Counts(ok=1_000), planned, 0.7, lost="was killed"))
        load = LoadRecord(arrivals=make_arrivals(planned=planned), iterations=iterations, legs=legs)
        assert (_found("load-not-delivered", make_load(load=load)) is not None) == fires

    @pytest.mark.parametrize(
        ("after_ns", "service_ns", "waited_ns", "fires"),
        [
            (10 * S, 10 * MS, 10 * S, True),  # twice the rate that the server keeps
            (10 * S, 2 * S, 8 * S, True),  # over a thousand connections
            (31 * S, 0, 41 * S, True),  # it never answered, and most were never sent
            (S, 100 * MS, S, True),
            (600 * MS, 10 * MS, 301 * MS, True),
            (500 * MS, 10 * MS, S, False),  # paused in the last second, recovered
            (2 * S, 2 * S, 10 * US, False),  # that is how long it takes
            (2 * S, S, S, False),
            (30 * S, 10 * MS, 100 * MS, False),  # one straggler, and nobody waits behind it
            (0, 10 * MS, S, False),  # frozen for a second in mid-load
        ],
    )
    def test_by_a_queue_that_was_there_at_the_end(
        self, after_ns: int, service_ns: int, waited_ns: int, *, fires: bool
    ) -> None:
        arrivals = make_arrivals((0,) * 1_000, (0,) * 999 + (waited_ns,), (service_ns,) * 1_000)
        record = _open(arrivals, (service_ns or S,) * 1_000, duration_s=10.0, elapsed_ns=10 * S + after_ns)
        finding = _found("load-not-delivered", record)
        assert (finding is not None) == fires
        assert finding is None or "after the plan of 10 s; arrivals waited up to" in finding.seen

    @pytest.mark.parametrize(("waits_ns", "fires"), [((0,) * 100, False), (tuple(range(0, 3 * S, 30 * MS)), True)])
    def test_a_queue_for_a_databases_connections_is_within_the_service(
        self, waits_ns: tuple[int, ...], *, fires: bool
    ) -> None:
        services_ns = tuple(50 * MS + wait_ns for wait_ns in waits_ns)
        arrivals = make_arrivals((0,) * 100, (0,) * 100, services_ns)
        record = _open(arrivals, services_ns, duration_s=3.0, elapsed_ns=6 * S)
        record = replace(record, database=DatabaseRecord(pool=2, waiting=make_latency(waits_ns)))
        finding = _found("load-not-delivered", record)
        assert (finding is not None) == fires
        assert finding is None or "waited up to 2.97 s for a free connection" in finding.seen

    def test_what_was_interrupted_is_not_held_against_its_plan(self) -> None:
        arrivals = make_arrivals(planned=5_000)
        assert _found("load-not-delivered", _open(arrivals)) is not None
        assert _found("load-not-delivered", _open(arrivals, circumstances=Circumstances("KeyboardInterrupt"))) is None

    def test_without_an_answer_there_is_no_service_time(self) -> None:
        arrivals = make_arrivals((0,) * 1_000, (6 * S,) * 1_000, ())
        record = _open(arrivals, (), errors=(), duration_s=10.0, elapsed_ns=16 * S)
        record = replace(record, counts=replace(record.counts, errors=1_000))
        assert _found("load-not-delivered", record) is not None


@pytest.mark.parametrize(
    ("closed", "attempts", "fires"),
    [(0, 100, False), (4, 100, False), (5, 100, True), (20, 2_000, False), (21, 2_000, True)],
)
def test_server_closes_connections(closed: int, attempts: int, *, fires: bool) -> None:
    load = LoadRecord(traffic=Traffic(closed_by_server=closed))
    finding = _found("server-closes-connections", make_load((MS,) * attempts, load))
    assert (finding is not None) == fires
    assert finding is None or (f"{closed} connections in {attempts:,} attempts" in finding.seen and not finding.serious)


class TestLittlesLaw:
    @pytest.mark.parametrize(
        ("busy", "seen", "serious"),
        [(0.89, "0.89", False), (0.91, None, False), (1.0, None, False), (1.019, None, False), (1.03, "1.03", True)],
    )
    def test_connections_are_busy_all_the_time_and_no_longer(
        self, busy: float, seen: str | None, *, serious: bool
    ) -> None:
        whole = make_load((MS,) * 10_000)
        record = replace(whole, elapsed_ns=round(whole.elapsed_ns / busy))
        record = replace(record, definition=replace(record.definition, duration_s=record.elapsed_ns / S))
        finding = _found("littles-law", record)
        assert (finding and finding.seen) == (
            None if seen is None else f"Rate x mean latency / connections is {seen}, where about 1 is to be expected."
        )
        assert finding is None or finding.serious == serious

    @pytest.mark.parametrize(
        "changes",
        [
            {"think_time_s": 0.5},
            {"think_time_s": None},  # stages; what is counted in requests; files that do not say
            {"execution": USERS},
            {"load": LoadRecord(arrivals=make_arrivals())},
            {"samples_ns": (MS,) * 999},
        ],
        ids=repr,
    )
    def test_it_is_no_law_of_other_loads(self, changes: dict[str, Any]) -> None:
        record = make_load(**{"samples_ns": (MS,) * 1_000, **changes})
        record = replace(record, elapsed_ns=record.elapsed_ns // 2)
        assert _found("littles-law", record) is None
        plain = make_load((MS,) * 1_000)
        assert _found("littles-law", replace(plain, elapsed_ns=plain.elapsed_ns // 2)) is not None

    def test_after_an_error_a_connection_rests(self) -> None:
        record = make_load((MS,) * 1_000)
        for counts in (replace(record.counts, errors=1), replace(record.counts, timeouts=1)):
            assert _found("littles-law", replace(record, counts=counts, elapsed_ns=record.elapsed_ns // 2)) is None

    def test_connections_that_wait_for_a_straggler_are_idle_by_rights(self) -> None:
        record = make_load((MS,) * 1_000 + (S,), duration_s=0.1)
        assert _found("littles-law", replace(record, elapsed_ns=S)) is None


class TestProbe:
    @staticmethod
    def _beside(load_ns: Any, probe_ns: Any, *, arrivals: Arrivals | None = None) -> RunRecord:
        seen = make_latency(probe_ns, keep_samples=False)
        probe = Probe(100.0, latency=seen, service=seen)
        return make_load(load_ns, LoadRecord(arrivals=arrivals, probe=probe))

    @pytest.mark.parametrize(
        ("load_us", "probe_us", "samples", "fires"),
        [
            (1_590, 1_000, 200, False),
            (1_610, 1_000, 200, True),
            (1_610, 1_000, 199, False),
            (140, 30, 200, False),  # 0.1 ms is what another process costs
            (146, 30, 200, True),
            (1_000, 9_000, 200, False),
        ],
    )
    def test_a_generator_that_reads_slower(self, load_us: int, probe_us: int, samples: int, *, fires: bool) -> None:
        finding = _found("probe-disagrees", self._beside((load_us * US,) * 2_000, (probe_us * US,) * samples))
        assert (finding is not None) == fires
        assert finding is None or finding.serious

    def test_a_tail_of_its_own(self) -> None:
        load = [MS] * 1_900 + [50 * MS] * 100
        finding = _found("probe-disagrees", self._beside(load, [MS] * 500))
        assert finding is not None
        assert finding.seen.endswith("p99 50 ms to the probe's 1 ms.")

    def test_in_an_open_loop_service_times_are_held_against_it(self) -> None:
        waits = [0] * 1_000 + [100 * MS] * 1_000
        arrivals = make_arrivals([0] * 2_000, waits, [MS] * 2_000)
        assert _found("probe-disagrees", self._beside(waits, [MS] * 500, arrivals=arrivals)) is None
        slow = replace(arrivals, service=make_latency(waits))
        assert _found("probe-disagrees", self._beside([MS] * 2_000, [MS] * 500, arrivals=slow)) is not None

    @pytest.mark.parametrize(
        ("probe_us", "samples", "fires"),
        [(2_900, 300, False), (3_100, 300, True), (3_100, 199, False), (900_000, 1_000, True)],
    )
    def test_a_probe_that_waits_longer(self, probe_us: int, samples: int, *, fires: bool) -> None:
        probe_ns = [MS] * (samples * 9 // 10) + [probe_us * US] * (samples - samples * 9 // 10)
        finding = _found("probe-waits-longer", self._beside([MS] * 2_000, probe_ns))
        assert (finding is not None) == fires
        assert finding is None or not finding.serious
        in_open_loop = self._beside([MS] * 2_000, probe_ns, arrivals=make_arrivals())
        assert _found("probe-waits-longer", in_open_loop) is None

    @pytest.mark.parametrize("open_loop", [False, True])
    def test_beside_a_scenario_only_what_it_sent_is_held_against_it(self, *, open_loop: bool) -> None:
        def beside(part: str, services_us: int, latencies_us: int = 0) -> RunRecord:
            seen = make_latency([MS] * 500, keep_samples=False)
            own = make_latency([services_us * US] * 2_000)
            late = make_latency([(latencies_us or services_us) * US] * 2_000)
            parts = (
                Part("POST /buy", Counts(ok=2_000), make_latency([90 * MS] * 2_000), None),
                Part("GET /items", Counts(ok=2_000), late if open_loop else own, own if open_loop else None),
            )
            arrivals = make_arrivals([0] * 10, [0] * 10, [90 * MS] * 10) if open_loop else None
            probe = Probe(100.0, latency=seen, service=seen, part=part)
            return make_load((90 * MS,) * 4_000, LoadRecord(arrivals=arrivals, parts=parts, probe=probe))

        assert _found("probe-disagrees", beside("GET /items", 1_000)) is None
        assert _found("probe-disagrees", beside("GET /items", 1_000, 50_000)) is None or not open_loop
        assert _found("probe-disagrees", beside("GET /nowhere", 5_000)) is None
        finding = _found("probe-disagrees", beside("GET /items", 5_000))
        assert finding is not None
        assert finding.seen.startswith(
            "The load reads slower than an independent probe to GET /items of the same server"
        )
        waits = replace(beside("GET /items", 1_000))
        assert waits.load is not None
        assert waits.load.probe is not None
        seen = make_latency([MS] * 400 + [50 * MS] * 100, keep_samples=False)
        load = replace(waits.load, probe=replace(waits.load.probe, latency=seen))
        assert (_found("probe-waits-longer", replace(waits, load=load)) is None) == open_loop

    def test_one_slow_probe_says_nothing(self) -> None:
        assert _found("probe-waits-longer", self._beside([MS] * 2_000, [MS] * 199 + [S])) is None


def test_what_is_no_load_is_not_looked_at() -> None:
    record = make_record((MS,) * 1_000 + (S,) * 5)
    assert _found("coordinated-omission", record) is None


def _in_slices(ok: str) -> RunRecord:
    """A load of 2 s in intervals of 0.1 s: ``x`` where nothing was ok, ``d`` all was dropped, blank: nothing ended."""
    slices = tuple(
        TimeSlice(place, ok=10 * (sign == "o"), errors=int(sign == "x"), dropped=int(sign == "d"))
        for place, sign in enumerate(ok)
        if sign != " "
    )
    record = make_load((MS,) * 100, duration_s=2.0, elapsed_ns=2 * S)
    return replace(record, series=TimeSeries(slices=slices))


@pytest.mark.parametrize(
    ("ok", "seen"),
    [
        ("oooooooooooooooooooo", None),
        ("oooooxxooooxxooooooo", None),  # 0.2 s each
        ("ooooo        ooooooo", None),  # nothing ended: stalled, not failed
        ("ooooooxxxooooooooooo", "For 0.3 s, from 0.6 s on"),
        ("ooooooooooooooox x x", "For 0.5 s, from 1.5 s on"),
        ("oooooodddddooooooooo", None),  # nothing was attempted
        ("oooooooooooooooooooo   xxxxx", None),  # given up after the end
        ("ooooooooooooooox x xxxxx", "For 0.5 s, from 1.5 s on"),
    ],
)
def test_a_service_that_was_away(ok: str, seen: str | None) -> None:
    finding = _found("outage", _in_slices(ok))
    assert (finding is not None) == (seen is not None)
    assert finding is None or (finding.serious and finding.seen.startswith(str(seen)))
    # Threads on a database are no load over lanes; what is nobody's service cannot be away.
    for database, told in ((DatabaseRecord(), seen), (None, None)):
        of_threads = replace(_in_slices(ok), load=None, database=database)
        assert (_found("outage", of_threads) is not None) == (told is not None)
