"""What a leg and its machine use: differences of counters, the most of levels, nothing where nothing is known."""

import os
import subprocess
import sys

import pytest

from paceline.sysmon.leg_watch import LegUsage, LegWatch, watch_leg
from paceline.sysmon.probes import Reading
from tests.fakes import ManualClock


class Watched:
    """A watch over readings that a test sets."""

    def __init__(self, process: Reading, host: Reading) -> None:
        self.process, self.host, self.clock = process, host, ManualClock()
        self.watch = LegWatch(lambda: self.process, lambda: self.host, self.clock.now_s)

    def read(self, seconds: float, process: Reading, host: Reading) -> LegUsage:
        self.process, self.host = process, host
        self.clock.advance(seconds)
        return self.watch.read()


def test_counters_are_subtracted_and_the_most_of_levels_is_kept() -> None:
    watched = Watched(Reading(10.0, 1_000), Reading(100.0, memory_percent=20.0))
    first = watched.read(1.0, Reading(10.5, 5_000), Reading(101.5, memory_percent=30.0))
    assert first == LegUsage(50.0, 5_000, 150.0, 30.0, os.cpu_count())
    second = watched.read(1.0, Reading(10.6, 2_000), Reading(101.7, memory_percent=25.0))
    assert second.cpu_percent == pytest.approx(30.0)
    assert second.host_cpu_percent == pytest.approx(85.0)
    assert (second.memory_bytes, second.host_memory_percent) == (5_000, 30.0)


def test_of_a_process_that_has_gone_the_last_word_is_kept() -> None:
    watched = Watched(Reading(10.0, 1_000), Reading())
    watched.read(1.0, Reading(10.5, 5_000), Reading())
    assert watched.read(1.0, Reading(), Reading()) == LegUsage(50.0, 5_000, None, None, os.cpu_count())


def test_one_that_has_ended_holds_no_memory_which_says_nothing() -> None:
    watched = Watched(Reading(10.0, 1_000), Reading())
    assert watched.read(1.0, Reading(10.5, 0), Reading()).memory_bytes is None
    assert watched.read(1.0, Reading(10.5, 5_000), Reading()).memory_bytes == 5_000
    assert watched.read(1.0, Reading(10.5, 0), Reading()).memory_bytes == 5_000


def test_no_time_has_passed() -> None:
    assert Watched(Reading(1.0), Reading(1.0)).watch.read() == LegUsage(host_cores=os.cpu_count())


def test_real_processes() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        clock = ManualClock(tick_s=0.01)
        usage = watch_leg(process.pid, clock.now_s).read()
        assert usage.memory_bytes
        assert usage.cpu_percent is not None
        assert usage.host_cpu_percent is not None
        assert process.stdin is not None
        process.stdin.write(b"\n")
    assert watch_leg(process.pid, clock.now_s).read().memory_bytes is None
