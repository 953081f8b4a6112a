"""Findings about the validity of a run: is the number about what the user thinks it is about?"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, NS_PER_S, counted, format_ms, format_percent
from paceline.judge.cache_diagnosis import diagnose_cache
from paceline.judge.database_diagnosis import diagnose_database
from paceline.judge.limits import METRICS, Limit
from paceline.judge.load_diagnosis import diagnose_load
from paceline.judge.over_time import diagnose_over_time
from paceline.judge.replication import processes_differ
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.metrics import PerformanceMetrics
from paceline.records.run_record import Execution, RunRecord
from paceline.stats.steady_state import trend

_TAIL_SAMPLES = 10  # beyond a percentile: with fewer the estimate is mostly chance (p99 of 100 samples: 18 % off)
_GRAINS_PER_CALL = 200  # below that reading the clock is more than 0.5 % of the figure
_ITERATIONS_PER_WORKER = 20  # below that start and drain of the workers are a large part of the window
_SHORTEST_CPU_WINDOW_S = 0.05  # below that the start of threads is a large part of the CPU used
_ONE_CORE = (0.85, 1.15)
_FULL_HOST = 0.9  # of all cores
_OTHERS_SHARE = 0.2  # of all cores, by processes that are neither this one nor a target
_GC_SHARE = 0.01
_TREND_BLOCKS = 10
_TREND_SAMPLES_PER_BLOCK = 10
_TREND_P_VALUE = 0.01
_TREND_CHANGE = 0.10


def diagnose(
    record: RunRecord, metrics: PerformanceMetrics, threshold: PerformanceThreshold | None
) -> tuple[Finding, ...]:
    """All findings about ``record``."""
    found = [finding for check in _CHECKS for finding in check(record, metrics)]
    found += diagnose_load(record, metrics, threshold)
    found = _with_course(found, diagnose_over_time(record))
    found += diagnose_cache(record)
    found += diagnose_database(record)
    return (*found, *_errors_unjudged(record, metrics, threshold), *_too_few_samples(record, threshold))


def _with_course(found: list[Finding], course: tuple[Finding, ...]) -> list[Finding]:
    """Both; what is said of a latency's slope an hour says all that ``not-steady`` would."""
    creeps = any(finding.code == "latency-creep" for finding in course)
    return [*(finding for finding in found if not (creeps and finding.code == "not-steady")), *course]


def _interrupted(record: RunRecord, metrics: PerformanceMetrics) -> Iterator[Finding]:
    reason = record.circumstances.interruption
    if reason is None:
        return
    asked = record.definition.attempts_asked
    if asked is None:
        share = f"{metrics.total_duration_sec:.3g} s"
    else:
        share = f"{metrics.iterations:,} of {asked:,} iterations"
    aborted = record.circumstances.aborted
    if aborted is not None:
        planned_s = record.definition.duration_s
        yield Finding(
            code="aborted",
            seen=f"{aborted.limit!r} was broken after {aborted.after_s:.3g} s and ended the run after {share}"
            + ("." if planned_s is None else f" of {planned_s:g} s."),
            why="That was asked for with 'abort'; the figures cover only what was measured until then.",
            advice="Leave out 'abort' to see the rest of the load.",
            serious=True,
        )
        return
    yield Finding(
        code="interrupted",
        seen=f"The run was interrupted ({reason}) after {share}.",
        why="The figures cover only what was measured until then.",
        advice="Run it again to the end before drawing a conclusion.",
        serious=True,
    )


def _abandoned(record: RunRecord, metrics: PerformanceMetrics) -> Iterator[Finding]:
    count, limit_s = record.circumstances.abandoned_workers, record.definition.timeout_s
    if count:
        # Without a limit it was an interruption that left them.
        within = "" if limit_s is None else f" within {limit_s:g} s"
        yield Finding(
            code="attempt-abandoned",
            seen=f"{counted(count, 'attempt')} did not return{within}; "
            f"the run ended after {counted(metrics.iterations, 'attempt')}.",
            why="A synchronous call cannot be stopped: its thread was left behind and may still use the machine.",
            advice="Find out what it waits for; a time limit inside the operation would let the run go on.",
            serious=True,
        )


