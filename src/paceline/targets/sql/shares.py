"""Statements that several processes execute together: each its share, and what they have in common once."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace

from paceline.records.run_record import RunRecord
from paceline.targets.call import CallTarget
from paceline.targets.sql.target import SqlTarget
from paceline.workload.legs import Leg


@dataclass(frozen=True)
class SqlShares:
    """The shares of a :class:`SqlTarget`. Implements ``SplitTarget`` and ``Overseen``.

    Attributes:
        target: all of it.
    """

    target: SqlTarget

    @property
    def host(self) -> str | None:
        """Of the server; None for a socket or a file of this machine, and of a function, which does not tell."""
        return self.target.place.host

    def of_leg(self, leg: Leg) -> CallTarget:
        """The attempts of ``leg``, over its share of the connections.

        Raises:
            ConfigurationError: they cannot be shared by so many.
        """
        return self.target.of_leg(leg).call_target()

    def overseer(self) -> "SqlOverseer":
        """Tries the statements, takes their plans and reads the server's counters, over a connection of its own."""
        return SqlOverseer(self.target)


class SqlOverseer:
    """What is done and asked once for all legs of a load on a database. Implements ``Overseer``."""

    def __init__(self, target: SqlTarget) -> None:
        run = replace(target, pool=1).call_target()
        assert run.setup is not None
        assert run.teardown is not None
        assert run.witness is not None
        self._set_up, self._tear_down, self._witness = run.setup, run.teardown, run.witness

    def set_up(self) -> Awaitable[None] | None:
        """Try every statement, take the plans.

        Raises:
            ConfigurationError: a statement cannot be executed.
            MeasurementError: there is no connection to be had.
        """
        awaitable: Awaitable[None] | None = self._set_up()
        return awaitable

    def begin(self) -> Awaitable[None] | None:
        """The window opens."""
        return self._witness.begin()

    def fold(self) -> None:
        """Nothing is written down on the way."""

    def end(self) -> Awaitable[None] | None:
        """The window is over."""
        return self._witness.end()

    def tear_down(self) -> Awaitable[None] | None:
        """Close the connection."""
        awaitable: Awaitable[None] | None = self._tear_down()
        return awaitable

    def noted(self, record: RunRecord) -> RunRecord:
        """``record`` of all legs with the server, the plans and what the server counted."""
        own, theirs = self._witness.noted(record).database, record.database
        if own is None or theirs is None:
            return record
        by_server = {statement.name: statement.server for statement in own.statements}
        database = replace(
            theirs,
            server=own.server,
            plans=own.plans,
            counters=own.counters,
            statements=tuple(replace(each, server=by_server.get(each.name)) for each in theirs.statements),
        )
        return replace(record, database=database)
