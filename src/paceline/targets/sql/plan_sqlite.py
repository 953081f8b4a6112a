"""SQLite's plans: https://www.sqlite.org/eqp.html."""

import re
from collections.abc import Sequence
from typing import Any

from paceline.records.database import PlanNode
from paceline.targets.sql.doors import Control
from paceline.targets.sql.text import filter_words, table_aliases

_DETAIL = re.compile(
    r"(?P<way>SCAN|SEARCH) (?:TABLE )?(?P<name>\S+)(?: AS (?P<alias>\S+))?"
    r"(?:.*?USING (?:AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?INDEX (?P<index>\S+)"
    r"|.*?USING (?P<key>INTEGER PRIMARY KEY|PRIMARY KEY))?"
)


def nodes_of_sqlite(control: Control, sql: str, rows: Sequence[Sequence[Any]]) -> tuple[PlanNode, ...]:
    """The steps of ``rows``, which are of EXPLAIN QUERY PLAN: id, parent, unused, detail."""
    aliases = table_aliases(sql)
    tables = {str(name).lower(): str(name) for (name,) in control.query("SELECT name FROM sqlite_schema")}

    def below(parent: int) -> tuple[PlanNode, ...]:
        return tuple(node(int(each[0]), str(each[3])) for each in rows if int(each[1]) == parent)

    def node(number: int, detail: str) -> PlanNode:
        children = below(number)
        match = _DETAIL.match(detail)
        if match is None:
            return PlanNode(detail, children=children)
        called = match["name"].lower()
        table = tables.get(aliases.get(called, called), "")
        index = match["index"] or match["key"] or ""
        full = match["way"] == "SCAN" and bool(table) and not index
        return PlanNode(
            operation=match["way"],
            table=table,
            index=index,
            full_scan=full,
            table_rows=_rows(control, table) if full else None,
            columns=_columns(control, table, sql) if full else (),
            children=children,
        )

    return below(0)


def _rows(control: Control, table: str) -> int | None:
    """The largest row id, which is found at once: the number of rows, unless many were deleted."""
    try:
        ((largest,),) = control.query(f"SELECT max(rowid) FROM {_quoted(table)}")  # noqa: S608  # a name of the schema's
    except Exception:  # noqa: BLE001  # a view, or a table without row ids: there is no quick way
        return None
    return int(largest or 0)


def _columns(control: Control, table: str, sql: str) -> tuple[str, ...]:
    words = filter_words(sql)
    names = [str(row[1]) for row in control.query(f"PRAGMA table_info({_quoted(table)})")]
    return tuple(name for name in names if name.lower() in words)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
