"""PostgreSQL's plans: https://www.postgresql.org/docs/current/using-explain.html."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from paceline.records.database import PlanNode
from paceline.targets.sql.doors import Control
from paceline.targets.sql.text import tokens

_FULL_SCANS = frozenset({"Seq Scan"})


def node_of_postgresql(control: Control, plan: Mapping[str, Any]) -> PlanNode:
    """``plan`` and all below it."""
    operation, table = plan["Node Type"], plan.get("Relation Name", "")
    full = operation in _FULL_SCANS and bool(table)
    qualified = ".".join(_quoted(name) for name in (plan.get("Schema", ""), table) if name)
    condition = str(plan.get("Filter", ""))
    return PlanNode(
        operation=operation,
        table=table,
        index=plan.get("Index Name", ""),
        full_scan=full,
        rows=float(plan["Plan Rows"]) if "Plan Rows" in plan else None,
        table_rows=_rows(control, qualified) if full else None,
        columns=_columns(control, qualified, condition) if full and condition else (),
        children=tuple(node_of_postgresql(control, child) for child in plan.get("Plans", ())),
    )


def _rows(control: Control, table: str) -> int | None:
    """The planner's own estimate: also of a table that was never analysed, whose ``reltuples`` is -1."""
    import json

    try:
        ((plan,),) = control.query(f"EXPLAIN (FORMAT JSON) TABLE ONLY {table}")
    except Exception:  # noqa: BLE001  # who may read some of its columns may not ask for all: the size is unknown
        return None
    plans = json.loads(plan) if isinstance(plan, str | bytes) else plan
    return int(plans[0]["Plan"]["Plan Rows"])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _columns(control: Control, table: str, condition: str) -> tuple[str, ...]:
    # With VERBOSE every column stands behind its table and a point: a table may be called as one of its columns.
    words = {token.text for before, token in pairwise(tokens(condition)) if before.text == "."}
    # A name from the catalogue, as a text: drivers differ in their placeholders.
    literal = table.replace("'", "''")
    rows = control.query(
        f"SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('{literal}') AND attnum > 0 "  # noqa: S608
        "AND NOT attisdropped ORDER BY attnum"
    )
    return tuple(str(name) for (name,) in rows if name in words)
