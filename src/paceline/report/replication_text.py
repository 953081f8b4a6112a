"""What a text report says of a run in fresh processes."""

from collections.abc import Iterator

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, counted, format_ms
from paceline.judge.replication import levels_of_run
from paceline.judge.result import TestResult
from paceline.records.quantities import MEDIAN, PEAK_RSS, Quantity
from paceline.records.run_record import RunRecord
from paceline.report.layout import labelled, share_text


def replication_lines(result: TestResult) -> Iterator[str]:
    """How far its processes, and the epochs within one, are apart."""
    record = result.record
    if record.replication is None:
        return
    processes = record.processes
    text = counted(len(processes), "fresh one")
    if len(processes) < record.replication.runs:
        text += f" of {record.replication.runs:,}"
    if record.replication.epochs > 1:
        text += f", {counted(record.replication.epochs, 'epoch')} each"
    medians = _values(record, MEDIAN)
    middle_ns = record.replication.value(MEDIAN)
    if middle_ns is not None:
        text += f"; their medians {_times(medians)}, in the middle {format_ms(middle_ns / NS_PER_MS)}"
    yield from labelled("processes", text)
    levels = levels_of_run(record)
    if levels is not None:
        spread = f"spread {share_text(levels.between)} between processes"
        spread += "" if levels.within is None else f", {share_text(levels.within)} between epochs of one"
        yield from labelled("", f"{spread} (standard deviation)")
    peaks = _values(record, PEAK_RSS)
    memory = f"peak memory {_range(f'{peak / BYTES_PER_MB:,.0f} MB' for peak in peaks)}; " if peaks else ""
    yield from labelled("", f"{memory}hash seeds drawn from seed {record.replication.seed}")


def _values(record: RunRecord, quantity: Quantity) -> list[float]:
    return sorted(value for process in record.processes if (value := process.value(quantity)) is not None)


def _times(ascending_ns: list[float]) -> str:
    return _range(format_ms(value / NS_PER_MS) for value in ascending_ns)


def _range(ascending: Iterator[str]) -> str:
    """The first and the last, once where they read the same."""
    texts = list(ascending)
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]} to {texts[-1]}"
