"""The part of the text report that only caches have."""

from collections.abc import Iterator

from paceline.core.units import NS_PER_MS, counted, format_count, format_megabytes, format_ms
from paceline.judge.result import TestResult
from paceline.records.cache import CacheRecord, CacheServer, Loads
from paceline.records.latency import Latency
from paceline.report.layout import labelled, share_text
from paceline.stats.intervals import proportion_interval

_TAIL = 0.025  # beyond each end of the interval
_LEAST_LOADS = 5  # for a median to compare with


def cache_lines(result: TestResult) -> Iterator[str]:
    """Hits and misses, what was loaded, what the server counted."""
    record = result.record
    hits, reads = record.counts.hits, record.counts.hits + record.counts.misses
    cache = record.cache
    if reads:
        interval = proportion_interval(hits, reads, _TAIL)
        yield from labelled(
            "hit rate",
            f"{share_text(hits / reads)} of {counted(reads, 'read')}; 95 % interval {share_text(interval.low)} to "
            f"{share_text(interval.high)}",
        )
    if cache is None:
        return
    for name, latency in (("hits", cache.hit), ("misses", cache.miss)):
        if latency.moments.count:
            yield from labelled(name, _quantiles(latency))
    if cache.loads is not None:
        yield from _loads(cache.loads, cache)
    if cache.server is not None:
        yield from labelled("server", _server(cache.server))


def _loads(loads: Loads, cache: CacheRecord) -> Iterator[str]:
    latency = loads.latency
    if not latency.moments.count:
        yield from labelled("loader", "was not called")
        return
    text = f"{counted(latency.moments.count, 'load')}: {_quantiles(latency)}"
    if loads.overlapping:
        text += f"; {loads.overlapping:,} while the same key was being loaded"
    yield from labelled("loader", text)
    if min(cache.hit.moments.count, latency.moments.count) >= _LEAST_LOADS:
        times = latency.quantile_ns(0.5) / max(cache.hit.quantile_ns(0.5), 1.0)
        yield from labelled("speed-up", f"a hit is {format_count(times)} times as fast as the loader (medians)")


def _server(server: CacheServer) -> str:
    limit = f" of {format_megabytes(server.most_memory_bytes)}" if server.most_memory_bytes else ", no limit"
    policy = f", {server.policy}" if server.policy else ""
    before, after = format_megabytes(server.memory_before_bytes), format_megabytes(server.memory_after_bytes)
    parts = [
        f"{server.name}: {before} before, {after} after{limit}{policy}",
        f"{server.evicted:,} evicted, {server.expired:,} expired",
        f"{server.keys_before:,} keys before, {server.keys_after:,} after",
    ]
    if server.restarted:
        parts.append("started anew in between")
    return "; ".join(parts)


def _quantiles(latency: Latency) -> str:
    shown = [(name, latency.quantile_ns(q)) for name, q in (("median", 0.5), ("p95", 0.95), ("p99", 0.99))]
    shown.append(("max", latency.moments.maximum))
    return ", ".join(f"{name} {format_ms(value / NS_PER_MS)}" for name, value in shown)
