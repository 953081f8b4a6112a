"""Lanes: what an engine drives when attempts are begun by it and end in a callback.

A lane makes one attempt at a time: a connection, a task, a thread, a virtual user. The engine decides when it
begins the next; the lane says when it has ended.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self, TypeGuard, runtime_checkable

from paceline.core.clock import Clock
from paceline.records.latency import Latency
from paceline.records.load import Traffic
from paceline.records.outcome import AttemptEnd
from paceline.records.run_record import Execution
from paceline.targets.call import CallTarget
from paceline.targets.witness import Overseer
from paceline.workload.legs import Leg


class Lane(Protocol):
    """One attempt at a time.

    Attributes:
        number: position among the lanes, from 0.
        due_s: when the attempt under way was to begin; written by the engine of an open loop.
        noticed_s: when that was noticed; likewise.
    """

    number: int
    due_s: float
    noticed_s: float

    def begin(self) -> None:
        """Begin an attempt. Never calls the sink before it has returned."""


class Sink(Protocol):
    """Who drives lanes, and takes down what comes of it."""

    def ended(self, lane: Lane, start_s: float, end_s: float) -> None:
        """An attempt ended ok, as is usual (:class:`MarkingLanes`), and the lane is free."""

    def marked(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd) -> None:
        """An attempt ended ok, as ``end`` says: OK, HIT or MISS. The lane is free."""

    def failed(
        self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str, *, pause: bool = False
    ) -> None:
        """An attempt ended in an error or a timeout, and the lane is free; ``pause``: not to be begun at once."""

    def raised(self, lane: Lane, start_s: float, end_s: float, error: BaseException) -> None:
        """An attempt raised, and the lane is free."""

    def interrupted(self, stop: BaseException) -> None:
        """What a lane runs raised a ``KeyboardInterrupt``: the load ends, and nothing more is reported."""

    def part(self, number: int) -> None:
        """Which part the attempt is that is reported next; called before each where there are several."""

    def first_byte(self, first_s: float) -> None:
        """When the first byte of the attempt that is reported next came, unless together with its last."""

    def passed(self, lane: Lane, part: int, start_s: float, end_s: float) -> None:
        """An attempt within a virtual user's way through a scenario ended ok; the lane goes on."""

    def noted(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str) -> None:
        """The same of one that ended in any way; :meth:`part` has been called before."""

    def released(self, lane: Lane) -> None:
        """A virtual user has come to the end of the scenario; the lane is free."""


class Lanes(Protocol):
    """The lanes of one run; warm-up and window use the same."""

    @property
    def part_names(self) -> Sequence[str]:
        """Of the requests that attempts may be, in order; may grow while the load runs."""

    @property
    def scenario(self) -> bool:
        """Whether an attempt is a part of what a lane does, rather than all of it."""

    @property
    def elastic(self) -> bool:
        """Whether :meth:`another` makes more lanes while the load runs."""

    @property
    def grace_s(self) -> float:
        """How long to wait, after a load has ended, for what is under way."""

    async def open(self, count: int) -> Sequence[Lane]:
        """Make ``count`` lanes ready.

        Raises:
            MeasurementError: not one can be made ready; the message says why.
        """

    def another(self) -> Lane | None:
        """One more lane, or None when there can be no more."""

    def attach(self, sink: Sink) -> None:
        """From now on ``sink`` is told; counters begin anew."""

    def sweep(self, now_s: float) -> None:
        """End what has exceeded its limit. Called every now and then."""

    def finish(self) -> None:
        """The load has ended: no further attempt is begun within what lanes do."""

    def give_up(self) -> None:
        """What is still under way counts as a timeout, at once."""

    async def close(self) -> None:
        """Nothing is left behind: no connection, no task. What is under way is not reported."""

    def traffic(self, first_byte: Latency) -> Traffic | None:
        """What went over connections since ``attach``; None where there are none."""


@runtime_checkable
class MarkingLanes(Protocol):
    """Lanes whose attempts are hits and misses.

    Attributes:
        usual_end: what an attempt is that is reported by ``ended``.
    """

    usual_end: AttemptEnd


class LaneTarget(Protocol):
    """A target that is driven by lanes."""

    @property
    def connections(self) -> int | None:
        """How many lanes an open loop has; None for the default."""

    @property
    def execution(self) -> Execution:
        """How attempts are driven."""

    @property
    def text(self) -> str:
        """What it is, for people, without credentials."""

    def lanes(self, clock: Clock) -> Lanes:
        """Its lanes, for one run on the running event loop."""


class SplitTarget(Protocol):
    """A target of whose attempts several processes can each make a share."""

    @property
    def host(self) -> str | None:
        """Where its requests go; None for a socket of this machine, and where nobody can tell."""

    def of_leg(self, leg: Leg) -> "LaneTarget | CallTarget":
        """The share of ``leg``: all shares together are what one process would have made.

        Raises:
            ConfigurationError: there is not enough for so many.
        """


def is_split(target: object) -> TypeGuard[SplitTarget]:
    """Whether it is one. Its class is asked: before Python 3.12 ``isinstance`` would ask the target for its host."""
    return hasattr(type(target), "of_leg")


@runtime_checkable
class Overseen(Protocol):
    """One whose shares have something in common, which is to be looked after once."""

    def overseer(self) -> Overseer:
        """Who does that, for one run."""


@runtime_checkable
class Carrying(Protocol):
    """A target with functions of the user's in it."""

    @property
    def functions(self) -> Mapping[str, object]:
        """By the names of the arguments that they were given as."""


@runtime_checkable
class PackedTarget(Protocol):
    """A target, or what makes one, that needs files of the machine it was made on."""

    def packed(self) -> Self:
        """The same, carrying them.

        Raises:
            MeasurementError: they cannot be read.
        """

    def unpacked(self, folder: Path) -> Self:
        """On another machine: the same, with its files in ``folder``."""
