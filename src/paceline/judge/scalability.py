"""Sweeps among results, and what the levels of one say together. Stored records can be judged again."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paceline.core.findings import Finding
from paceline.core.plain import to_plain
from paceline.core.units import format_count, format_percent
from paceline.judge.result import TestResult
from paceline.records.run_record import RunRecord
from paceline.stats.scalability import ANOTHER_LAW, Refusal, scaling_of
from paceline.stats.scalability_law import Estimate, Law, LevelRun

_LEVEL = re.compile(r"(?P<name>.+)_concurrency_(?P<workers>[1-9]\d{0,8})(?P<again>#\d+)?", re.DOTALL)
_LEAST_LEVELS = 2
# Findings of a level in which it was the measuring side that set the throughput, and not what is measured.
_FAILING = 0.01  # of the attempts of a level: from there on the curve is also one of failures
_OWN_LIMIT = frozenset({"event-loop-saturated", "generator-saturated", "interpreter-lock", "probe-disagrees"})


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a sweep.

    Attributes:
        workers: how many at once.
        per_s: ok attempts a second, of all runs together.
        runs: each run that came to its end, in the order they were made.
        efficiency: throughput of a worker as a share of that at the lowest level.
        asked: runs that were to be made.
    """

    workers: int
    per_s: float
    runs: tuple[LevelRun, ...]
    efficiency: float
    asked: int = 1


@dataclass(frozen=True)
class Scalability:
    """How the throughput of one operation grows with those that ask for it at once.

    Attributes:
        name: of the benchmark.
        levels: ascending.
        law: the Universal Scalability Law fitted to their runs; None where ``refusal`` says why not.
        refusal: why there is no law, or no peak.
        findings: what follows, and what it is worth; the serious ones first.
        seed: that the order of the runs was drawn from; None where level came after level.
    """

    name: str
    levels: tuple[Level, ...]
    law: Law | None
    refusal: Refusal | None
    findings: tuple[Finding, ...]
    seed: int | None = None

    @property
    def highest(self) -> int:
        """The most workers that were measured."""
        return self.levels[-1].workers

    def to_dict(self) -> dict[str, object]:
        """Plain dicts, lists, strings and numbers; NaN and infinity become None."""
        plain = to_plain(self)
        assert isinstance(plain, dict)
        return plain


def sweeps_of(results: Sequence[TestResult]) -> dict[str, dict[int, TestResult]]:
    """The sweeps among ``results`` by name, in their order: the result of each level, ascending."""
    groups: dict[str, dict[int, TestResult]] = {}
    for result in results:
        match = _LEVEL.fullmatch(result.metrics.test_name)
        # The name alone proves nothing: it may be the user's.
        if match and result.metrics.metadata.get("concurrency") == int(match["workers"]):
            name = f"{match['name']}{match['again'] or ''}"
            groups.setdefault(name, {})[int(match["workers"])] = result
    return {name: dict(sorted(levels.items())) for name, levels in groups.items() if len(levels) >= _LEAST_LEVELS}


def scalabilities(results: Sequence[TestResult]) -> tuple[Scalability, ...]:
    """What each sweep among ``results`` says."""
    return tuple(scalability_of(name, levels) for name, levels in sweeps_of(results).items())


def scalability_of(name: str, results: Mapping[int, TestResult]) -> Scalability:
    """What a sweep says.

    Args:
        name: of the benchmark.
        results: of its levels, ascending.
    """
    records = {workers: each.record for workers, each in results.items()}
    first = next(iter(records))
    base = records[first].throughput_per_s / first
    levels = tuple(
        Level(
            workers,
            record.throughput_per_s,
            _runs(workers, record),
            record.throughput_per_s / workers / base if base else math.nan,
            max(record.definition.repeats, record.definition.runs),
        )
        for workers, record in records.items()
    )
    scaling = scaling_of([run for level in levels for run in level.runs])
    law = scaling.law
    seeds = [each.seed for record in records.values() if (each := record.repetition) is not None]
    found = [*_measured_itself(results), *_failing(results), *_missing(levels)]
    if law is not None:
        if scaling.refusal is None or scaling.refusal.code != ANOTHER_LAW:
            found += [*_not_quite(law), *_contention(law), *_coherency(law), *_peak(law, levels[-1].workers)]
        found += _one_after_the_other(seeds)
    return Scalability(
        name=name,
        levels=levels,
        law=law,
        refusal=scaling.refusal,
        findings=tuple(sorted(found, key=lambda finding: not finding.serious)),
        seed=seeds[0] if seeds else None,
    )


def _runs(workers: int, record: RunRecord) -> tuple[LevelRun, ...]:
    """The runs that were made whole: repeats, fresh processes, or the one that there was."""
    if record.repetition is not None:
        figures = [repeat.figures for repeat in record.repetition.repeats]
        return tuple(LevelRun(workers, each.throughput_per_s, each.attempts) for each in figures)
    if record.circumstances.interruption is not None:
        return ()
    if record.replication is not None:
        figures = [process.figures for process in record.processes]
        return tuple(LevelRun(workers, each.throughput_per_s, each.attempts) for each in figures)
    return (LevelRun(workers, record.throughput_per_s, record.counts.attempts),)


