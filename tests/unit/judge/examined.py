"""Examinations of machines whose every pair is chosen."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from paceline.core.clock import ClockQuality
from paceline.records.doctor import CoreWatch, DoctorRecord
from paceline.records.duet import DuetRecord, Epochs, Pair, Side, Subject
from paceline.records.machine import Company, Machine

CALL_NS = 60_000.0
WORKLOADS = ("CPU", "memory", "system calls")
QUIET = tuple(0.004 * math.sin(number) for number in range(20))  # half of a percent either way


def epochs(logs: Sequence[float]) -> Epochs:
    times = tuple(CALL_NS * math.exp(each) for each in logs)
    return Epochs(epoch_ns=times, mean_ns=CALL_NS, calls=8 * 70)


def duet(
    name: str = "CPU",
    same: Sequence[float] = QUIET,
    planted: Sequence[float] | None = None,
    null: Sequence[float] | None = None,
    **changes: Any,
) -> DuetRecord:
    """A duet in which each pair says what it is told to: log ratios of the same code, the planted arm, the null arm."""
    planted = [0.05 + value for value in same] if planted is None else planted
    # Alternating signs: alike sides.
    null = [0.001 * (-1) ** number for number in range(len(same))] if null is None else null
    pairs = tuple(
        Pair(number, 0, 70, epochs((0.0,) * 8), epochs((each,) * 8), epochs((beside,) * 4), epochs((more,) * 4))
        for number, (each, more, beside) in enumerate(zip(same, planted, null, strict=True))
    )
    side = Side("this machine")
    record = DuetRecord(name, "2026-11-22T18:00:00.000000Z", Subject.CALL, side, side, pairs, looks=(len(pairs),))
    return replace(record, **changes)


def examination(duets: Sequence[DuetRecord] | None = None, effect: float = 0.05, **changes: Any) -> DoctorRecord:
    """Of a machine that is quiet and tells everything, unless said otherwise."""
    record = DoctorRecord(
        started_at="2026-11-22T18:00:00.000000Z",
        effect=effect,
        pairs=20,
        clock=ClockQuality(resolution_ns=20.0, cost_ns=50.0),
        machine=Machine(
            clock_source="tsc",
            governors=("performance",),
            boost=False,
            hypervisor="none",
            container="none",
            cores_online=8,
            cores_usable=8,
            cores_isolated=(),
            threads_share_cores=False,
            has_cpu_quota=False,
            load_1min=0.1,
            swap_used_bytes=0,
            open_files=65_536,
            open_files_most=65_536,
        ),
        cores=(CoreWatch(0, 500_000_000, 5_000_000), CoreWatch(1, 500_000_000, 5_000_000)),
        company=Company(
            elapsed_s=15.0,
            others_cores=0.01,
            stolen_share=0.0,
            switches_per_s=800.0,
            frequency_mhz=(3_000.0, 3_000.0),
            throttled_share=0.0,
            swapped_pages=0,
            memory_stalled_share=0.0,
        ),
        duets=tuple(duet(name) for name in WORKLOADS) if duets is None else tuple(duets),
    )
    return replace(record, **changes)
