"""The timed way of asynchronous drivers: as :mod:`~paceline.targets.sql.calls`, awaited."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from paceline.core.errors import AttemptFailed, MeasurementError
from paceline.targets.sql import counters
from paceline.targets.sql.doors import ASYNCPG, AsyncDoor, GreenletControl, acursor, could_not_connect
from paceline.targets.sql.failures import LOST, RETRIED, TIMEOUT, failure
from paceline.targets.sql.jobs import Job
from paceline.targets.sql.limit import LoopLimit
from paceline.targets.sql.place import Place, known_by
from paceline.targets.sql.placeholders import Arguments
from paceline.targets.sql.pool import AsyncPool
from paceline.targets.sql.run import SqlRun
from paceline.targets.sql.text import kind_of, tokens


def _gives_rows(sql: str) -> bool:
    return kind_of(sql).reads_only or any(token.text.upper() == "RETURNING" for token in tokens(sql))


_Timed = tuple[float, float, int, int]
"""When the driver had the first of the answer, and when all rows; rows; rows changed."""


class AsyncSqlCalls(SqlRun):
    """One run of a :class:`SqlTarget` by tasks of one event loop."""

    async def operation(self) -> None:
        """One attempt.

        Raises:
            AttemptFailed: it failed, and was not to be repeated any more.
        """
        now = self._now_s
        job = self._take()
        began = now()
        free = self._pool.free
        connection = free.pop() if free else await self._pool.wait()
        taken = now()
        limit, key = self._limit, id(connection)
        limit.under_way[key] = (taken, connection)
        left = self._retries
        # What may be repeated is kept apart until it is known whether it was.
        executions: list[float] = [] if left else self._notes.executions
        try:
            while True:
                try:
                    attempt = self._executed if self._plain else self._transacted
                    ending, ended = await attempt(connection, job, executions)
                except Exception as error:
                    failed = failure(error, self._secrets)
                    if limit.has_cut(connection) and failed.kind != TIMEOUT:
                        failed = limit.late()
                        await self._discard(connection, lost=True)
                    elif not await self._cleared(connection, failed.kind):
                        await self._discard(connection, lost=True)
                    elif failed.kind in RETRIED and left:
                        left -= 1
                        self._notes.repeat(executions)
                        continue
                    else:
                        self._pool.give_back(connection)
                    raise failed from error
                except BaseException:
                    await self._discard(connection, lost=False)  # cancelled: nobody knows what it is in the middle of
                    raise
                break
        finally:
            limit.under_way.pop(key, None)
            if self._retries:
                self._notes.executions.extend(executions)
        self._notes.attempts.extend((began, taken, ending, ended))
        self._pool.give_back(connection)

    async def _executed(self, connection: Any, job: Job, executions: list[float]) -> tuple[float, float]:  # noqa: ANN401
        """Execute what needs no transaction; when its end began and was over: never."""
        now, note, execute = self._now_s, executions.extend, self._execute
        under_way, key = self._limit.under_way, id(connection)
        for number, sql, arguments, nth in job:
            began = now()
            under_way[key] = (began, connection)
            try:
                executed, fetched, rows, affected = await execute(connection, sql, arguments)
            except Exception:
                self._notes.failed.append(number)
                raise
            note((number, began, executed, fetched, rows, affected if affected > 0 else 0, nth))  # noqa: FURB136  # max() costs
        return 0.0, 0.0

    async def _transacted(self, connection: Any, job: Job, executions: list[float]) -> tuple[float, float]:  # noqa: ANN401
        """The same in a transaction; when its end began and was over."""
        if self._begins:
            await self._door.run(connection, self._begins)
        await self._executed(connection, job, executions)
        ending = self._now_s()
        self._limit.under_way[id(connection)] = (ending, connection)
        await self._door.end(connection, commit=self._commit)
        return ending, self._now_s()

    async def _by_cursor(self, connection: Any, sql: str, arguments: Arguments) -> _Timed:  # noqa: ANN401
        cursor = await acursor(connection)
        if arguments is None:
            await cursor.execute(sql)
        else:
            await cursor.execute(sql, arguments)
        executed = self._now_s()
        if sql in self._give_rows or cursor.description is not None:
            rows, affected = len(await cursor.fetchall()), 0
        else:
            rows, affected = 0, cursor.rowcount
        fetched = self._now_s()  # as the synchronous way has it: closing is the attempt's, not the rows'
        ended = cursor.close()
        if inspect.isawaitable(ended):
            await ended
        return executed, fetched, rows, affected

    async def _by_fetch(self, connection: Any, sql: str, arguments: Arguments) -> _Timed:  # noqa: ANN401
        """Asyncpg's: it has no cursor outside transactions, and gives all rows at once."""
        gives_rows = self._gives_rows.get(sql)
        if gives_rows is None:
            gives_rows = self._gives_rows[sql] = _gives_rows(sql)
        if gives_rows:
            rows = len(await (connection.fetch(sql) if arguments is None else connection.fetch(sql, *arguments)))
            fetched = self._now_s()
            return fetched, fetched, rows, 0
        status = await connection.execute(sql, *(arguments or ()))
        count = status.rpartition(" ")[2]  # of "UPDATE 5"
        executed = self._now_s()
        return executed, executed, 0, int(count) if count.isdecimal() else 0

    async def _cleared(self, connection: Any, kind: str) -> bool:  # noqa: ANN401  # of any driver
        """Whether ``connection`` can be used again after an error of that kind."""
        if kind == LOST:
            return False
        if self._plain and self._door.explicit:
            return True
        self._limit.under_way[id(connection)] = (self._now_s(), connection)
        try:
            if getattr(connection, "in_transaction", True) is not False:
                await self._door.end(connection, commit=False)
        except Exception:  # noqa: BLE001  # whatever it says, another connection is the answer
            return False
        return True

    async def _discard(self, connection: Any, *, lost: bool) -> None:  # noqa: ANN401  # of any driver
        try:
            await self._door.close(connection)
        finally:  # closed before another takes its place: the server may give no more than there are
            self._lost += lost
            self._pool.lost()

    # Around the attempts.

    async def set_up(self) -> None:
        """Open the connections, try every statement, take the plans.

        Raises:
            ConfigurationError: a statement cannot be executed.
            MeasurementError: there is no connection to be had.
        """
        place = self.target.place
        first = None
        place.require_file()
        began_s = self._now_s()
        if not place.driver:  # a function, of which its connection tells the rest
            first = await self._first_of(place)
            place = known_by(place, first)
        self._know(place)
        self._limit = LoopLimit(self.target.timeout_s, place.family, self._now_s)
        self._door = AsyncDoor(place, self._settings(place), self._limit)
        self._pool = AsyncPool(self._open, self._size, self.target.pool_timeout_s)
        self._gives_rows: dict[str, bool] = {}
        self._execute: Callable[[Any, str, Arguments], Awaitable[_Timed]] = (
            self._by_fetch if place.driver == ASYNCPG else self._by_cursor
        )
        try:
            if first is not None:
                await self._door.set_up(first)
                self._opened(began_s, again=False)
                self._hold(first)
            while self._pool.opened < self._size:
                self._hold(await self._open())
            await self._spawned(self._prepare)
        except AttemptFailed as error:
            opened = self._pool.opened
            await self.tear_down()
            raise self._too_few(opened, error) from error
        except BaseException:
            await self.tear_down()
            raise

    @staticmethod
    async def _first_of(place: Place) -> Any:  # noqa: ANN401  # of any driver
        try:
            return await place.connect()
        except Exception as error:
            raise MeasurementError(str(could_not_connect(error, place))) from error

    def _hold(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        self._pool.opened += 1
        self._pool.free.append(connection)

    async def _open(self) -> Any:  # noqa: ANN401  # of any driver
        began_s = self._now_s()
        connection = await self._door.open()
        self._opened(began_s, again=self._lost > 0)
        return connection

    async def tear_down(self) -> None:
        """Close all connections but those that an attempt still uses."""
        while self._pool.free:
            await self._door.close(self._pool.free.pop())
        self._limit.stop()

    async def begin(self) -> None:
        """The window opens."""
        await self._spawned(self._begin, flushed=True)

    async def end(self) -> None:
        """The window is over."""
        await self._spawned(self._end, flushed=True)

    async def _spawned(self, function: Callable[..., None], *, flushed: bool = False) -> None:
        """Call ``function`` with a control over a connection that nobody uses, where there is one."""
        from sqlalchemy.util import greenlet_spawn

        free = self._pool.free
        if not free:
            function(None)
            return
        if flushed and self._place.family.name == "postgresql":
            for connection in free:
                await greenlet_spawn(counters.flush, GreenletControl(self._door, connection))
        await greenlet_spawn(function, GreenletControl(self._door, free[0]))
