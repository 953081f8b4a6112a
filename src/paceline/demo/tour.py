"""The tour: an API, a database and a cache are measured, judged, compared and written down."""

import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from paceline.core.clock import SYSTEM_CLOCK, Clock
from paceline.core.errors import OutputError, PacelineWarning
from paceline.demo.dataset import CUSTOMER_YEAR, NEWEST_OF_CUSTOMER, SEARCH_NOTES, open_read_only
from paceline.demo.operations import (
    Reports,
    get_record,
    newest_of_customer,
    search_notes,
)
from paceline.demo.servers import DemoServers, demo_servers
from paceline.demo.summary import cache_line, open_loop_line, throughput_picture
from paceline.framework import PerformanceTestFramework
from paceline.judge.result import TestResult
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.run_record import TestType
from paceline.store.files import check_writable
from paceline.targets.http import HttpTarget
from paceline.workload.models import ConstantRate

SEED = 20_240_601
LEVELS = (1, 5, 10, 20, 50)
ARRIVALS_PER_S = 1_000  # a twentieth of what the service does on two cores, so that nothing queues
_OPEN_CONNECTIONS = 20
_MOST_ERRORS = 0.01

# Limits of an SLA for the service, with room for a small and busy machine: on two cores without other work
# p95 is a tenth of them or less.
_API = PerformanceThreshold(max_p95_ms=25, max_p99_ms=50, min_throughput_ops=200, max_error_rate=_MOST_ERRORS)
_INDEXED = PerformanceThreshold(max_p95_ms=5, max_p99_ms=10, max_error_rate=_MOST_ERRORS)
_FULL_SCAN = PerformanceThreshold(max_p95_ms=250, max_p99_ms=500, max_error_rate=_MOST_ERRORS)
_UNCACHED = PerformanceThreshold(max_p95_ms=25, max_p99_ms=50, max_error_rate=_MOST_ERRORS)
_CACHED = PerformanceThreshold(max_p95_ms=25, max_p99_ms=50, min_hit_rate=0.8, max_error_rate=_MOST_ERRORS)
_LOAD = PerformanceThreshold(max_p95_ms=250, max_p99_ms=500, min_throughput_ops=200, max_error_rate=_MOST_ERRORS)
# Latency counts from when a request was due, so every pause of a busy machine is in the percentiles of the open loop.
_OPEN_LOOP = PerformanceThreshold(
    max_p95_ms=250, max_p99_ms=500, max_error_rate=_MOST_ERRORS, expressions=("lag_p99<500ms",)
)


@dataclass(frozen=True, slots=True)
class TourSize:
    """Length of each step; the defaults take about 25 s on two cores.

    Attributes:
        api: requests one after the other.
        indexed: indexed queries.
        full_scan: queries without an index.
        uncached: reports computed each time.
        cached: reports through the cache.
        cache_warmup: reports before them, that do not count; the cache is empty at the first one.
        load: requests at each level of concurrency.
        open_loop_s: seconds of the open loop; from 5 on an independent client probes beside it.
    """

    api: int = 10_000
    indexed: int = 20_000
    full_scan: int = 400
    uncached: int = 2_000
    cached: int = 20_000
    cache_warmup: int = 2_000
    load: int = 20_000
    open_loop_s: float = 5.0


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """What there is to show.

    Attributes:
        report: the framework's report.
        summary: lines to show after it.
        results: of the tour, in order.
        files: what was written.
    """

    report: str
    summary: tuple[str, ...]
    results: tuple[TestResult, ...]
    files: tuple[Path, ...]


