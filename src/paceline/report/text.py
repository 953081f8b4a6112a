"""The report as text: aligned, readable at 80 columns, the worst first."""

import math
from collections.abc import Iterator

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, counted, format_count, format_ms
from paceline.judge.result import TestResult, TestStatus
from paceline.records.resources import ResourceUsage
from paceline.records.run_record import Execution, TestType
from paceline.report.baseline_text import worst_first, wrapped_lines
from paceline.report.cache_text import cache_lines
from paceline.report.database_text import database_lines
from paceline.report.document import Document
from paceline.report.layout import (
    LABEL_WIDTH,
    heading,
    labelled,
    page_width,
    printable,
    share_text,
    shortened,
    squeezed,
    wrapped,
)
from paceline.report.load_text import distribution, how_load, load_lines
from paceline.report.replication_text import replication_lines
from paceline.report.scalability_text import is_told, scalability_lines

__all__ = ["printable", "render_text", "shortened"]

_NAME_WIDTH = 27
_RATE_WIDTH = 9
_FIGURES_WIDTH = 53  # of a row without its name
_LEAST_NAME_WIDTH = 12  # below that a row takes two lines
_STAMP_WIDTH = 20
_MOST_TRACEBACK_LINES = 12
_WORKER = {
    Execution.CALLER: "worker",
    Execution.THREADS: "thread",
    Execution.TASKS: "task",
    Execution.CONNECTIONS: "connection",
    Execution.USERS: "user",
}
_TOLD_WINDOW = 0.9  # of the whole run: where the window of the throughput is shorter, that is said
_MARK = {TestStatus.PASSED: "passed", TestStatus.WARNING: "WARNING", TestStatus.FAILED: "FAILED"}


def render_text(document: Document) -> str:
    """The whole report, ending in a newline."""
    sections = (
        _head(document),
        _summary(document),
        _violations(document),
        _comparisons(document),
        _sweeps(document),
        _details(document),
    )
    return "\n".join("\n".join(lines) + "\n" for section in sections if (lines := list(section)))


def _head(document: Document) -> Iterator[str]:
    environment = document.environment
    title, stamp = "Paceline performance report", document.timestamp[:19].replace("T", " ") + "Z"
    if len(title) + _STAMP_WIDTH < page_width():
        yield title.ljust(page_width() - _STAMP_WIDTH) + stamp
    else:
        yield from (title, stamp)
    cores = f"{environment.cpu_count} x " if environment.cpu_count else ""
    memory = f", {environment.memory_gib} GiB" if environment.memory_gib else ""
    yield f"{environment.python}, {environment.system}, {cores}{environment.cpu_model}{memory}"[: page_width()]
    if environment.cpu_count:
        yield from wrapped(f"100 % of CPU is one core: all of this machine are {100 * environment.cpu_count} %", "")


def _summary(document: Document) -> Iterator[str]:
    totals = document.totals
    if not totals.tests:
        yield "Summary: no test was measured."
        return
    yield from wrapped(
        f"Summary: {counted(totals.tests, 'test')}: "
        f"{totals.passed} passed, {totals.failed} failed, {counted(totals.warnings, 'warning')}",
        "",
    )
    yield ""
    name_width = _name_width(document)
    if name_width < _LEAST_NAME_WIDTH:
        for result in document.results:
            yield from _two_lines(result)
        return
    yield _row(" " * name_width, "median", "p95", "p99", "ops/s", "errors", "")
    for result in document.results:
        name = squeezed(result.metrics.test_name, name_width)
        yield _row(f"{name:<{name_width}}", *_figures(result), _MARK[result.status])


def _name_width(document: Document) -> int:
    """Columns for names: what a narrow page leaves, and on a wide one as many as they need."""
    room = page_width() - _FIGURES_WIDTH
    longest = max(len(result.metrics.test_name) for result in document.results)
    return min(room, max(_NAME_WIDTH, longest))