def estimate_text(estimate: Estimate, unit: str = "") -> str:
    """``5.1 [4.8, 5.4]``; where nothing tells it from 0, what it is at most."""
    low, high = estimate.interval.low, estimate.interval.high
    if not estimate.is_told:
        return f"at most {number_text(high)}{unit}"
    return f"{number_text(estimate.value)}{unit} [{number_text(low)}, {number_text(high)}]"


def number_text(value: float) -> str:
    """Three digits, thousands separated."""
    return format_count(value) if value >= 100 or not value else f"{value:.3g}"  # noqa: PLR2004


def _contention(law: Law) -> Iterator[Finding]:
    if not law.contention.is_told:
        return
    limit = law.limit_per_s
    yield Finding(
        code="contention",
        seen=f"Contention (sigma) is {estimate_text(law.contention)}: workers wait for something that only one can use "
        "at a time.",
        why="However many there are, throughput cannot pass lambda / sigma"
        + (f" = {estimate_text(limit, '/s')}." if limit is not None else "."),
        advice="Look for what all share: a lock, a pool of connections, a single core. Sigma is not the share of the "
        "time that is spent there.",
    )


def _coherency(law: Law) -> Iterator[Finding]:
    if law.coherency.is_told:
        yield Finding(
            code="coherency",
            seen=f"Coherency (kappa) is {estimate_text(law.coherency)}: each worker costs each other one some time.",
            why="That grows with the square of their number: beyond the peak more workers do less in all.",
            advice="Look for what they have to agree on: data that all write, cache lines, a scheduler's switches.",
        )


def _peak(law: Law, highest: int) -> Iterator[Finding]:
    if law.peak is None:
        return
    workers, per_s = law.peak.workers, law.peak.per_s
    beyond = workers.value > highest
    where = (
        f"beyond the {highest:,} that were measured: extrapolated"
        if beyond
        else "within the levels measured"
        if workers.interval.high <= highest
        else f"within the levels measured, its interval reaches beyond the highest ({highest:,})"
    )
    yield Finding(
        code="peak",
        seen=f"Throughput peaks at {estimate_text(workers)} workers with {estimate_text(per_s, '/s')}, {where}.",
        why="An extrapolation holds as long as nothing new becomes scarce on the way."
        if beyond
        else "More workers than that make each other slower, and all of them together.",
        advice=f"Measure at {math.ceil(workers.value):,} and beyond before relying on it."
        if beyond
        else "Limit what is let in at once to fewer; queues before it cost less than those within.",
    )


def _not_quite(law: Law) -> Iterator[Finding]:
    if law.misfit is None or law.fits:
        return
    off = law.misfit.off
    yield Finding(
        code="not-quite-the-law",
        seen=f"Levels are further from the curve than runs of one level from each other "
        f"(p = {law.misfit.p_value:.2g}); with {law.misfit.workers:,} workers throughput is {format_percent(abs(off))} "
        f"{'above' if off > 0 else 'below'} it.",
        why="Something besides contention and coherency shapes it a little. The intervals are as wide as these "
        "distances make them.",
        advice="More levels around the bend show its shape.",
    )


def _measured_itself(results: Mapping[int, TestResult]) -> Iterator[Finding]:
    own = [workers for workers, each in results.items() if _OWN_LIMIT & {finding.code for finding in each.findings}]
    if own:
        yield Finding(
            code="own-limit",
            seen=f"With {', '.join(f'{each:,}' for each in own)} workers the measuring side was at its own limit.",
            why="The curve bends there because of what measures: it says nothing of what is measured.",
            advice="Leave those levels out, or give the measuring side cores of its own; their findings say more.",
            serious=True,
        )


def _failing(results: Mapping[int, TestResult]) -> Iterator[Finding]:
    rates = {workers: each.metrics.error_rate for workers, each in results.items()}
    worst = max(rates, key=lambda workers: rates[workers])
    if rates[worst] > _FAILING:
        yield Finding(
            code="levels-fail",
            seen=f"With {worst:,} workers {format_percent(rates[worst])} of the attempts failed.",
            why="Throughput counts those that were ok, and a failure takes another time: the curve is also one of "
            "errors.",
            advice="Mend them first, or leave the levels out that overload it.",
        )


def _missing(levels: Sequence[Level]) -> Iterator[Finding]:
    short = [level for level in levels if len(level.runs) < level.asked]
    if short:
        told = ", ".join(f"{len(level.runs)} of {level.asked} with {level.workers:,}" for level in short)
        yield Finding(
            code="sweep-broken-off",
            seen=f"Runs are missing: {told} workers.",
            why="What is said rests on those that were made.",
            advice="--resume goes on with the rest.",
            serious=True,
        )


def _one_after_the_other(seeds: Sequence[int]) -> Iterator[Finding]:
    if not seeds:
        yield Finding(
            code="levels-in-order",
            seen="Level was measured after level.",
            why="What changes with time, on this machine or on the other side, looks like scaling.",
            advice="repeats=3 (on the command line --sweep with --repeats) measures in an order that is drawn.",
        )
