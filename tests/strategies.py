"""What Paceline may be given: Hypothesis strategies for values of each room."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.error_log import ErrorGroup
from paceline.records.histogram import Histogram
from paceline.records.load import Arrivals, BeforeStart, LegRun, LoadRecord, Part, Probe, StatusCount, Stretch, Traffic
from paceline.records.outcome import AttemptEnd
from paceline.records.recorder import Counts
from paceline.records.run_record import Definition, Execution, RunRecord
from paceline.records.stamps import Stamps
from paceline.records.time_series import FINEST_INTERVAL_NS, TimeSeries, TimeSlice
from tests.fakes import MS, S, make_latency, make_record

# From nothing to a century and a half, every magnitude equally likely to be met.
durations_ns = st.integers(0, 62).flatmap(lambda bits: st.integers(0, 2**bits))
samples_ns = st.lists(durations_ns, min_size=1, max_size=200)
shares = st.floats(0, 1)
quantiles = st.one_of(shares, st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0]))

histograms = st.lists(durations_ns, max_size=50).map(lambda values: Histogram.of(np.array(values, dtype=np.int64)))
counts = st.builds(
    Counts,
    ok=st.integers(0, 2**40),
    errors=st.integers(0, 2**40),
    timeouts=st.integers(0, 2**40),
    hits=st.integers(0, 2**40),
    misses=st.integers(0, 2**40),
    dropped=st.integers(0, 2**40),
)
latencies = st.builds(make_latency, st.lists(durations_ns, max_size=20), keep_samples=st.just(value=False))
percents = st.floats(0, 1_000)
levels = st.floats(0, 1e6)
naturals = st.integers(0, 2**40)
befores = st.builds(
    BeforeStart,
    clock_ahead_ns=st.none() | st.integers(-(2**50), 2**50),
    clock_error_ns=st.none() | naturals,
    cores=st.none() | st.integers(1, 512),
    busy_cores=st.none() | st.floats(0, 512),
    busy_with=st.lists(st.sampled_from(["cc1", "ld"]), max_size=2).map(tuple),
    stolen_share=st.none() | shares,
    load_1min=st.none() | levels,
    open_files=st.none() | naturals,
)
arrivals = st.builds(
    Arrivals,
    planned=naturals,
    late=naturals,
    lag=latencies,
    generator_lag=latencies,
    connection_wait=latencies,
    service=latencies,
)
traffics = st.builds(
    Traffic,
    sent_bytes=naturals,
    received_bytes=naturals,
    statuses=st.lists(st.builds(StatusCount, st.integers(100, 599), naturals), max_size=3).map(tuple),
    connections=naturals,
    reconnects=naturals,
    closed_by_server=naturals,
    resent=naturals,
    dns=latencies,
    connect=latencies,
    tls=latencies,
    first_byte=latencies,
)


def loads(names: st.SearchStrategy[str]) -> st.SearchStrategy[LoadRecord]:
    """What any load could leave; parts have ``names``."""
    return st.builds(
        LoadRecord,
        cpu_percent=st.lists(percents, max_size=3).map(tuple),
        own_process=st.booleans(),
        arrivals=st.none() | arrivals,
        traffic=st.none() | traffics,
        parts=st.lists(st.builds(Part, names, counts, latencies, st.none() | latencies), max_size=3).map(tuple),
        iterations=st.none() | naturals,
        probe=st.none() | st.builds(Probe, percents, counts, latencies, latencies, latencies, names),
        legs=st.lists(
            st.builds(
                LegRun,
                counts,
                st.none() | naturals,
                st.floats(0, 1),
                percents,
                st.none() | st.floats(0, 1e12),
                st.none() | naturals,
                st.sampled_from(["", "was killed by SIGKILL"]),
                st.none() | naturals,
                st.sampled_from(["", "tcp://10.0.0.6:41231"]),
                st.none() | percents,
                st.none() | naturals,
                st.none() | percents,
                st.none() | percents,
                st.none() | st.integers(1, 512),
                st.none() | befores,
            ),
            max_size=3,
        ).map(tuple),
        stretches=st.lists(st.builds(Stretch, st.floats(1e-3, 1e9), levels, levels), max_size=4).map(tuple),
        joined_late=st.lists(st.just("tcp://10.0.0.7:41232"), max_size=1).map(tuple),
    )


@st.composite
def time_series(draw: st.DrawFn) -> TimeSeries:
    """A series at any interval there is."""
    positions = sorted(draw(st.sets(st.integers(0, 5_000), max_size=12)))
    small = st.integers(0, 1_000)
    return TimeSeries(
        FINEST_INTERVAL_NS * 10 ** draw(st.integers(0, 3)),
        tuple(
            TimeSlice(place, draw(small), draw(small), draw(small), draw(histograms), dropped=draw(small))
            for place in positions
        ),
    )


@dataclass(frozen=True)
class Attempt:
    """One attempt, in ns from the start of the window: what a recorder should make of it can be worked out by hand."""

    start_ns: int
    end_ns: int
    end: AttemptEnd


@st.composite
def attempts_of_a_worker(draw: st.DrawFn, longest_ns: int = 3 * S, most: int = 40) -> list[Attempt]:
    """Attempts one after the other, with pauses, in the order they ended."""
    length = st.one_of(st.integers(0, longest_ns), st.sampled_from([0, MS, FINEST_INTERVAL_NS, S]))
    attempts, now_ns = [], 0
    for _ in range(draw(st.integers(0, most))):
        start_ns = now_ns + draw(length)
        now_ns = start_ns + draw(length)
        attempts.append(Attempt(start_ns, now_ns, draw(st.sampled_from(AttemptEnd))))
    return attempts


def stamps_of(attempts: list[Attempt], origin_s: float = 0.0) -> Stamps:
    """What a loop would have written down."""
    stamps = Stamps()
    for position, attempt in enumerate(attempts):
        stamps.starts_s.append(origin_s + attempt.start_ns / S)
        stamps.ends_s.append(origin_s + attempt.end_ns / S)
        if attempt.end is not AttemptEnd.OK:
            stamps.marked.append(position)
            stamps.marks.append(attempt.end)
    return stamps


error_groups = st.builds(
    ErrorGroup, kind=st.text(min_size=1, max_size=20), message=st.text(max_size=20), count=st.integers(1, 10**6)
)

definitions = st.builds(
    Definition,
    iterations=st.none() | st.integers(1, 10**6),
    duration_s=st.none() | st.floats(0.001, 1e6),
    warmup_iterations=st.integers(0, 1_000),
    workers=st.integers(1, 10_000),
    calls_per_sample=st.integers(1, 1_000),
    timeout_s=st.none() | st.floats(0.001, 1e6),
    execution=st.sampled_from(Execution),
    plan=st.sampled_from(["", "500/s for 10 s", "50 users for 10 s", "ramp to 100/s in 10 s, 100/s for 60 s"]),
    open_loop=st.booleans(),
    warmup_s=st.floats(0, 1e6),
    target=st.text(max_size=20),
    think_time_s=st.none() | st.floats(0, 1e6),
)


@st.composite
def records(draw: st.DrawFn) -> RunRecord:
    """Any run, also one in which nothing, or only errors, came back."""
    samples = draw(st.lists(st.integers(0, 3_600 * S), max_size=60))
    errors = tuple(draw(st.lists(error_groups, max_size=3)))
    record = make_record(
        samples,
        keep_samples=draw(st.booleans()),
        errors_counted=sum(group.count for group in errors),
        timeouts=draw(st.integers(0, len(samples))),
        hits=draw(st.integers(0, 9)),
        misses=draw(st.integers(0, 9)),
        definition=draw(definitions),
        errors=errors,
        name=draw(st.text(max_size=20)),
        load=draw(st.none() | loads(st.text(max_size=20))),
    )
    dropped = draw(st.sampled_from([0, 0, 1, 1_000]))
    return replace(
        record,
        counts=replace(record.counts, dropped=dropped),
        latency=replace(record.latency, dropped=dropped),
    )


# Three decimals at most, as people write them.
limits = st.integers(0, 10**7).map(lambda thousandths: thousandths / 1_000)
share_limits = st.integers(0, 1_000).map(lambda thousandths: thousandths / 1_000)
thresholds = st.builds(
    PerformanceThreshold,
    max_p50_ms=st.none() | limits,
    max_p95_ms=st.none() | limits,
    max_p99_ms=st.none() | limits,
    max_p999_ms=st.none() | limits,
    max_mean_ms=st.none() | limits,
    max_max_ms=st.none() | limits,
    min_throughput_ops=st.none() | limits,
    max_error_rate=st.none() | share_limits,
    min_hit_rate=st.none() | share_limits,
    max_cpu_percent=st.none() | limits,
    max_memory_mb=st.none() | limits,
    expressions=st.lists(st.sampled_from(["p(99.9)<250", "avg<=100ms", "error_rate<1%", "throughput>=5"]), max_size=3),
)

_FIGURES = ("mean_time_ms", "median_time_ms", "p95_time_ms", "p99_time_ms", "throughput_ops_per_sec")
sessions = st.builds(
    BaselineSession,
    session_id=st.text(min_size=1, max_size=12),
    saved_at=st.just("2026-11-22T18:00:00.000000Z"),
    fingerprint=st.sampled_from(["", "0123456789ab", "ba9876543210"]),
    metrics=st.dictionaries(st.sampled_from(_FIGURES), st.none() | st.floats(0.001, 1e9)),
    definition=st.none() | definitions,
)
