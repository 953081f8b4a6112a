"""What else a machine does while something is measured: looked at between measurements, never during one."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from paceline.core.clock import Clock
from paceline.records.machine import Company, OtherProcess
from paceline.sysmon.machine import Counters, read_counters
from paceline.sysmon.probes import HostProbe, ProcessProbe, Reading

MOST_NAMED = 2
_LEAST_NAMED_CORES = 0.02

_Number = TypeVar("_Number", int, float)


class CompanyWatch:
    """Watches from its making to :meth:`stop`. Starts no thread: that would be company, too.

    Args:
        clock: where the time comes from.
        root: below which the system's files are.
    """

    def __init__(self, clock: Clock, root: Path = Path("/")) -> None:
        self._clock = clock
        self._root = root
        self._frequency_mhz: list[float] = []
        self._host = HostProbe(clock.now_s)
        self._own = ProcessProbe(os.getpid(), clock.now_s, clock.cpu_s)
        self._begun_s = clock.now_s()
        self._counters = read_counters(root)
        self._host_cpu_s, self._own_cpu_s = self._cpu_s()
        self._others = _cpu_s_of_others()
        self.look()

    def look(self) -> None:
        """Note the frequency; to be called now and then, when nothing is measured."""
        frequency_mhz = _frequency_mhz()
        if frequency_mhz is not None:
            self._frequency_mhz.append(frequency_mhz)

    def stop(self) -> Company:
        """What went on since the beginning."""
        self.look()
        elapsed_s = self._clock.now_s() - self._begun_s
        counters = read_counters(self._root)
        host_s, own_s = self._cpu_s()
        others_s = _less(_less(host_s, self._host_cpu_s), _less(own_s, self._own_cpu_s))
        return company_of(
            elapsed_s, self._counters, counters, others_s, self._named(elapsed_s), tuple(self._frequency_mhz)
        )

    def _cpu_s(self) -> tuple[float | None, float | None]:
        """Of the machine, and of this process with its children."""
        try:
            host = self._host.read(at_end=True)
        except OSError:
            host = Reading()  # a container without /proc/stat
        return host.cpu_s, self._own.read(at_end=True).cpu_s

    def _named(self, elapsed_s: float) -> tuple[OtherProcess, ...]:
        if elapsed_s <= 0:
            return ()
        used = [
            OtherProcess(name, (cpu_s - self._others.get((pid, name), 0.0)) / elapsed_s)
            for (pid, name), cpu_s in _cpu_s_of_others().items()
        ]
        busiest = sorted(used, key=lambda each: -each.cores)[:MOST_NAMED]
        return tuple(each for each in busiest if each.cores >= _LEAST_NAMED_CORES)


def company_of(
    elapsed_s: float,
    before: Counters,
    after: Counters,
    others_s: float | None,
    others: tuple[OtherProcess, ...],
    frequency_mhz: tuple[float, ...],
) -> Company:
    """What two readings of the counters say; what one of them does not tell is unknown."""
    if elapsed_s <= 0:
        return Company(frequency_mhz=frequency_mhz)
    stolen, ticks = _less(after.stolen_ticks, before.stolen_ticks), _less(after.all_ticks, before.all_ticks)
    return Company(
        elapsed_s=elapsed_s,
        # The system's counters tick every 10 ms: the difference of two of them may be a hair below nothing.
        others_cores=None if others_s is None else max(others_s / elapsed_s, 0.0),
        others=others,
        stolen_share=None if stolen is None or not ticks else stolen / ticks,
        switches_per_s=_over(_less(after.switches, before.switches), elapsed_s),
        frequency_mhz=frequency_mhz,
        throttled_share=_over(_less(after.throttled_s, before.throttled_s), elapsed_s),
        swapped_pages=_less(after.swapped_pages, before.swapped_pages),
        memory_stalled_share=_over(_less(after.memory_stalled_s, before.memory_stalled_s), elapsed_s),
    )


def _less(after: _Number | None, before: _Number | None) -> _Number | None:
    return None if after is None or before is None else after - before


def _over(amount: float | None, elapsed_s: float) -> float | None:
    return None if amount is None else amount / elapsed_s


def _frequency_mhz() -> float | None:
    import psutil

    # Where there is none psutil says so in any of these ways, by system and version.
    with contextlib.suppress(OSError, NotImplementedError, AttributeError, RuntimeError):
        frequency = psutil.cpu_freq()
        if frequency is not None and frequency.current > 0:
            return float(frequency.current)
    return None


def _cpu_s_of_others() -> Mapping[tuple[int, str], float]:
    """CPU seconds of every process that may be looked at and is neither this one nor a child of it."""
    import psutil

    own = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    seen = {}
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        with contextlib.suppress(psutil.Error):  # it ended, or belongs to somebody else
            times = process.cpu_times()
            seen[process.pid, process.name()] = times.user + times.system
    return seen
