"""Levels of concurrency of one benchmark, side by side."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paceline.core.units import format_count, format_ms
from paceline.judge.result import TestResult
from paceline.report.html.facts import Table
from paceline.report.html.markup import rounded
from paceline.report.layout import share_text

_LEVEL = re.compile(r"(?P<name>.+)_concurrency_(?P<workers>\d{1,9})", re.DOTALL)
_LEAST_LEVELS = 2


@dataclass(frozen=True)
class Sweep:
    """One benchmark at several levels.

    Attributes:
        name: of the benchmark.
        finding: what the levels say, a sentence.
        table: the figures.
        plain: the same for the script.
    """

    name: str
    finding: str
    table: Table
    plain: Mapping[str, object]


def sweeps(results: Sequence[TestResult]) -> list[Sweep]:
    """Those among the results of a session, in their order."""
    groups: dict[str, dict[int, TestResult]] = {}
    for result in results:
        match = _LEVEL.fullmatch(result.metrics.test_name)
        # The name alone proves nothing: it may be the user's.
        if match and result.metrics.metadata.get("concurrency") == int(match["workers"]):
            groups.setdefault(match["name"], {})[int(match["workers"])] = result
    return [
        _sweep(name, dict(sorted(levels.items()))) for name, levels in groups.items() if len(levels) >= _LEAST_LEVELS
    ]


def _sweep(name: str, levels: Mapping[int, TestResult]) -> Sweep:
    rows = tuple(
        (
            f"{workers:,}",
            f"{format_count(each.metrics.throughput_ops_per_sec)}/s",
            *map(format_ms, (each.metrics.median_time_ms, each.metrics.p95_time_ms, each.metrics.p99_time_ms)),
            share_text(each.metrics.error_rate),
        )
        for workers, each in levels.items()
    )
    figures = [each.metrics for each in levels.values()]
    plain = {
        "name": name,
        "workers": list(levels),
        "throughput": [rounded(each.throughput_ops_per_sec) for each in figures],
        "median_ms": [rounded(each.median_time_ms) for each in figures],
        "p95_ms": [rounded(each.p95_time_ms) for each in figures],
        "p99_ms": [rounded(each.p99_time_ms) for each in figures],
    }
    columns = ("workers", "throughput", "median", "p95", "p99", "errors")
    return Sweep(name, _finding(levels), Table("Levels", columns, rows), plain)


def _finding(levels: Mapping[int, TestResult]) -> str:
    best = max(levels, key=lambda workers: levels[workers].metrics.throughput_ops_per_sec)
    most = levels[best].metrics
    rate = format_count(most.throughput_ops_per_sec)
    text = f"Most throughput at {best:,}: {rate}/s, p95 {format_ms(most.p95_time_ms)}."
    last = max(levels)
    if last == best:
        return f"{text} It still grew at the highest level."
    return f"{text} With {last:,} p95 is {format_ms(levels[last].metrics.p95_time_ms)}, for no more work."
