"""What a timing loop writes down: two clock readings an attempt, and a mark where one did not simply end ok."""

import struct
from array import array
from collections.abc import MutableSequence

from paceline.core.errors import AttemptTimedOut
from paceline.records.error_log import ErrorLog
from paceline.records.outcome import AttemptEnd, Outcome


class Stamps:
    """Raw material of a stretch of attempts by one worker, in the order they ended.

    Attributes:
        starts_s: clock reading before each attempt.
        ends_s: clock reading after each attempt. A worker that was abandoned or interrupted leaves one list
            longer than the other; what has no partner does not count.
        marked: positions of the attempts that did not plainly return ok.
        marks: how those ended. Two lists of numbers, for a list of pairs would set the garbage collector off.
        untimed_ok: calls that returned ok in a batch that a later call broke off.
        excluded_s: time between attempts that does not belong to the window.
        last_value: what the latest attempt returned.
        usual: how those ended that are not marked. On a cache that is mostly hits, marking each would cost as much as
            timing it.
    """

    __slots__ = ("ends_s", "excluded_s", "last_value", "marked", "marks", "starts_s", "untimed_ok", "usual")

    def __init__(self) -> None:
        self.starts_s: MutableSequence[float] = []
        self.ends_s: MutableSequence[float] = []
        self.marked: list[int] = []
        self.marks: list[AttemptEnd] = []
        self.untimed_ok = 0
        self.excluded_s = 0.0
        self.last_value: object = None
        self.usual = AttemptEnd.OK

    def __len__(self) -> int:
        return min(len(self.starts_s), len(self.ends_s))

    def mark(self, outcome: Outcome, errors: ErrorLog) -> None:
        """Note what the latest attempt returned."""
        self.marked.append(len(self.ends_s) - 1)
        self.marks.append(outcome.end)
        if outcome.end is AttemptEnd.ERROR:
            errors.add(outcome.kind)

    def mark_exception(self, error: BaseException, errors: ErrorLog) -> None:
        """Note that the latest attempt raised ``error``."""
        self.marked.append(len(self.ends_s) - 1)
        self.marks.append(AttemptEnd.TIMEOUT if isinstance(error, AttemptTimedOut) else AttemptEnd.ERROR)
        errors.add_exception(error)

    def mark_timeout(self) -> None:
        """Note that the latest attempt was cancelled at its limit."""
        self.marked.append(len(self.ends_s) - 1)
        self.marks.append(AttemptEnd.TIMEOUT)

    def take(self) -> "Stamps":
        """Hand over what is complete and go on empty."""
        taken = self.copy()
        del self.starts_s[: len(taken)], self.ends_s[: len(taken)], self.marked[:], self.marks[:]
        self.untimed_ok, self.excluded_s = 0, 0.0
        return taken

    @classmethod
    def packed(cls) -> "Stamps":
        """An empty one for :meth:`move_to`: it takes 16 bytes an attempt instead of 64."""
        stamps = cls()
        stamps.starts_s, stamps.ends_s = array("d"), array("d")
        return stamps

    def move_to(self, packed: "Stamps") -> None:
        """Append what is complete to ``packed`` and go on empty, keeping the same lists, which loops hold on to."""
        before, complete = len(packed), len(self)
        for store, stamps_s in ((packed.starts_s, self.starts_s), (packed.ends_s, self.ends_s)):
            store.extend(array("d", struct.pack(f"{complete}d", *stamps_s[:complete])))
            del stamps_s[:complete]
        packed.marked += [before + position for position in self.marked]
        packed.marks += self.marks
        del self.marked[:], self.marks[:]
        packed.untimed_ok += self.untimed_ok
        packed.excluded_s += self.excluded_s
        self.untimed_ok, self.excluded_s = 0, 0.0

    def copy(self, most: int | None = None) -> "Stamps":
        """What is complete by now, ``most`` attempts at the most, while a loop may go on writing."""
        copied = Stamps()
        complete = len(self) if most is None else most
        copied.starts_s, copied.ends_s = self.starts_s[:complete], self.ends_s[:complete]
        marks = [mark for mark in zip(self.marked[:], self.marks[:], strict=False) if mark[0] < complete]
        copied.marked, copied.marks = [position for position, _ in marks], [end for _, end in marks]
        copied.untimed_ok, copied.excluded_s, copied.usual = self.untimed_ok, self.excluded_s, self.usual
        return copied
