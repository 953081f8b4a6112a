"""Runs one after the other, as one record: nothing is lost, nothing counts twice."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.records import merging
from paceline.records.database import Counter, DatabaseRecord, ServerCounters, StatementRecord
from paceline.records.error_log import MOST_GROUPS, OTHER_KIND, ErrorGroup
from paceline.records.histogram import Histogram
from paceline.records.load import LoadRecord, Part, StatusCount, Traffic
from paceline.records.merging import epochs_merged, figures_of, processes_merged
from paceline.records.recorder import Counts
from paceline.records.run_record import Circumstances, Collections, Definition, RunRecord
from paceline.records.time_series import TimeSeries, TimeSlice
from tests import strategies
from tests.fakes import MS, S, make_latency, make_record

pieces = st.lists(strategies.samples_ns, min_size=1, max_size=5)


@given(pieces)
def test_merging_is_concatenating(split: list[list[int]]) -> None:
    whole = make_record([value for piece in split for value in piece])
    merged = epochs_merged([make_record(piece) for piece in split])
    assert merged.latency == whole.latency
    assert merged.counts == whole.counts
    assert (merged.elapsed_ns, merged.window_ns) == (whole.elapsed_ns, whole.window_ns)
    assert merged.window_ok == whole.window_ok


@given(pieces)
def test_processes_likewise(split: list[list[int]]) -> None:
    epochs = epochs_merged([make_record(piece) for piece in split])
    processes = processes_merged([make_record(piece) for piece in split])
    assert (processes.latency, processes.counts, processes.series) == (epochs.latency, epochs.counts, epochs.series)


def test_raw_samples_are_kept_up_to_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "SAMPLE_LIMIT", 5)
    two, three = make_record([1, 2]), make_record([3, 4, 5])
    assert epochs_merged([two, three]).latency.samples_ns == (1, 2, 3, 4, 5)
    assert epochs_merged([three, three]).latency.samples_ns is None
    assert epochs_merged([two, make_record([3], keep_samples=False)]).latency.samples_ns is None


def series(*ok: int, interval_ns: int = 100 * MS) -> TimeSeries:
    return TimeSeries(interval_ns, tuple(TimeSlice(place, ok=count) for place, count in enumerate(ok) if count))


def joined(*records: RunRecord) -> list[tuple[int, int]]:
    return [(piece.position, piece.ok) for piece in epochs_merged(records).series.slices]


def test_series_follow_each_other() -> None:
    short = make_record(series=series(3, 4), elapsed_ns=150 * MS)
    assert joined(short, short, short) == [(0, 3), (1, 4), (2, 3), (3, 4), (4, 3), (5, 4)]


def test_an_epoch_without_attempts_leaves_a_gap() -> None:
    silent = make_record(series=series(), elapsed_ns=450 * MS)
    assert joined(silent, make_record(series=series(3), elapsed_ns=50 * MS)) == [(5, 3)]


def test_series_of_different_intervals() -> None:
    coarse = make_record(series=series(7, 8, interval_ns=S), elapsed_ns=2 * S)
    fine = make_record(series=series(3, 4), elapsed_ns=150 * MS)
    assert joined(fine, coarse, fine) == [(0, 7), (1, 7), (2, 8), (3, 7)]
    assert epochs_merged([coarse, fine]).series.interval_ns == S


@given(st.lists(st.lists(st.integers(0, 5), max_size=40), min_size=1, max_size=12))
def test_series_count_every_attempt_and_stay_bounded(runs: list[list[int]]) -> None:
    records = [make_record(series=series(*counts), elapsed_ns=max(len(counts), 1) * 100 * MS) for counts in runs]
    found = epochs_merged(records).series
    assert sum(piece.ok for piece in found.slices) == sum(map(sum, runs))
    assert [piece.position for piece in found.slices] == sorted({piece.position for piece in found.slices})
    assert found == found.bounded()


def test_errors_by_kind_with_the_first_traceback() -> None:
    first = make_record(errors=(ErrorGroup("ValueError", "a", 2, "first"), ErrorGroup("OSError", "", 1)))
    second = make_record(errors=(ErrorGroup("ValueError", "b", 9), ErrorGroup("ValueError", "a", 3, "second")))
    assert epochs_merged([first, second]).errors == (
        ErrorGroup("ValueError", "b", 9),
        ErrorGroup("ValueError", "a", 5, "first"),
        ErrorGroup("OSError", "", 1),
    )


def test_kinds_of_errors_are_bounded() -> None:
    records = [
        make_record(errors=tuple(ErrorGroup(f"{run}-{place}", "", 1) for place in range(MOST_GROUPS))) for run in "ab"
    ]
    merged = epochs_merged(records).errors
    assert len(merged) == MOST_GROUPS + 1
    assert merged[0].kind == OTHER_KIND
    assert sum(group.count for group in merged) == 2 * MOST_GROUPS


def around(**fields: object) -> RunRecord:
    return make_record(circumstances=Circumstances(**fields))  # type: ignore[arg-type]


def test_what_was_before_the_first_window_counts_once_a_process() -> None:
    group = ErrorGroup("ValueError", "", 2)
    epoch = around(warmup_attempts=10, warmup_errors=(group,), own_cpu_s=0.5, event_loop="uvloop")
    process = epochs_merged([epoch, epoch])
    assert process.circumstances == replace(epoch.circumstances, own_cpu_s=1.0)
    run = processes_merged([process, process, process]).circumstances
    assert (run.warmup_attempts, run.own_cpu_s, run.event_loop) == (30, 3.0, "uvloop")
    assert run.warmup_errors == (replace(group, count=6),)


def test_what_a_later_process_ran_into_is_not_lost() -> None:
    error = ErrorGroup("LookupError", "no such table", 1)
    hit = around(interruption="KeyboardInterrupt", abandoned_workers=1, teardown_error=error)
    found = processes_merged([around(), hit, around()]).circumstances
    assert (found.interruption, found.abandoned_workers, found.teardown_error) == ("KeyboardInterrupt", 1, error)
    assert found.own_cpu_s is None


def test_collections() -> None:
    records = [make_record(collections=Collections(2, 30, 20)), make_record(collections=Collections(1, 25, 25))]
    assert epochs_merged(records).collections == Collections(3, 55, 25)


def test_requests_over_connections() -> None:
    def epoch(received: int, handshakes: list[int], reconnects: int, cpu: float) -> RunRecord:
        traffic = Traffic(
            received_bytes=received,
            statuses=(StatusCount(200, 3), StatusCount(404 + reconnects, 1)),
            connections=4,
            reconnects=reconnects,
            connect=make_latency(handshakes, keep_samples=False),
            first_byte=make_latency([MS] * 4, keep_samples=False),
        )
        part = Part("GET /", Counts(ok=4), make_latency([MS] * 4, keep_samples=False))
        return make_record([MS] * 4, load=LoadRecord((cpu,), traffic=traffic, parts=(part,), iterations=2))

    process = epochs_merged([epoch(10, [1], 0, 40.0), epoch(20, [1, 2], 1, 50.0)])
    assert process.load is not None
    traffic = process.load.traffic
    assert traffic is not None
    assert traffic.connect.moments.count == 2  # handshakes are told since the beginning
    assert traffic.first_byte.moments.count == 8
    assert [(each.code, each.count) for each in traffic.statuses] == [(200, 6), (404, 1), (405, 1)]
    assert (traffic.received_bytes, traffic.reconnects, traffic.connections) == (30, 1, 4)
    assert process.load.cpu_percent == (40.0, 50.0)
    assert process.load.iterations == 4
    both = processes_merged([process, process]).load
    assert both is not None
    assert both.traffic is not None
    assert both.traffic.connect.moments.count == 4
    assert [(part.name, part.counts.ok, part.latency.moments.count) for part in both.parts] == [("GET /", 16, 16)]


def test_figures() -> None:
    found = figures_of(make_record([1 * MS, 2 * MS, 3 * MS], errors_counted=1, timeouts=1))
    assert (found.attempts, found.errors) == (4, 2)
    assert (found.median_ns, found.mean_ns) == (2 * MS, 2 * MS)
    assert (found.p95_ns, found.p99_ns) == tuple(np.percentile([1 * MS, 2 * MS, 3 * MS], [95, 99]))
    assert found.throughput_per_s == pytest.approx(2 / 0.006)


def test_figures_of_batches_are_of_a_call_and_have_no_percentiles() -> None:
    found = figures_of(make_record([100, 200, 300], definition=Definition(iterations=3, calls_per_sample=10)))
    assert (found.attempts, found.median_ns, found.mean_ns) == (30, 20.0, 20.0)
    assert (found.p95_ns, found.p99_ns) == (None, None)


def test_figures_of_nothing_ok() -> None:
    found = figures_of(make_record([], errors_counted=3))
    assert (found.attempts, found.errors, found.median_ns, found.mean_ns, found.p95_ns) == (3, 3, None, None, None)


def test_an_empty_histogram_disturbs_nothing() -> None:
    assert epochs_merged([make_record([]), make_record([5])]).latency.histogram == Histogram.of(np.array([5]))


def test_databases_are_merged_and_handshakes_count_once() -> None:
    def database(executions: int, most: int) -> DatabaseRecord:
        server = ServerCounters("pg_stat_statements", (Counter("executions", executions),))
        statement = StatementRecord("SELECT", "SELECT 1", executions, rows=2, most_in_operation=most, server=server)
        counters = ServerCounters("pg_stat_database", (Counter("pages in memory", 3), Counter("pages read", 1)), 0.75)
        return DatabaseRecord(
            statements=(statement,),
            connecting=make_latency([5]),
            waiting=make_latency([1]),
            retries=1,
            counters=counters,
        )

    records = [replace(make_record([1]), database=database(*each)) for each in ((3, 1), (4, 2))]
    seen = epochs_merged([*records, make_record([2])]).database
    assert seen is not None
    assert seen.statements[0].executions == 7
    assert seen.statements[0].rows == 4
    assert seen.statements[0].most_in_operation == 2
    assert seen.retries == 2
    assert seen.waiting.moments.count == 2
    assert seen.statements[0].server is not None
    assert seen.statements[0].server.change("executions") == 7
    assert seen.counters is not None
    assert (seen.counters.change("pages in memory"), seen.counters.hit_ratio) == (6, 0.75)
    merged = epochs_merged(records).database
    assert merged is not None
    assert merged.connecting.moments.count == 1
    restarted = replace(database(1, 1), counters=ServerCounters("pg_stat_database", reason="the server was restarted"))
    for order in (
        (records[0], replace(records[1], database=restarted)),
        (replace(records[1], database=restarted), records[0]),
    ):
        merged = epochs_merged(list(order)).database
        assert merged is not None
        assert merged.counters == restarted.counters  # the sum of some windows is not that of all
    assert processes_merged([make_record([1])]).database is None