def run_demo(
    output: Path,
    framework: PerformanceTestFramework,
    announce: Callable[[str], None],
    *,
    clock: Clock = SYSTEM_CLOCK,
    size: TourSize | None = None,
) -> DemoOutcome:
    """Start the servers, measure, and write ``report.html``, ``report.txt``, ``results.json`` and ``baseline.json``.

    A ``baseline.json`` that is there already is what this run is compared with, and this run is added to it.

    Args:
        output: directory to write to; made if need be.
        framework: takes the measurements.
        announce: is given a line about each step before it begins.
        clock: where the time comes from.
        size: iterations of the steps.

    Raises:
        ConfigurationError: a package of the extra ``paceline[demo]`` is missing.
        BaselineError: ``baseline.json`` is no baseline; nothing was measured.
        MeasurementError: a server did not get ready.
        OutputError: a file cannot be written.
        KeyboardInterrupt: interrupted; report and results of what was measured are written, the baseline is
            left as it was.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output} cannot be made ({error}): name another directory") from error
    for name in ("report.txt", "report.html", "results.json", "baseline.json"):
        check_writable(output / name)
    baseline = output / "baseline.json"
    compared = baseline.exists()
    if compared:
        framework.load_baseline(baseline)
    try:
        announce("starting the records service, its database and a Valkey cache")
        with demo_servers(clock, SEED) as servers:
            tour = _Tour(framework, servers, announce, size or TourSize())
            seen = tour.walk()
    except KeyboardInterrupt:
        if framework.results:
            _write(framework, output)
        raise
    report, files = _write(framework, output)
    summary = [
        cache_line(seen.uncached, seen.cached),
        *throughput_picture(seen.levels),
        open_loop_line(seen.open_loop),
        _save_baseline(framework, baseline, compared=compared),
    ]
    if baseline.exists():
        files = (*files, baseline)
    return DemoOutcome(report, tuple(summary), tuple(framework.results), files)


class _Seen(NamedTuple):
    """The results that the summary is made of."""

    uncached: TestResult
    cached: TestResult
    levels: list[TestResult]
    open_loop: TestResult


class _Tour:
    """The steps. Each leaves its result in the framework."""

    def __init__(
        self,
        framework: PerformanceTestFramework,
        servers: DemoServers,
        announce: Callable[[str], None],
        size: TourSize,
    ) -> None:
        self._framework = framework
        self._servers = servers
        self._announce = announce
        self._size = size

    def walk(self) -> _Seen:
        """All steps."""
        service = self._servers.service
        record = get_record(service.host, service.port, SEED, _OPEN_CONNECTIONS)
        with closing(open_read_only(self._servers.database)) as connection:
            self._api(record)
            self._database(self._servers.database)
            uncached, cached = self._cache(Reports(connection, SEED))
        return _Seen(uncached, cached, self._load(record), self._open_loop(record))

    def _api(self, record: HttpTarget) -> None:
        self._announce(f"api_get_record: {self._size.api:,} requests, one after the other")
        self._framework.run_benchmark(
            "api_get_record",
            TestType.API_ENDPOINT,
            record,
            iterations=self._size.api,
            warmup_iterations=min(500, self._size.api),
            threshold=_API,
            metadata={"endpoint": "GET /records/{id}", "seed": SEED},
            target_pids=(self._servers.service.pid,),
        )

    def _database(self, database: Path) -> None:
        self._announce(f"db_indexed_query: {self._size.indexed:,} queries that an index answers")
        self._framework.run_benchmark(
            "db_indexed_query",
            TestType.DATABASE_QUERY,
            newest_of_customer(database, SEED),
            iterations=self._size.indexed,
            warmup_iterations=100,
            threshold=_INDEXED,
            metadata={"query": NEWEST_OF_CUSTOMER, "seed": SEED},
        )
        self._announce(f"db_full_scan: {self._size.full_scan:,} queries over all records")
        self._framework.run_benchmark(
            "db_full_scan",
            TestType.DATABASE_QUERY,
            search_notes(database),
            iterations=self._size.full_scan,
            threshold=_FULL_SCAN,
            metadata={"query": SEARCH_NOTES},
        )

    def _cache(self, reports: Reports) -> tuple[TestResult, TestResult]:
        metadata = {"query": CUSTOMER_YEAR, "seed": SEED}
        self._announce(f"cache_read_uncached: {self._size.uncached:,} reports, computed each time")
        uncached = self._framework.run_benchmark(
            "cache_read_uncached",
            TestType.CACHE_OPERATION,
            reports,
            iterations=self._size.uncached,
            threshold=_UNCACHED,
            metadata=metadata,
        )
        self._announce(f"cache_read_cached: {self._size.cached:,} reports through the cache, which begins empty")
        cached = self._framework.run_benchmark(
            "cache_read_cached",
            TestType.CACHE_OPERATION,
            reports.through(self._servers.cache.socket_path),
            iterations=self._size.cached,
            warmup_iterations=self._size.cache_warmup,
            threshold=_CACHED,
            metadata={**metadata, "server": "Valkey over a Unix socket"},
            target_pids=(self._servers.cache.pid,),
        )
        return uncached, cached

    def _load(self, record: HttpTarget) -> list[TestResult]:
        self._announce(f"api_load: {self._size.load:,} requests over {', '.join(map(str, LEVELS))} connections in turn")
        return self._framework.run_concurrent_benchmark(
            "api_load",
            record,
            LEVELS,
            iterations_per_level=self._size.load,
            threshold=_LOAD,
            metadata={"endpoint": "GET /records/{id}", "seed": SEED},
            warmup_iterations=min(500, self._size.load),
            target_pids=(self._servers.service.pid,),
        )

    def _open_loop(self, record: HttpTarget) -> TestResult:
        self._announce(
            f"api_open_loop: {ARRIVALS_PER_S:,} requests a second for {self._size.open_loop_s:g} s, each sent when due"
        )
        return self._framework.run_load(
            "api_open_loop",
            record,
            ConstantRate(ARRIVALS_PER_S, self._size.open_loop_s),
            threshold=_OPEN_LOOP,
            metadata={"endpoint": "GET /records/{id}", "seed": SEED},
            target_pids=(self._servers.service.pid,),
        )


def _write(framework: PerformanceTestFramework, output: Path) -> tuple[str, tuple[Path, ...]]:
    report, page, results = output / "report.txt", output / "report.html", output / "results.json"
    text = framework.generate_report(report)
    framework.generate_report(page)
    framework.export_json(results)
    return text, (page, report, results)


def _save_baseline(framework: PerformanceTestFramework, baseline: Path, *, compared: bool) -> str:
    with warnings.catch_warnings():
        # What was refused is said in the line below.
        warnings.simplefilter("ignore", PacelineWarning)
        saved = framework.save_baseline(baseline)
    refused = f"; not saved: {', '.join(saved.refused)}" if saved.refused else ""
    if not saved.saved:
        return f"baseline: none of the results is fit to be one{refused}"
    if compared:
        return f"baseline: compared with {baseline.name}, and added to it{refused}"
    return f"baseline: saved; the next run is compared with it{refused}"
