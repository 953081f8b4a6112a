"""Fit, noisy or unfit: at the edges of each rule, for each workload and for the machine."""

import math
from dataclasses import replace
from typing import Any

import pytest

from paceline.core.findings import Finding
from paceline.judge.change import DUET, Verdict
from paceline.judge.duet import judge_duets
from paceline.judge.fitness import Grade, Suitability, _grade, _graded, judge_fitness
from paceline.records.doctor import CoreWatch
from paceline.records.duet import DuetRecord
from paceline.stats.detection import Power
from tests.unit.judge.examined import QUIET, WORKLOADS, duet, examination

LOUD = tuple(0.15 * (-1) ** number + 0.001 * number for number in range(20))
SOUND = judge_duets([duet()]).results[0]


@pytest.mark.parametrize(
    ("power", "visible", "effect", "grade"),
    [
        (0.8, 0.05, 0.05, Grade.FIT),
        (1.0, 0.02, 0.05, Grade.FIT),
        (0.7999, 0.05, 0.05, Grade.NOISY),
        (0.5, 0.02, 0.05, Grade.NOISY),
        (0.4999, 0.02, 0.05, Grade.UNFIT),
        # What 80 % find in the same code: above the change asked for, then above the margin of 5 % as well.
        (0.8, 0.031, 0.03, Grade.NOISY),
        (0.8, 0.05, 0.03, Grade.NOISY),
        (0.8, 0.0501, 0.03, Grade.UNFIT),
        (0.8, 0.0501, 0.05, Grade.UNFIT),
        # Who asks for more than the margin is answered by that.
        (0.8, 0.1, 0.1, Grade.FIT),
        (0.8, 0.1001, 0.1, Grade.UNFIT),
        (0.8, math.inf, 0.1, Grade.UNFIT),
    ],
)
def test_a_workload_at_the_edges(power: float, visible: float, effect: float, grade: Grade) -> None:
    assert _grade(SOUND, SOUND.record.pairs, Power(power, 0.0, 1.0), visible, effect, DUET) is grade


def test_a_quiet_machine_is_fit() -> None:
    fitness = judge_fitness(examination())
    assert fitness.grade is Grade.FIT
    assert fitness.reason == "found in all 3 workloads; 20 pairs find it in 100 % of runs with CPU"
    assert [each.name for each in fitness.workloads] == list(WORKLOADS)
    (first, *_) = fitness.workloads
    assert first.found
    assert first.power.share == 1.0
    assert first.duet.verdict is Verdict.UNCHANGED
    assert first.spread == pytest.approx(0.0029, abs=0.0002)
    assert first.smallest_visible == fitness.smallest_visible == pytest.approx(0.0225, abs=0.0015)
    assert first.call_ns == 60_000
    assert first.pairs_for_effect == 20


def test_a_loud_machine_is_unfit() -> None:
    fitness = judge_fitness(examination([duet(name, LOUD) for name in WORKLOADS]))
    assert fitness.grade is Grade.UNFIT
    assert fitness.reason.startswith("found in 0 of 3 workloads; 20 pairs find it in ")
    assert fitness.smallest_visible > 0.05
    assert not any(each.found or each.alarms for each in fitness.workloads)
    assert all(each.pairs_for_effect and each.pairs_for_effect > 100 for each in fitness.workloads)


@pytest.mark.parametrize(("loud", "grade"), [(0, Grade.FIT), (1, Grade.NOISY), (2, Grade.UNFIT), (3, Grade.UNFIT)])
def test_most_decide(loud: int, grade: Grade) -> None:
    duets = [duet(name, LOUD if number < loud else QUIET) for number, name in enumerate(WORKLOADS)]
    fitness = judge_fitness(examination(duets))
    assert fitness.grade is grade
    assert fitness.reason.startswith(f"found in {'all 3' if not loud else f'{3 - loud} of 3'} workloads")


