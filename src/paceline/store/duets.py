"""Duets in a results file: what was seen, from which the verdict is drawn anew, and the verdict for other readers."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paceline.core.errors import FileFormatError
from paceline.judge.change import DUET, Rule
from paceline.judge.duet import SuiteVerdict, judge_duets
from paceline.records.duet import DuetRecord
from paceline.records.quantities import MEDIAN, QUANTITIES
from paceline.store.codec import convert, decode
from paceline.store.files import read_bounded

_ARMS = ("base", "candidate", "null", "planted")


@dataclass(frozen=True)
class StoredDuets:
    """The duets of a session.

    Attributes:
        records: what was seen.
        rule: the sizes of a change that mattered.
        primary: key of the quantity that gates.
        left_out: why other tests are not among them, by name.
        notices: what else a person should know.
    """

    records: tuple[DuetRecord, ...] = ()
    rule: Rule = DUET
    primary: str = MEDIAN.key
    left_out: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    def judged(self, source: str = "these duets") -> SuiteVerdict:
        """Their verdicts.

        Raises:
            FileFormatError: they cannot be judged; the message names ``source``.
        """
        quantity = QUANTITIES.get(self.primary)
        if quantity is None:
            raise FileFormatError(f"{source}: there is no quantity {self.primary!r} - at `$.duets.primary`")
        try:
            return judge_duets(self.records, rule=self.rule, primary=quantity)
        except (ArithmeticError, LookupError, ValueError) as error:
            raise FileFormatError(f"{source}: the duets contradict themselves: {error}") from error


@dataclass(frozen=True)
class _PlainFile:
    schema: str
    duets: object = None


@dataclass(frozen=True)
class _File:
    duets: StoredDuets | None = None


def read_duets(path: Path) -> StoredDuets | None:
    """The duets in a results file; None where it has none.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: it is no results file; the message names file, place and what was expected.
    """
    plain = decode(read_bounded(path), _PlainFile, str(path)).duets
    _fill_in(plain)
    return convert({"duets": plain}, _File, str(path)).duets


def duet_of(plain: object, place: str) -> DuetRecord:
    """One duet by itself, as a journal holds it.

    Raises:
        FileFormatError: it is none; the message names ``place``.
    """
    _fill_in({"records": [plain]})
    return convert(plain, DuetRecord, place)


def _fill_in(duets: object) -> None:
    """JSON has no NaN: a time that does not exist is null there. The pair counts for nothing, but it is read."""
    for side in _sides_in(duets):
        if isinstance(times_ns := side.get("epoch_ns"), list):
            side["epoch_ns"] = [math.nan if time_ns is None else time_ns for time_ns in times_ns]
        if side.get("mean_ns", 0) is None:
            side["mean_ns"] = math.nan


def _sides_in(duets: object) -> Iterator[dict[str, object]]:
    """What the arms saw in each pair, of what may be no duets at all."""
    for record in _items_in(duets, "records"):
        for pair in _items_in(record, "pairs"):
            if isinstance(pair, dict):
                yield from (pair[arm] for arm in _ARMS if isinstance(pair.get(arm), dict))


def _items_in(plain: object, key: str) -> list[object]:
    found = plain.get(key) if isinstance(plain, dict) else None
    return found if isinstance(found, list) else []


def duets_to_plain(stored: StoredDuets) -> dict[str, object]:
    """Their form in a file: what they are read from again, and for each test its verdict and changes."""
    return {
        "records": stored.records,
        "rule": stored.rule,
        "primary": stored.primary,
        "left_out": dict(stored.left_out),
        "notices": stored.notices,
        "verdicts": [
            {
                "name": result.record.name,
                "verdict": result.verdict,
                "pairs": result.pairs,
                "discarded": result.discarded,
                "changes": result.changes,
                "planted": result.planted,
                "null_z": result.null_z,
                "findings": result.findings,
            }
            for result in stored.judged().results
        ],
    }
