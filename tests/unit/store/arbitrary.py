"""Arbitrary results for Hypothesis: whatever a run could leave, hostile texts and huge numbers included."""

from dataclasses import replace

from hypothesis import strategies as st

from paceline.core.clock import ClockQuality
from paceline.core.findings import Finding
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.error_log import ErrorGroup
from paceline.records.fingerprint import Fingerprint
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.recorder import Counts
from paceline.records.repeats import Repeat, Repetition
from paceline.records.replication import Figures, ProcessRun, Replication
from paceline.records.resources import Gauge, ResourceSeries, ResourceUsage, SamplerCost, SystemUsage
from paceline.records.run_record import Aborted, Circumstances, Collections, Definition, Execution, RunRecord, TestType
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.stats.summary import Moments
from tests.fakes import make_latency
from tests.strategies import loads

LARGEST = (1 << 63) - 1

texts = st.text(st.characters(codec="utf-8"), max_size=20)
hostile_texts = st.text(st.characters(), max_size=20)  # lone surrogates too
naturals = st.integers(0, LARGEST)
floats = st.floats(allow_nan=False, allow_infinity=False)
amounts = st.floats(0, 1e15)
metadata_values = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
metadata = st.dictionaries(texts, metadata_values, max_size=3)
error_groups = st.builds(ErrorGroup, kind=texts, message=texts, count=st.integers(1, LARGEST), traceback=texts)


@st.composite
def latencies(draw: st.DrawFn) -> Latency:
    """Of raw samples, or of so many that only histogram and moments were kept, too large for 64 bits."""
    samples = draw(st.lists(naturals, max_size=20))
    latency = make_latency(samples, keep_samples=draw(st.booleans()))
    factor = draw(st.sampled_from((1, 10**6, 10**12))) if samples and latency.samples_ns is None else 1
    histogram = Histogram(latency.histogram.indices.tolist(), (latency.histogram.counts * factor).tolist())
    moments = latency.moments
    scaled = Moments(
        moments.count * factor,
        moments.total * factor,
        moments.total_squares * factor,
        moments.minimum,
        moments.maximum,
    )
    return Latency(scaled, histogram, latency.samples_ns, draw(st.sampled_from((0, 0, 3))))


@st.composite
def time_series(draw: st.DrawFn) -> TimeSeries:
    positions = draw(st.lists(st.integers(0, 3_600), max_size=4, unique=True).map(sorted))
    return TimeSeries(
        interval_ns=100_000_000 * 10 ** draw(st.integers(0, 3)),
        slices=tuple(
            TimeSlice(
                position, *draw(st.tuples(naturals, naturals, naturals)), draw(latencies()).histogram, draw(naturals)
            )
            for position in positions
        ),
    )