def _figures(result: TestResult) -> tuple[str, str, str, str, str]:
    metrics = result.metrics
    times = (metrics.median_time_ms, metrics.p95_time_ms, metrics.p99_time_ms)
    median, p95, p99 = map(format_ms, times)
    return median, p95, p99, _rate(metrics.throughput_ops_per_sec), share_text(metrics.error_rate)


def _row(name: str, median: str, p95: str, p99: str, rate: str, errors: str, status: str) -> str:
    return f"{name} {median:>8} {p95:>8} {p99:>8} {rate:>{_RATE_WIDTH}} {errors:>6}  {status}".rstrip()


def _two_lines(result: TestResult) -> Iterator[str]:
    mark = _MARK[result.status]
    yield f"{squeezed(result.metrics.test_name, page_width() - len(mark) - 2)}  {mark}"
    median, p95, p99, rate, errors = _figures(result)
    yield from wrapped(f"median {median}, p95 {p95}, p99 {p99}, {rate} ops/s, errors {errors}", "  ")


def _violations(document: Document) -> Iterator[str]:
    failed = [result for result in document.worst_first if result.broken_limits]
    if failed:
        yield heading("Violations")
    for result in failed:
        yield shortened(result.metrics.test_name, page_width())
        for violation in result.broken_limits:
            yield from wrapped(violation.message, "  ✗ ")


def _comparisons(document: Document) -> Iterator[str]:
    if not document.compared:
        return
    yield heading("Baseline comparison")
    for name, comparison in worst_first(
        (result.metrics.test_name, result.comparison) for result in document.compared if result.comparison is not None
    ):
        yield from wrapped_lines(squeezed(name, _NAME_WIDTH), comparison)


def _sweeps(document: Document) -> Iterator[str]:
    for place, sweep in enumerate(filter(is_told, document.sweeps)):
        if place:
            yield ""
        yield from scalability_lines(sweep)


def _details(document: Document) -> Iterator[str]:
    for place, result in enumerate(document.worst_first):
        if place:
            yield ""
        yield heading(result.metrics.test_name, _MARK[result.status])
        yield from _test(result)


def _test(result: TestResult) -> Iterator[str]:
    yield from labelled("run", how_run(result))
    yield from labelled("limits", _limits(result))
    yield from _latency(result)
    yield from distribution(result)
    yield from labelled("throughput", _throughput(result))
    yield from replication_lines(result)
    yield from load_lines(result)
    yield from cache_lines(result)
    yield from database_lines(result)
    yield from _system(result)
    if result.metrics.metadata:
        pairs = (f"{key}={value}" for key, value in result.metrics.metadata.items())
        yield from labelled("metadata", ", ".join(pairs))
    for group in result.metrics.errors[:5]:
        message = f": {group.message}" if group.message else ""
        yield from labelled("error", f"{group.count:,} x {group.kind}{message}")
        lines = printable(group.traceback).rstrip().splitlines()
        yield from (f"{'':<{LABEL_WIDTH}}  {line}"[: page_width()] for line in lines[-_MOST_TRACEBACK_LINES:])
    for finding in result.findings:
        # A note is short; why it matters stands in docs/findings.md under its code.
        text = str(finding) if finding.serious else f"{finding.seen} {finding.advice}"
        yield from labelled("serious" if finding.serious else "note", f"{text} [{finding.code}]")


def how_run(result: TestResult) -> str:
    """What was run, and how long it took."""
    definition, metrics = result.record.definition, result.metrics
    load = result.record.load
    if load is not None and (definition.plan or not load.legs):  # what several processes call in loops has no plan
        return how_load(result)
    took = format_ms(metrics.total_duration_sec * 1e3)
    # What a function is called where nobody said what it is tells nothing of it.
    is_told = result.record.kind_is_said or bool(definition.target)
    kind = "" if result.record.test_type is TestType.API_ENDPOINT and not is_told else f"{metrics.test_type}: "
    parts = [f"{kind}{counted(metrics.iterations, 'attempt')} in {took}"]
    if definition.workers > 1 or definition.duration_s is not None:
        parts.append(counted(definition.workers, _WORKER[definition.execution]))
    if definition.calls_per_sample > 1:
        empty_ns = result.record.circumstances.empty_loop_ns
        loop = "" if empty_ns is None else f", of which the loop is {format_ms(empty_ns / NS_PER_MS)}"
        parts.append(f"in batches of {definition.calls_per_sample:,} (figures are batch means{loop})")
    if result.record.circumstances.warmup_attempts:
        parts.append(f"after {result.record.circumstances.warmup_attempts:,} of warm-up")
    return ", ".join(parts)


