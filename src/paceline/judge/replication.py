"""Findings about the levels of a replicated run."""

from collections.abc import Iterator

from paceline.core.findings import Finding
from paceline.core.units import format_percent
from paceline.records.metrics import PerformanceMetrics
from paceline.records.run_record import RunRecord
from paceline.stats.levels import Levels, levels_of

_P_VALUE = 0.01
_LEAST_SPREAD = 0.01  # below it a difference between processes is real, perhaps, and of no use to know


def levels_of_run(record: RunRecord) -> Levels | None:
    """How far processes and their epochs are apart in the median; None below two processes that measured something."""
    return levels_of(
        [[each.median_ns for each in process.epochs if each.median_ns is not None] for process in record.processes]
    )


def processes_differ(record: RunRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    """Whether what a process is given by chance weighs more than what happens in it."""
    levels = levels_of_run(record)
    if levels is None or levels.own is None or levels.p_value is None or levels.within is None:
        return
    if levels.p_value >= _P_VALUE or levels.own < _LEAST_SPREAD:
        return
    yield Finding(
        code="processes-differ",
        seen=f"Processes are {format_percent(levels.between)} apart in their median (standard deviation), "
        f"epochs of one process {format_percent(levels.within)}.",
        why="Memory layout, hash seed or the minute a process ran in matter here; iterations and epochs in one process "
        "share them.",
        advice="To make the figure surer ask for more runs, not for more iterations.",
    )
