"""A session for the page: every part of it has something to show."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from paceline.judge.duet import SuiteVerdict, judge_duets
from paceline.judge.result import TestResult, judge
from paceline.judge.thresholds import PerformanceThreshold
from paceline.judge.trend import HistoryTrend, judge_trend
from paceline.records.cache import CacheRecord, CacheServer, Loads
from paceline.records.database import Counter, DatabaseRecord, Plan, PlanNode, ServerCounters, StatementRecord
from paceline.records.error_log import ErrorGroup
from paceline.records.histogram import Histogram
from paceline.records.history import HistoryPoint, Series, SeriesKey
from paceline.records.quantities import MEDIAN, Quantity
from paceline.records.resources import ResourceSeries, ResourceUsage
from paceline.records.run_record import Collections, Definition, Execution, Pause, RunRecord
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.report.document import Document, document_of
from tests.fakes import MS, S, make_latency, make_record
from tests.unit.report import cases, duet_cases

SLICES = 100


def with_series(record: RunRecord, slices: int = SLICES) -> RunRecord:
    """``record`` as if it had run for a while: slices with errors, samples of host, process and target, pauses."""
    pieces = tuple(
        TimeSlice(place, ok=200 - place, errors=place % 3, histogram=Histogram.of(_latencies(MS + 10_000 * place)))
        for place in range(slices)
    )
    usage = record.usage
    target = ResourceUsage("target", pid=4711, series=_samples(slices, 3))
    usage = replace(
        usage,
        host=replace(usage.host, series=_samples(slices, 1)),
        process=replace(usage.process, series=_samples(slices, 2)),
        targets=(target,),
    )
    pauses = tuple(Pause(place * S // 10, (1 + place % 4) * MS) for place in range(0, slices, 5))
    return replace(
        record,
        series=TimeSeries(S // 10, pieces),
        usage=usage,
        elapsed_ns=slices * S // 10,
        window_ns=slices * S // 10,
        collections=Collections(len(pauses), 2 * MS * len(pauses), 4 * MS, pauses),
    )


def _latencies(middle_ns: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return (middle_ns * np.exp(np.random.default_rng(middle_ns).normal(0, 0.4, 200))).astype(np.int64)


def _samples(count: int, seed: int) -> ResourceSeries:
    random = np.random.default_rng(seed)
    return ResourceSeries(
        offset_ms=tuple(100.0 * place + 50 for place in range(count)),
        cpu_percent=(None, *(float(each) for each in random.uniform(10, 190, count - 1))),
        memory_bytes=tuple(int(each) for each in random.uniform(30e6, 90e6, count)),
        disk_read_bytes=tuple(place * 100_000 for place in range(count)),
        disk_write_bytes=tuple(place * place * 1_000 for place in range(count)),
    )


def level(workers: int) -> TestResult:
    """One level of a sweep."""
    record = make_record(
        (MS * workers,) * 1_990 + (2 * MS * workers,) * 10,
        name=f"api_concurrency_{workers}",
        definition=Definition(iterations=2_000, workers=workers, execution=Execution.THREADS),
        metadata={"concurrency": workers},
    )
    record = replace(record, window_ns=record.window_ns // min(workers, 8))
    return judge(record, PerformanceThreshold(max_p95_ms=100))


def timed() -> TestResult:
    """With a time axis, errors with tracebacks, and limits of which one is broken."""
    trace = "Traceback (most recent call last):\n" + "".join(f'  File "shop.py", line {n}\n' for n in range(30))
    record = make_record(
        [int(each) for each in _latencies(3 * MS)] * 10,
        name="checkout",
        errors_counted=40,
        errors=tuple(ErrorGroup(f"ValueError{n}", f"no such key {n}", 10, trace) for n in range(8)),
        metadata={"endpoint": "/api/v1/orders", "seed": 7, "table": "orders"},
        collections=Collections(3, 9 * MS, 4 * MS),
    )
    record = replace(record, database=_database(), cache=_cache())
    return judge(with_series(record), PerformanceThreshold(max_p50_ms=10, max_p95_ms=4, max_error_rate=0.001))


def _database() -> DatabaseRecord:
    latency = make_latency((MS,) * 40)
    scan = PlanNode("Seq Scan", "orders", full_scan=True, table_rows=100_000, columns=("customer",))
    return DatabaseRecord(
        server="PostgreSQL 18.1",
        driver="psycopg 3.2",
        pool=5,
        ending="commit",
        transaction=True,
        statements=(
            StatementRecord("orders of a customer", "SELECT 1", 40, 1, 400, 0, 40, 1, 0, latency, latency, latency),
        ),
        waiting=latency,
        plans=(
            Plan("orders of a customer", (PlanNode("Sort", children=(scan,)),)),
            Plan("another", reason="not asked"),
        ),
        counters=ServerCounters("pg_stat_database", (Counter("commits", 40.0),), 0.98),
    )


def _cache() -> CacheRecord:
    server = CacheServer("valkey 9.1.2", "allkeys-lru", 10, 20, 1_000, 10**6, 2 * 10**6, 10**8, 5, 905)
    loads = Loads(make_latency((5 * MS,) * 9), overlapping=2, most_at_once=3, busiest_key="hot")
    return CacheRecord(make_latency((MS,) * 90), make_latency((6 * MS,) * 10), loads, server, 0.5, 4)


@cache
def document() -> Document:
    """A session with one of everything."""
    results = [
        cases.passed(),
        cases.in_doubt(),
        cases.failed(),
        cases.nothing(),
        cases.closed_loop(),
        cases.open_loop(),
        cases.scenario(),
        timed(),
        level(1),
        level(5),
        level(20),
    ]
    return document_of(results, cases.MACHINE, cases.TIMESTAMP)


@cache
def duets() -> SuiteVerdict:
    """Of every verdict one."""
    return judge_duets(duet_cases.records())


@cache
def trend() -> HistoryTrend:
    """A test that got slower and stayed so."""
    values = [MS * (1 + 0.01 * math.sin(place)) * (1.3 if place >= 20 else 1.0) for place in range(40)]
    points = tuple(
        HistoryPoint(f"2026-{1 + place // 28:02}-{1 + place % 28:02}T10:00:00.000000Z", f"{place:040x}", value)
        for place, value in enumerate(values)
    )
    return judge_trend(Series("checkout", MEDIAN, SeriesKey("main", "0123", "4567"), points))


# What decides how a page is laid out rather than what it says; and what is read, not shown.
_KEPT = {"started_at", "timestamp", "source", "sign", "percentiles", "test_type", "subject", "key"}


def poisoned(value: Any, text: str) -> Any:
    """``value`` with ``text`` in the place of every text in it that is not empty."""
    if isinstance(value, str):
        return text if value else value
    if isinstance(value, Mapping):
        return {
            poisoned(key, text) + str(number): poisoned(each, text) for number, (key, each) in enumerate(value.items())
        }
    if isinstance(value, tuple):
        return tuple(poisoned(each, text) for each in value)
    if not is_dataclass(value) or isinstance(value, type | Enum | PerformanceThreshold | Quantity):
        return value
    changes = {
        each.name: poisoned(getattr(value, each.name), text)
        for each in fields(value)
        if each.init and each.name not in _KEPT
    }
    return replace(value, **changes)
