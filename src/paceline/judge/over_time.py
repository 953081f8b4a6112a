"""What a run shows over time: something that fills up or creeps, a ceiling, the onset of errors, a recovery."""

from collections.abc import Callable, Iterator

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_S
from paceline.judge.leaks import LEAST_S, latency_creep, memory_leaks
from paceline.judge.ramps import cpu_saturation, error_onset, queueing
from paceline.judge.recovery import recovery
from paceline.judge.timeline import Moment, timeline
from paceline.records.run_record import RunRecord


def diagnose_over_time(record: RunRecord) -> tuple[Finding, ...]:
    """Findings about the course of ``record``. None of them is serious: the figures are true, and say more."""
    changes = record.load is not None and record.load.stretches
    if not changes and record.elapsed_ns < LEAST_S * NS_PER_S:
        return ()  # most runs: there is nothing to look at, and cutting them up takes a few milliseconds
    moments = timeline(record)
    return tuple(finding for check in _CHECKS for finding in check(record, moments))


_Check = Callable[[RunRecord, tuple[Moment, ...]], Iterator[Finding]]
_CHECKS: tuple[_Check, ...] = (memory_leaks, latency_creep, cpu_saturation, queueing, error_onset, recovery)
