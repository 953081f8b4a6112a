"""Readings of the host and of process trees at one moment.

What is dear to read (the host's disks 0.11 ms, the list of children 1 ms) is read once a second.
"""

import contextlib
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import psutil

_Value = TypeVar("_Value")

_DEAR_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters and levels of one subject at one moment; None where the machine does not tell."""

    cpu_s: float | None = None
    memory_bytes: int | None = None
    memory_percent: float | None = None
    read_bytes: int | None = None
    write_bytes: int | None = None
    switches: int | None = None


class HostProbe:
    """The whole machine.

    Args:
        now_s: the clock.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        import psutil

        # nowrap=False: no counter of 64 bits wraps within a run, and the check costs a quarter of the call.
        self._disks = _OnceASecond(lambda: psutil.disk_io_counters(nowrap=False), now_s)

    def read(self, *, at_end: bool) -> Reading:
        """Counters since boot, and memory in use."""
        import psutil

        times = psutil.cpu_times()
        # guest time is contained in user time; idle and iowait are the time nothing ran.
        busy_s = sum(times) - times.idle - getattr(times, "iowait", 0.0)
        busy_s -= getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        memory = psutil.virtual_memory()
        disks = self._disks.get(fresh=at_end)
        return Reading(
            cpu_s=busy_s,
            memory_bytes=memory.used,
            memory_percent=memory.percent,
            read_bytes=disks.read_bytes if disks else None,
            write_bytes=disks.write_bytes if disks else None,
            switches=psutil.cpu_stats().ctx_switches if at_end else None,
        )


class ProcessProbe:
    """A process and its children. What exited children used is in their parent's counters.

    Args:
        pid: of the process.
        now_s: the clock.
        own_cpu_s: CPU clock of the process, when it is this one: the system's counters tick every 10 ms only.
        without: pids of children that are observed on their own; they and their children do not count here.
    """

    def __init__(
        self,
        pid: int,
        now_s: Callable[[], float],
        own_cpu_s: Callable[[], float] | None = None,
        without: Sequence[int] = (),
    ) -> None:
        import psutil

        self._root = psutil.Process(pid)
        self._own_cpu_s = own_cpu_s
        self._without = tuple(without)
        self._children = _OnceASecond(self._find_children, now_s)
        self._memory_total = psutil.virtual_memory().total

    def read(self, *, at_end: bool) -> Reading:
        """The sum over the tree; empty when the process is gone or may not be looked at."""
        import psutil

        try:
            children = self._children.get(fresh=at_end)
            readings = [_read_process(self._root, self._own_cpu_s)]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return Reading()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                # A child that ended between two samples: its parent has its counters now.
                readings.append(_read_process(child))
        memory = _total([reading.memory_bytes for reading in readings])
        return Reading(
            cpu_s=_total([reading.cpu_s for reading in readings]),
            memory_bytes=whole(memory),
            memory_percent=None if memory is None else 100 * memory / self._memory_total,
            read_bytes=whole(_total([reading.read_bytes for reading in readings])),
            write_bytes=whole(_total([reading.write_bytes for reading in readings])),
            # Of this process the kernel tells all threads together, of others only the main thread.
            switches=None if self._own_cpu_s is None else _own_switches(),
        )

    def _find_children(self) -> list["psutil.Process"]:
        import psutil

        children = self._root.children(recursive=True)
        apart = set(self._without)
        for child in children:
            if child.pid in self._without:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    apart.update(each.pid for each in child.children(recursive=True))
        return [child for child in children if child.pid not in apart]


class _OnceASecond(Generic[_Value]):
    """Remembers what was dear to read."""

    def __init__(self, read: Callable[[], _Value], now_s: Callable[[], float]) -> None:
        self._read = read
        self._now_s = now_s
        self._remembered: tuple[float, _Value] | None = None

    def get(self, *, fresh: bool) -> _Value:
        now_s = self._now_s()
        if fresh or self._remembered is None or now_s - self._remembered[0] >= _DEAR_INTERVAL_S:
            self._remembered = now_s, self._read()
        return self._remembered[1]


def _read_process(process: "psutil.Process", own_cpu_s: Callable[[], float] | None = None) -> Reading:
    import psutil

    with process.oneshot():
        times = process.cpu_times()
        memory = process.memory_info()
        disk = None
        with contextlib.suppress(psutil.AccessDenied, AttributeError, NotImplementedError):
            disk = process.io_counters()  # macOS has none; Linux tells only the owner
        own_s = times.user + times.system if own_cpu_s is None else own_cpu_s()
        return Reading(
            cpu_s=own_s + times.children_user + times.children_system,
            memory_bytes=memory.rss,
            read_bytes=disk.read_bytes if disk else None,
            write_bytes=disk.write_bytes if disk else None,
        )


def _own_switches() -> int:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_nvcsw + usage.ru_nivcsw


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def whole(value: float | None) -> int | None:
    """A counter as an integer; unknown stays unknown."""
    return None if value is None else int(value)


def peak_rss_bytes() -> int | None:
    """The most memory this process held since its program began; None where the machine does not tell.

    Not ``ru_maxrss`` where it can be avoided: Linux keeps that across fork and exec, so that a fresh interpreter of 13
    MB says 400 MB when a process of 400 MB started it.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        # macOS, which has no /proc, counts in bytes.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if sys.platform == "darwin" else None
    peaks = (line.split() for line in lines if line.startswith("VmHWM:"))
    return next((int(words[1]) * 1024 for words in peaks), None)
