"""A report with one of everything. Run as a module it prints the text that ``tests/golden/report.txt`` holds:

python -m tests.unit.report.cases > tests/golden/report.txt
"""

import sys

from paceline.core.findings import Finding
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.baseline import BaselineSession
from paceline.records.error_log import ErrorGroup
from paceline.records.fingerprint import Fingerprint
from paceline.records.resources import Gauge, ResourceUsage, SamplerCost, SystemUsage
from paceline.records.run_record import Circumstances, Collections, Definition, Execution, TestType
from paceline.report.document import Document, document_of
from paceline.report.text import render_text
from tests.fakes import MS, make_record

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
    """Nothing to complain about; it has a baseline of this machine."""
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
    figures = {"median_time_ms": 2.5, "mean_time_ms": 3.0, "p95_time_ms": 3.9, "throughput_ops_per_sec": 0.0001}
    session = BaselineSession("monday", TIMESTAMP, MACHINE.key, figures)
    return judge(record, PerformanceThreshold(max_p95_ms=100), [session])


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
    return judge(record, noted=[noted])


def nothing() -> TestResult:
    """No attempt ended."""
    return judge(make_record((), name="never"))


def example() -> Document:
    """One of everything."""
    return document_of([passed(), in_doubt(), failed(), nothing()], MACHINE, TIMESTAMP)


if __name__ == "__main__":
    sys.stdout.write(render_text(example()))
