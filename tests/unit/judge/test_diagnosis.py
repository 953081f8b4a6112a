"""Every finding from both sides of its border. The base is a healthy run of 2,000 attempts of 1 ms by one worker."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from paceline.core.clock import ClockQuality
from paceline.core.findings import Finding
from paceline.judge.diagnosis import diagnose
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.error_log import ErrorGroup
from paceline.records.load import LegRun, LoadRecord
from paceline.records.metrics import metrics_of
from paceline.records.recorder import Counts
from paceline.records.resources import Gauge, ResourceSeries, ResourceUsage, SystemUsage
from paceline.records.run_record import Circumstances, Collections, Definition, Execution, RunRecord
from tests.fakes import MS, S, make_record
from tests.strategies import records, thresholds

TASKS, THREADS, CALLER = Execution.TASKS, Execution.THREADS, Execution.CALLER


def _findings(record: RunRecord, threshold: PerformanceThreshold | None = None) -> tuple[Finding, ...]:
    return diagnose(record, metrics_of(record), threshold)


def _found(code: str, record: RunRecord, threshold: PerformanceThreshold | None = None) -> Finding | None:
    found = [finding for finding in _findings(record, threshold) if finding.code == code]
    assert len(found) <= 1
    return found[0] if found else None


def _around(**circumstances: Any) -> RunRecord:
    definition = Definition(iterations=2_500, timeout_s=0.5)
    return make_record(definition=definition, circumstances=Circumstances(**circumstances))


def test_a_healthy_run_has_none() -> None:
    assert _findings(make_record()) == ()


@given(records(), thresholds)
def test_any_run_can_be_looked_at(record: RunRecord, threshold: PerformanceThreshold) -> None:
    for finding in _findings(record, threshold):
        assert finding.code
        assert all(text.endswith(".") for text in (finding.seen, finding.why))
        assert "nan" not in finding.seen


@pytest.mark.parametrize(
    ("definition", "seen"),
    [
        (Definition(iterations=2_500), "(SIGTERM) after 2,000 of 2,500 iterations."),
        (Definition(iterations=None, duration_s=60), "(SIGTERM) after 2 s."),
        (Definition(iterations=300, calls_per_sample=10), "(SIGTERM) after 20,000 of 3,000 iterations."),
    ],
)
def test_interrupted(definition: Definition, seen: str) -> None:
    record = make_record(definition=definition, circumstances=Circumstances(interruption="SIGTERM"))
    finding = _found("interrupted", record)
    assert finding is not None
    assert finding.seen == f"The run was interrupted {seen}"
    assert finding.serious
    assert _found("interrupted", make_record(definition=definition)) is None


@pytest.mark.parametrize(
    ("workers", "seen"),
    [
        (0, None),
        (1, "1 attempt did not return within 0.5 s; the run ended after 2,000 attempts."),
        (3, "3 attempts did not return within 0.5 s; the run ended after 2,000 attempts."),
    ],
)
def test_attempt_abandoned(workers: int, seen: str | None) -> None:
    finding = _found("attempt-abandoned", _around(abandoned_workers=workers))
    assert (finding and finding.seen) == seen
    assert finding is None or finding.serious


def test_attempts_that_an_interruption_left_had_no_limit() -> None:
    record = _around(abandoned_workers=2)
    unlimited = replace(record, definition=replace(record.definition, timeout_s=None))
    finding = _found("attempt-abandoned", unlimited)
    assert finding is not None
    assert finding.seen == "2 attempts did not return; the run ended after 2,000 attempts."


def test_warmup_failed() -> None:
    errors = (ErrorGroup("ValueError", "bad", 2), ErrorGroup("503", "", 1))
    finding = _found("warmup-failed", _around(warmup_attempts=10, warmup_errors=errors))
    assert finding is not None
    assert finding.seen == "3 of 10 warm-up attempts failed; first ValueError: bad."
    assert finding.serious
    silent = _found("warmup-failed", _around(warmup_attempts=5, warmup_errors=errors[1:]))
    assert silent is not None
    assert silent.seen == "1 of 5 warm-up attempts failed; first 503: no message."
    assert _found("warmup-failed", _around(warmup_attempts=10)) is None


@pytest.mark.parametrize(("message", "said"), [("locked", "locked"), ("", "no message")])
def test_teardown_failed(message: str, said: str) -> None:
    finding = _found("teardown-failed", _around(teardown_error=ErrorGroup("OSError", message, 1)))
    assert finding is not None
    assert finding.seen == f"teardown raised OSError: {said}."
    assert not finding.serious
    assert _found("teardown-failed", _around()) is None


@pytest.mark.parametrize(
    ("execution", "workers", "own_cpu_s", "elapsed_s", "code"),
    [
        (THREADS, 4, 0.84, 1.0, None),
        (THREADS, 4, 0.85, 1.0, "interpreter-lock"),
        (THREADS, 4, 1.0, 1.0, "interpreter-lock"),
        (THREADS, 4, 1.15, 1.0, "interpreter-lock"),
        (THREADS, 4, 1.16, 1.0, None),
        (THREADS, 2, 10.0, 10.0, "interpreter-lock"),
        (THREADS, 1, 1.0, 1.0, None),
        (THREADS, 4, None, 1.0, None),
        (THREADS, 4, 0.0499, 0.0499, None),
        (THREADS, 4, 0.05, 0.05, "interpreter-lock"),
        (TASKS, 4, 0.84, 1.0, None),
        (TASKS, 4, 1.0, 1.0, "event-loop-saturated"),
        (TASKS, 1, 1.0, 1.0, None),
        (CALLER, 4, 1.0, 1.0, None),
    ],
)
def test_one_core_only(
    execution: Execution, workers: int, own_cpu_s: float | None, elapsed_s: float, code: str | None
) -> None:
    record = make_record(
        definition=Definition(iterations=2_000, workers=workers, execution=execution),
        circumstances=Circumstances(own_cpu_s=own_cpu_s),
        elapsed_ns=round(elapsed_s * S),
    )
    assert [finding.code for finding in _findings(record)] == ([code] if code else [])
    for finding in _findings(record):
        assert finding.serious
        assert finding.seen == f"{workers} workers together used {(own_cpu_s or 0) / elapsed_s:.2f} cores."


@pytest.mark.parametrize(
    ("workers", "own_cpu_s", "code"), [(4, 1.0, None), (4, 2.0, "interpreter-lock"), (2, 2.0, None)]
)
def test_one_core_each_of_several_processes(workers: int, own_cpu_s: float, code: str | None) -> None:
    record = make_record(
        definition=Definition(iterations=2_000, workers=workers, execution=THREADS),
        circumstances=Circumstances(own_cpu_s=own_cpu_s),
        elapsed_ns=S,
        load=LoadRecord(legs=(LegRun(Counts(ok=1_000)), LegRun(Counts(ok=1_000)))),
    )
    finding = _found("interpreter-lock", record)
    assert (finding and finding.code) == code
    assert finding is None or finding.seen == "4 workers in 2 processes together used 2.00 cores."


def _gauge(percent: float | None) -> Gauge | None:
    return None if percent is None else Gauge(0.0, percent, 1_000.0)


@pytest.mark.parametrize(
    ("host", "process", "targets", "cores", "found"),
    [
        (180.0, 140.0, (), 2, True),  # 90 % of two cores, 20 % by others
        (179.0, 100.0, (), 2, False),
        (180.0, 141.0, (), 2, False),
        (180.0, 100.0, (40.0,), 2, True),
        (180.0, 100.0, (41.0,), 2, False),
        (180.0, 60.0, (40.0, 40.0), 2, True),
        (180.0, 100.0, (), 4, False),
        (95.0, 10.0, (), 1, True),
        (None, 10.0, (), 1, False),
        (95.0, None, (), 1, False),
        (95.0, 10.0, (None,), 1, False),
        (95.0, 10.0, (), None, False),
    ],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_host_busy(
    host: float | None,
    process: float | None,
    targets: tuple[float | None, ...],
    cores: int | None,
    found: bool,  # noqa: FBT001
    workers: int,
) -> None:
    usage = SystemUsage(
        host=ResourceUsage("host", cpu_percent=_gauge(host)),
        process=ResourceUsage("process", cpu_percent=_gauge(process)),
        targets=tuple(ResourceUsage("target", cpu_percent=_gauge(level)) for level in targets),
        cpu_count=cores,
    )
    finding = _found("host-busy", make_record(usage=usage, definition=Definition(iterations=2_000, workers=workers)))
    assert (finding is not None) is found
    if finding is not None:
        assert ("interpreter lock" in finding.why) is (workers == 2)
        assert not finding.serious


def test_host_busy_says_how_full_and_by_whom() -> None:
    usage = SystemUsage(
        host=ResourceUsage("host", cpu_percent=_gauge(196.4)),
        process=ResourceUsage("process", cpu_percent=_gauge(50.0)),
        targets=(ResourceUsage("target", cpu_percent=_gauge(46.0)),),
        cpu_count=2,
    )
    finding = _found("host-busy", make_record(usage=usage))
    assert finding is not None
    assert finding.seen == "The machine was full (196 % of 200 %), 100 % of it by other processes."


@pytest.mark.parametrize(
    ("iterations", "workers", "why"),
    [
        (200, 10, None),
        (199, 10, "With fewer than 20 each, starting and stopping weigh on the throughput."),
        (10, 10, "With fewer than 20 each, starting and stopping weigh on the throughput."),
        (9, 10, "Some workers had nothing to do, so the concurrency asked for was never reached."),
        (40, 2, None),
        (39, 2, "With fewer than 20 each, starting and stopping weigh on the throughput."),
        (5, 1, None),
        (None, 10, None),
    ],
)
def test_few_iterations_per_worker(iterations: int | None, workers: int, why: str | None) -> None:
    finding = _found(
        "few-iterations-per-worker", make_record(definition=Definition(iterations=iterations, workers=workers))
    )
    assert (finding and finding.why) == why
    if finding is not None:
        assert finding.seen == f"{iterations} iterations were shared by {workers} workers."
        assert finding.advice == f"Ask for at least {20 * workers} iterations."
        assert not finding.serious


@pytest.mark.parametrize(
    ("median_ns", "grain_ns", "calls", "found"),
    [
        (200, 1.0, 1, False),
        (199, 1.0, 1, True),
        (10_000, 50.0, 1, False),
        (9_999, 50.0, 1, True),
        (9_999, 50.0, 2, False),
    ],
)
@pytest.mark.parametrize("resolution_is_larger", [True, False])
def test_clock_too_coarse(
    median_ns: int,
    grain_ns: float,
    calls: int,
    found: bool,  # noqa: FBT001
    resolution_is_larger: bool,  # noqa: FBT001
) -> None:
    quality = ClockQuality(grain_ns, 0.5) if resolution_is_larger else ClockQuality(0.5, grain_ns)
    definition = Definition(iterations=2_000, calls_per_sample=calls)
    finding = _found("clock-too-coarse", make_record([median_ns] * 2_000, clock=quality, definition=definition))
    assert (finding is not None) is found
    assert finding is None or not finding.serious


@pytest.mark.parametrize(
    ("execution", "hits", "misses", "batch"),
    [(CALLER, 0, 0, True), (CALLER, 1, 0, False), (CALLER, 0, 1, False), (THREADS, 0, 0, False), (TASKS, 0, 0, False)],
)
def test_clock_too_coarse_advises_batches_where_they_can_be(
    execution: Execution,
    hits: int,
    misses: int,
    batch: bool,  # noqa: FBT001
) -> None:
    definition = Definition(iterations=2_000, execution=execution)
    finding = _found("clock-too-coarse", make_record([100] * 2_000, definition=definition, hits=hits, misses=misses))
    assert finding is not None
    assert ("batch='auto'" in finding.advice) is batch
    assert ("do more" in finding.advice) is not batch


def test_clock_too_coarse_says_both_times() -> None:
    finding = _found("clock-too-coarse", make_record([1_500] * 2_000))
    assert finding is not None
    assert finding.seen == "A call takes 1.5 us (median); the clock resolves 50 ns a reading."
    assert _found("clock-too-coarse", make_record([], errors_counted=5, clock=ClockQuality(1.0, 1e12))) is None


TAIL = [MS] * 1_960 + [5 * MS] * 40  # p99 is 5 ms; the whole takes 2.16 s


@pytest.mark.parametrize(
    ("count", "total_ns", "longest_ns", "found"),
    [
        (0, 0, 0, False),
        (1, 21_600_000, MS, True),  # 1 % of the run
        (1, 21_599_999, MS, False),
        (20, 100, 5 * MS, True),  # as long as p99, in every hundredth attempt
        (19, 100, 5 * MS, False),
        (20, 100, 5 * MS - 1, False),
        (0, 10 * S, 10 * S, False),
    ],
)
def test_garbage_collection(count: int, total_ns: int, longest_ns: int, found: bool) -> None:  # noqa: FBT001
    finding = _found("garbage-collection", make_record(TAIL, collections=Collections(count, total_ns, longest_ns)))
    assert (finding is not None) is found
    assert finding is None or not finding.serious


@pytest.mark.parametrize(
    ("count", "seen"),
    [
        (1, "1 garbage collection took 10.0 % of the run; the longest took 150 ms."),
        (1_200, "1,200 garbage collections took 10.0 % of the run; the longest took 150 ms."),
    ],
)
def test_garbage_collection_says_share_and_longest(count: int, seen: str) -> None:
    finding = _found("garbage-collection", make_record(collections=Collections(count, 200 * MS, 150 * MS)))
    assert finding is not None
    assert finding.seen == seen


def test_garbage_collection_in_a_run_without_length() -> None:
    collections = Collections(2, 5, 5)
    assert _found("garbage-collection", make_record([], elapsed_ns=0, collections=collections)) is None
    assert _found("garbage-collection", make_record([0] * 100, elapsed_ns=0, collections=collections)) is not None


@pytest.mark.parametrize("waited", [True, False])
def test_caller_loop_waited(waited: bool) -> None:  # noqa: FBT001
    finding = _found("caller-loop-waited", _around(foreign_loop=waited))
    assert (finding is not None) is waited
    assert finding is None or not finding.serious


def test_target_not_observed() -> None:
    seen = Gauge(0, 0, 0)
    there = ResourceUsage("target", 41, memory_bytes=seen, series=ResourceSeries(memory_bytes=(None, 5)))
    without_series = ResourceUsage("target", 42, memory_bytes=seen)
    never_seen = ResourceUsage("target", 43)
    ended = ResourceUsage("target", 44, memory_bytes=seen, series=ResourceSeries(memory_bytes=(5, None)))
    targets = (there, without_series, never_seen, ended)
    finding = _found("target-not-observed", make_record(usage=SystemUsage(targets=targets)))
    assert finding is not None
    assert finding.seen == "Target process 43, 44 could not be observed."
    assert not finding.serious
    assert _found("target-not-observed", make_record(usage=SystemUsage(targets=targets[:2]))) is None


@pytest.mark.parametrize(
    ("threshold", "found"),
    [
        (None, True),
        (PerformanceThreshold(), True),
        (PerformanceThreshold(max_p95_ms=500, expressions=("avg<100",)), True),
        (PerformanceThreshold(max_error_rate=0.5), False),
        (PerformanceThreshold(expressions=("avg<100", "error_rate<50%")), False),
    ],
)
def test_errors_are_serious_unless_a_threshold_judges_them(threshold: PerformanceThreshold | None, found: bool) -> None:  # noqa: FBT001
    errors = (ErrorGroup("ConnectionError", "refused", 3), ErrorGroup("503", "", 1))
    finding = _found("errors", make_record(errors_counted=4, errors=errors), threshold)
    assert (finding is not None) is found
    if finding is not None:
        assert finding.seen == ("4 of 2,004 attempts failed (0.20 %), most often ConnectionError: refused.")
        assert finding.serious


@pytest.mark.parametrize(
    ("record", "end"),
    [
        (make_record(errors_counted=1, errors=(ErrorGroup("503", "", 1),)), "(0.05 %), most often 503: no message."),
        (make_record(errors_counted=1), "1 of 2,001 attempts failed (0.05 %)."),
        (make_record(timeouts=1), "1 of 2,000 attempts failed (0.05 %)."),
        (make_record(), None),
        (make_record([], errors_counted=5), None),  # fails anyway
        (make_record([MS], errors_counted=1), "1 of 2 attempts failed (50.00 %)."),
    ],
)
def test_errors_name_the_most_frequent(record: RunRecord, end: str | None) -> None:
    finding = _found("errors", record)
    assert (finding is not None) is (end is not None)
    assert finding is None or finding.seen.endswith(str(end))


_P95, _P99 = PerformanceThreshold(max_p95_ms=9), PerformanceThreshold(max_p99_ms=9)


@pytest.mark.parametrize(
    ("samples", "threshold", "seen", "needed"),
    [
        (1_000, None, None, None),
        (999, None, "p99 of 999 samples.", 1_000),
        (200, None, "p99 of 200 samples.", 1_000),
        (199, None, "p95 and p99 of 199 samples.", 1_000),
        (1, None, "p95 and p99 of 1 sample.", 1_000),
        (0, None, None, None),
        (200, _P95, None, None),
        (199, _P95, "p95 of 199 samples.", 200),
        (1_000, _P99, None, None),
        (999, _P99, "p99 of 999 samples.", 1_000),
        (199, PerformanceThreshold(max_p99_ms=1, max_p95_ms=1, max_p50_ms=1), "p95 and p99 of 199 samples.", 1_000),
        (20, PerformanceThreshold(max_p50_ms=1), None, None),
        (19, PerformanceThreshold(max_p50_ms=1), "p50 of 19 samples.", 20),
        (5_000, PerformanceThreshold(max_p999_ms=1), "p99.9 of 5,000 samples.", 10_000),
        # The extremes are what they are; limiting one does not say that nobody looks at p95 and p99.
        (5, PerformanceThreshold(max_max_ms=1), "p95 and p99 of 5 samples.", 1_000),
        (5, PerformanceThreshold(expressions=["min<=1"]), "p95 and p99 of 5 samples.", 1_000),
        (200, PerformanceThreshold(max_max_ms=1, max_p95_ms=1), None, None),
        (150, PerformanceThreshold(max_mean_ms=1), "p95 and p99 of 150 samples.", 1_000),
    ],
)
def test_few_samples(samples: int, threshold: PerformanceThreshold | None, seen: str | None, needed: int) -> None:
    finding = _found("few-samples", make_record([MS] * samples), threshold)
    assert (finding is not None) is (seen is not None)
    if finding is not None:
        assert finding.seen.startswith(str(seen))
        assert finding.why == "Fewer than 10 samples lie beyond it: the figure is mostly chance."
        weakest = str(seen).split(" of ")[0].split(" and ")[-1]
        assert finding.advice == f"It takes {needed:,} to rely on {weakest}: ask for more iterations."
        assert not finding.serious


def test_few_samples_is_not_asked_of_a_batch() -> None:
    assert _found("few-samples", make_record([MS] * 5, definition=Definition(calls_per_sample=2))) is None
    assert _found("few-samples", make_record([MS] * 5, definition=Definition(calls_per_sample=1))) is not None
