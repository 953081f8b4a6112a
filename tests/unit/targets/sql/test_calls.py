"""Attempts one by one: what a repeated try counts, what is timed as rows, which connection goes before another."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from paceline.core.errors import AttemptFailed
from paceline.records.database import DatabaseRecord
from paceline.targets.sql.async_calls import AsyncSqlCalls
from paceline.targets.sql.calls import SqlCalls
from paceline.targets.sql.jobs import AT_ONCE, READY
from paceline.targets.sql.run import SqlRun
from paceline.targets.sql.statement import SqlStatement
from paceline.targets.sql.target import SqlTarget
from tests.fakes import make_record

LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400000) SELECT max(i) FROM n"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A database without tables."""
    path = tmp_path / "x.db"
    path.touch()
    return path


def noted(calls: SqlRun) -> DatabaseRecord:
    database = calls.noted(make_record([1])).database
    assert database is not None
    return database


def test_a_repeated_try_is_of_the_same_attempt(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE records (id INTEGER)")

    def let_go(sql: str) -> None:
        if sql == "ROLLBACK" and holder.in_transaction:
            holder.execute("ROLLBACK")

    def connect() -> sqlite3.Connection:
        made = sqlite3.connect(path, timeout=0)
        made.set_trace_callback(let_go)
        return made

    statements = [
        *[SqlStatement("SELECT 1")] * 2,
        SqlStatement("INSERT INTO records VALUES (1)"),
        SqlStatement("SELECT 1"),
    ]
    calls = SqlCalls(SqlTarget(connect, statements=statements, transaction=True, retries=1))
    calls.expect(1)
    calls.set_up()
    calls.begin()
    holder.execute("BEGIN IMMEDIATE")
    calls.operation()  # the first try reads twice, and then finds the table locked
    calls.operation()
    seen = noted(calls)
    reads, writes = seen.statements
    assert (seen.retries, seen.waiting.moments.count) == (1, 2)
    assert (writes.executions, writes.errors, writes.operations) == (2, 1, 2)
    assert (reads.executions, reads.repeated, reads.operations, reads.most_in_operation) == (8, 2, 2, 3)
    assert reads.each_operation == 3
    holder.execute("BEGIN IMMEDIATE")
    calls._retries = 0
    with pytest.raises(AttemptFailed, match="locked"):
        calls.operation()
    assert [(each.executions, each.operations) for each in noted(calls).statements] == [(10, 3), (2, 2)]
    calls.tear_down()
    holder.close()


def test_a_function_whose_rows_end_loses_no_connection(empty: Path) -> None:
    rows: list[Sequence[int]] = [(1,), (2,)]
    calls = SqlCalls(SqlTarget(f"sqlite:///{empty}", "SELECT ?", lambda: iter(rows)))
    calls.expect(1)
    calls.set_up()
    calls.begin()
    for _ in rows:
        calls.operation()
    for _ in range(3):
        with pytest.raises(Exception, match="came to an end"):
            calls.operation()
    assert len(calls._pool.free) == 1
    calls.tear_down()


class Cursor:
    """Whose closing takes long by the clock of the test."""

    def __init__(self, cursor: aiosqlite.Cursor, clock: list[float]) -> None:
        self._cursor, self._clock = cursor, clock
        self.execute, self.fetchall = cursor.execute, cursor.fetchall

    @property
    def description(self) -> Any:
        return self._cursor.description

    async def close(self) -> None:
        await self._cursor.close()
        self._clock[0] += 1_000.0


class Connection:
    """An aiosqlite connection that is counted, with cursors as above."""

    def __init__(self, connection: aiosqlite.Connection, clock: list[float], open_now: list[int]) -> None:
        self._connection, self._clock, self._open_now = connection, clock, open_now
        self.rollback, self.commit = connection.rollback, connection.commit

    async def cursor(self) -> Cursor:
        return Cursor(await self._connection.cursor(), self._clock)

    async def close(self) -> None:
        await self._connection.close()
        self._open_now.append(self._open_now[-1] - 1)


def wrapped(path: Path, clock: list[float], open_now: list[int]) -> Any:
    async def connect() -> Connection:
        open_now.append(open_now[-1] + 1)
        return Connection(await aiosqlite.connect(path), clock, open_now)

    return connect


def test_closing_a_cursor_is_not_fetching_rows(empty: Path) -> None:
    clock = [1.0]

    async def run() -> DatabaseRecord:
        calls = AsyncSqlCalls(SqlTarget(wrapped(empty, clock, [0]), "SELECT 1"))
        calls.expect(1)
        await calls.set_up()
        await calls.begin()
        calls._now_s = lambda: clock[0]
        await calls.operation()
        await calls.tear_down()
        return noted(calls)

    (statement,) = asyncio.run(run()).statements
    assert (statement.executions, statement.latency.moments.total, statement.fetching.moments.total) == (1, 0, 0)
    assert clock[0] > 1_000.0


def test_a_connection_is_closed_before_another_takes_its_place(empty: Path) -> None:
    open_now = [0]

    async def run() -> None:
        calls = AsyncSqlCalls(SqlTarget(wrapped(empty, [1.0], open_now), LONG, pool=1))
        calls.expect(2)
        await calls.set_up()
        await calls.begin()
        tasks = [asyncio.ensure_future(calls.operation()) for _ in range(2)]
        while not calls._pool._waiters:  # noqa: ASYNC110  # nobody tells that somebody waits
            await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not tasks[1].cancelled()
        assert tasks[1].exception() is None
        await calls.tear_down()

    asyncio.run(run())
    assert open_now == [0, 1, 0, 1, 0]


def test_beside_attempts_of_a_loop_few_values_are_drawn_at_once(empty: Path) -> None:
    drawn: list[int] = []

    def rows() -> Iterator[Sequence[int]]:
        for number in count():
            drawn.append(number)
            yield (number,)

    async def run() -> list[int]:
        calls = AsyncSqlCalls(SqlTarget(f"sqlite+aiosqlite:///{empty}", "SELECT ?", rows))
        calls.expect(2)
        await calls.set_up()
        await calls.begin()
        for _ in range(5 * AT_ONCE):
            calls._take()
        steps = [len(drawn)]
        calls.fold()
        steps.append(len(drawn))
        calls.fold()  # as at the next tick, while the first is under way
        for _ in range(8):
            steps.append(len(drawn))
            await asyncio.sleep(0)
        await calls.tear_down()
        return steps

    steps = asyncio.run(run())
    assert steps[-1] - steps[0] == 5 * AT_ONCE
    assert max(after - before for before, after in pairwise(steps)) == AT_ONCE


@pytest.mark.parametrize("workers", [1, 3])
def test_between_attempts_and_beside_those_of_threads_all_are_drawn(empty: Path, workers: int) -> None:
    calls = SqlCalls(SqlTarget(f"sqlite:///{empty}", "SELECT ?", lambda: ((each,) for each in count())))
    calls.expect(workers)
    calls.set_up()
    calls.begin()
    for _ in range(300):
        calls._take()
    calls.fold()
    assert len(calls._supply._ready) == READY
    calls.tear_down()
