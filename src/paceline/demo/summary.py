"""What the tour found, in a few lines: what the cache is worth, throughput as a picture, an open loop."""

from collections.abc import Sequence

from paceline.core.units import NS_PER_MS, counted, format_count, format_ms, format_percent
from paceline.judge.result import TestResult
from paceline.records.latency import Latency

_BAR = 40  # characters of the longest
_NEARLY = 0.85  # of the best throughput: more is not told apart from noise


def cache_line(uncached: TestResult, cached: TestResult) -> str:
    """Hit rate, and the means of the same reads with and without the cache (misses included)."""
    without_ms, with_ms = uncached.metrics.mean_time_ms, cached.metrics.mean_time_ms
    return (
        f"cache: hit rate {100 * cached.metrics.hit_rate:.1f} %; mean read {format_ms(with_ms)}, "
        f"{without_ms / with_ms:.1f} times less than without ({format_ms(without_ms)})"
    )


def throughput_picture(levels: Sequence[TestResult]) -> list[str]:
    """A bar for each level, the best one ``_BAR`` characters long; plain ASCII, for any terminal or file."""
    rates = [level.metrics.throughput_ops_per_sec for level in levels]
    best = max(rates, default=0.0)
    if best <= 0:
        return []
    lines = ["load: requests a second by number of connections, and p95 latency"]
    for level, rate in zip(levels, rates, strict=True):
        bar = "#" * round(_BAR * rate / best)
        p95 = format_ms(level.metrics.p95_time_ms)
        lines.append(f"  {_workers(level):>3}  {bar:<{_BAR}}  {format_count(rate):>7}  {p95:>8}")
    enough = next(level for level, rate in zip(levels, rates, strict=True) if rate >= _NEARLY * best)
    share = enough.metrics.throughput_ops_per_sec / best
    if share < 1 and _workers(enough) < _workers(levels[-1]):
        lines.append(
            f"  {counted(_workers(enough), 'connection')}: {format_percent(share, 0)} of the best throughput; "
            "with more, requests mostly wait"
        )
    return lines


def open_loop_line(result: TestResult) -> str:
    """Rate, latency from the moment a request was due, and what it is made of: lag and service time."""
    record, metrics = result.record, result.metrics
    line = f"open loop: {format_count(metrics.throughput_ops_per_sec)}/s; p99 {format_ms(metrics.p99_time_ms)}"
    if record.load is None or record.load.arrivals is None:
        return line
    arrivals, probe = record.load.arrivals, record.load.probe
    # Of the probe the service time, not its latency: beside a busy load it may notice late, too.
    seen = "" if probe is None else f", {_p99(probe.service)} to an independent probe"
    return f"{line} from when due (lag {_p99(arrivals.lag)}; service {_p99(arrivals.service)}{seen})"


def _p99(latency: Latency) -> str:
    return format_ms(latency.quantile_ns(0.99) / NS_PER_MS)


def _workers(level: TestResult) -> int:
    return level.record.definition.workers
