"""Witnesses: what a target itself saw of a run, beside the attempts that the engine timed."""

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from paceline.records.run_record import RunRecord


class Witness(Protocol):
    """Sees a measured window from inside the target.

    Its methods are called by the process and the thread that drive the run, while attempts may be made in other
    threads. None of them raises: what could not be seen is missing in the record, or said there. What is
    returned by :meth:`begin` and :meth:`end` is awaited where an event loop drives the run.
    """

    def begin(self) -> Awaitable[None] | None:
        """A measured window opens, a first one or another: what was seen before is forgotten. May take its time."""

    def fold(self) -> None:
        """Called every now and then, never inside an attempt of this thread: take up what was written down."""

    def end(self) -> Awaitable[None] | None:
        """The window is over. May take its time."""

    def noted(self, record: RunRecord) -> RunRecord:
        """``record`` with what was seen in its window so far; called also while that is open."""


@runtime_checkable
class Expecting(Protocol):
    """A witness that wants to know beforehand how many attempts are made at once."""

    def expect(self, workers: int | None) -> None:
        """So many; None where arrivals decide.

        Called before ``setup``, and not of targets with lanes of their own.

        Raises:
            ConfigurationError: the target cannot serve so many.
        """


@runtime_checkable
class Witnessed(Protocol):
    """Lanes with a witness.

    Attributes:
        witness: of the run that they are of; made by the time they are opened.
    """

    witness: Witness


class Overseer(Witness, Protocol):
    """Sees to what the legs of a load have in common, once, from the process that drives them.

    What its methods return is awaited, all of it on one event loop.
    """

    def set_up(self) -> Awaitable[None] | None:
        """Before there is a leg.

        Raises:
            ConfigurationError, MeasurementError: the load cannot be made.
        """

    def tear_down(self) -> Awaitable[None] | None:
        """When there is none any more."""
