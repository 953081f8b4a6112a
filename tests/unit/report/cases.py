"""A report with one of everything, and one of loads. Run as a module it writes the texts that ``tests/golden`` holds:

python -m tests.unit.report.cases
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist

from paceline.core.findings import Finding
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.error_log import ErrorGroup
from paceline.records.fingerprint import Fingerprint
from paceline.records.load import LegRun, LoadRecord, Part, Probe, StatusCount, Traffic
from paceline.records.recorder import Counts
from paceline.records.resources import Gauge, ResourceUsage, SamplerCost, SystemUsage
from paceline.records.run_record import Circumstances, Collections, Definition, Execution, TestType
from paceline.report.document import Document, document_of
from paceline.report.text import render_text
from tests.fakes import MS, S, make_arrivals, make_latency, make_load, make_record

TIMESTAMP = "2026-11-22T18:00:00.123456Z"
MACHINE = Fingerprint(
    cpu_model="Fast CPU @ 3 GHz",
    cpu_count=8,
    memory_gib=32,
    system="Linux",
    kernel="6.1",
    architecture="x86_64",
    python="CPython 3.11.9",
    paceline="0.1.0",
)
_MB = 1_000_000
_USAGE = SystemUsage(
    host=ResourceUsage(
        "host",
        cpu_percent=Gauge(10.0, 123.4, 300.0),
        memory_bytes=Gauge(8_000 * _MB, 8_100 * _MB, 8_200 * _MB),
        memory_percent=Gauge(24.0, 25.0, 26.0),
        disk_read_bytes=1_234_567,
        disk_write_bytes=0,
    ),
    process=ResourceUsage("process", cpu_percent=Gauge(90.0, 95.0, 99.0), memory_bytes=Gauge(_MB, 2 * _MB, 3 * _MB)),
    targets=(ResourceUsage("target", pid=4711), ResourceUsage("target", pid=4712)),
    cpu_count=8,
    sampler=SamplerCost(samples=12, cpu_ns=6_000_000, core_percent=0.5),
)


def passed() -> TestResult:
    """Nothing to complain about; it has a baseline of this machine that is fit for a verdict."""
    record = make_record(
        tuple(range(2 * MS, 4 * MS, 1_000)),
        name="get_record",
        usage=_USAGE,
        collections=Collections(count=3, total_ns=4 * MS, longest_ns=2 * MS),
        circumstances=Circumstances(warmup_attempts=10),
        fingerprint=MACHINE,
        metadata={"endpoint": "/api/v1/fir", "sizes": [1, 2]},
        hits=1_500,
        misses=500,
    )
    return judge(record, PerformanceThreshold(max_p95_ms=100), list(_stored()))


def _stored() -> Iterator[BaselineSession]:
    for day, factor in enumerate((1.00, 1.01, 0.99, 1.005, 1.0, 0.985, 1.015, 1.0, 0.995, 1.0), start=1):
        figures = {"median_time_ms": 2.9 * factor, "mean_time_ms": 3.0 * factor, "p95_time_ms": 3.9 * factor}
        figures |= {"throughput_ops_per_sec": 0.0001, "iterations": 2_000.0, "error_rate": 0.0}
        yield BaselineSession(f"day {day}", f"2026-11-{day:02}T18:00:00Z", MACHINE.key, figures)


def failed() -> TestResult:
    """Broken limits, errors with a traceback, many workers, findings of both kinds."""
    record = make_record(
        (150 * MS,) * 90,
        name="search_with_a_name_that_is_too_long_for_its_column",
        errors_counted=10,
        definition=Definition(iterations=100, workers=20, execution=Execution.THREADS),
        errors=(
            ErrorGroup("ValueError", "no such key", 9, "Traceback (most recent call last):\nValueError: no such key\n"),
            ErrorGroup("timeout", "", 1),
        ),
        test_type=TestType.CONCURRENT_LOAD,
    )
    return judge(record, PerformanceThreshold(max_p95_ms=100, max_error_rate=0.01, expressions=("throughput>=1000",)))


def in_doubt() -> TestResult:
    """Warned of, in batches, and as fast as a figure of its own kind can be."""
    record = make_record(
        (1_000,) * 1_000,
        name="no_op",
        definition=Definition(iterations=1_000, calls_per_sample=100),
        circumstances=Circumstances(interruption="KeyboardInterrupt"),
    )
    noted = Finding("duplicate-name", "The name 'no_op' was taken.", "Two are one too many.", "Rename one.")
    session = BaselineSession(
        "monday", TIMESTAMP, record.fingerprint.key, {"median_time_ms": 1e-5, "mean_time_ms": 1e-5}
    )
    return judge(record, noted=[noted], baseline=[session])


def nothing() -> TestResult:
    """No attempt ended."""
    return judge(make_record((), name="never"))


def example() -> Document:
    """One of everything."""
    return document_of([passed(), in_doubt(), failed(), nothing()], MACHINE, TIMESTAMP)


def _spread(count: int, middle_ns: int, width: float = 0.5) -> list[int]:
    """Quantiles of a lognormal distribution: what a server's answers look like, without chance."""
    normal = NormalDist(math.log(middle_ns), width)
    return [int(math.exp(normal.inv_cdf((number + 0.5) / count))) for number in range(count)]


