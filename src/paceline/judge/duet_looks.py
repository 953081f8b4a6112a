"""When a duet was judged, and how much of its level each time may spend."""

from collections.abc import Sequence
from dataclasses import dataclass

from paceline.judge.duet_pairs import usable_pairs
from paceline.records.duet import DuetRecord, Pair


@dataclass(frozen=True, slots=True)
class Look:
    """One time that a duet was judged.

    Attributes:
        pairs: usable ones that there were.
        parts: of so many equal parts of the level one is spent here.
    """

    pairs: int
    parts: int


def looks_of(record: DuetRecord, usable: Sequence[Pair]) -> tuple[Look, ...]:
    """All times that ``record`` was judged, in order; the last has all there are, also where they ended early.

    The looks of the first run were planned, and share the level equally, those included that were not taken. How many
    runs will be appended nobody knows beforehand: the k-th of them, judged when it ends, spends 1 / 2**k of the level.
    However many there are, they spend no more than the first run did, and all together no more than twice the level.
    """
    begun = sorted(record.appended)
    ends = [*(len(usable_pairs(record, until)[0]) for until in begun), len(usable)]
    planned = sorted(set(record.planned_looks))
    parts = max(1, len(planned))
    looks = [Look(pairs, parts) for pairs in planned[:-1] if pairs < ends[0]] + [Look(ends[0], parts)]
    for run, end in enumerate(ends[1:], 1):
        if end > looks[-1].pairs:  # a run that brought no pair was nothing new to look at
            looks.append(Look(end, 2**run))
    return tuple(looks)


def wanted_next(record: DuetRecord, usable: int) -> int | None:
    """How many usable pairs the next look is over; None after the last one."""
    looks = record.looks[-1:] if record.appended else sorted(record.looks)
    return next((look for look in looks if look > usable), None)