gauges = st.builds(Gauge, amounts, amounts, amounts)
usages = st.builds(
    ResourceUsage,
    subject=texts,
    pid=st.none() | naturals,
    cpu_s=st.none() | amounts,
    cpu_percent=st.none() | gauges,
    memory_bytes=st.none() | gauges,
    memory_percent=st.none() | gauges,
    disk_read_bytes=st.none() | naturals,
    disk_write_bytes=st.none() | naturals,
    context_switches=st.none() | naturals,
    series=st.builds(
        ResourceSeries,
        offset_ms=st.tuples(amounts),
        cpu_percent=st.tuples(st.none() | amounts),
        memory_bytes=st.tuples(st.none() | naturals),
    ),
)
definitions = st.builds(
    Definition,
    iterations=st.none() | naturals,
    duration_s=st.none() | amounts,
    warmup_iterations=naturals,
    workers=st.integers(1, 10_000),
    calls_per_sample=st.integers(1, 10**9),
    timeout_s=st.none() | amounts,
    execution=st.sampled_from(Execution),
    plan=texts,
    open_loop=st.booleans(),
    warmup_s=amounts,
    target=texts,
    think_time_s=st.none() | amounts,
    runs=st.integers(1, 10),
    epochs=st.integers(1, 10),
    repeats=st.integers(1, 10),
)
figures = st.builds(Figures, naturals, naturals, amounts, *[st.none() | floats] * 4)
replications = st.builds(
    Replication,
    runs=naturals,
    epochs=naturals,
    seed=naturals,
    processes=st.lists(
        st.builds(ProcessRun, figures, st.lists(figures, max_size=3).map(tuple), naturals, st.none() | naturals),
        max_size=3,
    ).map(tuple),
)
repetitions = st.builds(
    Repetition,
    naturals,
    st.lists(st.builds(Repeat, naturals, naturals, texts, naturals, figures), max_size=3).map(tuple),
)
records = st.builds(
    RunRecord,
    name=texts,
    test_type=st.sampled_from(TestType),
    definition=definitions,
    started_at=texts,
    elapsed_ns=naturals,
    window_ns=naturals,
    window_ok=st.integers(0, 2**53).map(float),  # work is no whole number in general
    counts=st.builds(Counts, naturals, naturals, naturals, naturals, naturals, naturals),
    latency=latencies(),
    series=time_series(),
    errors=st.lists(error_groups, max_size=2).map(tuple),
    collections=st.builds(Collections, naturals, naturals, naturals),
    usage=st.builds(
        SystemUsage,
        host=usages,
        process=usages,
        targets=st.lists(usages, max_size=2).map(tuple),
        cpu_count=st.none() | st.integers(1, 1_000),
        sampler=st.builds(SamplerCost, naturals, naturals, amounts),
    ),
    clock=st.builds(ClockQuality, amounts, amounts),
    circumstances=st.builds(
        Circumstances,
        interruption=st.none() | texts,
        abandoned_workers=st.sampled_from((0, 0, 0, 1, 10)),
        warmup_attempts=naturals,
        warmup_errors=st.lists(error_groups, max_size=2).map(tuple),
        teardown_error=st.none() | error_groups,
        own_cpu_s=st.none() | amounts,
        event_loop=st.none() | texts,
        foreign_loop=st.booleans(),
        aborted=st.none()
        | st.builds(Aborted, texts, amounts, st.none() | amounts, amounts, texts, texts, st.booleans()),
    ),
    fingerprint=st.builds(Fingerprint, cpu_model=texts, cpu_count=st.none() | naturals, python=texts),
    metadata=metadata,
    load=st.none() | loads(texts),
    replication=st.none() | replications,
    repetition=st.none() | repetitions,
).filter(lambda record: not record.circumstances.abandoned_workers or record.definition.timeout_s is not None)
thresholds = st.builds(
    PerformanceThreshold,
    max_p95_ms=st.none() | amounts,
    min_throughput_ops=st.none() | amounts,
    max_error_rate=st.none() | st.floats(0, 1),
    max_memory_mb=st.none() | amounts,
    expressions=st.lists(
        st.sampled_from(("p(99.9)<250", "avg<=100ms", "error_rate<1% over 2s", "med{a}<5, abort after 2s")), max_size=2
    ),
)
findings = st.builds(Finding, texts, texts, texts, texts, st.booleans())
sessions = st.builds(
    BaselineSession,
    session_id=texts,
    saved_at=texts,
    fingerprint=texts,
    metrics=st.dictionaries(
        st.sampled_from(("mean_time_ms", "median_time_ms", "p95_time_ms", "throughput_ops_per_sec")),
        st.none() | amounts,
    ),
    definition=st.none() | definitions,
)


@st.composite
def results(draw: st.DrawFn) -> TestResult:
    """Judged as a suite judges: with and without threshold, baseline and findings made before."""
    return judge(
        draw(records),
        draw(st.none() | thresholds),
        draw(st.lists(sessions, max_size=3)),
        draw(st.lists(findings, max_size=2)),
    )


def named(record: RunRecord, name: str) -> RunRecord:
    return replace(record, name=name)
