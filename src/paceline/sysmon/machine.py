"""What the system says of itself: settings and limits that bear on timings, and counters of what disturbs them.

Everything is read from files below folders that are arguments. What is not there, may not be read or is not as
expected is unknown (None), never an error: kernels, containers and systems differ in all of it.
"""

import contextlib
import os
import re
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paceline.records.machine import Machine

_CORES = "sys/devices/system/cpu"
_BYTES_PER_KB = 1024
_HYPERVISOR_CLOCKS = {"kvm-clock": "KVM", "xen": "Xen", "hyperv": "Hyper-V"}
_CONTAINER_WORDS = re.compile(r"docker|kubepods|containerd|libpod|lxc|garden")
_V1_MOUNTS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")
_US_PER_S, _NS_PER_US = 1e6, 1e3


@dataclass(frozen=True, slots=True)
class Counters:
    """Counted since the start; None where the system does not."""

    stolen_ticks: int | None = None
    all_ticks: int | None = None
    switches: int | None = None
    swapped_pages: int | None = None
    throttled_s: float | None = None
    memory_stalled_s: float | None = None


def read_machine(root: Path = Path("/")) -> Machine:
    """What the system below ``root`` says; what only a call tells (cores of this process, its files) is this one's."""
    has_quota, quota_cores = _quota(root)
    files, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    smt = _text(root / _CORES / "smt/active")
    return Machine(
        clock_source=_text(root / "sys/devices/system/clocksource/clocksource0/current_clocksource"),
        governors=_governors(root),
        boost=_boost(root),
        hypervisor=_hypervisor(root),
        container=_container(root),
        cores_online=os.cpu_count(),
        cores_usable=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        cores_isolated=_cores(_text(root / _CORES / "isolated")),
        threads_share_cores={"1": True, "0": False}.get(smt or ""),
        has_cpu_quota=has_quota,
        cpu_quota_cores=quota_cores,
        load_1min=_load(root),
        swap_used_bytes=_swap_used(root),
        open_files=_limit(files),
        open_files_most=_limit(most_files),
    )


def read_counters(root: Path = Path("/")) -> Counters:
    """The counters of the system below ``root``."""
    ticks = _ticks(root)
    pages = [_number(_fields(root / "proc/vmstat").get(name)) for name in ("pswpin", "pswpout")]
    switches = _fields(root / "proc/stat").get("ctxt")
    return Counters(
        stolen_ticks=ticks[0] if ticks else None,
        all_ticks=ticks[1] if ticks else None,
        switches=_number(switches),
        swapped_pages=None if None in pages else sum(page for page in pages if page is not None),
        throttled_s=_throttled_s(root),
        memory_stalled_s=_stalled_s(root),
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None  # see above


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _fields(path: Path) -> dict[str, str]:
    """First word of each line with what follows it."""
    lines = (_text(path) or "").splitlines()
    pairs = (line.replace(":", " ", 1).split(None, 1) for line in lines)
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) > 1}


def _limit(count: int) -> int | None:
    return None if count == resource.RLIM_INFINITY else count


def _governors(root: Path) -> tuple[str, ...] | None:
    found = {_text(path) for path in (root / _CORES).glob("cpu[0-9]*/cpufreq/scaling_governor")}
    return tuple(sorted(each for each in found if each)) or None


def _boost(root: Path) -> bool | None:
    denied = _text(root / _CORES / "intel_pstate/no_turbo")
    if denied in {"0", "1"}:
        return denied == "0"
    return {"1": True, "0": False}.get(_text(root / _CORES / "cpufreq/boost") or "")


def _hypervisor(root: Path) -> str | None:
    """Its name, or what the machine calls itself; ``none`` where an x86 processor does not set the guest's flag."""
    kind = _text(root / "sys/hypervisor/type")
    if kind:
        return kind
    flags = next((line for line in (_text(root / "proc/cpuinfo") or "").splitlines() if line.startswith("flags")), None)
    if flags is None:
        # Other processors have no flag; a device tree may name one.
        named = _text(root / "proc/device-tree/hypervisor/compatible")
        return named.strip("\0") if named else None
    if "hypervisor" not in flags.split():
        return "none"
    clocks = _text(root / "sys/devices/system/clocksource/clocksource0/available_clocksource") or ""
    by_clock = next((name for clock, name in _HYPERVISOR_CLOCKS.items() if clock in clocks), None)
    vendor = _text(root / "sys/class/dmi/id/sys_vendor")
    return " on ".join(part for part in (by_clock, vendor) if part) or "one that gives no name"