@pytest.mark.parametrize(
    ("grades", "left_out", "grade"),
    [
        ("fff", 0, Grade.FIT),
        ("ffn", 0, Grade.NOISY),
        ("nnn", 0, Grade.NOISY),
        ("fnu", 0, Grade.NOISY),
        ("fuu", 0, Grade.UNFIT),
        # What could not be measured is not fit.
        ("ff", 1, Grade.NOISY),
        ("fu", 1, Grade.UNFIT),
        ("f", 2, Grade.UNFIT),
        ("", 3, Grade.UNFIT),
        ("", 0, Grade.UNFIT),
    ],
)
def test_the_machine_by_its_workloads(grades: str, left_out: int, grade: Grade) -> None:
    by_letter = {each.value[0]: each for each in Grade}
    workloads = [
        Suitability(
            "CPU", by_letter[letter], SOUND, 1.0, 0.01, 0.02, Power(0.9, 0.5, 1.0), found=True, pairs_for_effect=20
        )
        for letter in grades
    ]
    record = examination(left_out={f"other {number}": "MemoryError" for number in range(left_out)})
    assert _graded(record, workloads, sides_differ=False)[0] is grade


@pytest.mark.parametrize(("sign", "verdict"), [(1, Verdict.REGRESSED), (-1, Verdict.IMPROVED)])
def test_a_machine_that_finds_what_is_not_there_is_not_fit(sign: int, verdict: Verdict) -> None:
    # The same code is 3 % apart in every pair; the planted change is found nevertheless.
    false = duet("memory", [sign * 0.03 + value for value in QUIET], planted=[0.05] * 20)
    fitness = judge_fitness(examination([duet("CPU"), false, duet("system calls")]))
    assert fitness.workloads[1].duet.verdict is verdict
    assert fitness.workloads[1].grade is Grade.NOISY
    assert fitness.grade is Grade.NOISY
    assert fitness.reason.startswith("the same code was called different with memory; found in all 3")


def test_sides_that_differ_over_all_workloads() -> None:
    fitness = judge_fitness(examination([duet(name, null=[0.02] * 20) for name in WORKLOADS]))
    assert fitness.grade is Grade.UNFIT
    assert fitness.reason == "the two sides of a duet are not alike, so none of its verdicts holds"
    assert isinstance(fitness.null, Finding)


def test_a_clock_that_goes_backwards_supports_nothing() -> None:
    fitness = judge_fitness(examination(cores=(CoreWatch(0, 10**9, 10**7), CoreWatch(1, 10**9, 10**7, backwards=1))))
    assert fitness.grade is Grade.UNFIT
    assert "backwards" in fitness.reason


def test_what_was_interrupted_has_no_verdict() -> None:
    fitness = judge_fitness(examination([duet(name, QUIET[:7]) for name in WORKLOADS], interrupted=True))
    assert fitness.grade is None
    assert fitness.reason == "interrupted after 7 of 20 pairs"
    assert judge_fitness(examination([], interrupted=True)).reason == "interrupted after 0 of 20 pairs"


@pytest.mark.parametrize(
    "spoilt",
    [
        duet(discarded=tuple(f"pair {number}: killed" for number in range(11))),  # more than a third
        duet(same=[0.0] * 20, planted=[0.05] * 20),  # a clock so coarse that nothing ever differs
        duet(same=QUIET[:6]),  # too few to prove anything
        duet(pairs=()),
    ],
)
def test_duets_that_prove_nothing(spoilt: DuetRecord) -> None:
    fitness = judge_fitness(examination([spoilt]))
    assert fitness.workloads[0].grade is Grade.UNFIT
    assert fitness.grade is Grade.UNFIT


def test_without_the_planted_arm_nothing_is_known_to_be_found() -> None:
    record = duet()
    changes: dict[str, Any] = {"pairs": tuple(_without_planted(pair) for pair in record.pairs)}
    (workload,) = judge_fitness(examination([duet(**changes)])).workloads
    assert (workload.found, workload.power.share, workload.grade) == (False, 0.0, Grade.UNFIT)


def _without_planted(pair: Any) -> Any:
    return replace(pair, planted=None)


def test_judged_again_it_says_the_same() -> None:
    record = examination([duet(name, LOUD) for name in WORKLOADS])
    assert judge_fitness(record) == judge_fitness(record)
