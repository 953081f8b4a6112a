"""Repeats: one level of a sweep in several runs, in an order drawn over all levels, each run's figures kept apart.

A run is the unit of what is known about a level: its attempts share the minute it ran in, and what the target was doing
then.
"""

from dataclasses import dataclass

from paceline.records.replication import Figures


@dataclass(frozen=True, slots=True)
class Repeat:
    """One of the runs at a level.

    Attributes:
        number: of the level's, from 0.
        place: in the order of the whole sweep, from 0.
        started_at: ISO 8601, UTC.
        elapsed_ns: from the first start to the last end.
        figures: what it came to.
    """

    number: int
    place: int
    started_at: str
    elapsed_ns: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class Repetition:
    """The repeats of one level.

    Attributes:
        seed: that the order of the sweep was drawn from.
        repeats: those that came to their end, in the order they were made.
    """

    seed: int
    repeats: tuple[Repeat, ...] = ()
