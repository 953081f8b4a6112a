"""Each advice is given where its cause was seen, and nowhere else."""

from dataclasses import replace
from typing import Any

import pytest

from paceline.core.clock import ClockQuality
from paceline.judge.fitness import Grade, judge_fitness
from paceline.judge.fitness_advice import advice_of
from paceline.records.doctor import CoreWatch, DoctorRecord
from paceline.records.machine import Company, Machine, OtherProcess
from tests.unit.judge.examined import QUIET, WORKLOADS, duet, examination

MS = 1_000_000


def codes(record: DoctorRecord) -> list[str]:
    return [finding.code for finding in advice_of(judge_fitness(record))]


def machine(**changes: Any) -> DoctorRecord:
    return examination(machine=replace(examination().machine, **changes))


def company(**changes: Any) -> DoctorRecord:
    return examination(company=replace(examination().company, **changes))


def core(lost_ns: int = 0, longest_ns: int = 0, **changes: Any) -> DoctorRecord:
    quiet = CoreWatch(1, 500 * MS, 5_000_000)
    return examination(cores=(CoreWatch(0, 500 * MS, 5_000_000, 0, 3, lost_ns, longest_ns, **changes), quiet))


def test_a_quiet_machine_needs_none() -> None:
    assert codes(examination()) == []


def test_what_is_unknown_is_no_cause() -> None:
    assert codes(examination(machine=Machine(), company=Company(), cores=())) == []


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (core(lost_ns=6 * MS), "cores-disturbed"),
        (core(lost_ns=1 * MS, longest_ns=11 * MS), "cores-disturbed"),
        (company(others_cores=0.11), "others-busy"),
        (company(stolen_share=0.011), "time-stolen"),
        (company(throttled_share=0.011), "cpu-throttled"),
        (company(swapped_pages=1), "memory-short"),
        (company(memory_stalled_share=0.011), "memory-short"),
        (company(frequency_mhz=(3_000.0, 2_800.0)), "frequency-moved"),
        (machine(governors=("performance", "schedutil")), "governor"),
        (machine(boost=True), "boost"),
        (machine(has_cpu_quota=True, cpu_quota_cores=1.5), "cpu-quota"),
        (machine(open_files=1_024), "open-files"),
        (examination(clock=ClockQuality(1.0, 251.0)), "clock-slow"),
        (examination(clock=ClockQuality(1_001.0, 50.0)), "clock-slow"),
        (examination(left_out={"memory": "base: MemoryError"}), "workload-failed"),
    ],
)
def test_causes(record: DoctorRecord, code: str) -> None:
    assert code in codes(record)


@pytest.mark.parametrize(
    "record",
    [
        core(lost_ns=5 * MS, longest_ns=10 * MS),
        company(others_cores=0.1, stolen_share=0.01, throttled_share=0.01, memory_stalled_share=0.01),
        company(frequency_mhz=(3_000.0, 2_900.0)),
        machine(open_files=4_096),
        machine(threads_share_cores=True, hypervisor="KVM", cores_usable=1),  # nobody needs to know: it is fit
        examination(clock=ClockQuality(1_000.0, 250.0)),
    ],
)
def test_what_does_no_harm(record: DoctorRecord) -> None:
    assert codes(record) == []


def test_what_may_explain_a_machine_that_is_not_fit() -> None:
    loud = duet("CPU", [0.15 * (-1) ** number for number in range(20)])
    facts = replace(examination().machine, threads_share_cores=True, hypervisor="KVM", cores_usable=1)
    record = examination([loud], machine=facts)
    assert codes(record) == ["change-missed", "threads-share-cores", "virtual-machine", "one-core"]


def test_a_false_alarm_is_said_loudly() -> None:
    record = examination([duet("memory", [0.03 + value for value in QUIET], planted=[0.05] * 20)])
    (finding,) = [each for each in advice_of(judge_fitness(record)) if each.code == "same-code-differs"]
    assert finding.serious
    assert "With memory a duet called the same code slower (+3.1 %): a FALSE ALARM." in finding.seen
    faster = examination([duet("memory", [-0.03 + value for value in QUIET], planted=[0.05] * 20)])
    assert "faster (-2.9 %)" in str(advice_of(judge_fitness(faster))[0])


def test_sides_that_are_not_alike() -> None:
    record = examination([duet(name, null=[0.02] * 20) for name in WORKLOADS])
    assert "null-arm-differs" in codes(record)


def test_a_clock_that_goes_backwards() -> None:
    assert codes(core())[:1] == []
    assert codes(examination(cores=(CoreWatch(0, 500 * MS, 10, backwards=2),)))[0] == "clock-backwards"


def test_how_many_pairs_would_do() -> None:
    # Pairs 6 % apart: some pairs more would do. Of 15 %: no number that anybody waits for.
    for spread, advised in ((0.06, "paceline duet --pairs "), (0.3, "More pairs will not do")):
        same = [spread * (-1) ** number * (1 + number / 20) / 1.5 for number in range(20)]
        fitness = judge_fitness(examination([duet("CPU", same)]))
        assert fitness.grade is Grade.UNFIT
        (finding,) = [each for each in advice_of(fitness) if each.code == "change-missed"]
        assert advised in finding.advice
        assert "with CPU in" in finding.seen
    few = judge_fitness(examination([duet("CPU", QUIET[:6])]))
    (finding,) = [each for each in advice_of(few) if each.code == "change-missed"]
    assert "no change in 80 %" in finding.seen


def test_an_interrupted_one_is_not_told_to_take_more_pairs() -> None:
    assert codes(examination([duet("CPU", QUIET[:6])], interrupted=True)) == []


def test_the_busiest_are_named_and_quiet_cores_too() -> None:
    record = company(others_cores=0.9, others=(OtherProcess("postgres", 0.5), OtherProcess("make", 0.3)))
    (finding,) = advice_of(judge_fitness(record))
    assert "90 % of a core meanwhile; the busiest: postgres 50 %, make 30 %." in finding.seen
    (finding,) = advice_of(judge_fitness(core(lost_ns=50 * MS)))
    assert finding.seen.startswith("Core 0 was taken away from a loop for 10.0 % of 500 ms")
    assert finding.advice.startswith("taskset -c 1 ")
    (finding,) = advice_of(judge_fitness(examination(cores=(CoreWatch(None, 500 * MS, 10, 0, 1, 50 * MS, MS),))))
    assert finding.seen.startswith("The core was")
    assert "taskset" not in finding.advice
