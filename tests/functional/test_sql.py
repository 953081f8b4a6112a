"""Statements on real databases: what is measured, what is left behind, what is said of it."""

import asyncio
import contextlib
import inspect
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pymysql
import pytest
import sqlalchemy

from paceline import PerformanceTestFramework, TestType
from paceline.core.errors import AttemptTimedOut, ConfigurationError, MeasurementError
from paceline.judge.result import TestResult
from paceline.records.database import CALLS, EXECUTING_MS, DatabaseRecord
from paceline.targets.sql import limit, place
from paceline.targets.sql.statement import Drawn, SqlStatement
from paceline.targets.sql.target import SqlTarget
from paceline.targets.sql.watch import SqlWatch
from paceline.workload.keys import Sequential, Uniform, Zipf
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations
from tests.functional.mariadb import mariadb
from tests.functional.postgres import Postgres, postgres_server
from tests.waiting import wait_for

pytestmark = pytest.mark.real

ROWS = 12_000
BY_ID = "SELECT * FROM records WHERE id = :id"
ANY_ID = {"id": Zipf(ROWS)}
ASYNC = {"psycopg": "psycopg_async", "pysqlite": "aiosqlite"}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres_server() as running:
        with psycopg.connect(f"host={running.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute("CREATE TABLE records (id int PRIMARY KEY, customer int, note text)")
            connection.execute(
                f"INSERT INTO records SELECT i, i % 100, 'note ' || i FROM generate_series(1, {ROWS}) AS i"
            )
            connection.execute("ANALYZE")
        yield running


@pytest.fixture(scope="module")
def maria() -> Iterator[str]:
    with mariadb() as url:
        socket = url.partition("unix_socket=")[2]
        connection = pymysql.connect(unix_socket=socket, user="root", autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE test")
            cursor.execute("CREATE TABLE test.records (id int PRIMARY KEY, customer int, note text)")
            rows = [(number, number % 100, f"note {number}") for number in range(1, ROWS + 1)]
            cursor.executemany("INSERT INTO test.records VALUES (%s, %s, %s)", rows)
            cursor.execute("ANALYZE TABLE test.records")
        connection.close()
        yield url


def sqlite_file(folder: Path) -> Path:
    path = folder / "records.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE records (id INTEGER PRIMARY KEY, customer INT, note TEXT)")
    rows = ((number, number % 100, f"note {number}") for number in range(1, ROWS + 1))
    connection.executemany("INSERT INTO records VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return path


# MariaDB by PyMySQL, and by the other drivers of MySQL where they are installed.
MARIADB = ["MariaDB", *(name for name in ("MySQLdb", "aiomysql", "asyncmy") if find_spec(name) is not None)]


@pytest.fixture(params=["sqlite", "aiosqlite", "psycopg", "psycopg async", "asyncpg", *MARIADB])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Every database by every driver."""
    kind: str = request.param
    if kind in MARIADB:
        driver = "pymysql" if kind == "MariaDB" else kind.lower()
        return str(request.getfixturevalue("maria")).replace("pymysql", driver)
    if "sqlite" in kind:
        return f"sqlite+{'aiosqlite' if kind == 'aiosqlite' else 'pysqlite'}:///{sqlite_file(tmp_path)}"
    running: Postgres = request.getfixturevalue("server")
    driver = {"psycopg": "psycopg", "psycopg async": "psycopg_async", "asyncpg": "asyncpg"}[kind]
    return running.url.replace("+psycopg:", f"+{driver}:")


def measure(target: SqlTarget, iterations: int = 40, **options: Any) -> tuple[TestResult, DatabaseRecord]:
    framework = PerformanceTestFramework()
    result = framework.run_benchmark("query", TestType.DATABASE_QUERY, target, iterations, 5, **options)
    assert result.record.database is not None
    assert framework.generate_report()
    return result, result.record.database


def codes(result: TestResult) -> set[str]:
    return {finding.code for finding in result.findings}


def test_reading_by_a_key(url: str) -> None:
    result, database = measure(SqlTarget(url, BY_ID, ANY_ID))
    (statement,) = database.statements
    assert not result.record.errors
    assert (statement.executions, statement.rows, statement.errors) == (40, 40, 0)
    assert statement.latency.moments.count == statement.executing.moments.count == 40
    assert database.ending == "nothing"
    assert database.pool == 1
    assert database.server
    (plan,) = database.plans
    assert plan.steps, plan.reason
    assert not any(step.full_scan for step in plan.walk())
    assert not {"full-scan", "commit-not-measured", "no-rows"} & codes(result)
    # What the statement took is in what the attempt took.
    assert statement.latency.moments.total <= result.record.latency.moments.total


def test_a_write_leaves_no_trace_and_its_full_scan_is_named(url: str) -> None:
    target = SqlTarget(url, "UPDATE records SET note = 'changed' WHERE customer = ?", [Uniform(99)])
    result, database = measure(target, 10)
    assert not result.record.errors
    assert database.statements[0].affected == 10 * ROWS // 100
    assert database.ending == "rollback"
    assert database.ended.moments.count == 10
    assert {"commit-not-measured", "full-scan"} <= codes(result)
    (scan,) = [finding for finding in result.findings if finding.code == "full-scan"]
    assert "records" in scan.seen
    assert "by customer" in scan.seen
    _, seen = measure(SqlTarget(url, "SELECT count(*) FROM records WHERE note = 'changed'"), 1)
    _, rows = measure(SqlTarget(url, "SELECT * FROM records WHERE note = 'changed'"), 1)
    assert seen.statements[0].rows == 1
    assert rows.statements[0].rows == 0


def test_tables_of_other_schemas_are_told_from_their_namesakes(server: Postgres) -> None:
    with psycopg.connect(f"host={server.folder} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute('CREATE SCHEMA IF NOT EXISTS "sh""op"')
        connection.execute('CREATE TABLE IF NOT EXISTS "sh""op".orders AS SELECT id, customer FROM records')
        connection.execute('CREATE TABLE IF NOT EXISTS "sh""op".records (id int, customer int)')
        connection.execute("ANALYZE")
    result, database = measure(SqlTarget(server.url, 'SELECT * FROM "sh""op".orders WHERE customer = 7'), 5)
    assert database.plans[0].steps, database.plans[0].reason
    (scan,) = [finding for finding in result.findings if finding.code == "full-scan"]
    assert "orders (about 12,000 rows" in scan.seen
    assert "by customer" in scan.seen
    result, database = measure(SqlTarget(server.url, 'SELECT * FROM "sh""op".records WHERE customer = 7'), 5)
    (step,) = database.plans[0].steps  # an empty one: that of the search path has 12,000 rows
    assert step.full_scan
    assert (step.table_rows or 0) < 10_000
    assert "full-scan" not in codes(result)


def test_a_transaction_by_several_workers_over_a_small_pool(url: str) -> None:
    statements = [
        SqlStatement(BY_ID),
        SqlStatement("UPDATE records SET customer = customer WHERE id = :id", name="touch"),
    ]
    # Each worker has rows of its own: nobody waits for a lock, of which SQLite has one for all.
    target = SqlTarget(
        url, parameters={"id": Sequential(ROWS)}, statements=statements, transaction=True, pool=1,
    )  # fmt: skip
    (result,) = PerformanceTestFramework().run_concurrent_benchmark("both", target, [3], 30, warmup_iterations=3)
    database = result.record.database
    assert database is not None
    assert not result.record.errors
    assert [each.executions for each in database.statements] == [30, 30]
    assert database.waiting.moments.count == 30
    assert database.waiting.moments.maximum > 0
    assert database.pool == 1


def test_a_statement_that_is_repeated_is_a_finding(url: str) -> None:
    statements = [SqlStatement("SELECT id FROM records WHERE customer = 1"), *[SqlStatement(BY_ID)] * 4]
    result, database = measure(SqlTarget(url, parameters=ANY_ID, statements=statements, transaction=True), 10)
    assert [each.most_in_operation for each in database.statements] == [1, 4]
    assert database.statements[1].executions == 40
    assert [each.operations for each in database.statements] == [10, 10]
    (finding,) = [finding for finding in result.findings if finding.code == "repeated-statement"]
    assert "up to 4 times" in finding.seen
    assert "WHERE id = :id" in finding.seen


def test_a_statement_that_cannot_be_executed_is_refused_before_the_run(url: str) -> None:
    with pytest.raises(ConfigurationError, match="'SELECT no_column FROM records' cannot be executed"):
        measure(SqlTarget(url, "SELECT no_column FROM records"))


def test_unknown_tables_and_words_are_refused_before_the_run(tmp_path: Path) -> None:
    url = f"sqlite:///{sqlite_file(tmp_path)}"
    for statement, says in (("SELECT * FROM nowhere", "no such table: nowhere"), ("SELEC 1", "syntax error")):
        with pytest.raises(ConfigurationError, match=says):
            measure(SqlTarget(url, statement))


def test_what_reads_may_do_nothing_else(server: Postgres) -> None:
    with psycopg.connect(f"host={server.folder} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute("CREATE SEQUENCE IF NOT EXISTS numbers")
    with pytest.raises(ConfigurationError, match="read-only transaction"):
        measure(SqlTarget(server.url, "SELECT nextval('numbers')"))
    _, database = measure(SqlTarget(server.url, "SELECT nextval('numbers')", commit=True), 3)
    assert database.ending == "commit"


def test_commit_keeps_what_was_written(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    target = SqlTarget(f"sqlite:///{path}", "UPDATE records SET customer = customer + 1 WHERE id = 1", commit=True)
    result, _ = measure(target, 10)
    assert "commit-not-measured" not in codes(result)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT customer FROM records WHERE id = 1").fetchone() == (16,)
    connection.close()


def test_a_read_only_database_is_refused_before_the_run(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    with pytest.raises(ConfigurationError, match="readonly"):
        measure(SqlTarget(f"sqlite:///file:{path}?mode=ro&uri=true", "UPDATE records SET customer = 1 WHERE id = 1"))


def test_a_statement_without_rows_and_one_with_very_many(tmp_path: Path) -> None:
    url = f"sqlite:///{sqlite_file(tmp_path)}"
    result, database = measure(SqlTarget(url, BY_ID, {"id": Drawn(Uniform(5), first=ROWS + 1)}))
    assert database.statements[0].rows == 0
    assert "no-rows" in codes(result)
    result, database = measure(SqlTarget(url, "INSERT INTO records VALUES (:id, 1, 'x')", {"id": ROWS + 1}))
    assert (database.statements[0].rows, database.statements[0].affected) == (0, 40)
    assert "no-rows" not in codes(result)
    million = SqlTarget(url, "SELECT a.id FROM records a, (SELECT 1 FROM records LIMIT 90)")
    result = PerformanceTestFramework().run_benchmark("many", TestType.DATABASE_QUERY, million, 1, 0)
    assert result.record.database is not None
    assert result.record.database.statements[0].rows == 90 * ROWS > 1_000_000
    assert "large-result" in codes(result)


def errors_of(result: TestResult) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in result.record.errors:
        found[group.kind] = found.get(group.kind, 0) + group.count
    return found


def test_constraints_are_errors_of_attempts(url: str) -> None:
    result, database = measure(SqlTarget(url, "INSERT INTO records VALUES (1, 1, 'twice')"), 5)
    assert errors_of(result) == {"constraint violated": 5}
    assert (database.statements[0].errors, database.statements[0].executions) == (5, 0)


def both_ways(server: Postgres) -> SqlTarget:
    """Transactions that lock two rows, each pair in either order, and hold the first for a while.

    Without that it is up to the machine whether two of them ever meet: where it runs one after the other, none do.
    """
    a, b = (SqlStatement(f"UPDATE records SET customer = 1 WHERE id = :{name}", name=name) for name in "ab")
    statements = [a, SqlStatement("SELECT pg_sleep(0.01)", name="holds"), b]

    def pairs() -> Iterator[dict[str, int]]:
        while True:
            yield {"a": 1, "b": 2}
            yield {"a": 2, "b": 1}

    return SqlTarget(server.url, parameters=pairs, statements=statements, transaction=True)


def test_deadlocks_are_named_and_repeated_if_asked(server: Postgres) -> None:
    with psycopg.connect(f"host={server.folder} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute("ALTER ROLE postgres SET deadlock_timeout = '1ms'")
        try:
            framework = PerformanceTestFramework()
            # Of two that meet one goes on: an attempt that is to be repeated 1,000 times has lost as many throws of a
            # coin. Of eight, one in seven would get through.
            (plain,) = framework.run_concurrent_benchmark("locks", both_ways(server), [2], 12)
            patient = replace(both_ways(server), retries=1_000)
            (repeated,) = framework.run_concurrent_benchmark("again", patient, [2], 12)
        finally:
            connection.execute("ALTER ROLE postgres RESET deadlock_timeout")
    assert set(errors_of(plain)) == {"deadlock"}
    assert plain.record.database is not None
    assert repeated.record.database is not None
    assert not repeated.record.errors
    assert repeated.record.database.retries > 0
    counters = plain.record.database.counters
    assert counters is not None
    assert counters.change("deadlocks") == errors_of(plain)["deadlock"]


def test_isolation_is_what_was_asked_for(server: Postgres) -> None:
    target = SqlTarget(
        server.url, "UPDATE records SET customer = customer + 1 WHERE id = 7", isolation="repeatable-read"
    )
    (result,) = PerformanceTestFramework().run_concurrent_benchmark("same row", replace(target, commit=True), [4], 200)
    assert result.record.database is not None
    assert result.record.database.isolation == "REPEATABLE READ"
    assert set(errors_of(result)) <= {"serialization failure"}
    with pytest.raises(ConfigurationError, match="sqlite has no 'REPEATABLE READ'"):
        SqlTarget("sqlite:///x.db", "SELECT 1", isolation="repeatable read")


def test_a_lock_that_another_session_holds_is_not_waited_for_without_end(server: Postgres) -> None:
    set_here = "SELECT 1 / (CASE WHEN current_setting('lock_timeout') = '30s' THEN 1 ELSE 0 END)"
    result, _ = measure(SqlTarget(server.url, set_here), 3)
    assert not result.record.errors
    with psycopg.connect(f"host={server.folder} user=postgres dbname=postgres") as holder:
        holder.execute("LOCK TABLE records")
        url = f"{server.url}&options=-c%20lock_timeout%3D50ms"  # one's own counts
        with pytest.raises(MeasurementError, match="a lock that another session holds"):
            measure(SqlTarget(url, BY_ID, ANY_ID))


def test_tables_without_transactions_are_not_written_to_unasked(maria: str) -> None:
    socket = maria.partition("unix_socket=")[2]
    connection = pymysql.connect(unix_socket=socket, user="root", autocommit=True, database="test")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE plain (id int PRIMARY KEY, n int) ENGINE=MyISAM")
        cursor.execute("INSERT INTO plain VALUES (1, 0)")
        target = SqlTarget(maria, "UPDATE plain SET n = n + 1 WHERE id = 1")
        with pytest.raises(ConfigurationError, match="plain is kept by MyISAM, which knows no transactions"):
            measure(target, 3)
        cursor.execute("SELECT n FROM plain")
        assert cursor.fetchall() == ((0,),)
        measure(SqlTarget(maria, "SELECT * FROM plain"), 3)
        measure(replace(target, commit=True), 3)
    connection.close()


def test_what_another_session_locks_on_mariadb_is_named(maria: str) -> None:
    target = SqlTarget(maria, "SELECT * FROM records WHERE id = 7 FOR UPDATE NOWAIT")
    holder = pymysql.connect(unix_socket=maria.partition("unix_socket=")[2], user="root", database="test")
    with holder.cursor() as cursor:
        cursor.execute("SELECT * FROM records WHERE id = 7 FOR UPDATE")
        with pytest.raises(MeasurementError, match="a lock that another session holds"):
            measure(target)
    holder.close()


def test_a_locked_sqlite_file_is_a_lock_timeout(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    result, _ = measure(SqlTarget(f"sqlite:///{path}?timeout=0", "UPDATE records SET customer = 1 WHERE id = 1"), 3)
    holder.close()
    assert errors_of(result) == {"lock timeout": 3}


@pytest.mark.parametrize("driver", ["psycopg", "psycopg_async"])
def test_a_server_that_is_restarted_in_mid_run(driver: str) -> None:
    with postgres_server() as own:
        seen: list[int] = []

        class Watch:
            """Restarts the server once attempts are under way."""

            def progress(self, record_name: str, share: float, attempts: int, load: object = None) -> None:
                del record_name, share, load
                if attempts and not seen:
                    seen.append(attempts)
                    thread.start()

            def partial(self, record: object) -> None:
                del record

        def restart() -> None:
            own.stop()
            threading.Event().wait(0.5)  # an outage is one of 0.3 s and more
            own.start()

        thread = threading.Thread(target=restart)
        framework = PerformanceTestFramework(observer=Watch())
        target = SqlTarget(own.url.replace("+psycopg:", f"+{driver}:"), "SELECT 1")
        result = framework.run_load("goes on", target, ClosedLoop(3, 3), warmup_s=0)
        thread.join()
        database = result.record.database
        assert database is not None
        assert set(errors_of(result)) == {"lost connection"}
        assert database.reconnects >= 1
        last = max(piece.position for piece in result.record.series.slices if piece.ok)
        lost = max(piece.position for piece in result.record.series.slices if piece.errors)
        assert last > lost
        assert {"connections-lost", "outage"} <= codes(result)


def test_an_exhausted_pool_is_an_error_that_names_itself(tmp_path: Path) -> None:
    url = f"sqlite:///{sqlite_file(tmp_path)}"
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT max(i) FROM n"
    target = SqlTarget(url, slow, pool=1, pool_timeout_s=0.001)
    (result,) = PerformanceTestFramework().run_concurrent_benchmark("crowd", target, [4], 12, warmup_iterations=0)
    assert set(errors_of(result)) == {"no free connection"}
    assert result.record.counts.ok


def test_more_connections_than_the_server_gives(server: Postgres) -> None:
    with pytest.raises(MeasurementError, match=r"the server gave \d+ of 60 connections .* smaller pool"):
        PerformanceTestFramework().run_concurrent_benchmark("all", SqlTarget(server.url, "SELECT 1"), [60], 60)


SLEEPS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT CAST(:s AS int) * 10000000 + 1) "
    "SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(CAST(:s AS float))",
    "mysql": "SELECT SLEEP(:s)",
}


def test_a_statement_is_ended_at_its_limit(url: str) -> None:
    sleep = SLEEPS[url.partition("+")[0]]
    with pytest.raises(MeasurementError, match=r"took too long, before the run: .*--timeout"):
        measure(SqlTarget(url, sleep, rows=[{"s": "60"}], timeout_s=0.1))
    result, database = measure(SqlTarget(url, sleep, rows=[{"s": "0"}, {"s": "60"}], timeout_s=0.1), 4)
    counts = result.record.counts
    assert (counts.ok, counts.errors, counts.timeouts) == (2, 0, 2)
    assert errors_of(result) == {"timeout": 2}
    assert database.statements[0].errors == 2
    assert database.reconnects == 0  # its connection is as good as before
    assert result.record.latency.moments.count == 4  # a timeout took as long as it took


def _stands_still(pid: int) -> bool:
    """Whether each of its threads does: they are told one after the other."""
    tasks = Path("/proc", str(pid), "task").glob("*/stat")
    return all(task.read_text().rpartition(")")[2].split()[0] in {"T", "t"} for task in tasks)


@contextmanager
def frozen(folder: str) -> Iterator[None]:
    """The server whose command names ``folder`` stands still, all its processes."""
    (server,) = [
        each for each in psutil.Process().children(recursive=True) if folder in " ".join(each.cmdline())
        and each.name() in {"postgres", "mariadbd"}
    ]  # fmt: skip
    processes = [server, *server.children(recursive=True)]
    for each in processes:
        each.suspend()
    wait_for(lambda: all(_stands_still(each.pid) for each in processes))
    try:
        yield
    finally:
        for each in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.resume()


@pytest.mark.parametrize("url", ["psycopg", "psycopg async", "asyncpg", *MARIADB], indirect=True)
def test_a_server_that_stands_still_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit, "GRACE_S", 0.1)
    calls = SqlTarget(url, "SELECT 1", timeout_s=0.1).call_target()
    operation: Any = calls.operation
    assert calls.setup is not None
    assert calls.teardown is not None
    folder = url.partition("unix_socket=")[2].removesuffix("/s") or url.partition("host=")[2]

    async def attempts() -> AttemptTimedOut:
        await finished(calls.setup)
        await finished(operation)
        with frozen(folder), pytest.raises(AttemptTimedOut, match=r"no answer within 0\.1 s") as raised:
            await finished(operation)
        await finished(operation)  # over another connection
        await finished(calls.teardown)
        return raised.value

    assert asyncio.run(attempts()).kind == "timeout"
    if "asyn" in url and "asyncmy" not in url:
        return  # the same code connects, with the other driver's own limit
    monkeypatch.setattr(place, "CONNECT_S", 1)
    monkeypatch.setattr(place, "GRACE_S", 0.1)
    with frozen(folder), pytest.raises(MeasurementError, match="no connection to"):
        measure(SqlTarget(url, "SELECT 1", timeout_s=0.1))


async def finished(function: Any) -> None:
    ended = function()
    if inspect.isawaitable(ended):
        await ended


def test_arrivals_share_a_pool(server: Postgres) -> None:
    for driver in ("psycopg", "asyncpg"):
        target = SqlTarget(server.url.replace("+psycopg:", f"+{driver}:"), BY_ID, ANY_ID)
        result = PerformanceTestFramework().run_load("arrivals", target, ConstantRate(200, 0.5), warmup_s=0.1)
        database = result.record.database
        assert database is not None
        assert not result.record.errors
        assert database.statements[0].executions == 100
        assert database.pool == 10
        assert result.record.test_type is TestType.DATABASE_QUERY


def test_counters_of_the_server(server: Postgres) -> None:
    _, database = measure(SqlTarget(server.url, "SELECT count(*) FROM records WHERE note LIKE '%9%'"), 20)
    counters = database.counters
    assert counters is not None
    assert counters.source == "pg_stat_database"
    assert counters.change("rows read") >= 20 * ROWS
    assert counters.hit_ratio is not None
    assert counters.hit_ratio > 0.9


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_counters_of_single_statements(server: Postgres, driver: str) -> None:
    with psycopg.connect(f"host={server.folder} user=postgres dbname=postgres", autocommit=True) as connection:
        # In a schema that no search path leads to, as providers of databases have it.
        connection.execute('CREATE SCHEMA IF NOT EXISTS "ext""s"')
        connection.execute('CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA "ext""s"')
    statements = [
        SqlStatement(BY_ID, name="read", weight=9),
        SqlStatement("UPDATE records SET note = 'new' WHERE id = :id", name="write"),
    ]
    url = server.url.replace("+psycopg:", f"+{driver}:")
    _, database = measure(SqlTarget(url, parameters={"id": Sequential(50)}, statements=statements), 60)
    assert all(each.executions for each in database.statements)
    for each in database.statements:
        assert each.server is not None
        assert (each.server.source, each.server.reason) == ("pg_stat_statements", "")
        assert each.server.change(CALLS) == each.server.change("rows") == each.executions
        assert 0 < each.server.change(EXECUTING_MS) < each.latency.moments.total / 1e6
        assert each.server.hit_ratio == 1.0


@pytest.mark.parametrize("driver", ["psycopg", "psycopg_async"])
def test_counters_of_a_load_by_several_processes_are_read_once(server: Postgres, driver: str) -> None:
    """Over a connection of the driver's own, before and after all of them: what all have executed, and no more."""
    everything = "SELECT * FROM records"
    target = SqlTarget(server.url.replace("+psycopg:", f"+{driver}:"), everything, pool=2)
    result = PerformanceTestFramework().run_load(
        "shared", target, FixedIterations(20, workers=2), warmup_s=0, processes=2
    )
    database = result.record.database
    assert database is not None
    assert database.counters is not None
    assert 20 * ROWS <= database.counters.change("rows read") < 21 * ROWS
    assert database.statements[0].executions == 20
    assert database.statements[0].rows == 20 * ROWS
    assert database.pool == database.connecting.moments.count == 2
    assert [plan.text for plan in database.plans] == ["Seq Scan on records"]


@pytest.mark.parametrize("url", ["sqlite", "aiosqlite"], indirect=True)
def test_sqlite_tells_sizes_in_place_of_counters(url: str) -> None:
    _, database = measure(SqlTarget(url, BY_ID, ANY_ID))
    assert database.counters is not None
    assert re.search(r"has \d+ pages of 4,096 bytes, a connection's cache room for \d+", database.counters.reason)


def test_nothing_and_truth_of_json_are_those_of_sql(tmp_path: Path, server: Postgres) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"a": null, "b": true}\n{"a": null, "b": true}\n')
    for url in (server.url, server.url.replace("+psycopg:", "+asyncpg:")):
        target = SqlTarget(url, "SELECT 1 WHERE CAST(:a AS int) IS NULL AND CAST(:b AS boolean)", rows=rows)
        result, database = measure(target, 10)
        assert not result.record.errors
        assert database.statements[0].rows == 10


def test_fresh_processes_and_epochs(tmp_path: Path) -> None:
    url = f"sqlite:///{sqlite_file(tmp_path)}"
    _, database = measure(SqlTarget(url, BY_ID, ANY_ID), 30, runs=2, epochs=2)
    assert database.statements[0].executions == 2 * 2 * 30
    assert database.connecting.moments.count == 2


def test_engines_and_functions_instead_of_a_url(tmp_path: Path, server: Postgres) -> None:
    path = sqlite_file(tmp_path)
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    memory = sqlalchemy.create_engine("sqlite://")
    with memory.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE records (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO records VALUES (1)")
    one = {"id": 1}
    for where in (engine, memory, lambda: sqlite3.connect(path)):
        _, database = measure(SqlTarget(where, BY_ID, one))
        assert database.statements[0].rows == 40
        assert database.driver == "sqlite3"
    with memory.begin() as connection:  # still the user's, and writable
        connection.exec_driver_sql("INSERT INTO records VALUES (2)")
    memory.dispose()
    with pytest.raises(ConfigurationError, match="belongs to one connection"):
        PerformanceTestFramework().run_concurrent_benchmark("m", SqlTarget("sqlite://", "SELECT 1"), [2])

    async def connect() -> Any:
        return await psycopg.AsyncConnection.connect(f"host={server.folder} user=postgres dbname=postgres")

    _, database = measure(SqlTarget(connect, BY_ID, one))
    assert (database.driver, database.statements[0].rows) == ("psycopg", 40)
    with pytest.raises(ConfigurationError, match="gave int, which has no cursor"):
        measure(SqlTarget(lambda: 5, "SELECT 1"))


def test_a_setup_of_the_users_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    order: list[str] = []

    def make() -> None:
        order.append("setup")
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE made (id)")
        connection.close()

    target = SqlTarget(f"sqlite:///{path}", "SELECT * FROM made")
    measure(target, setup=make, teardown=lambda: order.append("teardown"))
    assert order == ["setup", "teardown"]


def test_another_plan_than_the_baselines_is_shown_beside_the_change(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    target = SqlTarget(f"sqlite:///{path}", "SELECT count(*) FROM records WHERE customer = :c", {"c": Uniform(99)})
    first = PerformanceTestFramework()
    first.run_benchmark("orders", TestType.DATABASE_QUERY, target, 300)
    saved = first.save_baseline(tmp_path / "baseline.json")
    assert saved.saved == ("orders",), saved.refused
    connection = sqlite3.connect(path)
    connection.execute("CREATE INDEX by_customer ON records (customer)")
    connection.close()
    second = PerformanceTestFramework()
    second.load_baseline(tmp_path / "baseline.json")
    result = second.run_benchmark("orders", TestType.DATABASE_QUERY, target, 30)
    assert result.comparison is not None
    (change,) = result.comparison.plan_changes
    assert (change.before, change.after) == ("SCAN on records", "SEARCH on records by by_customer")
    report = " ".join(second.generate_report().split())
    assert f"other plan of {change.statement}: {change.after}; before: {change.before}" in report


def test_results_with_a_database_are_stored_and_read_again(tmp_path: Path) -> None:
    from paceline.store.codec import read_results

    framework = PerformanceTestFramework()
    target = SqlTarget(f"sqlite:///{sqlite_file(tmp_path)}", BY_ID, ANY_ID)
    result = framework.run_benchmark("query", TestType.DATABASE_QUERY, target, 30)
    framework.export_json(tmp_path / "results.json")
    (read,) = read_results(tmp_path / "results.json")
    assert read.record.database == result.record.database


SECRET = "s3cretword"


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: SqlTarget("records.db", "SELECT 1"), ConfigurationError, "no address of a database"),
        (
            lambda: SqlTarget(f"foo://me:{SECRET}@h/d", "SELECT 1"),
            ConfigurationError,
            "nobody knows the database 'foo'",
        ),
        (lambda: SqlTarget(f"mysql://me:{SECRET}@h/d", "SELECT 1"), ConfigurationError, "pip install 'mysqlclient'"),
        (lambda: SqlTarget(f"mysql+pymysql://me:{SECRET}@a@h/d", "SELECT 1"), ConfigurationError, "%40"),
        (lambda: SqlTarget("sqlite://", "DROP TABLE x"), ConfigurationError, "allow_destructive"),
        (lambda: SqlTarget("sqlite://", "DELETE FROM x"), ConfigurationError, "--allow-destructive"),
        (lambda: SqlTarget("sqlite://", ""), ConfigurationError, "not empty"),
        (lambda: SqlTarget("sqlite://", "SELECT :a"), ConfigurationError, "asks for :a"),
        (lambda: SqlTarget("sqlite://", "SELECT 1", {"a": 1}), ConfigurationError, "has a place for :a"),
        (lambda: SqlTarget("sqlite://", "SELECT 1", pool=0), ConfigurationError, "pool"),
        (lambda: SqlTarget("sqlite://", "SELECT 1", retries=-1), ConfigurationError, "retries"),
        (lambda: SqlTarget("sqlite://", "SELECT 1", isolation="much"), ConfigurationError, "no level 'much'"),
        (lambda: SqlTarget("sqlite://", "SELECT 1", commit=1), ConfigurationError, "commit"),  # type: ignore[arg-type]
        (
            lambda: SqlTarget("mysql+pymysql://h/d", "CREATE TABLE x (a int)"),
            ConfigurationError,
            "cannot be rolled back",
        ),
        (lambda: SqlTarget("sqlite://", statements=[SqlStatement("SELECT 1")] * 2), ConfigurationError, "one name"),
        (lambda: SqlTarget("sqlite://", "SELECT 1", statements=[SqlStatement("SELECT 2")]), ConfigurationError, "both"),
        (lambda: SqlTarget("sqlite://", "SELECT 1", rows="no.csv"), ConfigurationError, "no file"),
        (lambda: SqlTarget(7, "SELECT 1"), ConfigurationError, "not int"),  # type: ignore[arg-type]
        (
            lambda: measure(SqlTarget(f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/d", "SELECT 1")),
            MeasurementError,
            "no connection to postgresql",
        ),
        (
            lambda: measure(SqlTarget(f"postgresql+asyncpg://me:{SECRET}@127.0.0.1:1/d", "SELECT 1")),
            MeasurementError,
            "no connection to postgresql",
        ),
        (
            lambda: measure(SqlTarget("sqlite:////no/such/folder/x.db", "SELECT 1")),
            ConfigurationError,
            "there is no file /no/such/folder/x.db",
        ),
        (lambda: SqlTarget(f"me:{SECRET}@127.0.0.1/x", "SELECT 1"), ConfigurationError, "this is no address"),
        (
            lambda: SqlTarget(f"postgresql+psycopg:/me:{SECRET}@h/x", "SELECT 1"),
            ConfigurationError,
            "url: postgresql+psycopg:... is no address",
        ),
    ],
)
def test_what_is_wrong_is_said_before_the_run(make: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error) as raised:
        make()
    assert says in str(raised.value)
    chain: BaseException | None = raised.value
    assert SECRET not in str(chain)


def test_a_wrong_password_is_not_printed(server: Postgres) -> None:
    with psycopg.connect(f"host={server.folder} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    hba = server.folder / "data" / "pg_hba.conf"
    before = hba.read_text()
    try:
        hba.write_text(f"local all guest scram-sha-256\n{before}")
        with psycopg.connect(f"host={server.folder} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
        target = SqlTarget(f"postgresql+psycopg://guest:{SECRET}@/postgres?host={server.folder}", "SELECT 1")
        assert SECRET not in repr(target)
        with pytest.raises(MeasurementError, match="authentication failed") as raised:
            measure(target)
        assert SECRET not in str(raised.value)
    finally:
        hba.write_text(before)


def test_the_async_twin(server: Postgres) -> None:
    async def run() -> TestResult:
        framework = PerformanceTestFramework()
        target = SqlTarget(server.url.replace("+psycopg:", "+asyncpg:"), BY_ID, ANY_ID)
        return await framework.arun_benchmark("query", TestType.DATABASE_QUERY, target, 20)

    result = asyncio.run(run())
    assert result.record.database is not None
    assert result.record.database.statements[0].executions == 20


def orders_of(engine: sqlalchemy.Engine) -> Callable[[], None]:
    """A list, and then each of its rows by itself: what an object mapper does that nobody has told better."""

    def operation() -> None:
        with engine.connect() as connection:
            keys = connection.execute(sqlalchemy.text("SELECT id FROM records WHERE customer = 7 LIMIT 20")).scalars()
            for key in keys.all():
                connection.execute(sqlalchemy.text(BY_ID), {"id": key}).all()

    return operation


@pytest.mark.parametrize("workers", [1, 3])
def test_repeated_statements_of_any_operation(tmp_path: Path, workers: int) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{sqlite_file(tmp_path)}")
    watch = SqlWatch(orders_of(engine), engine)
    (result,) = PerformanceTestFramework().run_concurrent_benchmark("orders", watch, [workers], 30)
    database = result.record.database
    assert database is not None
    assert [(each.executions, each.most_in_operation) for each in database.statements] == [(30, 1), (600, 20)]
    assert database.statements[1].latency.moments.count == 600
    assert "repeated-statement" in codes(result)
    assert "no-rows" not in codes(result)
    engine.dispose()
    orders_of(engine)()  # nobody counts any more
    engine.dispose()


def test_repeated_statements_of_coroutines(tmp_path: Path) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(f"sqlite+aiosqlite:///{sqlite_file(tmp_path)}")

    async def operation() -> None:
        async with engine.connect() as connection:
            for key in range(1, 4):
                await connection.execute(sqlalchemy.text(BY_ID), {"id": key})

    watch = SqlWatch(operation, engine)
    (result,) = PerformanceTestFramework().run_concurrent_benchmark("orders", watch, [3], 30, teardown=engine.dispose)
    database = result.record.database
    assert database is not None
    assert not result.record.errors
    assert [(each.executions, each.most_in_operation) for each in database.statements] == [(90, 3)]
    with pytest.raises(ConfigurationError, match="engine of SQLAlchemy's"):
        SqlWatch(operation, "sqlite://")  # type: ignore[arg-type]


class Foreign:
    """A connection of a driver that nobody here knows: PEP 249 and nothing more."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path)
        self.cursor = self._connection.cursor
        self.commit = self._connection.commit
        self.rollback = self._connection.rollback
        self.close = self._connection.close


def test_a_driver_that_is_not_known_begins_and_ends_its_own_transactions(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path)
    statement = "UPDATE records SET customer = customer + 1 WHERE id = ?"
    result, database = measure(SqlTarget(lambda: Foreign(path), statement, [1]), 10)
    assert not result.record.errors
    assert (database.ending, database.server, database.counters) == ("rollback", "", None)
    assert "not known" in database.plans[0].reason
    assert "commit-not-measured" in codes(result)
    result, database = measure(SqlTarget(lambda: Foreign(path), "SELECT * FROM records WHERE id = ?", [1]), 10)
    assert (database.ending, database.only_reads) == ("rollback", True)
    assert "commit-not-measured" not in codes(result)  # there is nothing to commit
    measure(SqlTarget(lambda: Foreign(path), statement, [1], commit=True), 10)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT customer FROM records WHERE id = 1").fetchone() == (16,)
    connection.close()


def test_attempts_that_are_cancelled_cost_a_connection_and_lose_none(server: Postgres) -> None:
    url = server.url.replace("+psycopg:", "+asyncpg:")
    slow = SqlTarget(url, "SELECT pg_sleep(CASE WHEN :n % 4 = 0 THEN 60 ELSE 0 END)", {"n": Sequential(4)})
    framework = PerformanceTestFramework()
    (result,) = framework.run_concurrent_benchmark("some hang", slow, [2], 12, timeout_s=0.3, warmup_iterations=0)
    assert result.record.counts.timeouts == 3
    assert result.record.counts.ok == 9
    assert result.record.database is not None
    assert result.record.database.reconnects == 0
    assert result.record.database.connecting.moments.count >= 4


def test_errors_that_quote_the_password_are_shown_without_it(server: Postgres) -> None:
    url = server.url.replace("postgres@", f"postgres:{SECRET}@")
    rows = [{"x": "1"}, {"x": SECRET}]
    result, _ = measure(SqlTarget(url, "SELECT CAST(:x AS int)", rows=rows), 20)
    (group,) = result.record.errors
    assert (group.kind, group.count) == ("database error", 10)
    assert '"***"' in group.message
    with pytest.raises(ConfigurationError) as raised:
        measure(SqlTarget(url, "SELECT CAST(:x AS int)", {"x": SECRET}))
    assert SECRET not in str(raised.value)
