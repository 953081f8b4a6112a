"""Plans of MySQL and MariaDB: the same words, nested differently in every version."""

from collections.abc import Iterator, Mapping
from typing import Any

from paceline.records.database import PlanNode
from paceline.targets.sql.text import table_aliases, tokens

# https://dev.mysql.com/doc/refman/8.4/en/explain-output.html#explain-join-types
_OPERATIONS = frozenset(
    {"ordering_operation", "grouping_operation", "filesort", "temporary_table", "duplicates_removal"}
)
_CONDITIONS = ("attached_condition", "index_condition")


def nodes_of_mysql(plan: Any, sql: str) -> tuple[PlanNode, ...]:  # noqa: ANN401  # JSON
    """Every table that ``plan``, of the statement ``sql``, reads, and the operations that stand around them."""
    return tuple(_nodes(plan, table_aliases(sql)))


def _nodes(plan: Any, aliases: Mapping[str, str], name: str = "") -> Iterator[PlanNode]:  # noqa: ANN401  # JSON
    if isinstance(plan, list):
        for each in plan:
            yield from _nodes(each, aliases, name)
    elif isinstance(plan, dict):
        children = tuple(node for key, value in plan.items() for node in _nodes(value, aliases, key))
        if "table_name" in plan:
            yield _table(plan, aliases, children)
        elif name in _OPERATIONS:
            yield PlanNode(operation=name.replace("_", " "), children=children)
        else:
            yield from children


def _table(plan: Mapping[str, Any], aliases: Mapping[str, str], children: tuple[PlanNode, ...]) -> PlanNode:
    called, access, key = (str(plan.get(each, "")) for each in ("table_name", "access_type", "key"))
    condition = " ".join(str(plan[each]) for each in _CONDITIONS if each in plan)
    # Names such as <derived2> are of what the statement made itself. The primary key is the table: who goes through
    # all of it reads every row.
    full = not called.startswith("<") and (access == "ALL" or (access == "index" and key == "PRIMARY"))
    rows = plan.get("rows_examined_per_scan", plan.get("rows"))
    return PlanNode(
        operation=f"{access or 'const'} access",
        table=aliases.get(called.lower(), called),
        index=key,
        full_scan=full,
        rows=None if rows is None else float(plan.get("rows_produced_per_join", rows)),
        table_rows=int(rows) if full and rows is not None else None,
        columns=_columns(condition) if full else (),
        children=children,
    )


def _columns(condition: str) -> tuple[str, ...]:
    """The last part of each name: conditions are written with the database and the table before it."""
    found = [token.text for token in tokens(condition, backslashes=True)]
    names = [
        name
        for before, name, then in zip(["", *found], found, [*found[1:], ""], strict=False)
        if before == "." and then != "."
    ]
    return tuple(dict.fromkeys(names))
