"""Whether processes differ by more than their epochs do."""

import random
from dataclasses import replace

import pytest

from paceline.judge.replication import levels_of_run
from paceline.judge.result import judge
from paceline.records.replication import Figures, ProcessRun, Replication
from paceline.records.run_record import Circumstances, Definition, RunRecord
from tests.fakes import MS, make_record
from tests.runs import codes


def replicated(medians_ns: list[list[float | None]]) -> RunRecord:
    processes = tuple(
        ProcessRun(Figures(100, 0, 1.0), tuple(Figures(100, 0, 1.0, each) for each in medians), 1)
        for medians in medians_ns
    )
    return make_record(replication=Replication(len(medians_ns), len(medians_ns[0]), 0, processes))


def drawn(between: float, within: float, seed: int, runs: int = 5, epochs: int = 5) -> RunRecord:
    draw = random.Random(seed)
    levels = [draw.gauss(0, between) for _ in range(runs)]
    return replicated(
        [[MS * 2.718281828 ** (level + draw.gauss(0, within)) for _ in range(epochs)] for level in levels]
    )


def test_processes_that_differ_are_told_with_both_spreads() -> None:
    result = judge(replicated([[1.00 * MS, 1.01 * MS], [1.10 * MS, 1.11 * MS], [1.20 * MS, 1.21 * MS]]))
    (finding,) = (each for each in result.findings if each.code == "processes-differ")
    assert "9.1 % apart" in finding.seen
    assert "0.6 %" in finding.seen
    assert "more runs, not for more iterations" in finding.advice
    assert not finding.serious


@pytest.mark.parametrize(
    "record",
    [
        make_record(),
        replicated([[MS, 1.1 * MS], [1.2 * MS, MS]]),  # differ, but so do their epochs
        replicated([[MS, MS], [1.001 * MS, 1.001 * MS]]),  # differ for certain, by nothing
        replicated([[MS], [2 * MS], [3 * MS]]),  # without epochs nothing to hold it against
        replicated([[MS, 1.01 * MS]]),
        replicated([[None, None], [None, None]]),
        replicated([[MS, 1.01 * MS], [-MS, MS]]),  # of a file
    ],
)
def test_nothing_to_tell(record: RunRecord) -> None:
    assert "processes-differ" not in codes(judge(record))


def test_it_is_found_where_it_is_and_seldom_where_it_is_not() -> None:
    found = sum("processes-differ" in codes(judge(drawn(0.05, 0.02, seed))) for seed in range(100))
    false = sum("processes-differ" in codes(judge(drawn(0.0, 0.05, seed))) for seed in range(300))
    assert found >= 70
    assert false <= 8  # at 1 %, 3 are to be expected; more than 8 have p < 0.004


def test_levels_of_a_run() -> None:
    found = levels_of_run(replicated([[MS, None], [2 * MS, None], [None, None]]))
    assert found is not None
    assert found.within is None
    assert found.between == pytest.approx(0.490129, rel=1e-5)  # ln 2 / sqrt 2


def test_an_interrupted_run_says_how_much_of_all_processes_it_made() -> None:
    record = replace(
        replicated([[MS, MS]]),
        definition=Definition(iterations=1_000, runs=3, epochs=2),
        circumstances=Circumstances(interruption="KeyboardInterrupt"),
    )
    assert "2,000 of 6,000 iterations" in judge(record).findings[0].seen
