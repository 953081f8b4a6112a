"""Which machine and interpreter this is."""

import os
import platform
import sys
from functools import cache
from pathlib import Path

from paceline.core.version import __version__
from paceline.records.fingerprint import Fingerprint

_BYTES_PER_GIB = 1 << 30


@cache
def this_machine() -> Fingerprint:
    """The fingerprint of the machine and interpreter at hand."""
    import psutil

    version = ".".join(map(str, sys.version_info[:3]))
    threading = " free-threaded" if free_threaded() else ""
    return Fingerprint(
        cpu_model=_cpu_model(),
        cpu_count=os.cpu_count(),
        memory_gib=round(psutil.virtual_memory().total / _BYTES_PER_GIB),
        system=platform.system(),
        kernel=platform.release(),
        architecture=platform.machine(),
        python=f"{platform.python_implementation()} {version}{threading}",
        paceline=__version__,
    )


def free_threaded() -> bool:
    """Whether threads of this interpreter run Python at the same time."""
    return not getattr(sys, "_is_gil_enabled", lambda: True)()


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []  # not Linux
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return " ".join(value.split())
    return platform.processor() or "unknown"
