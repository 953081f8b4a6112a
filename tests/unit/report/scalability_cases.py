"""Sweeps whose law is known. Run as a module it writes the text that ``tests/golden`` holds:

python -m tests.unit.report.scalability_cases
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from paceline.judge.result import TestResult, judge
from paceline.records.merging import figures_of, repeats_merged
from paceline.records.repeats import Repeat, Repetition
from paceline.records.run_record import Definition, Execution, RunRecord, TestType
from paceline.report.document import Document, document_of
from paceline.report.scalability_text import scalability_lines
from paceline.stats.scalability_law import denominator
from tests.fakes import S, make_record
from tests.unit.report.cases import MACHINE, TIMESTAMP

LEVELS = (1, 2, 4, 8, 16, 32)
_OFF = (0.99, 1.0, 1.012)  # of the runs of a level


def usl(sigma: float, kappa: float, per_worker_s: float = 100.0) -> Callable[[int], float]:
    """Throughput by the law."""
    return lambda workers: per_worker_s * workers / denominator(workers, sigma, kappa)


def sweep(
    per_s: Callable[[int], float],
    name: str = "checkout",
    *,
    levels: Sequence[int] = LEVELS,
    repeats: int = 3,
    attempts_per_worker: int = 120,
) -> list[TestResult]:
    """A result for each level, of ``repeats`` runs that were made in rounds; of one run, in the order of levels."""
    results = []
    for place, workers in enumerate(levels):
        runs = [
            _run(
                name,
                workers,
                attempts_per_worker * workers,
                per_s(workers) * (_OFF[(number + place) % len(_OFF)] if repeats > 1 else 1.0),
                (number, number * len(levels) + place, repeats),
            )
            for number in range(repeats)
        ]
        results.append(judge(repeats_merged(runs) if repeats > 1 else runs[0]))
    return results


def _run(name: str, workers: int, attempts: int, per_s: float, which: tuple[int, int, int]) -> RunRecord:
    elapsed_ns = round(attempts / per_s * S)
    number, place, repeats = which
    record = make_record(
        (max(elapsed_ns * workers // attempts, 1),) * attempts,
        name=f"{name}_concurrency_{workers}",
        test_type=TestType.CONCURRENT_LOAD,
        definition=Definition(iterations=attempts, workers=workers, execution=Execution.TASKS, repeats=repeats),
        elapsed_ns=elapsed_ns,
        window_ns=elapsed_ns,
        metadata={"concurrency": workers},
    )
    if repeats == 1:
        return record
    repeat = Repeat(number, place, record.started_at, elapsed_ns, figures_of(record))
    return replace(record, repetition=Repetition(5, (repeat,)))


def bent() -> list[TestResult]:
    """With a peak at 21 workers, within what was measured."""
    return sweep(usl(0.1, 0.002))


def straight() -> list[TestResult]:
    """Ten times the workers, ten times the throughput."""
    return sweep(usl(0.0, 0.0), "fetch")


def document() -> Document:
    """Sweeps of each kind: with a peak, without, beyond what was measured, and of too few levels."""
    results = [
        *bent(),
        *straight(),
        *sweep(usl(0.02, 0.0004), "search"),
        *sweep(usl(0.1, 0.002), "few", levels=(1, 2, 4)),
        *sweep(lambda workers: 100.0 * min(workers, 6), "limited"),
    ]
    return document_of(results, MACHINE, TIMESTAMP)


GOLDEN = Path(__file__).parents[2] / "golden" / "scalability.txt"


def sections() -> str:
    """What the report says of all of them."""
    return "\n".join("\n".join(scalability_lines(each)) + "\n" for each in document().sweeps)


if __name__ == "__main__":
    GOLDEN.write_text(sections())
