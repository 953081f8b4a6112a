"""What the sampler makes of readings: differences of counters, means of levels, and what it cost itself."""

import os
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from paceline.records.resources import Gauge, SystemUsage
from paceline.sysmon import sampler as sampler_module
from paceline.sysmon.probes import Reading
from paceline.sysmon.sampler import Sampler
from tests.fakes import ManualClock
from tests.runs import PATIENCE_S

MB = 1_000_000
NEVER_S = 1e5  # between samples: only those at both ends are taken
CORES = os.cpu_count() or 1


class Scripted:
    """A probe that gives the readings it was made with, then the last one for ever."""

    def __init__(self, *readings: Reading) -> None:
        self._readings = list(readings)
        self.asked_at_end: list[bool] = []

    def read(self, *, at_end: bool) -> Reading:
        self.asked_at_end.append(at_end)
        return self._readings.pop(0) if len(self._readings) > 1 else self._readings[0]


def sampled(
    host: Iterable[Reading] = (Reading(),), own: Iterable[Reading] = (Reading(),), *, seconds: float = 2.0
) -> SystemUsage:
    """The usage over a window of ``seconds``."""
    clock = ManualClock()
    sampler = Sampler(clock.as_clock(), interval_s=NEVER_S)
    probes: Any = Scripted(*host), [Scripted(*own)]
    sampler._host, sampler._trees = probes
    sampler.start()
    clock.advance(seconds)
    return sampler.stop()


def test_counters_are_differences_and_levels_have_a_range() -> None:
    usage = sampled(
        own=[
            Reading(10.0, 100 * MB, 1.0, 5 * MB, 7 * MB, 1_000),
            Reading(13.0, 300 * MB, 3.0, 6 * MB, 10 * MB, 1_500),
        ]
    ).process
    assert usage.cpu_s == 3.0
    assert usage.cpu_percent == Gauge(150.0, 150.0, 150.0)  # 100 is one core
    assert usage.memory_bytes == Gauge(100 * MB, 200 * MB, 300 * MB)
    assert usage.memory_percent == Gauge(1.0, 2.0, 3.0)
    assert (usage.disk_read_bytes, usage.disk_write_bytes) == (1 * MB, 3 * MB)
    assert usage.context_switches == 500
    assert usage.series.offset_ms == (0.0, 2_000.0)
    assert usage.series.cpu_percent == (None, 150.0)
    assert usage.series.memory_bytes == (100 * MB, 300 * MB)
    assert usage.series.disk_write_bytes == (0, 3 * MB)


def test_what_the_machine_cannot_tell_is_unknown_not_zero() -> None:
    usage = sampled().process
    assert (usage.cpu_s, usage.cpu_percent, usage.memory_bytes, usage.memory_percent) == (None,) * 4
    assert (usage.disk_read_bytes, usage.disk_write_bytes, usage.context_switches) == (None,) * 3


@pytest.mark.parametrize(
    ("first", "last", "difference"),
    [
        pytest.param(5.0, 4.0, 0, id="a child left and took its counter with it"),
        pytest.param(None, 4.0, None, id="unknown at first"),
        pytest.param(4.0, None, None, id="gone in the end"),
    ],
)
def test_broken_counters(first: float | None, last: float | None, difference: float | None) -> None:
    assert sampled(own=[Reading(cpu_s=first), Reading(cpu_s=last)]).process.cpu_s == difference


@pytest.mark.parametrize(
    ("host_s", "own_s", "seconds", "mean"),
    [
        pytest.param(1.0, 0.5, 2.0, 50.0, id="the host as it says"),
        pytest.param(0.0, 0.5, 2.0, 25.0, id="but no less than this process"),
        pytest.param(9e9, 0.5, 2.0, 100.0 * CORES, id="and no more than all cores"),
        pytest.param(0.01, 0.000_4, 0.000_5, None, id="in a window of microseconds it is unknown"),
        pytest.param(0.02, 0.01, 0.049, None, id="just below five ticks"),
        pytest.param(0.02, 0.01, 0.05, 40.0, id="five ticks"),
        pytest.param(None, 0.5, 2.0, None, id="unknown"),
    ],
)
def test_the_hosts_cpu(host_s: float | None, own_s: float, seconds: float, mean: float | None) -> None:
    host = [Reading(cpu_s=None if host_s is None else 0.0), Reading(cpu_s=host_s)]
    usage = sampled(host, [Reading(cpu_s=0.0), Reading(cpu_s=own_s)], seconds=seconds)
    if mean is None:
        assert usage.host.cpu_percent is None
        return
    gauge = usage.host.cpu_percent
    assert gauge is not None
    assert gauge.mean == pytest.approx(mean)
    assert gauge.minimum <= gauge.mean <= gauge.maximum <= 100.0 * CORES


def test_a_window_without_length_has_no_rate() -> None:
    usage = sampled(own=[Reading(cpu_s=1.0), Reading(cpu_s=1.0)], seconds=0.0)
    assert usage.process.cpu_percent is None
    assert usage.process.cpu_s == 0.0
    assert usage.sampler.core_percent == 0.0


class Ticking(Scripted):
    """A probe whose readings cost 50 ms, 10 ms of them on a core; says when it was read ``enough`` times."""

    def __init__(self, clock: ManualClock, enough: int) -> None:
        super().__init__(Reading(cpu_s=1.0))
        self._clock = clock
        self._left = enough
        self.done = threading.Event()

    def read(self, *, at_end: bool) -> Reading:
        if not at_end:
            self._clock.advance(0.05, cpu_s=0.01)
            self._left -= 1
            if not self._left:
                self.done.set()
        return super().read(at_end=at_end)


def ticked(clock: ManualClock, samples: int) -> tuple[SystemUsage, Ticking, Sampler]:
    clock.advance(3.0, cpu_s=3.0)  # of before
    sampler = Sampler(clock.as_clock(), interval_s=1e-4)
    probe: Any = Ticking(clock, samples)
    host: Any = Scripted(Reading())
    sampler._host, sampler._trees = host, [probe]
    sampler.start()
    assert probe.done.wait(PATIENCE_S)
    return sampler.stop(), probe, sampler


def test_its_own_cost_is_measured() -> None:
    usage, probe, _ = ticked(ManualClock(), samples=5)
    cost = usage.sampler
    assert cost.samples >= 5
    assert cost.cpu_ns == cost.samples * 10_000_000
    assert cost.core_percent == pytest.approx(20.0)  # 10 ms in each 50
    assert len(usage.process.series.offset_ms) == cost.samples + 2  # and one at each end
    assert [probe.asked_at_end[0], probe.asked_at_end[-1]] == [True, True]
    assert not any(probe.asked_at_end[1:-1])


def test_a_long_run_is_thinned_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampler_module, "_MOST_SAMPLES", 8)
    usage, _, sampler = ticked(ManualClock(), samples=30)
    assert usage.sampler.samples >= 30
    assert len(usage.process.series.offset_ms) <= 10
    assert usage.process.series.offset_ms[0] == 0.0
    assert sampler._interval_s > 1e-4
