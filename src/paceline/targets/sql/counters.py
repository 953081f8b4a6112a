"""Counters that servers keep themselves, read before and after a window."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from paceline.records.database import HITS, READS, Counter, ServerCounters, hit_ratio
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
_SQLITE_REASON = "SQLite's own counters cannot be read from Python"


@dataclass(frozen=True)
class Reading:
    """The counters at one moment.

    Attributes:
        source: where they stand.
        values: by our names.
        reason: why there are none.
    """

    source: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""


def read(control: Control | None, place: Place) -> Reading | None:
    """The counters now; None of databases whose counters are not known."""
    name = place.family.name
    if name == "sqlite":
        return Reading(reason=_SQLITE_REASON)
    if name not in {"postgresql", "mysql"}:
        return None
    if control is None:
        return Reading(reason="no connection was free to read them")
    try:
        return _postgres(control) if name == "postgresql" else _mysql(control)
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
    counted = tuple(Counter(name, change) for name, change in changes.items())
    return ServerCounters(after.source, counted, hit_ratio(changes.get(HITS, 0.0), changes.get(READS, 0.0)))


def _postgres(control: Control) -> Reading:
    columns = ", ".join(_POSTGRES)
    (row,) = control.query(f"SELECT {columns} FROM pg_stat_database WHERE datname = current_database()")  # noqa: S608
    return Reading("pg_stat_database", dict(zip(_POSTGRES.values(), map(float, row), strict=True)))


def _mysql(control: Control) -> Reading:
    status = {_text(name): _text(value) for name, value in control.query("SHOW GLOBAL STATUS")}
    values = {ours: float(status[theirs]) for theirs, ours in _MYSQL.items() if theirs in status}
    if HITS in values and READS in values:
        values[HITS] -= values[READS]
    return Reading("SHOW GLOBAL STATUS", values)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
