"""What one process and its machine use while a load is made, read now and then by whoever started the process.

No thread samples: differences of counters are exact however seldom they are read, and whoever reads them has to wake up
for the messages of the process anyway.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from paceline.sysmon.probes import HostProbe, ProcessProbe, Reading

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)  # with slots it would take longer to unpickle: it comes with each slice
class LegUsage:
    """Since the watch began; None where the machine does not tell, or the process had gone.

    Attributes:
        cpu_percent: of the process; 100 is one core.
        memory_bytes: the most it was seen to hold.
        host_cpu_percent: of the machine; 100 is one core.
        host_memory_percent: of the machine's memory, the most that was seen in use.
        host_cores: of the machine.
    """

    cpu_percent: float | None = None
    memory_bytes: int | None = None
    host_cpu_percent: float | None = None
    host_memory_percent: float | None = None
    host_cores: int | None = None


class LegWatch:
    """Watches from its making on.

    Args:
        process: reads what the process has used; its last word is kept when it has gone.
        host: reads what the machine has used.
        now_s: the clock.
    """

    def __init__(self, process: Callable[[], Reading], host: Callable[[], Reading], now_s: Callable[[], float]) -> None:
        self._process, self._host, self._now_s = process, host, now_s
        self._begun_s = now_s()
        self._process_before, self._host_before = process(), host()
        self._usage = LegUsage(host_cores=os.cpu_count())

    def read(self) -> LegUsage:
        """What was used until now."""
        elapsed_s = self._now_s() - self._begun_s
        process, host, known = self._process(), self._host(), self._usage
        cpu_percent = _percent(self._process_before, process, elapsed_s)
        self._usage = LegUsage(
            cpu_percent=known.cpu_percent if cpu_percent is None else cpu_percent,
            # One that has ended and is not yet waited for has none: that says nothing.
            memory_bytes=_most(known.memory_bytes, process.memory_bytes or None),
            host_cpu_percent=_percent(self._host_before, host, elapsed_s),
            host_memory_percent=_most(known.host_memory_percent, host.memory_percent),
            host_cores=known.host_cores,
        )
        return self._usage


def watch_leg(pid: int, now_s: Callable[[], float]) -> LegWatch:
    """Of the process ``pid`` and this machine, from now on."""
    host = HostProbe(now_s)
    return LegWatch(_reader(pid, now_s), lambda: _known(host), now_s)


def _reader(pid: int, now_s: Callable[[], float]) -> Callable[[], Reading]:
    import psutil

    try:
        probe = ProcessProbe(pid, now_s)
    except psutil.NoSuchProcess:
        return Reading  # it has ended meanwhile
    return lambda: probe.read(at_end=False)


def _known(host: HostProbe) -> Reading:
    try:
        return host.read(at_end=False)
    except OSError:
        return Reading()  # a container without /proc/stat


def _percent(before: Reading, after: Reading, elapsed_s: float) -> float | None:
    if before.cpu_s is None or after.cpu_s is None or elapsed_s <= 0:
        return None
    return 100 * max(after.cpu_s - before.cpu_s, 0.0) / elapsed_s


def _most(known: _Number | None, seen: _Number | None) -> _Number | None:
    return seen if known is None else known if seen is None else max(known, seen)
