"""Levels of concurrency of one benchmark, side by side, and the law that they follow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paceline.core.units import format_count, format_ms, format_percent
from paceline.judge.result import TestResult
from paceline.judge.scalability import Scalability, estimate_text, sweeps_of
from paceline.report.html.facts import Table
from paceline.report.html.markup import rounded
from paceline.report.layout import share_text
from paceline.stats.scalability_law import Law

_CURVE_POINTS = 48
_BEYOND = 1.5  # times the highest level, or the peak, does the curve go on
_NEAR = 3.0  # times the highest level: so far away a peak is drawn


@dataclass(frozen=True)
class Sweep:
    """One benchmark at several levels.

    Attributes:
        name: of the benchmark.
        finding: what the levels say, a sentence.
        notes: what follows from the law, or why there is none: a label and a text each.
        table: the figures.
        law: the parameters; None without a law.
        plain: the same for the script.
    """

    name: str
    finding: str
    notes: tuple[tuple[str, str], ...]
    table: Table
    law: Table | None
    plain: Mapping[str, object]


def sweeps(results: Sequence[TestResult], told: Sequence[Scalability]) -> list[Sweep]:
    """Those among the results of a session, in their order; ``told`` is what was concluded of them."""
    by_name = sweeps_of(results)
    return [_sweep(each, by_name[each.name]) for each in told]


def _sweep(told: Scalability, levels: Mapping[int, TestResult]) -> Sweep:
    rows = tuple(
        (
            f"{workers:,}",
            f"{format_count(each.metrics.throughput_ops_per_sec)}/s",
            *map(format_ms, (each.metrics.median_time_ms, each.metrics.p95_time_ms, each.metrics.p99_time_ms)),
            share_text(each.metrics.error_rate),
            format_percent(level.efficiency, 0),
            *(() if told.law is None else (f"{format_count(told.law.at(workers))}/s",)),
        )
        for (workers, each), level in zip(levels.items(), told.levels, strict=True)
    )
    figures = [each.metrics for each in levels.values()]
    plain: dict[str, object] = {
        "name": told.name,
        "workers": list(levels),
        "throughput": [rounded(each.throughput_ops_per_sec) for each in figures],
        "median_ms": [rounded(each.median_time_ms) for each in figures],
        "p95_ms": [rounded(each.p95_time_ms) for each in figures],
        "p99_ms": [rounded(each.p99_time_ms) for each in figures],
    }
    if told.law is not None:
        plain["law"] = _plain_law(told.law, list(levels))
    columns: tuple[str, ...] = ("workers", "throughput", "median", "p95", "p99", "errors", "efficiency")
    columns += () if told.law is None else ("by the law",)
    return Sweep(
        told.name,
        _finding(levels),
        tuple(_notes(told)),
        Table("Levels", columns, rows),
        None if told.law is None else _law_table(told.law),
        plain,
    )


def _notes(told: Scalability) -> Iterator[tuple[str, str]]:
    if told.refusal is not None:
        label = "No law" if told.law is None else "No peak"
        yield label, f"{told.refusal.reason} {told.refusal.remedy}"
    for finding in told.findings:
        yield finding.code.replace("-", " ").capitalize(), str(finding)


def _law_table(law: Law) -> Table:
    rows = [
        ("lambda, one worker alone", estimate_text(law.per_worker_s, "/s")),
        ("sigma, contention", estimate_text(law.contention)),
        ("kappa, coherency", estimate_text(law.coherency)),
    ]
    if law.limit_per_s is not None:
        rows.append(("lambda / sigma, limit by contention", estimate_text(law.limit_per_s, "/s")))
    if law.peak is not None:
        rows.append(("peak at", f"{estimate_text(law.peak.workers)} workers"))
        rows.append(("throughput there", estimate_text(law.peak.per_s, "/s")))
    rows.append(("explained (R2)", format_percent(law.r_squared, 2)))
    if law.misfit is not None:
        rows.append(("lack of fit, p", f"{law.misfit.p_value:.2g}"))
    return Table("Universal Scalability Law, 95 % intervals", ("", "value"), tuple(rows))


def _plain_law(law: Law, levels: Sequence[int]) -> dict[str, object]:
    """The curve at the levels and on even logarithmic steps, a little beyond them, or beyond a peak that is near."""
    end = levels[-1] * _BEYOND
    if law.peak is not None and law.peak.workers.value < levels[-1] * _NEAR:
        end = max(end, law.peak.workers.value * _BEYOND)
    ratio = (end / levels[0]) ** (1 / (_CURVE_POINTS - 1))
    workers = sorted({*levels, *(levels[0] * ratio**place for place in range(_CURVE_POINTS))})
    plain: dict[str, object] = {
        "lambda_per_s": rounded(law.per_worker_s.value, 6),
        "sigma": rounded(law.contention.value, 6),
        "kappa": rounded(law.coherency.value, 6),
        "workers": [rounded(each, 5) for each in workers],
        "throughput": [rounded(law.at(each), 5) for each in workers],
    }
    if law.peak is not None and law.peak.workers.value <= end:
        low, high = law.peak.workers.interval.low, law.peak.workers.interval.high
        plain["peak"] = [rounded(each, 4) for each in (law.peak.workers.value, low, min(high, end))]
    return plain


def _finding(levels: Mapping[int, TestResult]) -> str:
    best = max(levels, key=lambda workers: levels[workers].metrics.throughput_ops_per_sec)
    most = levels[best].metrics
    rate = format_count(most.throughput_ops_per_sec)
    text = f"Most throughput at {best:,}: {rate}/s, p95 {format_ms(most.p95_time_ms)}."
    last = max(levels)
    if last == best:
        return f"{text} It still grew at the highest level."
    return f"{text} With {last:,} p95 is {format_ms(levels[last].metrics.p95_time_ms)}, for no more work."
