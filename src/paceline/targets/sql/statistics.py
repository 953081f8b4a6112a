"""What PostgreSQL counts for each statement, where its extension ``pg_stat_statements`` is there.

The extension keys by a hash of the parsed statement. EXPLAIN (VERBOSE) tells that hash, from version 14 on: see
https://www.postgresql.org/docs/current/pgstatstatements.html.
"""

from collections.abc import Iterable, Mapping

from paceline.records.database import CALLS, EXECUTING_MS, HITS, READS, TEMPORARY_PAGES
from paceline.targets.sql.doors import Control

SOURCE = "pg_stat_statements"
Figures = Mapping[str, float]

_COLUMNS = {
    "calls": CALLS,
    "total_exec_time": EXECUTING_MS,
    "rows": "rows",
    "shared_blks_hit": HITS,
    "shared_blks_read": READS,
    "temp_blks_written": TEMPORARY_PAGES,
}
_SCHEMA = (
    "SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace "
    "WHERE extname = 'pg_stat_statements'"
)


def read(control: Control, identifiers: Iterable[str]) -> dict[str, Figures]:
    """What was counted for each of ``identifiers``, of all clients on this database; none without the extension.

    Raises:
        Exception: the driver's: the extension is there and cannot be read.
    """
    wanted = sorted({each for each in identifiers if each})
    schemas = control.query(_SCHEMA) if wanted else ()
    if not schemas:
        return {}
    # A statement may stand there once for each user, and apart where a function executes it.
    sums = ", ".join(f"CAST(SUM({column}) AS float)" for column in _COLUMNS)
    rows = control.query(
        f"SELECT CAST(queryid AS text), {sums} FROM {schemas[0][0]}.{SOURCE} "  # noqa: S608  # the server's own words
        f"WHERE queryid IN ({', '.join(str(int(each)) for each in wanted)}) "
        "AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY queryid"
    )
    found = {str(row[0]): dict(zip(_COLUMNS.values(), map(float, row[1:]), strict=True)) for row in rows}
    return {each: found.get(each, dict.fromkeys(_COLUMNS.values(), 0.0)) for each in wanted}
