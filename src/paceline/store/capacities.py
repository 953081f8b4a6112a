"""Searches for the highest load in a results file: what was seen, and the answer, which is drawn anew from that."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paceline.core.errors import FileFormatError
from paceline.judge.capacity import CapacityResult, judge_capacity
from paceline.records.capacity import CapacityRecord
from paceline.store.codec import decode
from paceline.store.files import read_bounded


@dataclass(frozen=True)
class _Stored:
    record: CapacityRecord


@dataclass(frozen=True)
class _File:
    schema: str
    capacities: tuple[_Stored, ...] | None = None


def read_capacities(path: Path) -> tuple[CapacityRecord, ...] | None:
    """The searches in a results file; None where it has none.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: it is no results file, or a search contradicts itself; the message names file and place.
    """
    stored = decode(read_bounded(path), _File, str(path)).capacities
    if stored is None:
        return None
    for place, each in enumerate(stored):
        _check(each.record, f"{path}: `$.capacities[{place}]`")
    return tuple(each.record for each in stored)


def _check(record: CapacityRecord, source: str) -> None:
    """That it can be judged: the types of its fields say nothing about that, and a file may come from anywhere.

    Raises:
        FileFormatError: it cannot.
    """
    demands = {
        "every probe reads every limit, or none": all(
            len(probe.readings) in {0, len(record.limits)} for probe in record.probes
        ),
        "loads are above 0": all(0 < probe.load < math.inf for probe in record.probes),
        "no count is negative": all(probe.attempts >= 0 for probe in record.probes),
        "limits of a line are above 0": all(limit.bound > 0 for limit in record.limits if limit.is_smooth),
        "the window ascends": record.window is None or 0 < record.window[0] <= record.window[1] < math.inf,
    }
    for demand, holds in demands.items():
        if not holds:
            raise FileFormatError(f"{source} contradicts itself: expected that {demand}")
    try:
        judge_capacity(record)
    except (ArithmeticError, LookupError, ValueError) as error:
        raise FileFormatError(f"{source} contradicts itself: {error}") from error


def capacities_to_plain(records: Sequence[CapacityRecord]) -> list[dict[str, object]]:
    """Their form in a file: what they are read from again, and the answer for other readers."""
    return [capacity_to_plain(judge_capacity(record)) for record in records]


def capacity_to_plain(result: CapacityResult) -> dict[str, object]:
    """One of them."""
    return {**result.to_dict(), "record": result.record}
