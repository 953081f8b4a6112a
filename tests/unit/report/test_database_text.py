"""A database in a report: every figure in its place, 80 columns."""

from dataclasses import replace
from itertools import starmap

from paceline.judge.result import judge
from paceline.records.database import Counter, DatabaseRecord, Plan, PlanNode, ServerCounters, StatementRecord
from paceline.report.database_text import database_lines
from tests.fakes import MS, S, make_latency, make_record

READ = StatementRecord(
    "read", "SELECT 1", 18_000, rows=1_800_000, operations=18_000, latency=make_latency([2 * MS]),
    executing=make_latency([MS]), fetching=make_latency([MS]),
)  # fmt: skip
PAY = StatementRecord("pay", "UPDATE t", 3, errors=1, affected=30, latency=make_latency([3 * MS]))
FULL = DatabaseRecord(
    server="PostgreSQL 18.1",
    driver="psycopg",
    pool=4,
    ending="rollback",
    isolation="SERIALIZABLE",
    transaction=True,
    statements=(PAY, READ),
    waiting=make_latency([1_000, 2_000]),
    ended=make_latency([MS]),
    connecting=make_latency([5 * MS]),
    retries=2,
    reconnects=1,
    plans=(
        Plan("read", (PlanNode("Seq Scan", "orders", full_scan=True, table_rows=50_000, columns=("a",)),)),
        Plan("pay", reason="permission denied"),
    ),
    counters=ServerCounters("pg_stat_database", (Counter("pages read", 1), Counter("rows read", 1_500)), 0.75),
)


def lines(database: DatabaseRecord | None) -> list[str]:
    record = replace(make_record([MS] * 10), database=database, elapsed_ns=2 * S)
    return list(database_lines(judge(record, None)))


def test_all_of_it() -> None:
    assert lines(FULL) == [
        "database      PostgreSQL 18.1 through psycopg, 4 connections (5 ms each to",
        "              open), serializable, an attempt is all statements, each attempt is",
        "              rolled back",
        "statements      count    median      p95      p99  rows each   rows/s  errors",
        "              read",
        "                  18k      2 ms     2 ms     2 ms        100     900k     0 %",
        "              pay",
        "                    4      3 ms     3 ms     3 ms         10       15  25.0 %",
        "time in       connection 1.5 us (p99 1.99 us), ending 1 ms",
        "              2 repetitions, 1 reconnect",
        "plan          read: Seq Scan on orders; every row of orders (about 50,000 rows)",
        "              is read",
        "plan          pay: none: permission denied",
        "server        75.0 % of pages from memory, 1,500 rows read (pg_stat_database,",
        "              all clients)",
    ]


def test_who_only_watches_sees_no_rows() -> None:
    watched = replace(READ, rows=0, fetching=make_latency([0]))
    (told,) = [line for line in lines(replace(FULL, statements=(watched,))) if "2 ms" in line]
    assert told.split() == ["18k", "2", "ms", "2", "ms", "2", "ms", "–", "–", "0", "%"]


def test_one_statement_has_no_name_and_tells_its_parts() -> None:
    found = lines(DatabaseRecord(driver="sqlite3", statements=(READ,), counters=ServerCounters(reason="unknown")))
    assert found == [
        "database      a database through sqlite3",
        "statements      count    median      p95      p99  rows each   rows/s  errors",
        "                  18k      2 ms     2 ms     2 ms        100     900k     0 %",
        "time in       execution 1 ms, rows 1 ms",
        "server        counters unknown: unknown",
    ]


def test_what_the_server_counted_for_a_statement() -> None:
    figures = {"executions": 20, "ms of execution": 50, "rows": 200, "temporary pages": 3}
    counted = ServerCounters("pg_stat_statements", tuple(starmap(Counter, figures.items())), 0.5)
    unknown = ServerCounters("pg_stat_statements", reason="permission denied")
    found = lines(DatabaseRecord(statements=(replace(READ, server=counted), replace(PAY, server=unknown))))
    assert found[-3:] == [
        "              read: 20 executions of 2.5 ms, mean, 10 rows each, 50.0 % of pages",
        "              from memory, 3 temporary pages (pg_stat_statements, all clients)",
        "              pay: not counted: permission denied",
    ]


def test_nothing_where_there_is_none() -> None:
    assert lines(None) == []
    assert all(len(line) <= 80 for line in lines(FULL))
