"""The figures of a test as tiles: value, interval, and the limit it was held against."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, format_count, format_ms
from paceline.judge.limits import Limit, bound_text, watched
from paceline.judge.result import TestResult
from paceline.records.run_record import RunRecord
from paceline.report.layout import share_text
from paceline.stats.order import quantile_shares

_MOST_WIDE = 1.25  # of the limit: a meter is full there


@dataclass(frozen=True)
class Held:
    """A limit and how it fared.

    Attributes:
        bound: the limit without what it is on, such as ``<= 25 ms``.
        broken: whether it did not hold.
        share: measured value over the limit (of a lower limit the reverse); None where that is no number.
    """

    bound: str
    broken: bool
    share: float | None

    @property
    def meter(self) -> float:
        """Width of the filled part in percent; the limit itself is at 80."""
        return 0.0 if self.share is None else round(min(self.share, _MOST_WIDE) / _MOST_WIDE * 100, 1)


@dataclass(frozen=True)
class Tile:
    """One figure.

    Attributes:
        label: what it is; a limit belongs to the tile of the same label.
        value: with its unit.
        interval: what is known of its uncertainty or spread, in words; empty for nothing.
        limits: those it was held against.
    """

    label: str
    value: str
    interval: str = ""
    limits: tuple[Held, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether a limit on it did not hold."""
        return any(limit.broken for limit in self.limits)


def held_limits(result: TestResult) -> list[tuple[Limit, Held]]:
    """All limits of a result, in the order they were set."""
    if result.threshold is None:
        return []
    broken = {violation.source for violation in result.broken_limits}
    return [
        (limit, Held(f"{limit.sign} {bound_text(limit)}", limit.source in broken, _share(limit, result)))
        for limit in result.threshold.limits()
    ]


def _share(limit: Limit, result: TestResult) -> float | None:
    value = limit.metric.value(result.record, result.metrics)
    over, under = (value, limit.bound) if limit.sign.startswith("<") else (limit.bound, value)
    return over / under if under > 0 and math.isfinite(over) and math.isfinite(under) else None


def tiles(result: TestResult, held: Sequence[tuple[Limit, Held]]) -> list[Tile]:
    """The figures that say most, and every one that has a limit.

    Args:
        result: to be shown.
        held: its limits, of :func:`held_limits`.
    """
    made: list[Tile] = []
    for label, value, interval in _figures(result):
        limits = tuple(each for limit, each in held if _label(limit) == label)
        made.append(Tile(label, value, interval, limits))
    shown = {tile.label for tile in made}
    for limit, each in held:
        if _label(limit) not in shown:
            made.append(Tile(limit.metric.label, _measured(limit, result), "", (each,)))
    return made


def _label(limit: Limit) -> str:
    """Of the tile that the limit belongs to: p50 and the median are one figure."""
    return "median latency" if limit.metric.percentile == 50 else limit.metric.label  # noqa: PLR2004


def _figures(result: TestResult) -> Iterator[tuple[str, str, str]]:
    metrics, record = result.metrics, result.record
    if not math.isnan(metrics.median_time_ms):
        yield "median latency", format_ms(metrics.median_time_ms), _interval(record, 0.5)
    for label, value_ms, q in (
        ("p95 latency", metrics.p95_time_ms, 0.95),
        ("p99 latency", metrics.p99_time_ms, 0.99),
        ("p99.9 latency", metrics.p999_time_ms, 0.999),
    ):
        if not math.isnan(value_ms) and record.latency.moments.count * (1 - q) >= 1:
            yield label, format_ms(value_ms), _interval(record, q)
    yield "throughput", f"{format_count(metrics.throughput_ops_per_sec)}/s", ""
    yield "error rate", share_text(metrics.error_rate), f"{metrics.error_count:,} of {metrics.iterations:,}"
    if not math.isnan(metrics.hit_rate):
        yield "hit rate", share_text(metrics.hit_rate), f"{record.counts.hits:,} hits, {record.counts.misses:,} misses"
    if metrics.dropped_count is not None and not math.isnan(metrics.lag_p99_ms):
        yield "p99 lag", format_ms(metrics.lag_p99_ms), f"{metrics.late_count or 0:,} more than 1 ms late"
    yield from _resources(record)


def _interval(record: RunRecord, q: float) -> str:
    latency = record.latency
    shares = None if latency.dropped else quantile_shares(latency.moments.count, q)
    if shares is None:
        return ""
    per_ms = NS_PER_MS * record.definition.calls_per_sample
    low, high = (format_ms(latency.quantile_ns(share) / per_ms) for share in shares)
    if low == high:
        return f"95 %: {low}"
    number, _, unit = low.rpartition(" ")
    return f"95 %: {number if high.endswith(f' {unit}') else low} to {high}"


def _resources(record: RunRecord) -> Iterator[tuple[str, str, str]]:
    whose = "of the target" if record.usage.targets else "of this process"
    cpus = [usage.cpu_percent for usage in watched(record)]
    if known := [cpu.mean for cpu in cpus if cpu is not None]:
        yield "CPU", f"{sum(known):.0f} %", whose
    peaks = [usage.memory_bytes for usage in watched(record)]
    if sizes := [peak.maximum for peak in peaks if peak is not None]:
        yield "memory", f"{sum(sizes) / BYTES_PER_MB:,.0f} MB", f"peak {whose}"


def _measured(limit: Limit, result: TestResult) -> str:
    value = limit.metric.value(result.record, result.metrics)
    if math.isnan(value):
        return "–"
    texts = {
        "ms": format_ms(value),
        "share": share_text(value),
        "per second": f"{format_count(value)}/s",
        "percent": f"{value:.0f} %",
        "MB": f"{value:,.0f} MB",
    }
    return texts.get(limit.metric.unit, format_count(value))
