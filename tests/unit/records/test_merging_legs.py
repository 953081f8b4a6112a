"""What several processes saw of one load, merged: bit for bit what one recorder would have seen."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from paceline.records.cache import CacheRecord
from paceline.records.database import DatabaseRecord
from paceline.records.load import Arrivals, LoadRecord, Part
from paceline.records.merging import legs_merged
from paceline.records.recorder import Recorder
from paceline.records.run_record import RunRecord
from paceline.targets.sql.notes import Notes
from paceline.targets.sql.statement import SqlStatement
from tests.fakes import S, make_record
from tests.strategies import Attempt, arrivals, attempts_of_a_worker, loads, stamps_of

_attempts = attempts_of_a_worker()


def _record(attempts: list[Attempt]) -> RunRecord:
    recorder = Recorder(0.0)
    recorder.fold(stamps_of(attempts))
    last_ns = max((attempt.end_ns for attempt in attempts), default=0)
    return replace(
        make_record([]),
        counts=recorder.counts,
        latency=recorder.latency,
        series=recorder.series,
        elapsed_ns=last_ns,
        window_ns=last_ns,
        window_ok=recorder.counts.ok,
    )


@given(st.lists(_attempts, min_size=1, max_size=5))
def test_merged_legs_are_what_one_would_have_seen(legs: list[list[Attempt]]) -> None:
    merged = legs_merged([_record(leg) for leg in legs])
    whole = _record(sorted((attempt for leg in legs for attempt in leg), key=lambda attempt: attempt.end_ns))
    assert merged.counts == whole.counts
    assert merged.latency.moments == whole.latency.moments
    assert merged.latency.histogram == whole.latency.histogram
    assert [merged.latency.quantile_ns(q / 100) for q in range(101) if whole.latency.moments.count] == [
        whole.latency.quantile_ns(q / 100) for q in range(101) if whole.latency.moments.count
    ]
    assert merged.series == whole.series
    assert (merged.elapsed_ns, merged.window_ns, merged.window_ok) == (
        whole.elapsed_ns,
        whole.window_ns,
        whole.window_ok,
    )


@given(st.lists(loads(st.sampled_from(["one", "two"])), min_size=1, max_size=4))
def test_what_a_load_adds_is_added_up(parts: list[LoadRecord]) -> None:
    merged = legs_merged([replace(make_record([S]), load=load) for load in parts]).load
    assert merged is not None
    every = [load.arrivals for load in parts if load.arrivals is not None]
    assert (merged.arrivals is None) == (not every)
    if merged.arrivals is not None:
        assert merged.arrivals.planned == sum(each.planned for each in every)
        assert merged.arrivals.lag.moments.count == sum(each.lag.moments.count for each in every)
    assert max(merged.cpu_percent, default=0) == max((max(load.cpu_percent, default=0) for load in parts), default=0)
    for part in merged.parts:
        of_one: list[Part] = [each for load in parts for each in load.parts if each.name == part.name]
        assert part.counts.attempts == sum(each.counts.attempts for each in of_one)
        services = [each.service for each in of_one if each.service is not None]
        assert (part.service is None) == (not services)


@given(arrivals, arrivals)
def test_lag_is_merged_exactly(one: Arrivals, other: Arrivals) -> None:
    records = [replace(make_record([S]), load=LoadRecord(arrivals=each)) for each in (one, other)]
    merged = legs_merged(records).load
    assert merged is not None
    assert merged.arrivals is not None
    assert merged.arrivals.late == one.late + other.late
    assert merged.arrivals.generator_lag.moments == one.generator_lag.moments.merge(other.generator_lag.moments)


@given(st.lists(_attempts, min_size=1, max_size=4))
def test_hits_and_misses_are_merged_exactly(legs: list[list[Attempt]]) -> None:
    def seen(attempts: list[Attempt]) -> RunRecord:
        recorder = Recorder(0.0)
        recorder.fold(stamps_of(attempts))
        return replace(make_record([]), cache=CacheRecord(recorder.hits, recorder.misses, pipeline=3))

    merged = legs_merged([seen(leg) for leg in legs]).cache
    whole = seen([attempt for leg in legs for attempt in leg]).cache
    assert merged is not None
    assert whole is not None
    for one, other in ((merged.hit, whole.hit), (merged.miss, whole.miss)):
        assert (one.moments, one.histogram) == (other.moments, other.histogram)
    assert merged.pipeline == 3


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 1), st.integers(0, S), st.integers(0, S), st.integers(0, 9)), max_size=20),
        min_size=1,
        max_size=4,
    )
)
def test_statements_are_merged_exactly(legs: list[list[tuple[int, int, int, int]]]) -> None:
    statements = [SqlStatement("SELECT 1"), SqlStatement("SELECT 2")]

    def seen(executions: list[tuple[int, int, int, int]], pool: int) -> RunRecord:
        notes = Notes(statements)
        for number, executing_ns, fetching_ns, rows in executions:
            ends_s = (executing_ns / S, (executing_ns + fetching_ns) / S)
            notes.executions.extend((number, 0.0, *ends_s, rows, 0, 1))
            notes.attempts.extend((0.0, ends_s[0], 0.0, 0.0))
        notes.fold()
        database = DatabaseRecord(statements=notes.records(), waiting=notes.waiting.latency, pool=pool)
        return replace(make_record([]), database=database)

    merged = legs_merged([seen(leg, 2) for leg in legs]).database
    whole = seen([each for leg in legs for each in leg], 2 * len(legs)).database
    assert merged is not None
    assert whole is not None
    assert merged.pool == whole.pool
    assert merged.waiting.histogram == whole.waiting.histogram
    for one, other in zip(merged.statements, whole.statements, strict=True):
        assert (one.executions, one.rows, one.operations) == (other.executions, other.rows, other.operations)
        for mine, theirs in ((one.latency, other.latency), (one.executing, other.executing)):
            assert (mine.moments, mine.histogram) == (theirs.moments, theirs.histogram)
