"""Speaking with a driver outside what is timed: opening its connections, setting them up, asking the server things."""

import asyncio
import contextlib
import inspect
from collections.abc import Sequence
from typing import Any, Protocol

from paceline.core.errors import AttemptFailed
from paceline.targets.sql.failures import LOST, failure
from paceline.targets.sql.limit import Limit
from paceline.targets.sql.place import Place
from paceline.targets.sql.placeholders import Arguments

ASYNCPG = "asyncpg"
_CLOSING_S = 5.0  # then it is left to itself: a server that hangs must not hang the run
Rows = Sequence[Sequence[Any]]


class Control(Protocol):
    """A connection that is not being timed."""

    def query(self, sql: str, arguments: Arguments = None) -> Rows:
        """Execute ``sql`` and fetch all rows; none where it gives none.

        Raises:
            Exception: the driver's.
        """

    def begin(self) -> None:
        """A transaction begins."""

    def rollback(self) -> None:
        """It leaves no trace."""


class Door:
    """The way to one database through a synchronous driver.

    Args:
        place: the database.
        settings: executed on each new connection.
        limit: looks after what is executed outside attempts.

    Attributes:
        explicit: whether transactions begin by a statement of ours.
    """

    def __init__(self, place: Place, settings: Sequence[str], limit: Limit) -> None:
        self.place = place
        self.limit = limit
        self._settings = settings
        self.explicit = bool(place.family.begins)

    def set_up(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        """Make a new ``connection`` ready.

        Raises:
            AttemptFailed: the server has refused something.
        """
        try:
            if self.explicit:
                _autocommit(connection)
            for statement in self._settings:
                with self.limit.watching(connection):
                    self.run(connection, statement)
        except Exception as error:
            self.close(connection)
            raise failure(error, self.place.secrets) from error

    def open(self) -> Any:  # noqa: ANN401  # of any driver
        """A connection that is ready.

        Raises:
            AttemptFailed: there is none to be had.
        """
        try:
            connection = self.place.connect()
        except Exception as error:
            raise could_not_connect(error, self.place) from error
        self.set_up(connection)
        return connection

    def run(self, connection: Any, sql: str) -> None:  # noqa: ANN401  # of any driver
        """Execute what gives no rows."""
        cursor = connection.cursor()
        cursor.execute(sql)
        cursor.close()

    def end(self, connection: Any, *, commit: bool) -> None:  # noqa: ANN401  # of any driver
        """End the transaction."""
        if self.explicit:
            self.run(connection, "COMMIT" if commit else "ROLLBACK")
        elif commit:
            connection.commit()
        else:
            connection.rollback()

    def restore(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        """Leave a connection that is not ours as it was found: SQLite's, of a database in memory."""
        self.run(connection, "PRAGMA query_only = 0")
        connection.isolation_level = ""

    def close(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        """Close it, whatever state it is in."""
        if not self.place.shared:
            with contextlib.suppress(Exception):  # a lost connection cannot be closed in good order
                connection.close()


class SyncControl:
    """A control over a connection of a :class:`Door`."""

    def __init__(self, door: Door, connection: Any) -> None:  # noqa: ANN401  # of any driver
        self._door = door
        self._connection = connection

    def query(self, sql: str, arguments: Arguments = None) -> Rows:
        """Execute and fetch."""
        with self._door.limit.watching(self._connection):
            return self._queried(sql, arguments)

    def _queried(self, sql: str, arguments: Arguments) -> Rows:
        cursor = self._connection.cursor()
        try:
            cursor.execute(*((sql,) if arguments is None else (sql, arguments)))
            return [] if cursor.description is None else [tuple(row) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def begin(self) -> None:
        """Begin, where the driver does not."""
        if self._door.explicit:
            self._door.run(self._connection, self._door.place.family.begins)

    def rollback(self) -> None:
        """Roll back."""
        self._door.end(self._connection, commit=False)


class AsyncDoor:
    """The way to one database through an asynchronous driver."""

    def __init__(self, place: Place, settings: Sequence[str], limit: Limit) -> None:
        self.place = place
        self.limit = limit
        self._settings = settings
        self.explicit = bool(place.family.begins)

    async def set_up(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        """Make a new ``connection`` ready.

        Raises:
            AttemptFailed: the server has refused something.
        """
        try:
            if self.explicit:
                await _aautocommit(connection)
            for statement in self._settings:
                with self.limit.watching(connection):
                    await self.run(connection, statement)
        except Exception as error:
            await self.close(connection)
            raise failure(error, self.place.secrets) from error

    async def open(self) -> Any:  # noqa: ANN401  # of any driver
        """A connection that is ready.

        Raises:
            AttemptFailed: there is none to be had.
        """
        try:
            connection = await self.place.connect()
        except Exception as error:
            raise could_not_connect(error, self.place) from error
        await self.set_up(connection)
        return connection

    async def run(self, connection: Any, sql: str) -> None:  # noqa: ANN401  # of any driver
        """Execute what gives no rows."""
        if self.place.driver == ASYNCPG:
            await connection.execute(sql)
            return
        cursor = await acursor(connection)
        await cursor.execute(sql)
        await cursor.close()

    async def end(self, connection: Any, *, commit: bool) -> None:  # noqa: ANN401  # of any driver
        """End the transaction."""
        if self.explicit:
            await self.run(connection, "COMMIT" if commit else "ROLLBACK")
        elif commit:
            await connection.commit()
        else:
            await connection.rollback()

    async def close(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        """Close it, whatever state it is in."""
        with contextlib.suppress(Exception):  # a lost connection cannot be closed in good order
            async with asyncio.timeout(_CLOSING_S):
                ended = connection.close()
                if inspect.isawaitable(ended):
                    await ended

    async def query(self, connection: Any, sql: str, arguments: Arguments = None) -> Rows:  # noqa: ANN401
        """Execute and fetch."""
        if self.place.driver == ASYNCPG:
            return [tuple(row) for row in await connection.fetch(sql, *(arguments or ()))]
        cursor = await acursor(connection)
        try:
            await cursor.execute(*((sql,) if arguments is None else (sql, arguments)))
            return [] if cursor.description is None else [tuple(row) for row in await cursor.fetchall()]
        finally:
            await cursor.close()


class GreenletControl:
    """A control over a connection of an :class:`AsyncDoor`, for code within SQLAlchemy's ``greenlet_spawn``."""

    def __init__(self, door: AsyncDoor, connection: Any) -> None:  # noqa: ANN401  # of any driver
        self._door = door
        self._connection = connection

    def query(self, sql: str, arguments: Arguments = None) -> Rows:
        """Execute and fetch."""
        with self._door.limit.watching(self._connection):
            return _awaited(self._door.query(self._connection, sql, arguments))  # type: ignore[no-any-return]

    def begin(self) -> None:
        """Begin, where the driver does not."""
        if self._door.explicit:
            _awaited(self._door.run(self._connection, self._door.place.family.begins))

    def rollback(self) -> None:
        """Roll back."""
        _awaited(self._door.end(self._connection, commit=False))


def _awaited(awaitable: Any) -> Any:  # noqa: ANN401  # whatever it gives
    from sqlalchemy.util import await_only

    return await_only(awaitable)


async def acursor(connection: Any) -> Any:  # noqa: ANN401  # of any driver
    """A cursor; some drivers have it awaited."""
    cursor = connection.cursor()
    return await cursor if hasattr(cursor, "__await__") else cursor


def could_not_connect(error: BaseException, place: Place) -> Exception:
    """``error`` of a driver that could not connect, as what an attempt failed by."""
    if type(error) is TimeoutError:  # asyncio's, which says nothing
        return AttemptFailed(LOST, f"no connection to {place.text} in time")
    failed = failure(error, place.secrets)
    if not str(failed).startswith("no connection to"):
        # Whatever class the driver has for it: there is no connection.
        kind = failed.kind if failed.kind != "database error" else LOST
        return type(failed)(kind, f"no connection to {place.text}: {failed}")
    return failed


def _autocommit(connection: Any) -> None:  # noqa: ANN401  # of any driver
    """No transaction but those that we begin."""
    if hasattr(connection, "isolation_level") and hasattr(connection, "total_changes"):  # sqlite3
        connection.isolation_level = None
    elif callable(getattr(connection, "autocommit", None)):  # MySQL's drivers
        connection.autocommit(True)  # noqa: FBT003  # their signature
    else:
        connection.autocommit = True


async def _aautocommit(connection: Any) -> None:  # noqa: ANN401  # of any driver
    if hasattr(connection, "set_autocommit"):  # psycopg
        await connection.set_autocommit(True)  # its signature
    elif hasattr(connection, "total_changes"):  # aiosqlite
        connection.isolation_level = None
    elif callable(getattr(connection, "autocommit", None)):  # MySQL's drivers
        await connection.autocommit(True)  # noqa: FBT003  # their signature