def closed_loop() -> TestResult:
    """Of a server that stood still for a second; with a probe, and connections that it closed."""
    samples = [*_spread(90_000, 900_000), *(S,) * 10]
    load = LoadRecord(
        cpu_percent=(61.0, 64.0, 12.0, 62.0),
        own_process=True,
        traffic=Traffic(
            sent_bytes=7_200_000,
            received_bytes=20_100_000,
            statuses=(StatusCount(200, 90_003), StatusCount(503, 7)),
            connections=10,
            reconnects=3,
            closed_by_server=2,
            resent=1,
            dns=make_latency([1_200_000], keep_samples=False),
            connect=make_latency(_spread(13, 60_000), keep_samples=False),
            tls=make_latency(_spread(13, 1_400_000), keep_samples=False),
            first_byte=make_latency(_spread(90_000, 800_000), keep_samples=False),
        ),
        probe=Probe(
            100.0,
            Counts(ok=998, errors=2),
            make_latency([*_spread(898, 950_000), *range(S // 100, S, S // 100)], keep_samples=False),
        ),
    )
    return judge(
        make_load(
            samples,
            load,
            name="records_by_10_users",
            plan="10 users for 10 s",
            duration_s=10.0,
            elapsed_ns=10 * S,
            window_ns=10 * S,
            circumstances=Circumstances(warmup_attempts=9_000),
            errors=(ErrorGroup("status", "503 Service Unavailable", 7),),
        ),
        PerformanceThreshold(max_p99_ms=100),
    )


def open_loop() -> TestResult:
    """Arrivals, some late and some dropped, of several requests."""
    service = _spread(4_900, 450_000)
    waits = [0] * 4_700 + list(range(0, 400 * MS, 2 * MS))
    generator = _spread(4_900, 55_000)
    arrivals = make_arrivals(generator, waits, service, planned=5_000)
    parts = (
        Part("GET /records/{{n}}", Counts(ok=3_900), make_latency(service[::2])),
        Part("POST /a/very/long/path/to/somewhere", Counts(ok=980, errors=20), make_latency(service[1::2])),
        Part("never asked for", Counts(), make_latency(())),
    )
    samples = [sum(parts) for parts in zip(generator, waits, service, strict=True)]
    record = make_load(
        samples,
        LoadRecord(cpu_percent=(20.0, 24.0), arrivals=arrivals, parts=parts),
        users=20,
        dropped=100,
        duration_s=10.0,
        plan="Poisson 500/s for 10 s (seed 0), at most 50 in flight",
        name="records_at_500_a_second",
        elapsed_ns=10 * S,
        window_ns=10 * S,
    )
    return judge(record, PerformanceThreshold(max_p99_ms=100, expressions=("p(95)<50", "dropped<=0")))


def scenario() -> TestResult:
    """Virtual users, each iteration of several requests; too few for a picture."""
    load = LoadRecord(iterations=30, parts=(Part("cart", Counts(ok=99), make_latency((MS,) * 99)),))
    return judge(
        make_load(
            (MS,) * 99,
            load,
            users=3,
            execution=Execution.USERS,
            plan="3 users for 33 ms, 0.5 s think time",
            name="shop",
        )
    )


def together() -> TestResult:
    """Made by three processes, two of them elsewhere, of which one was lost."""
    generator = _spread(3_000, 40_000)
    arrivals = make_arrivals(generator, [0] * 3_000, _spread(3_000, 450_000), planned=3_600)
    here = LegRun(Counts(ok=1_200), 1_200, 1.0, 41.0, 55_000.0, 210_000, cpu_percent=38.0, memory_bytes=52 * _MB)
    there = replace(
        here, start_skew_ns=1_400_000, machine="tcp://10.0.0.6:9000", host_cpu_percent=130.0, host_cores=4,
        host_memory_percent=40.0,
    )  # fmt: skip
    lost = replace(
        there, counts=Counts(ok=590, errors=10), delivered=0.5, lost="was killed by SIGKILL", lost_at_ns=6 * S,
        machine="tcp://10.0.0.7:9000",
    )  # fmt: skip
    load = LoadRecord((38.0, 41.0), own_process=True, arrivals=arrivals, legs=(here, there, lost))
    return judge(
        make_load(
            _spread(3_000, 490_000),
            load,
            duration_s=12.0,
            plan="300/s for 12 s",
            name="from_three",
            elapsed_ns=12 * S,
            window_ns=12 * S,
        ),
        None,
    )


def loads() -> Document:
    """One of each load."""
    return document_of([closed_loop(), open_loop(), scenario(), together()], MACHINE, TIMESTAMP)


GOLDEN = {"report.txt": example, "loads.txt": loads}

if __name__ == "__main__":
    for name, document in GOLDEN.items():
        (Path(__file__).parents[2] / "golden" / name).write_text(render_text(document()))
