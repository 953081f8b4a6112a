"""What else goes on: differences of counters, other processes by name, and nothing of what is not told."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from paceline.core.clock import SYSTEM_CLOCK
from paceline.records.machine import Company, OtherProcess
from paceline.sysmon import company
from paceline.sysmon.company import CompanyWatch, company_of
from paceline.sysmon.machine import Counters


def test_differences() -> None:
    before = Counters(10, 1_000, 500, 3, 1.0, 2.0)
    after = Counters(30, 2_000, 1_500, 8, 1.5, 2.25)
    others = (OtherProcess("postgres", 0.4),)
    assert company_of(5.0, before, after, 2.5, others, (2_000.0,)) == Company(
        elapsed_s=5.0,
        others_cores=0.5,
        others=others,
        stolen_share=0.02,
        switches_per_s=200.0,
        frequency_mhz=(2_000.0,),
        throttled_share=0.1,
        swapped_pages=5,
        memory_stalled_share=0.05,
    )


def test_what_one_reading_lacks_is_unknown() -> None:
    full = Counters(30, 2_000, 1_500, 8, 1.5, 2.25)
    unknown = Company(elapsed_s=5.0)
    assert company_of(5.0, Counters(), full, None, (), ()) == unknown
    assert company_of(5.0, full, Counters(), None, (), ()) == unknown


def test_no_time_no_shares() -> None:
    full = Counters(30, 2_000, 1_500, 8, 1.5, 2.25)
    assert company_of(0.0, full, full, 1.0, (), (1.0,)) == Company(frequency_mhz=(1.0,))
    assert company_of(1.0, full, full, -0.01, (), ()).others_cores == 0.0


@pytest.mark.real
def test_own_children_are_no_company() -> None:
    # Waits for a line that never comes, until its input is closed.
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        seen = {pid for pid, _ in company._cpu_s_of_others()}
    finally:
        child.communicate()
    assert {os.getpid(), child.pid} & seen == set()
    parent = os.getppid()
    assert parent in seen or parent == 0


@pytest.mark.real
def test_the_busiest_two_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = CompanyWatch(SYSTEM_CLOCK)
    seen = {(101, "postgres"): 7.0, (102, "make"): 1.0, (103, "cron"): 0.01, (104, "node"): 0.5}
    monkeypatch.setattr(watch, "_others", {(101, "postgres"): 5.0})
    monkeypatch.setattr(company, "_cpu_s_of_others", lambda: seen)
    assert watch._named(10.0) == (OtherProcess("postgres", 0.2), OtherProcess("make", 0.1))


@pytest.mark.real
def test_a_system_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise NotImplementedError("can't find current frequency file")

    def no_host() -> None:
        raise FileNotFoundError("/proc/stat")

    monkeypatch.setattr(psutil, "cpu_freq", nothing)
    watch = CompanyWatch(SYSTEM_CLOCK, tmp_path)
    monkeypatch.setattr(psutil, "cpu_times", no_host)
    seen = watch.stop()
    assert seen.elapsed_s > 0
    assert (seen.frequency_mhz, seen.stolen_share, seen.others_cores, seen.swapped_pages) == ((), None, None, None)
