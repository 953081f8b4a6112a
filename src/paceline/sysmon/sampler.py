"""Samples this process tree, the host and named targets: at both ends of the window and every 100 ms within.

The samples come from a thread, so that they cost the measured process their own CPU time (0.2 to 0.5 ms
each); how much that was is measured and reported. At both ends they are taken outside the window.
"""

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError
from paceline.core.units import NS_PER_S
from paceline.records.resources import Gauge, ResourceSeries, ResourceUsage, SamplerCost, SystemUsage
from paceline.sysmon.probes import HostProbe, ProcessProbe, Reading, whole

INTERVAL_S = 0.1
_NOW_S = 0.9  # a second of samples, however they were rounded
_SHORTEST_HOST_WINDOW_S = 0.05  # five ticks of the host's counters
_MOST_SAMPLES = 6_000  # 10 minutes; then every second one is dropped and the interval doubles


@dataclass(frozen=True, slots=True)
class Sample:
    """All subjects at one moment: host, own process tree, targets in the order named."""

    at_s: float
    readings: tuple[Reading, ...]


class Sampler:
    """Watches between :meth:`start` and :meth:`stop`.

    Args:
        clock: where the time comes from.
        target_pids: processes of interest besides this one, for example the server's.
        interval_s: time between samples.

    Raises:
        ConfigurationError: a target pid is no running process.
    """

    def __init__(self, clock: Clock, target_pids: Sequence[int] = (), interval_s: float = INTERVAL_S) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._targets = checked_pids(target_pids)
        self._host = HostProbe(clock.now_s)
        self._trees = [ProcessProbe(os.getpid(), clock.now_s, clock.cpu_s, self._targets)]
        self._trees += [_probe_of(pid, clock) for pid in self._targets]
        self._samples: list[Sample] = []
        self._cpu_s = 0.0
        self._ticks = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="paceline-sampler", daemon=True)

    def start(self) -> None:
        """Take the first sample and go on in a thread."""
        self._take(at_end=True)
        self._thread.start()

    def stop(self) -> SystemUsage:
        """Take the last sample and say what was used in between."""
        self._done.set()
        self._thread.join()
        self._take(at_end=True)
        return self._usage()

    def targets_now(self) -> tuple[tuple[int, float | None], ...]:
        """Pid and CPU of each target over the last second or so, in percent of a core; None where that is unknown."""
        samples = self._samples
        last = samples[-1] if samples else None
        first = next((each for each in reversed(samples) if last and last.at_s - each.at_s >= _NOW_S), None)
        if last is None or first is None:
            return tuple((pid, None) for pid in self._targets)
        return tuple(
            (pid, next(_cpu_steps([(each.at_s, each.readings[place]) for each in (first, last)])))
            for place, pid in enumerate(self._targets, 2)  # after host and own tree
        )

    def _take(self, *, at_end: bool = False) -> None:
        trees = [tree.read(at_end=at_end) for tree in self._trees]
        host = self._host.read(at_end=at_end)
        self._samples.append(Sample(self._clock.now_s(), (host, *trees)))

    def _watch(self) -> None:
        begun_s = self._clock.thread_cpu_s()
        while not self._done.wait(self._interval_s):
            self._take()
            self._ticks += 1
            if len(self._samples) > _MOST_SAMPLES:
                self._samples = self._samples[::2]
                self._interval_s *= 2
        self._cpu_s = self._clock.thread_cpu_s() - begun_s

    def _usage(self) -> SystemUsage:
        window_s = self._samples[-1].at_s - self._samples[0].at_s
        host, process, *targets = (
            _usage_of(subject, pid, [(sample.at_s, sample.readings[place]) for sample in self._samples])
            for place, (subject, pid) in enumerate(
                [("host", None), ("process", None), *(("target", pid) for pid in self._targets)]
            )
        )
        return SystemUsage(
            host=_plausible(host, process, window_s),
            process=process,
            targets=tuple(targets),
            cpu_count=os.cpu_count(),
            sampler=SamplerCost(
                samples=self._ticks,
                cpu_ns=round(self._cpu_s * NS_PER_S),
                core_percent=100 * self._cpu_s / window_s if window_s > 0 else 0.0,
            ),
        )


