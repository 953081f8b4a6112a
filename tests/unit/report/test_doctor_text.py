"""The doctor's report: the verdict first, everything within 80 columns, nothing that drives a terminal."""

from dataclasses import replace

import pytest

from paceline.core.clock import ClockQuality
from paceline.judge.fitness import judge_fitness
from paceline.judge.fitness_advice import advice_of
from paceline.records.doctor import CoreWatch, DoctorRecord
from paceline.records.machine import Company, Machine, OtherProcess
from paceline.report.doctor_text import render_doctor
from tests.unit.judge.examined import QUIET, WORKLOADS, duet, examination

LOUD = tuple(0.15 * (-1) ** number + 0.001 * number for number in range(20))


def report(record: DoctorRecord) -> str:
    fitness = judge_fitness(record)
    return render_doctor(fitness, advice_of(fitness))


def test_a_fit_machine() -> None:
    assert report(examination()) == (
        """\
fit for changes of 5 % and more: found in all 3 workloads; 20 pairs find it in
100 % of runs with CPU

              a call  spread  visible same code    +5 %    power [90 %]
CPU            60 us   0.3 %    2.1 % unchanged   found 100 % [83, 100]  fit
memory         60 us   0.3 %    2.1 % unchanged   found 100 % [83, 100]  fit
system calls   60 us   0.3 %    2.1 % unchanged   found 100 % [83, 100]  fit
visible: the smallest change that 80 % of duets find; power: the share of duets
that find +5 %

clock         tsc, steps of 20 ns, 50 ns a reading, never backwards
cores         away 0 %, 0 % of the time, 0 ns at most; p99.9 of waits nothing
machine       bare metal, no container, 8 of 8 cores, one thread a core
system        no CPU quota, open files 65,536, swap in use 0 MB, load before
              0.10
frequency     3,000 MHz, governor performance, boost off
meanwhile     others used 1 % of a core, stolen 0 %, throttled 0 %, waits for
              memory 0 %, switches 800/s, swapped 0 pages
"""
    )


def test_an_unfit_machine_is_told_what_to_do() -> None:
    noise = Company(elapsed_s=10.0, others_cores=0.9, others=(OtherProcess("make", 0.5),), frequency_mhz=(3e3, 2e3))
    cores = tuple(CoreWatch(number, 10**9, 10**7, 0, 3, 5 * 10**7 + number, 3 * 10**7, 10**7) for number in range(64))
    record = examination([duet(name, LOUD) for name in WORKLOADS], company=noise, cores=cores)
    text = report(record)
    assert text.startswith("unfit for changes of 5 %: found in 0 of 3 workloads; ")
    assert "MISSED" in text
    assert "away 5 %, 5 %, 5 %, 5 %, 5 %, 5 %, 5 %, 5 % (the worst of 64) of the time" in " ".join(text.split())
    assert "2,000 to 3,000 MHz" in text
    assert "what to do\n 1. Other processes used 90 % of a core" in text
    assert "[change-missed]" in text


@pytest.mark.parametrize(
    "record",
    [
        examination(machine=Machine(), company=Company(), cores=()),
        examination(effect=0.123456, clock=ClockQuality(1e6, 1e6)),
        examination([duet("a name that is longer than its column", LOUD)], left_out={"memory": "base: MemoryError"}),
        examination([duet("CPU", QUIET[:6])]),
        examination([]),
        examination([duet("CPU", [3.0 + value for value in QUIET])]),
        examination(machine=replace(examination().machine, has_cpu_quota=True, cpu_quota_cores=0.5, boost=True)),
        examination(company=Company(others_cores=1.0, others=(OtherProcess("\x1b[31mred\n" * 20, 0.5),))),
    ],
)
def test_it_fits_and_is_printable(record: DoctorRecord) -> None:
    text = report(record)
    assert text.endswith("\n")
    assert not text.startswith("\n")
    assert all(character.isprintable() or character == "\n" for character in text)
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_what_is_unknown_is_called_so() -> None:
    text = report(examination(machine=Machine(), company=Company(), cores=()))
    for said in (
        "source unknown",
        "virtual or not: unknown",
        "SMT unknown",
        "CPU quota unknown",
        "swap in use unknown",
        "load before unknown",
        "governor unknown",
        "others unknown",
        "stolen unknown",
    ):
        assert said in " ".join(text.split()), said


def test_an_interrupted_one_shows_no_table() -> None:
    text = report(examination([duet("CPU", QUIET[:6])], interrupted=True))
    assert text.startswith("no verdict: interrupted after 6 of 20 pairs\n")
    assert "power" not in text


def test_a_false_alarm_and_a_broken_clock_stand_out() -> None:
    record = examination(
        [duet("CPU", [0.03 + value for value in QUIET], planted=[0.05] * 20)],
        cores=(CoreWatch(0, 10**9, 10**7, backwards=1_234),),
    )
    text = report(record)
    assert "SLOWER" in text
    assert "went BACKWARDS 1,234 times" in text