def _container(root: Path) -> str | None:
    if (root / ".dockerenv").exists():
        return "Docker"
    if (root / "run/.containerenv").exists():
        return "Podman"
    groups = _text(root / "proc/1/cgroup")
    if groups is None:
        return None
    found = _CONTAINER_WORDS.search(groups)
    return found[0] if found else "none"


def _cores(text: str | None) -> tuple[int, ...] | None:
    """The numbers in ``2-3,6``."""
    if text is None:
        return None
    cores: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            return None
        cores += range(int(first), int(last or first) + 1)
    return tuple(cores)


def _load(root: Path) -> float | None:
    try:
        return float((_text(root / "proc/loadavg") or "").split()[0])
    except (IndexError, ValueError):
        pass
    if (root / "proc").exists():
        return None
    with contextlib.suppress(OSError, AttributeError):
        return os.getloadavg()[0]  # a system without /proc
    return None


def _swap_used(root: Path) -> int | None:
    fields = _fields(root / "proc/meminfo")
    total, free = (_number(fields.get(name, "").partition(" ")[0]) for name in ("SwapTotal", "SwapFree"))
    return None if total is None or free is None else (total - free) * _BYTES_PER_KB


def _group_folders(root: Path) -> Iterator[Path]:
    """Those that may limit this process: its control groups and all above them, of either version.

    Within a container the path may be the host's, of which only the mount is seen: the parents lead there.
    """
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            mounts: tuple[str, ...] = ("sys/fs/cgroup",)
        elif "cpu" in controllers.split(","):
            mounts = tuple(f"sys/fs/cgroup/{name}" for name in _V1_MOUNTS)
        else:
            continue
        for mount in mounts:
            top = root / mount
            folder = top / path.lstrip("/")
            yield from (each for each in (folder, *folder.parents) if each.is_relative_to(top) and each.is_dir())


def _quota(root: Path) -> tuple[bool | None, float | None]:
    """Whether there is a limit of CPU time, and the strictest one in cores."""
    folders = list(_group_folders(root))
    limits = []
    for folder in folders:
        words = (_text(folder / "cpu.max") or "").split()
        words = words or [_text(folder / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
        quota, period = (_number(word) for word in (*words, "", "")[:2])
        if quota is not None and period and quota > 0:
            limits.append(quota / period)
    if limits:
        return True, min(limits)
    return (False if folders else None), None


def _throttled_s(root: Path) -> float | None:
    """By the limit of any of the groups."""
    known = []
    for folder in _group_folders(root):
        fields = _fields(folder / "cpu.stat")
        micros, nanos = _number(fields.get("throttled_usec")), _number(fields.get("throttled_time"))
        if micros is None and nanos is not None:
            micros = round(nanos / _NS_PER_US)
        if micros is not None:
            known.append(micros / _US_PER_S)
    return sum(known) if known else None


def _ticks(root: Path) -> tuple[int, int] | None:
    """Stolen, and of all states together, over all cores."""
    ticks = [_number(word) for word in _fields(root / "proc/stat").get("cpu", "").split()]
    # user nice system idle iowait irq softirq steal; guest time, which follows, is in user already
    first = [tick for tick in ticks[:8] if tick is not None]
    return (first[7], sum(first)) if len(first) == 8 else None  # noqa: PLR2004  # as listed


def _stalled_s(root: Path) -> float | None:
    """Time in which some task waited for memory (pressure stall information, Linux 4.20)."""
    words = _fields(root / "proc/pressure/memory").get("some", "").split()
    micros = next((_number(word.removeprefix("total=")) for word in words if word.startswith("total=")), None)
    return None if micros is None else micros / _US_PER_S
