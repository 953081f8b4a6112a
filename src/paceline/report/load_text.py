"""What a report says about a load: the plan, its latencies as a picture, arrivals, traffic, parts, the probe."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

from paceline.core.units import (
    BYTES_PER_MB,
    NS_PER_MS,
    NS_PER_S,
    counted,
    format_count,
    format_megabytes,
    format_ms,
)
from paceline.judge.result import TestResult
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LegRun, LoadRecord, Part, Probe, Traffic
from paceline.records.run_record import Execution
from paceline.report.layout import LABEL_WIDTH, WIDTH, labelled, page_width, share_text, squeezed

_LEAST_DRAWN = 100  # latencies: of fewer a picture shows chance
_MOST_ROWS = 10
_BAR_WIDTH, _LEAST_BAR_WIDTH = 36, 8
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MARKED = (50, 95, 99)
# Round numbers at which rows may begin, as steps within a decade, the finest that needs few enough rows is taken.
_STEPS: tuple[tuple[float, ...], ...] = (
    tuple(round(10 ** (step / 40), 2) for step in range(40)),
    tuple(round(10 ** (step / 20), 2) for step in range(20)),
    (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8),
    (1, 1.6, 2.5, 4, 6.3),
    (1, 2, 5),
    (1, 3),
    (1,),
)
_MOST_PARTS = 20
_MOST_LEGS = 20
_NAME_WIDTH = 21
_LEAST_NAME_WIDTH = 12  # below that a part is told in words


def how_load(result: TestResult) -> str:
    """What was run, on what, and how much came of it."""
    record, metrics = result.record, result.metrics
    definition = record.definition
    target = f"{definition.target}, " if definition.target else ""
    workers = definition.execution not in {Execution.CONNECTIONS, Execution.USERS}
    plan = definition.plan or counted(definition.workers, "worker" if workers else "connection")
    if definition.open_loop and definition.execution is Execution.CONNECTIONS:
        plan += f" over {counted(definition.workers, 'connection')}"
    ended = counted(metrics.iterations, "attempt")
    if record.load is not None and record.load.iterations is not None:
        ended = f"{counted(record.load.iterations, 'iteration')} of {ended}"
    text = f"{metrics.test_type}: {target}{plan}; {ended} in {format_ms(metrics.total_duration_sec * 1e3)}"
    warmed, cut_ns = record.circumstances.warmup_attempts, record.circumstances.warmup_cut_ns
    if cut_ns is not None:
        return f"{text}, ended after {format_ms(cut_ns / NS_PER_MS)} of its warm-up ({counted(warmed, 'attempt')})"
    if definition.warmup_s and warmed:
        return f"{text}, after {format_ms(definition.warmup_s * 1e3)} of warm-up ({counted(warmed, 'attempt')})"
    return f"{text}, after {warmed:,} of warm-up" if warmed else text


def distribution(result: TestResult) -> Iterator[str]:
    """A picture of the latencies: a row for each of a few ranges, on a logarithmic scale."""
    latency = result.record.latency
    if result.record.load is None or latency.moments.count < _LEAST_DRAWN:
        return
    rows = _rows(latency)
    if len(rows) < 2:  # noqa: PLR2004  # all the same: nothing to draw
        return
    every = latency.moments.count + latency.dropped
    most = max(count for _, count in rows)
    marks = _marks([count for _, count in rows])
    label = "from"
    width = max(_BAR_WIDTH + page_width() - WIDTH, _LEAST_BAR_WIDTH)
    for place, (low_ns, count) in enumerate(rows):
        dropped = math.isinf(low_ns)
        start = "dropped" if dropped else format_ms(low_ns / NS_PER_MS)
        share = share_text(count / every) if count else ""
        names = " ".join(marks.get(place, ()))
        row = f"{label:<{LABEL_WIDTH}}  {start:>7}  {_bar(count / most, width):<{width}} {share:>6}  {names}"
        yield row[: page_width()].rstrip()
        label = ""


def _marks(counts: list[int]) -> dict[int, list[str]]:
    """Names of percentiles by the row that they are in: the one whose latencies are just that far up."""
    marks: dict[int, list[str]] = {}
    up_to = list(accumulate(counts))
    for percentile in _MARKED:
        position = (up_to[-1] - 1) * percentile / 100
        marks.setdefault(bisect_right(up_to, math.ceil(position)), []).append(f"p{percentile}")
    return marks


def _rows(latency: Latency) -> list[tuple[float, int]]:
    """Lower bound and count of each range from the fastest to the slowest; what was dropped is at infinity."""
    edges = _edges(max(latency.moments.minimum, 1), max(latency.moments.maximum, 1))
    counts = [0] * len(edges)
    place = 0
    for _, high_ns, count in latency.histogram.buckets():
        # The bucket that an edge lies in (it is 0.1 % wide) is above it: round figures belong to their own row.
        while place + 1 < len(edges) and edges[place + 1] < high_ns:
            place += 1
        counts[place] += count
    rows = list(zip(edges, counts, strict=True))
    if not rows[0][1]:  # the fastest was in such a bucket, just below the edge
        del rows[0]
    return [*rows, (math.inf, latency.dropped)] if latency.dropped else rows


def _edges(lowest_ns: float, highest_ns: float) -> list[float]:
    decades = range(math.floor(math.log10(lowest_ns)) - 1, math.ceil(math.log10(highest_ns)) + 1)
    edges: list[float] = []
    for steps in _STEPS:
        every = [step * 10.0**decade for decade in decades for step in steps]
        edges = [low for low, high in pairwise([*every, math.inf]) if high > lowest_ns and low <= highest_ns]
        if len(edges) <= _MOST_ROWS:
            break
    return edges


def _bar(share: float, width: int) -> str:
    """``share`` of ``width``, in eighths of a character; what is there at all can be seen."""
    eighths = math.ceil(share * width * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def load_lines(result: TestResult) -> Iterator[str]:
    """What only loads have."""
    record = result.record
    load = record.load
    if load is None:
        return
    if load.arrivals is not None:
        yield from _arrivals(load.arrivals, record.counts.dropped)
    if load.traffic is not None:
        yield from _traffic(load.traffic, record.elapsed_ns / NS_PER_S)
    yield from _parts(load.parts)
    if load.probe is not None:
        yield from labelled("probe", _probe(load.probe))
    if load.cpu_percent:
        mean = sum(load.cpu_percent) / len(load.cpu_percent)
        own = "; a process of its own" if load.own_process else ""
        if len(load.legs) > 1:
            own = f"; the busiest of {len(load.legs):,} processes"
        text = f"CPU {mean:.0f} % of a core, {max(load.cpu_percent):.0f} % in its busiest second{own}"
        yield from labelled("generator", text)
    yield from _legs(load)


def _legs(load: LoadRecord) -> Iterator[str]:
    """A line on each of the processes that made the load together; of many on the lost and the busiest."""
    legs = load.legs
    skews_ns = [abs(leg.start_skew_ns) for leg in legs if leg.start_skew_ns is not None]
    if legs:
        started = f", started within {format_ms(max(skews_ns) / NS_PER_MS)}" if skews_ns else ""
        yield from labelled("processes", f"{len(legs):,}{' together' if len(legs) > 1 else ''}{started}")
    told = sorted(enumerate(legs, start=1), key=lambda each: (not each[1].lost, -_cpu_percent(each[1])))[:_MOST_LEGS]
    for number, leg in sorted(told, key=lambda each: each[0]):
        text = f"{number}: {counted(leg.counts.attempts, 'attempt')}"
        if load.cpu_percent:
            text += f", CPU {leg.busiest_percent:.0f} % in its busiest second"
        elif leg.cpu_percent is not None:  # of calls in loops of their own nobody looks at single seconds
            text += f", CPU {leg.cpu_percent:.0f} %"
        if leg.generator_lag_p99_ns is not None and leg.counts.attempts:
            text += f", lag p99 {format_ms(leg.generator_lag_p99_ns / NS_PER_MS)}"
        if leg.memory_bytes is not None:
            text += f", {format_megabytes(leg.memory_bytes)}"
        text += _machine(leg)
        yield from labelled("", f"{text}; {leg.lost}" if leg.lost else text)
    if len(legs) > _MOST_LEGS:
        yield from labelled("", f"and {len(legs) - _MOST_LEGS:,} more: shown are those lost and the busiest")


def _cpu_percent(leg: LegRun) -> float:
    return leg.busiest_percent or leg.cpu_percent or 0.0


def _machine(leg: LegRun) -> str:
    """Where a leg was made that was not made here, and what its machine did meanwhile."""
    if not leg.machine:
        return ""
    told = []
    if leg.host_cpu_percent is not None:
        cores = "" if leg.host_cores is None else f" of {counted(leg.host_cores, 'core')}"
        told.append(f"CPU {leg.host_cpu_percent / 100:.1f}{cores}")
    if leg.host_memory_percent is not None:
        told.append(f"memory {leg.host_memory_percent:.0f} %")
    if leg.before is not None and leg.before.clock_ahead_ns is not None:
        ahead_ns, error_ns = leg.before.clock_ahead_ns, leg.before.clock_error_ns or 0
        if abs(ahead_ns) <= error_ns:
            told.append("clock right")
        else:
            told.append(f"clock {format_ms(abs(ahead_ns) / NS_PER_MS)} {'ahead' if ahead_ns > 0 else 'behind'}")
    where = f", on {leg.machine}"
    return f"{where} ({', '.join(told)})" if told else where


def _arrivals(arrivals: Arrivals, dropped: int) -> Iterator[str]:
    if arrivals.service.moments.count:
        yield from labelled("service", f"{_quantiles(arrivals.service)}; from when sent")
    lag = arrivals.lag
    if not lag.moments.count:
        return
    text = f"{_quantiles(lag, (0.5, 0.99))}; {arrivals.late:,} of {lag.moments.count:,} more than 1 ms late"
    if arrivals.late:
        text += f" ({share_text(min(arrivals.late / lag.moments.count, 1.0))})"
    if dropped:
        text += f", {dropped:,} dropped"
    yield from labelled("lag", text)
    generator, wait = (
        format_ms(part.quantile_ns(0.99) / NS_PER_MS) for part in (arrivals.generator_lag, arrivals.connection_wait)
    )
    yield from labelled("", f"p99 by cause: generator {generator}, free connection {wait}")


def _traffic(traffic: Traffic, elapsed_s: float) -> Iterator[str]:
    if elapsed_s:
        sent, received = (_bytes(count / elapsed_s) for count in (traffic.sent_bytes, traffic.received_bytes))
        text = f"sent {sent}/s, received {received}/s over {counted(traffic.connections, 'connection')}"
        if traffic.reconnects:
            text += f", {counted(traffic.reconnects, 'reconnect')}"
        if traffic.closed_by_server:
            text += f", {traffic.closed_by_server:,} closed by the server"
        if traffic.resent:
            text += f", {counted(traffic.resent, 'request')} sent again"
        yield from labelled("traffic", text)
    if traffic.statuses:
        yield from labelled("statuses", ", ".join(f"{each.count:,} x {each.code}" for each in traffic.statuses))
    phases = (
        ("DNS", traffic.dns),
        ("connect", traffic.connect),
        ("TLS", traffic.tls),
        ("first byte", traffic.first_byte),
    )
    told = [f"{name} {_median_and_tail(latency)}" for name, latency in phases if latency.moments.count]
    if told:
        yield from labelled("phases", ", ".join(told))


def _median_and_tail(latency: Latency) -> str:
    median = format_ms(latency.quantile_ns(0.5) / NS_PER_MS)
    if latency.moments.count == 1:
        return median
    return f"{median} (p99 {format_ms(latency.quantile_ns(0.99) / NS_PER_MS)})"


def _bytes(count: float) -> str:
    if count >= BYTES_PER_MB:
        return f"{count / BYTES_PER_MB:,.1f} MB"
    return f"{count / 1e3:,.1f} kB" if count >= 1e3 else f"{count:.0f} B"  # noqa: PLR2004


def _parts(parts: Iterable[Part]) -> Iterator[str]:
    most_first = sorted(parts, key=lambda part: -part.counts.attempts)
    if not most_first:
        return
    told = most_first[:_MOST_PARTS]
    name_width = min(_NAME_WIDTH + page_width() - WIDTH, max(_NAME_WIDTH, *(len(part.name) for part in told)))
    if name_width >= _LEAST_NAME_WIDTH:
        yield _part_row(f"{'requests':<{LABEL_WIDTH}}  {'':<{name_width}}", "count", "median", "p95", "p99", "errors")
    for place, part in enumerate(told):
        failed = part.counts.errors + part.counts.timeouts
        figures = [format_ms(part.latency.quantile_ns(q) / NS_PER_MS) for q in (0.5, 0.95, 0.99)]
        count, errors = format_count(part.counts.attempts), "–"
        if part.counts.attempts:
            errors = share_text(failed / part.counts.attempts)
        if name_width >= _LEAST_NAME_WIDTH:
            name = squeezed(part.name, name_width)
            yield _part_row(f"{'':<{LABEL_WIDTH}}  {name:<{name_width}}", count, *figures, errors)
        else:
            median, p95, p99 = figures
            text = f"{part.name}: {count}, median {median}, p95 {p95}, p99 {p99}, errors {errors}"
            yield from labelled("" if place else "requests", text)
    if len(most_first) > _MOST_PARTS:
        yield from labelled("", f"and {len(most_first) - _MOST_PARTS} more, less often")


def _part_row(name: str, count: str, *figures: str) -> str:
    median, p95, p99, errors = figures
    return f"{name} {count:>10} {median:>8} {p95:>8} {p99:>8} {errors:>6}"[: page_width()]


def _probe(probe: Probe) -> str:
    counts = probe.counts
    sent = f" {squeezed(probe.part, _NAME_WIDTH)}" if probe.part else ""
    text = f"{format_count(probe.per_second)}/s{sent}: {_quantiles(probe.latency)}"
    failed = counts.errors + counts.timeouts
    return f"{text}; {failed:,} of {counted(counts.attempts, 'request')} failed" if failed else text


def _quantiles(latency: Latency, which: tuple[float, ...] = (0.5, 0.95, 0.99)) -> str:
    if not latency.moments.count:
        return "no answer"
    shown = [("median" if q == 0.5 else f"p{100 * q:g}", latency.quantile_ns(q)) for q in which]  # noqa: PLR2004
    shown.append(("max", latency.moments.maximum))
    return ", ".join(f"{name} {format_ms(value / NS_PER_MS)}" for name, value in shown)
