"""What grows over a soak: memory that is not given back, latency that creeps up."""

from collections.abc import Iterator, Sequence

from paceline.core.findings import Finding
from paceline.core.units import BYTES_PER_MB, NS_PER_MS, NS_PER_S, format_megabytes, format_ms, format_percent
from paceline.judge.timeline import Moment
from paceline.records.histogram import Histogram
from paceline.records.resources import ResourceUsage
from paceline.records.run_record import Execution, RunRecord
from paceline.stats.slopes import Slope, slope

LEAST_S = 60.0  # of a run, to be told of anything that grows
_SETTLING = 0.2  # of the run: caches fill and pools grow
# With 24 blocks and more about 1 % of series at most are told to rise that only wander (autoregressive, with a
# twentieth of the run as time of correlation and less); more blocks are more alike, and their likeness is less sure.
_BLOCKS = 24
_TAIL = 0.001
_LEAST_AN_HOUR = 0.1  # of the level: less is nobody's trouble before the next deployment
# Of the slope over all, in the second half alone: what fills up exponentially and has done so by 96 % has 0.34.
_GOES_ON = 0.5
_SECONDS_AN_HOUR = 3_600
_MEMORY_GRAIN = BYTES_PER_MB  # below it an allocator takes and keeps by chance
# What a run takes for itself: 6,000 samples of CPU and memory and 100,000 raw latencies, and of each slice of the time
# series its histogram twice, in 3 bytes a bucket and the objects around them.
_OWN_MEMORY_GRAIN, _SLICE_BYTES, _BUCKET_BYTES = 16 * BYTES_PER_MB, 2_000, 6
_LATENCY_GRAIN = 0.05  # of the level, within the run: machines drift by less
LEAST_SAMPLES = 10  # a block
_IN_PROCESS = frozenset({Execution.CALLER, Execution.THREADS, Execution.TASKS})


def memory_leaks(record: RunRecord, moments: tuple[Moment, ...]) -> Iterator[Finding]:
    """Processes whose memory grew for as long as it was looked at."""
    if not moments or not _is_even(moments):
        return
    watched: list[tuple[ResourceUsage, float]] = [(each, _MEMORY_GRAIN) for each in record.usage.targets]
    if record.definition.execution in _IN_PROCESS:  # else nothing of what is measured is in this process
        watched.append((record.usage.process, _own_grain(record)))
    attempts_a_second = record.counts.attempts * NS_PER_S / record.elapsed_ns
    for usage, grain in watched:
        found = _memory_slope(usage, grain)
        if found is None:
            continue
        line, span_s = found
        name = f"target process {usage.pid}" if usage.pid is not None else "this process"
        each = line.per_unit / attempts_a_second if attempts_a_second else 0.0
        low, at, high = (
            format_megabytes(rise * _SECONDS_AN_HOUR) for rise in (line.interval.low, line.per_unit, line.interval.high)
        )
        begin, end = (format_megabytes(line.level + sign * line.per_unit * span_s / 2) for sign in (-1, 1))
        yield Finding(
            code="leak",
            seen=f"The memory of {name} grew by {at} an hour ({low} to {high}, 99.8 % interval) over {span_s:.0f} s, "
            f"from {begin} to {end}; {each:,.0f} bytes an attempt.",
            why="It grew to the end and its troughs grew too: what is not given back fills the machine in the end.",
            advice="Measure longer to tell a leak from something that fills up; then look at what is kept for each "
            "request: caches without a limit, listeners, logs.",
        )


def latency_creep(record: RunRecord, moments: tuple[Moment, ...]) -> Iterator[Finding]:
    """A latency that grew under a load that stayed as it was."""
    if not _is_even(moments) or moments[-1].end_s < LEAST_S:
        return
    settled = moments[int(_SETTLING * len(moments)) :]
    each = len(settled) // _BLOCKS
    if not each:
        return
    settled = settled[len(settled) % each :]  # whole blocks: what is left over counts to the settling
    blocks = [
        Histogram.merged(moment.histogram for moment in settled[begin : begin + each])
        for begin in range(0, len(settled), each)
    ]
    if any(block.count < LEAST_SAMPLES for block in blocks):
        return
    length_s = each * moments[0].length_s
    times_s = [place * length_s for place in range(len(blocks))]
    found = _rising(times_s, [block.quantile(0.5) for block in blocks])
    span_s = len(blocks) * length_s
    if found is None or found.per_unit * span_s < _LATENCY_GRAIN * found.level:
        return
    calls = record.definition.calls_per_sample
    low, at, high = (
        format_ms(rise * _SECONDS_AN_HOUR / calls / NS_PER_MS)
        for rise in (found.interval.low, found.per_unit, found.interval.high)
    )
    begin, end = (format_ms((found.level + sign * found.per_unit * span_s / 2) / calls / NS_PER_MS) for sign in (-1, 1))
    yield Finding(
        code="latency-creep",
        seen=f"The median latency grew by {at} an hour ({low} to {high}, 99.8 % interval) over {span_s:.0f} s, from "
        f"{begin} to {end}: by {format_percent(found.per_unit * span_s / found.level)}.",
        why="The load stayed as it was, and the latency grew to the end: what is measured depends on when it is.",
        advice="Measure longer to see where it ends; look for what grows with each request (tables without an index, "
        "lists that are searched, memory that is swapped), or for a machine that slows down.",
    )


def _is_even(moments: Sequence[Moment]) -> bool:
    """Whether the plan is the same all the time."""
    return bool(moments) and all(moment.level is None for moment in moments)


def _own_grain(record: RunRecord) -> float:
    slices = record.series.slices
    buckets = sum(len(piece.histogram.indices) for piece in slices)
    return _OWN_MEMORY_GRAIN + _SLICE_BYTES * len(slices) + _BUCKET_BYTES * buckets


def _memory_slope(usage: ResourceUsage, grain: float) -> tuple[Slope, float] | None:
    """The line through the troughs of the memory of ``usage``, and the seconds it covers; None without a rise.

    Troughs, because a collector lets memory rise and takes it back: only what it leaves is kept.
    """
    series = usage.series
    known = [
        (offset_ms / 1e3, held)
        for offset_ms, held in zip(series.offset_ms, series.memory_bytes, strict=True)
        if held is not None
    ]
    if not known or known[-1][0] - known[0][0] < LEAST_S:
        return None
    (begin_s, _), (end_s, _) = known[0], known[-1]
    begin_s += _SETTLING * (end_s - begin_s)
    length_s = (end_s - begin_s) / _BLOCKS
    blocks: list[list[int]] = [[] for _ in range(_BLOCKS)]
    for at_s, held in known:
        if at_s >= begin_s:
            blocks[min(int((at_s - begin_s) / length_s), _BLOCKS - 1)].append(held)
    if not all(blocks):
        return None
    found = _rising([place * length_s for place in range(_BLOCKS)], [float(min(block)) for block in blocks])
    span_s = end_s - begin_s
    return None if found is None or found.per_unit * span_s < grain else (found, span_s)


def _rising(times_s: Sequence[float], values: Sequence[float]) -> Slope | None:
    """The line through ``values`` if it surely rises, by what matters, and to the end."""
    found = slope(times_s, values, _TAIL)
    if found is None or found.interval.low <= 0 or found.level <= 0:
        return None
    if found.per_unit * _SECONDS_AN_HOUR < _LEAST_AN_HOUR * found.level:
        return None
    half = len(values) // 2
    later = slope(times_s[half:], values[half:], _TAIL)
    return None if later is None or later.per_unit < _GOES_ON * found.per_unit else found