def checked_pids(pids: Iterable[int]) -> tuple[int, ...]:
    """Process ids as whole numbers above 0.

    Raises:
        ConfigurationError: they are something else.
    """
    if isinstance(pids, str | bytes) or not isinstance(pids, Iterable):
        raise ConfigurationError(f"target_pids must be a list of process ids such as [4711], not {pids!r}")
    checked = tuple(pids)
    for pid in checked:
        if isinstance(pid, bool) or not isinstance(pid, int) or pid <= 0:
            raise ConfigurationError(f"target_pids must hold process ids (whole numbers above 0), not {pid!r}")
    return checked


def _probe_of(pid: int, clock: Clock) -> ProcessProbe:
    import psutil

    try:
        return ProcessProbe(pid, clock.now_s)
    except psutil.NoSuchProcess as error:
        raise ConfigurationError(f"target_pids: there is no process {pid}") from error


def _usage_of(subject: str, pid: int | None, readings: Sequence[tuple[float, Reading]]) -> ResourceUsage:
    (begin_s, first), (end_s, last) = readings[0], readings[-1]
    seen = [reading for _, reading in readings]
    cpu_s = _difference(first.cpu_s, last.cpu_s)
    steps = list(_cpu_steps(readings))
    mean = None if cpu_s is None or end_s <= begin_s else 100 * cpu_s / (end_s - begin_s)
    known = [step for step in steps if step is not None]
    return ResourceUsage(
        subject=subject,
        pid=pid,
        cpu_s=cpu_s,
        cpu_percent=None if mean is None else Gauge(min([*known, mean]), mean, max([*known, mean])),
        memory_bytes=_gauge([reading.memory_bytes for reading in seen]),
        memory_percent=_gauge([reading.memory_percent for reading in seen]),
        disk_read_bytes=whole(_difference(first.read_bytes, last.read_bytes)),
        disk_write_bytes=whole(_difference(first.write_bytes, last.write_bytes)),
        context_switches=whole(_difference(first.switches, last.switches)),
        series=ResourceSeries(
            offset_ms=tuple(round((at_s - begin_s) * 1e3, 3) for at_s, _ in readings),
            cpu_percent=(None, *steps),
            memory_bytes=tuple(reading.memory_bytes for reading in seen),
            disk_read_bytes=tuple(whole(_difference(first.read_bytes, reading.read_bytes)) for reading in seen),
            disk_write_bytes=tuple(whole(_difference(first.write_bytes, reading.write_bytes)) for reading in seen),
        ),
    )


def _plausible(host: ResourceUsage, process: ResourceUsage, window_s: float) -> ResourceUsage:
    """The host's CPU, which contains this process's and cannot exceed all cores.

    The host's counters tick every 10 ms: over a window of a few ticks they say anything from 0 to several times
    all cores, so there the host's CPU is unknown.
    """
    if window_s < _SHORTEST_HOST_WINDOW_S:
        return replace(host, cpu_s=None, cpu_percent=None)
    cores = os.cpu_count()
    if host.cpu_percent is None or process.cpu_percent is None or not cores:
        return host
    most = 100.0 * cores
    mean = min(max(host.cpu_percent.mean, process.cpu_percent.mean), most)
    low, high = min(host.cpu_percent.minimum, mean), min(max(host.cpu_percent.maximum, mean), most)
    return replace(host, cpu_percent=Gauge(low, mean, high))


def _cpu_steps(readings: Sequence[tuple[float, Reading]]) -> Iterator[float | None]:
    for (before_s, before), (after_s, after) in pairwise(readings):
        used_s = _difference(before.cpu_s, after.cpu_s)
        yield None if used_s is None or after_s <= before_s else round(100 * used_s / (after_s - before_s), 2)


def _difference(first: float | None, last: float | None) -> float | None:
    # A counter of a tree can shrink when a child leaves unseen; less than nothing was not used.
    return None if first is None or last is None else max(last - first, 0)


def _gauge(values: Sequence[float | None]) -> Gauge | None:
    known = [value for value in values if value is not None]
    return Gauge(float(min(known)), sum(known) / len(known), float(max(known))) if known else None
