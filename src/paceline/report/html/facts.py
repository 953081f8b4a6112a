"""What is said of a run in words and tables: traffic, arrivals, the machine around it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, NS_PER_S, counted, format_count, format_ms
from paceline.judge.result import TestResult
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LoadRecord, Part, Probe, Traffic
from paceline.records.resources import ResourceUsage
from paceline.records.run_record import RunRecord
from paceline.report.html.detail import Detail
from paceline.report.layout import share_text, shortened, squeezed

_MOST_ROWS = 20
_NAME_WIDTH = 100


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first column names the row, the others are figures, or else ``words``."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: bool = False


@dataclass(frozen=True)
class Facts:
    """Pairs of a label and what is known, under a heading."""

    heading: str
    pairs: tuple[tuple[str, str], ...]


def facts(result: TestResult, detail: Detail) -> list[Facts]:
    """Everything known around a run, in groups; empty ones are left out."""
    record = result.record
    groups = [
        Facts("Load", tuple(_load(record.load, record))) if record.load is not None else None,
        Facts("Machine", tuple(_machine(record))),
        Facts("Run", tuple(_run(record))),
        Facts("Metadata", tuple(_metadata(result, detail))),
    ]
    return [group for group in groups if group is not None and group.pairs]


def tables(result: TestResult) -> list[Table]:
    """Parts of a load, its statuses, the time of its phases, the processes of a replicated run."""
    load = result.record.load
    made: list[Table] = []
    if load is not None and load.parts:
        made.append(_parts(load.parts))
    if load is not None and load.traffic is not None:
        made += _traffic_tables(load.traffic)
    if result.record.processes:
        made.append(_processes(result.record))
    return made


def _load(load: LoadRecord, record: RunRecord) -> Iterator[tuple[str, str]]:
    if load.arrivals is not None:
        yield from _arrivals(load.arrivals, record.counts.dropped)
    if load.traffic is not None:
        yield from _traffic(load.traffic, record.elapsed_ns / NS_PER_S)
    if load.probe is not None:
        yield "independent probe", _probe(load.probe)
    if load.cpu_percent:
        mean = sum(load.cpu_percent) / len(load.cpu_percent)
        own = ", in a process of its own" if load.own_process else ""
        if len(load.legs) > 1:
            own = f", the busiest of {len(load.legs):,} processes"
        yield "generator", f"CPU {mean:.0f} % of a core, {max(load.cpu_percent):.0f} % in its busiest second{own}"


def _arrivals(arrivals: Arrivals, dropped: int) -> Iterator[tuple[str, str]]:
    if arrivals.planned:
        yield "arrivals planned", f"{arrivals.planned:,}" + (f", {dropped:,} dropped" if dropped else "")
    if arrivals.service.moments.count:
        yield "service time", f"{quantiles(arrivals.service)}; from when sent"
    if arrivals.lag.moments.count:
        count = arrivals.lag.moments.count
        late = f"{arrivals.late:,} of {count:,} more than 1 ms late ({share_text(min(arrivals.late / count, 1.0))})"
        yield "lag", f"{quantiles(arrivals.lag, (0.5, 0.99))}; {late}"
        generator, wait = (
            format_ms(part.quantile_ns(0.99) / NS_PER_MS) for part in (arrivals.generator_lag, arrivals.connection_wait)
        )
        yield "lag by cause, p99", f"generator {generator}, waiting for a free connection {wait}"


def _traffic(traffic: Traffic, elapsed_s: float) -> Iterator[tuple[str, str]]:
    if elapsed_s:
        yield (
            "traffic",
            f"sent {_size(traffic.sent_bytes / elapsed_s)}/s, received {_size(traffic.received_bytes / elapsed_s)}/s",
        )
    told = [counted(traffic.connections, "connection")]
    told += [counted(traffic.reconnects, "reconnect")] if traffic.reconnects else []
    told += [f"{traffic.closed_by_server:,} closed by the server"] if traffic.closed_by_server else []
    told += [f"{counted(traffic.resent, 'request')} sent again"] if traffic.resent else []
    yield "connections", ", ".join(told)


def _traffic_tables(traffic: Traffic) -> Iterator[Table]:
    if traffic.statuses:
        statuses = tuple((str(each.code), f"{each.count:,}") for each in traffic.statuses[:_MOST_ROWS])
        yield Table("Answers by status", ("status", "answers"), statuses)
    phases = (
        ("DNS", traffic.dns),
        ("connect", traffic.connect),
        ("TLS", traffic.tls),
        ("first byte", traffic.first_byte),
    )
    rows = tuple(
        (name, f"{each.moments.count:,}", *_times(each, (0.5, 0.99))) for name, each in phases if each.moments.count
    )
    if rows:
        yield Table("Phases of a request", ("phase", "count", "median", "p99"), rows)


def _parts(parts: Sequence[Part]) -> Table:
    most_first = sorted(parts, key=lambda part: -part.counts.attempts)
    rows = []
    for part in most_first[:_MOST_ROWS]:
        failed = part.counts.errors + part.counts.timeouts
        share = share_text(failed / part.counts.attempts) if part.counts.attempts else "–"
        name = squeezed(part.name, _NAME_WIDTH)
        rows.append((name, format_count(part.counts.attempts), *_times(part.latency, (0.5, 0.95, 0.99)), share))
    left = len(most_first) - len(rows)
    caption = "Requests by name" + (f" ({left} more, less often, are not shown)" if left else "")
    return Table(caption, ("request", "count", "median", "p95", "p99", "errors"), tuple(rows))


def _processes(record: RunRecord) -> Table:
    rows = []
    for number, process in enumerate(record.processes[:_MOST_ROWS], start=1):
        figures = process.figures
        times = (
            "–" if value is None else format_ms(value / NS_PER_MS) for value in (figures.median_ns, figures.p95_ns)
        )
        peak = "–" if process.peak_rss_bytes is None else f"{process.peak_rss_bytes / BYTES_PER_MB:,.0f} MB"
        rows.append((str(number), *times, f"{format_count(figures.throughput_per_s)}/s", peak))
    return Table("Fresh processes", ("process", "median", "p95", "throughput", "peak memory"), tuple(rows))


def _probe(probe: Probe) -> str:
    failed = probe.counts.errors + probe.counts.timeouts
    text = (
        f"{format_count(probe.per_second)}/s {squeezed(probe.part, _NAME_WIDTH)}".rstrip()
        + f": {quantiles(probe.latency)}"
    )
    return f"{text}; {failed:,} of {counted(probe.counts.attempts, 'request')} failed" if failed else text


def _machine(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "host", usage_text(record.usage.host)
    yield "this process", usage_text(record.usage.process)
    for target in record.usage.targets:
        yield f"target, pid {target.pid}", usage_text(target)
    if record.collections.count:
        longest, in_all = (
            format_ms(each / NS_PER_MS) for each in (record.collections.longest_ns, record.collections.total_ns)
        )
        yield "garbage collections", f"{record.collections.count:,}, {in_all} in all, longest {longest}"
    if record.usage.sampler.samples:
        cost = f"{record.usage.sampler.core_percent:.2f} % of a core"
        yield "sampler", f"{counted(record.usage.sampler.samples, 'sample')} took {cost}"


def _run(record: RunRecord) -> Iterator[tuple[str, str]]:
    yield "started", f"{record.started_at[:19].replace('T', ' ')} UTC"
    if record.circumstances.warmup_attempts:
        yield "warm-up", counted(record.circumstances.warmup_attempts, "attempt")
    if record.circumstances.interruption is not None:
        yield "ended early by", shortened(record.circumstances.interruption, _NAME_WIDTH)
    if record.clock.resolution_ns:
        resolution, cost = (format_ms(each / NS_PER_MS) for each in (record.clock.resolution_ns, record.clock.cost_ns))
        yield "clock", f"resolves {resolution}, a reading costs {cost}"


def _metadata(result: TestResult, detail: Detail) -> Iterator[tuple[str, str]]:
    every = list(result.metrics.metadata.items())
    for key, value in every[: detail.metadata]:
        yield squeezed(key, _NAME_WIDTH), shortened(str(value), detail.metadata_width)
    if len(every) > detail.metadata:
        yield "more", f"{len(every) - detail.metadata} are in the results file"


def usage_text(usage: ResourceUsage) -> str:
    """CPU, memory and disk I/O of one subject."""
    parts = []
    if usage.cpu_percent is not None:
        parts.append(f"CPU {usage.cpu_percent.mean:.0f} % (at most {usage.cpu_percent.maximum:.0f} %)")
    if usage.memory_bytes is not None:
        parts.append(f"memory {usage.memory_bytes.maximum / BYTES_PER_MB:,.0f} MB")
    for what, count in (("read", usage.disk_read_bytes), ("written", usage.disk_write_bytes)):
        if count is not None:
            parts.append(f"disk {what} {_size(count)}")
    return ", ".join(parts) or "not known"


def quantiles(latency: Latency, which: tuple[float, ...] = (0.5, 0.95, 0.99)) -> str:
    """``median 1 ms, p95 2 ms, p99 3 ms, max 4 ms``."""
    if not latency.moments.count:
        return "no answer"
    names = ["median" if q == 0.5 else f"p{100 * q:g}" for q in which]  # noqa: PLR2004
    told = [f"{name} {value}" for name, value in zip(names, _times(latency, which), strict=True)]
    return ", ".join([*told, f"max {format_ms(latency.moments.maximum / NS_PER_MS)}"])


def _times(latency: Latency, which: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(format_ms(latency.quantile_ns(q) / NS_PER_MS) for q in which)


def _size(count: float) -> str:
    if count >= BYTES_PER_MB:
        return f"{count / BYTES_PER_MB:,.1f} MB"
    return f"{count / 1e3:,.1f} kB" if count >= 1e3 else f"{count:.0f} B"  # noqa: PLR2004