def _warmup_failed(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    errors = record.circumstances.warmup_errors
    if errors:
        failed = sum(group.count for group in errors)
        yield Finding(
            code="warmup-failed",
            seen=f"{failed} of {record.circumstances.warmup_attempts} warm-up attempts failed; "
            f"first {errors[0].kind}: {errors[0].message or 'no message'}.",
            why="What was meant to be warm may have been measured cold, or the operation fails now and then.",
            advice="Make the warm-up pass; its errors do not count in the error rate.",
            serious=True,
        )


def _teardown_failed(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    error = record.circumstances.teardown_error
    if error is not None:
        yield Finding(
            code="teardown-failed",
            seen=f"teardown raised {error.kind}: {error.message or 'no message'}.",
            why="The figures are unaffected, but something may have been left behind for the next run.",
            advice="Mend teardown; its traceback is in the record.",
        )


def _one_core_only(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    cpu_s, elapsed_s = record.circumstances.own_cpu_s, record.elapsed_ns / NS_PER_S
    workers, legs = record.definition.workers, _at_once(record)
    if cpu_s is None or workers <= legs or elapsed_s < _SHORTEST_CPU_WINDOW_S:
        return
    cores = cpu_s / elapsed_s
    if not _ONE_CORE[0] <= cores / legs <= _ONE_CORE[1]:
        return
    within = "together" if legs == 1 else f"in {legs} processes together"
    seen = f"{workers} workers {within} used {cores:.2f} cores."
    if record.definition.execution is Execution.THREADS:
        yield Finding(
            code="interpreter-lock",
            seen=seen,
            why="Python threads share one interpreter lock: it, not the target, set these figures.",
            advice="Measure with fewer workers, or make the operation's own Python work smaller.",
            serious=True,
        )
    elif record.definition.execution is Execution.TASKS:
        yield Finding(
            code="event-loop-saturated",
            seen=seen,
            why="All tasks share one event loop on one core: latencies contain the loop's own queue.",
            advice="Measure with fewer workers, or make the operation's own Python work smaller.",
            serious=True,
        )


def _at_once(record: RunRecord) -> int:
    """Processes that made it side by side."""
    return max(len(record.load.legs), 1) if record.load is not None else 1


def _host_busy(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    usage = record.usage
    levels = [each.cpu_percent for each in (usage.host, usage.process, *usage.targets)]
    host, *ours = [math.nan if level is None else level.mean for level in levels]
    capacity, others = 100.0 * (usage.cpu_count or math.nan), host - sum(ours)
    if not (host >= _FULL_HOST * capacity and others >= _OTHERS_SHARE * capacity):
        return  # also when something of it is unknown
    several = record.definition.workers > 1
    yield Finding(
        code="host-busy",
        seen=f"The machine was full ({host:.0f} % of {capacity:.0f} %), {others:.0f} % of it by other processes.",
        why="Attempts waited for a core, which is in their latency"
        + (", and whether the workers waited for the interpreter lock cannot be told." if several else "."),
        advice="Measure while nothing else runs"
        + ("." if usage.targets else "; name the server's pid in target_pids if it is one of the others."),
    )


def _few_iterations(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    workers, asked = record.definition.workers, record.definition.iterations
    if workers == 1 or asked is None or asked >= _ITERATIONS_PER_WORKER * workers:
        return
    yield Finding(
        code="few-iterations-per-worker",
        seen=f"{asked:,} iterations were shared by {workers:,} workers.",
        why="Some workers had nothing to do, so the concurrency asked for was never reached."
        if asked < workers
        else f"With fewer than {_ITERATIONS_PER_WORKER} each, starting and stopping weigh on the throughput.",
        advice=f"Ask for at least {_ITERATIONS_PER_WORKER * workers:,} iterations.",
    )


def _short_operation(record: RunRecord, metrics: PerformanceMetrics) -> Iterator[Finding]:
    grain_ns, median_ns = record.clock.grain_ns, metrics.median_time_ms * NS_PER_MS
    if record.definition.calls_per_sample > 1 or not median_ns < _GRAINS_PER_CALL * grain_ns:
        return
    counts = record.counts
    can_be_batched = record.definition.execution is Execution.CALLER and not counts.hits and not counts.misses
    yield Finding(
        code="clock-too-coarse",
        seen=f"A call takes {format_ms(metrics.median_time_ms)} (median); the clock resolves "
        f"{format_ms(grain_ns / NS_PER_MS)} a reading.",
        why="A good part of each sample is the timing itself.",
        advice="Time several calls together: batch='auto' (on the command line --batch auto)."
        if can_be_batched
        else "Let the operation do more, for example several reads, so that timing it weighs less.",
    )


def _collections(record: RunRecord, metrics: PerformanceMetrics) -> Iterator[Finding]:
    seen = record.collections
    share = seen.total_ns / (record.elapsed_ns * _at_once(record)) if record.elapsed_ns else 0.0
    # A pause can decide p99 only if there was one in at least every hundredth attempt.
    decides_tail = seen.count >= _GC_SHARE * metrics.iterations and seen.longest_ns >= record.latency.quantile_ns(0.99)
    if not seen.count or not (share >= _GC_SHARE or decides_tail):
        return
    yield Finding(
        code="garbage-collection",
        seen=f"{counted(seen.count, 'garbage collection')} took {format_percent(share)} of the run; the longest took "
        f"{format_ms(seen.longest_ns / NS_PER_MS)}.",
        why="The slowest attempts may be the collector's, not the operation's.",
        advice="If production runs with the collector on, this is the truth; else gc.freeze() in setup.",
    )


def _not_steady(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    points = _block_medians(record)
    found = trend(points)
    if found is None or found.p_value >= _TREND_P_VALUE or abs(found.relative_change) < _TREND_CHANGE:
        return
    direction = "rose" if found.relative_change > 0 else "fell"
    yield Finding(
        code="not-steady",
        seen=f"Latency {direction} in the course of the run: the median of its first tenth is "
        f"{format_ms(points[0] / NS_PER_MS)}, of its last {format_ms(points[-1] / NS_PER_MS)}.",
        why="One figure for a run that changes describes neither its beginning nor its end.",
        advice="More warm-up if it fell; if it rose, look for something that fills up or leaks.",
    )


def _block_medians(record: RunRecord) -> list[float]:
    """Medians of ten consecutive blocks per call in ns: of raw samples, or of slices of the time series."""
    calls = record.definition.calls_per_sample
    samples = record.latency.samples_ns
    if samples is not None:
        if len(samples) < _TREND_BLOCKS * _TREND_SAMPLES_PER_BLOCK:
            return []
        bounds = [len(samples) * number // _TREND_BLOCKS for number in range(_TREND_BLOCKS + 1)]
        return [median(samples[begin:end]) / calls for begin, end in pairwise(bounds)]
    full = [piece for piece in record.series.slices if piece.histogram.count >= _TREND_SAMPLES_PER_BLOCK]
    step = max(1, len(full) // _TREND_BLOCKS)
    return [
        median(piece.histogram.quantile(0.5) for piece in full[begin : begin + step]) / calls
        for begin in range(0, len(full) - len(full) % step, step)
    ]


def _caller_waited(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    if record.circumstances.foreign_loop:
        yield Finding(
            code="caller-loop-waited",
            seen="The call was made inside a running event loop, which stood still meanwhile.",
            why="Whatever lives on the caller's loop (a client, a test server) could not answer during the run.",
            advice="Await the async twin instead, for example: await framework.arun_benchmark(...).",
        )


def _targets_gone(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    gone = [
        str(target.pid)
        for target in record.usage.targets
        if target.memory_bytes is None or target.series.memory_bytes[-1:] == (None,)
    ]
    if gone:
        yield Finding(
            code="target-not-observed",
            seen=f"Target process {', '.join(gone)} could not be observed.",
            why="It ended before the window did, or may not be looked at by this user.",
            advice="Check target_pids.",
        )


def _errors_unjudged(
    record: RunRecord, metrics: PerformanceMetrics, threshold: PerformanceThreshold | None
) -> Iterator[Finding]:
    limited = threshold is not None and any(
        limit.metric.base is METRICS["error_rate"] and limit.part is None for limit in threshold.limits()
    )
    if not metrics.error_count or limited or not record.counts.ok:
        return
    first = record.errors[0] if record.errors else None
    most = f", most often {first.kind}: {first.message or 'no message'}" if first else ""
    yield Finding(
        code="errors",
        seen=f"{metrics.error_count:,} of {metrics.iterations:,} attempts failed "
        f"({format_percent(metrics.error_rate, 2)}){most}.",
        why="No threshold says how many errors are acceptable, and failed attempts are not in the latencies.",
        advice="Mend them, or set max_error_rate.",
        serious=True,
    )


def _too_few_samples(record: RunRecord, threshold: PerformanceThreshold | None) -> Iterator[Finding]:
    count = record.latency.moments.count
    if not count or record.definition.calls_per_sample > 1:
        return
    limits = threshold.limits() if threshold else ()
    yield from _too_few_in_parts(record, limits)
    limited = [limit.metric.percentile for limit in limits]
    asked = sorted({p for p in limited if p is not None and 0 < p < 100}) or [95.0, 99.0]  # noqa: PLR2004
    # 1e-9: 200 * (1 - 0.95) is 10.000000000000009 or 9.99... as the percentile has it.
    weak = [p for p in asked if count * (1 - p / 100) < _TAIL_SAMPLES - 1e-9]
    if weak:
        needed = round(_TAIL_SAMPLES / (1 - weak[-1] / 100))
        yield Finding(
            code="few-samples",
            seen=f"{' and '.join(f'p{p:g}' for p in weak)} of {counted(count, 'sample')}.",
            why=f"Fewer than {_TAIL_SAMPLES} samples lie beyond it: the figure is mostly chance.",
            advice=f"It takes {needed:,} to rely on p{weak[-1]:g}: "
            + ("ask for more iterations." if record.definition.duration_s is None else "measure longer."),
        )


def _too_few_in_parts(record: RunRecord, limits: Sequence[Limit]) -> Iterator[Finding]:
    """Of windows and of single requests: what is beyond a percentile there."""
    weak = []
    for limit in limits:
        percentile, samples = limit.metric.base.percentile, math.inf
        if limit.window_s is not None and record.elapsed_ns:
            samples = min(limit.window_s * NS_PER_S / record.elapsed_ns, 1.0) * record.latency.moments.count
        elif limit.part is not None and record.load is not None:
            samples = sum(part.latency.moments.count for part in record.load.parts if part.name == limit.part)
        if percentile is not None and 0 < percentile < 100 and samples * (1 - percentile / 100) < _TAIL_SAMPLES - 1e-9:  # noqa: PLR2004
            weak.append(f"{limit.metric.label} of about {counted(round(samples), 'sample')}")
    if weak:
        yield Finding(
            code="few-samples-in-limit",
            seen=f"{' and '.join(weak)}.",
            why=f"Fewer than {_TAIL_SAMPLES} samples lie beyond it: whether such a limit holds is mostly chance.",
            advice="Limit a lower percentile, a longer window, or send more.",
        )


_Check = Callable[[RunRecord, PerformanceMetrics], Iterator[Finding]]
_CHECKS: tuple[_Check, ...] = (
    _interrupted,
    _abandoned,
    _warmup_failed,
    _teardown_failed,
    _one_core_only,
    _host_busy,
    _few_iterations,
    _short_operation,
    _collections,
    _not_steady,
    _caller_waited,
    _targets_gone,
    processes_differ,
)
