"""What the tour found, in a few lines: what the cache is worth, and throughput by workers as a picture."""

from collections.abc import Sequence

from paceline.core.units import format_count, format_ms
from paceline.judge.result import TestResult

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
    lines = ["load: requests a second by number of workers, and p95 latency"]
    for level, rate in zip(levels, rates, strict=True):
        bar = "#" * round(_BAR * rate / best)
        p95 = format_ms(level.metrics.p95_time_ms)
        lines.append(f"  {_workers(level):>3}  {bar:<{_BAR}}  {format_count(rate):>7}  {p95:>8}")
    enough = next(level for level, rate in zip(levels, rates, strict=True) if rate >= _NEARLY * best)
    share = enough.metrics.throughput_ops_per_sec / best
    if share < 1 and _workers(enough) < _workers(levels[-1]):
        plural = "" if _workers(enough) == 1 else "s"
        lines.append(
            f"  {_workers(enough)} worker{plural}: {share:.0%} of the best throughput; with more, requests mostly wait"
        )
    return lines


def _workers(level: TestResult) -> int:
    return level.record.definition.workers
