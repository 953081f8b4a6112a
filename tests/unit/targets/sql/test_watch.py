"""Statements of an operation of somebody's own: each has its own time, its own number and its own end."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from paceline.records.database import StatementRecord
from paceline.targets.call import CallTarget
from paceline.targets.sql import watch
from paceline.targets.sql.watch import SqlWatch
from tests.fakes import make_record


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sqlalchemy.Engine]:
    made = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'some.db'}")
    yield made
    made.dispose()


def statements(target: CallTarget) -> dict[str, StatementRecord]:
    assert target.witness is not None
    database = target.witness.noted(make_record([1])).database
    assert database is not None
    return {each.name: each for each in database.statements}


def attempts(target: CallTarget, number: int = 1) -> dict[str, StatementRecord]:
    assert target.setup is not None
    assert target.teardown is not None
    assert target.witness is not None
    target.setup()
    target.witness.begin()
    for _ in range(number):
        target.operation()
    target.teardown()
    return statements(target)


def test_a_statement_that_fails_is_an_error_and_no_execution_of_no_time(engine: sqlalchemy.Engine) -> None:
    def operation() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
            for _ in range(2):
                with pytest.raises(sqlalchemy.exc.OperationalError):
                    connection.exec_driver_sql("SELECT nothing")
            connection.exec_driver_sql("SELECT 1")

    seen = attempts(SqlWatch(operation, engine).call_target(), 3)
    assert (seen["SELECT nothing"].executions, seen["SELECT nothing"].errors) == (0, 6)
    assert seen["SELECT nothing"].latency.moments.count == 0
    assert (seen["SELECT 1"].executions, seen["SELECT 1"].errors, seen["SELECT 1"].operations) == (6, 0, 3)


def test_statements_that_are_under_way_at_once_have_a_time_each(tmp_path: Path) -> None:
    """The long one begins first and ends last: were the last one to begin given its end, it had next to no time."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'some.db'}")
    long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400000) SELECT max(i) FROM n"
    begun = asyncio.Event()

    async def one(sql: str) -> None:
        async with engine.connect() as connection:
            await connection.exec_driver_sql(sql)

    async def after(sql: str) -> None:
        await begun.wait()
        await one(sql)

    def tell(*arguments: Any) -> None:
        if arguments[2] == long:
            begun.set()

    async def operation() -> None:
        await asyncio.gather(one(long), after("SELECT 2"))

    target = SqlWatch(operation, engine).call_target()

    async def run() -> None:
        assert target.setup is not None
        target.setup()
        sqlalchemy.event.listen(engine.sync_engine, "before_cursor_execute", tell)
        await target.operation()
        await engine.dispose()

    asyncio.run(run())
    seen = statements(target)
    assert {name[:8]: (each.executions, each.errors) for name, each in seen.items()} == {
        "WITH REC": (1, 0),
        "SELECT 2": (1, 0),
    }
    (slow,) = [each.latency.moments.total for name, each in seen.items() if name.startswith("WITH")]
    assert slow > seen["SELECT 2"].latency.moments.total


def test_what_is_noted_while_the_rest_is_taken_up_is_not_lost(
    engine: sqlalchemy.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another thread's attempt ends between the question which statements there are and the taking of executions."""
    texts = iter(["SELECT 1", "SELECT 2"])

    def operation() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(next(texts))

    target = SqlWatch(operation, engine).call_target()
    assert target.setup is not None
    assert target.witness is not None
    target.setup()
    target.operation()
    plain: Callable[..., Any] = watch._name

    def meanwhile(text: str) -> Any:
        if text == "SELECT 1":
            thread = threading.Thread(target=target.operation)
            thread.start()
            thread.join()
        return plain(text)

    monkeypatch.setattr(watch, "_name", meanwhile)
    target.witness.fold()
    assert {name: each.executions for name, each in statements(target).items()} == {"SELECT 1": 1, "SELECT 2": 1}


def test_statements_that_threads_meet_at_once_have_a_number_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other thread has its turn between the count of the numbers and the next one's entry."""

    class Slow(dict[str, int]):
        def __len__(self) -> int:
            length = super().__len__()
            if threading.current_thread() is threading.main_thread() and not others:
                others.append(threading.Thread(target=count.note, args=(issued("SELECT 2"),)))
                others[0].start()
                others[0].join(0.2)  # waits for its turn, where turns are taken
            return length

    def issued(text: str) -> watch._Issued:
        made = watch._Issued()
        made.began(made, text, 1.0)
        made.executed(made, 2.0)
        return made

    others: list[threading.Thread] = []
    count = watch._Count()
    monkeypatch.setattr(count, "_numbers", Slow())
    count.note(issued("SELECT 1"))
    others[0].join()
    count.fold()
    assert sorted((each.text, each.executions) for each in count.notes.records()) == [("SELECT 1", 1), ("SELECT 2", 1)]


def test_more_statements_than_are_told_apart(engine: sqlalchemy.Engine) -> None:
    def operation() -> None:
        with engine.connect() as connection:
            for number in range(103):
                connection.exec_driver_sql(f"SELECT {number}")

    seen = attempts(SqlWatch(operation, engine).call_target())
    assert len(seen) == 101
    assert seen["(other statements)"].executions == 3
