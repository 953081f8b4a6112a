"""Findings about databases: each is there when it should be, and not a step before."""

from dataclasses import replace
from typing import Any

import pytest

from paceline.judge.database_diagnosis import diagnose_database
from paceline.records.database import DatabaseRecord, Plan, PlanNode, StatementRecord, plans_changed
from tests.fakes import MS, make_latency, make_record

SCAN = PlanNode("Seq Scan", "orders", full_scan=True, table_rows=10_000, columns=("customer", "state"))
STATEMENT = StatementRecord("read", "SELECT * FROM orders", 20, rows=20, operations=20, most_in_operation=1)
QUIET = DatabaseRecord(pool=2, ending="nothing", statements=(STATEMENT,))


def codes(database: DatabaseRecord | None) -> list[str]:
    return [each.code for each in diagnose_database(replace(make_record([10 * MS] * 20), database=database))]


def with_statement(**changes: Any) -> DatabaseRecord:
    return replace(QUIET, statements=(replace(STATEMENT, **changes),))


def with_scan(**changes: Any) -> DatabaseRecord:
    return replace(QUIET, plans=(Plan("read", (PlanNode("Limit", children=(replace(SCAN, **changes),)),)),))


@pytest.mark.parametrize(
    ("database", "found"),
    [
        (None, []),
        (QUIET, []),
        (replace(QUIET, ending="commit"), []),
        (replace(QUIET, ending="rollback"), ["commit-not-measured"]),
        (replace(QUIET, ending="rollback", only_reads=True), []),
        (with_scan(), ["full-scan"]),
        (with_scan(table_rows=9_999), []),
        (with_scan(table_rows=None), []),
        (with_scan(columns=()), []),  # all rows are wanted
        (with_scan(full_scan=False), []),
        (with_statement(most_in_operation=2), []),
        (with_statement(most_in_operation=3), ["repeated-statement"]),
        (with_statement(rows=0), ["no-rows"]),
        (with_statement(rows=0, text="UPDATE orders SET a = 1"), []),
        (with_statement(rows=0, executions=9), []),
        (replace(with_statement(rows=0), pool=0), []),
        (with_statement(rows=200_000), ["large-result"]),
        (with_statement(rows=199_999), []),
        (replace(QUIET, waiting=make_latency([MS] * 20)), ["waited-for-connection"]),
        (replace(QUIET, waiting=make_latency([MS - 1] * 20)), []),
        (replace(QUIET, reconnects=1), ["connections-lost"]),
    ],
)
def test_each_finding_at_its_limit(database: DatabaseRecord | None, found: list[str]) -> None:
    assert codes(database) == found


def test_a_full_scan_names_statement_table_columns_and_size() -> None:
    record = replace(make_record([MS]), database=with_scan(table_rows=1_234_567))
    (finding,) = diagnose_database(record)
    assert finding.seen.startswith("'read' reads all of orders (about 1,234,567 rows")
    assert "customer, state" in finding.seen


def test_plans_differ_by_their_way_not_by_their_estimates() -> None:
    before = (Plan("read", (SCAN,)), Plan("gone", (SCAN,)), Plan("none", reason="unknown"))
    same = (Plan("read", (replace(SCAN, table_rows=99_999, rows=7.0),)), Plan("none", (SCAN,)))
    assert plans_changed(before, same) == ()
    after = (Plan("read", (PlanNode("Index Scan", "orders", "by_customer"),)), Plan("new", (SCAN,)))
    (change,) = plans_changed(before, after)
    assert (change.statement, change.before) == ("read", "Seq Scan on orders")
    assert change.after == "Index Scan on orders by by_customer"
