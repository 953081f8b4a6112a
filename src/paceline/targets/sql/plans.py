"""EXPLAIN of every database in one form. Taken before the measured window; nothing is executed for it."""

import contextlib
import json
from typing import Any

from paceline.records.database import Plan
from paceline.targets.sql.doors import Control
from paceline.targets.sql.failures import message_of
from paceline.targets.sql.place import Place
from paceline.targets.sql.placeholders import Arguments
from paceline.targets.sql.plan_mysql import nodes_of_mysql
from paceline.targets.sql.plan_postgresql import node_of_postgresql
from paceline.targets.sql.plan_sqlite import nodes_of_sqlite
from paceline.targets.sql.text import tokens

_EXPLAINED = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})


def plan_of(control: Control, place: Place, name: str, sql: str, arguments: Arguments) -> Plan:
    """The plan of the statement ``name``, with these arguments; without steps where the database gives none."""
    family = place.family.name
    if not family:
        return Plan(name, reason=f"plans of {place.driver} are not known")
    first = next((token.text.upper() for token in tokens(sql, backslashes=place.family.backslashes)), "")
    if first not in _EXPLAINED:
        return Plan(name, reason=f"{first} has no plan")
    try:
        return _explained(control, family, name, sql, arguments)
    except Exception as error:  # noqa: BLE001  # said in the report: the measurement is valid without a plan
        _clear(control)
        return Plan(name, reason=message_of(error, place.secrets))


def _explained(control: Control, family: str, name: str, sql: str, arguments: Arguments) -> Plan:
    if family == "sqlite":
        rows = control.query(f"EXPLAIN QUERY PLAN {sql}", arguments)
        return Plan(name, nodes_of_sqlite(control, sql, rows))
    if family == "mysql":
        (row,) = control.query(f"EXPLAIN FORMAT=JSON {sql}", arguments)
        return Plan(name, nodes_of_mysql(_json(row[0]), sql))
    # Only VERBOSE names schemas: a table may be in one that no search path leads to, or have a namesake in another.
    (row,) = control.query(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}", arguments)
    (told,) = _json(row[0])
    return Plan(name, (node_of_postgresql(control, told["Plan"]),), identifier=str(told.get("Query Identifier", "")))


def _json(value: Any) -> Any:  # noqa: ANN401  # JSON of the server's, which some drivers decode themselves
    return json.loads(value) if isinstance(value, str | bytes) else value


def _clear(control: Control) -> None:
    with contextlib.suppress(Exception):  # there was no transaction: nothing is left to clear
        control.rollback()
