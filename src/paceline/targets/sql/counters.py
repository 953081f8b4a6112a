"""Counters that servers keep themselves, read before and after a window."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paceline.core.units import counted
from paceline.records.database import HITS, READS, Counter, Plan, ServerCounters, hit_ratio
from paceline.targets.sql import statistics
from paceline.targets.sql.doors import Control
from paceline.targets.sql.failures import message_of
from paceline.targets.sql.place import Place

_POSTGRES = {
    "blks_hit": HITS,
    "blks_read": READS,
    "tup_returned": "rows read",
    "tup_fetched": "rows by index",
    "temp_files": "temporary files",
    "temp_bytes": "temporary bytes",
    "deadlocks": "deadlocks",
}
_MYSQL = {
    "Innodb_buffer_pool_read_requests": HITS,  # all requests: those that were read are taken off below
    "Innodb_buffer_pool_reads": READS,
    "Handler_read_rnd_next": "rows read",
    "Handler_read_key": "rows by index",
    "Created_tmp_disk_tables": "temporary files",
    "Innodb_deadlocks": "deadlocks",
}
_SQLITE_REASON = "Python's sqlite3 has no way to them"
_SQLITE_SIZES = ("page_count", "page_size", "cache_size")
_KIB = 1_024


@dataclass(frozen=True)
class Reading:
    """The counters at one moment.

    Attributes:
        source: where they stand.
        values: by our names.
        reason: why there are none.
        statements: what is counted for single ones, by their identifiers.
        statements_reason: why that cannot be read.
    """

    source: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    statements: Mapping[str, statistics.Figures] = field(default_factory=dict)
    statements_reason: str = ""


def read(control: Control | None, place: Place, plans: Sequence[Plan]) -> Reading | None:
    """The counters now; None of databases whose counters are not known."""
    name = place.family.name
    if name == "sqlite":
        return _sqlite(control)
    if name not in {"postgresql", "mysql"}:
        return None
    if control is None:
        return Reading(reason="no connection was free to read them")
    try:
        return _postgres(control, place, plans) if name == "postgresql" else _mysql(control)
    except Exception as error:  # noqa: BLE001  # said in the report: the measurement is valid all the same
        return Reading(reason=message_of(error, place.secrets))


def flush(control: Control) -> None:
    """Let a connection's backend report what it did: PostgreSQL's do so once a second, and not while they wait."""
    with contextlib.suppress(Exception):  # before version 15 there is no such function: the counters are a second late
        control.query("SELECT pg_stat_force_next_flush()")


def between(before: Reading, after: Reading | None) -> ServerCounters | None:
    """How far the counters went up."""
    if after is None:
        return None
    if before.reason or after.reason:
        return ServerCounters(reason=before.reason or after.reason)
    changes = {name: after.values[name] - value for name, value in before.values.items() if name in after.values}
    if min(changes.values(), default=0.0) < 0:
        return ServerCounters(after.source, reason="the server was restarted, or its counters were reset")
    counters = tuple(Counter(name, change) for name, change in changes.items())
    return ServerCounters(after.source, counters, hit_ratio(changes.get(HITS, 0.0), changes.get(READS, 0.0)))


def of_statements(before: Reading, after: Reading | None, plans: Sequence[Plan]) -> dict[str, ServerCounters]:
    """The same of each statement that the server counts by itself, by our names."""
    if after is None:
        return {}
    reason = before.statements_reason or after.statements_reason
    if reason:
        return {plan.statement: ServerCounters(statistics.SOURCE, reason=reason) for plan in plans if plan.identifier}
    return {
        plan.statement: found
        for plan in plans
        if plan.identifier in before.statements and plan.identifier in after.statements
        and (found := between(
            Reading(statistics.SOURCE, before.statements[plan.identifier]),
            Reading(statistics.SOURCE, after.statements[plan.identifier]),
        )) is not None
    }  # fmt: skip


def _sqlite(control: Control | None) -> Reading:
    """What its PRAGMAs tell in place of counters: whether all of it has room in the cache of a connection."""
    if control is None:
        return Reading(reason=_SQLITE_REASON)
    try:
        pages, size, room = (int(control.query(f"PRAGMA {name}")[0][0]) for name in _SQLITE_SIZES)
    except Exception:  # noqa: BLE001  # it adds to what is known, no more
        return Reading(reason=_SQLITE_REASON)
    room = room if room >= 0 else -room * _KIB // size  # a negative one is of KiB
    return Reading(
        reason=f"{_SQLITE_REASON}; the database has {counted(pages, 'page')} of {size:,} bytes, a connection's cache "
        f"room for {room:,}"
    )


def _postgres(control: Control, place: Place, plans: Sequence[Plan]) -> Reading:
    columns = ", ".join(_POSTGRES)
    (row,) = control.query(f"SELECT {columns} FROM pg_stat_database WHERE datname = current_database()")  # noqa: S608
    statements, reason = {}, ""
    try:
        statements = statistics.read(control, [plan.identifier for plan in plans])
    except Exception as error:  # noqa: BLE001  # said in the report, too
        reason = message_of(error, place.secrets)
    values = dict(zip(_POSTGRES.values(), map(float, row), strict=True))
    return Reading("pg_stat_database", values, "", statements, reason)


def _mysql(control: Control) -> Reading:
    status = {_text(name): _text(value) for name, value in control.query("SHOW GLOBAL STATUS")}
    values = {ours: float(status[theirs]) for theirs, ours in _MYSQL.items() if theirs in status}
    if HITS in values and READS in values:
        values[HITS] -= values[READS]
    return Reading("SHOW GLOBAL STATUS", values)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