def _limits(result: TestResult) -> str:
    limits = () if result.threshold is None else result.threshold.limits()
    broken = {violation.source for violation in result.broken_limits}
    told = [f"{limit.text}{' BROKEN' if limit.source in broken else ''}" for limit in limits]
    return ", ".join(told) or "none were set"


def _latency(result: TestResult) -> Iterator[str]:
    metrics = result.metrics
    if math.isnan(metrics.median_time_ms):
        yield from labelled("latency", "none: no attempt was ok")
        return
    body = f"min {format_ms(metrics.min_time_ms)}, median {format_ms(metrics.median_time_ms)}"
    body += f", mean {format_ms(metrics.mean_time_ms)}, std dev {format_ms(metrics.std_dev_ms)}"
    tail = [
        ("p90", metrics.p90_time_ms),
        ("p95", metrics.p95_time_ms),
        ("p99", metrics.p99_time_ms),
        ("p99.9", metrics.p999_time_ms),
        ("max", metrics.max_time_ms),
    ]
    yield from labelled("latency", body)
    yield from labelled("", ", ".join(f"{name} {format_ms(value)}" for name, value in tail if not math.isnan(value)))


def _throughput(result: TestResult) -> str:
    metrics, record = result.metrics, result.record
    text = f"{format_count(metrics.throughput_ops_per_sec)} ok/s"
    if record.window_ns < _TOLD_WINDOW * record.elapsed_ns:
        text += f" in the {format_ms(record.window_ns / NS_PER_MS)} while there was work left to start"
    if metrics.error_count:
        text += (
            f" ({format_count(metrics.attempts_per_sec)} attempts/s), "
            f"{metrics.error_count:,} of {metrics.iterations:,} failed ({share_text(metrics.error_rate)})"
        )
    if not math.isnan(metrics.hit_rate):
        counts = record.counts
        text += f"; hit rate {share_text(metrics.hit_rate)} ({counts.hits:,} hits, {counts.misses:,} misses)"
    return text


def _system(result: TestResult) -> Iterator[str]:
    usage = result.record.usage
    yield from labelled("host", _usage(usage.host))
    yield from labelled("process", _usage(usage.process))
    for target in usage.targets:
        yield from labelled("target", f"{_usage(target)}, pid {target.pid}")
    if usage.sampler.samples:
        yield from labelled(
            "sampler",
            f"{counted(usage.sampler.samples, 'sample')} took {usage.sampler.core_percent:.2f} % of a core",
        )
    collections = result.record.collections
    if collections.count:
        in_all, longest = format_ms(collections.total_ns / NS_PER_MS), format_ms(collections.longest_ns / NS_PER_MS)
        text = f"{counted(collections.count, 'garbage collection')}, {in_all} in all, longest {longest}"
        yield from labelled("collector", text)


def _usage(usage: ResourceUsage) -> str:
    cpu = "unknown" if usage.cpu_percent is None else f"{usage.cpu_percent.mean:.0f} %"
    memory = "unknown" if usage.memory_bytes is None else f"{usage.memory_bytes.maximum / BYTES_PER_MB:,.0f} MB"
    read, written = (
        "unknown" if count is None else f"{count / BYTES_PER_MB:,.1f} MB"
        for count in (usage.disk_read_bytes, usage.disk_write_bytes)
    )
    return f"CPU {cpu}, memory {memory}, disk read {read}, written {written}"


def _rate(per_second: float) -> str:
    text = format_count(per_second)
    if len(text) <= _RATE_WIDTH:
        return text
    millions = f"{per_second / 1e6:,.1f} M"
    return millions if len(millions) <= _RATE_WIDTH else f"{per_second:.3g}"
