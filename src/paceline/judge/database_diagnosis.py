"""Findings about databases: is the figure that of the database, and does it say what production would see?"""

from collections.abc import Callable, Iterator

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, counted, format_ms
from paceline.records.database import DatabaseRecord
from paceline.records.run_record import RunRecord

_LARGE_TABLE = 10_000  # rows: below, an index saves less than the clock sees
_REPEATED = 3  # executions in one attempt
_LARGE_RESULT = 10_000  # rows an execution
_WAITED_SHARE = 0.1  # of the mean latency
_LEAST_EXECUTIONS = 10


def diagnose_database(record: RunRecord) -> Iterator[Finding]:
    """Findings about ``record``, where it is of a database."""
    if record.database is not None:
        for check in _CHECKS:
            yield from check(record, record.database)


def _commit_not_measured(_: RunRecord, database: DatabaseRecord) -> Iterator[Finding]:
    if database.ending != "rollback" or database.only_reads:
        return
    yield Finding(
        code="commit-not-measured",
        seen="Every attempt was rolled back.",
        why="A commit waits for the disk, and for other servers where they copy it: that is not in these figures.",
        advice="Ask for commit=True (on the command line --commit) on data that may change.",
    )


def _full_scan(_: RunRecord, database: DatabaseRecord) -> Iterator[Finding]:
    for plan in database.plans:
        for step in plan.walk():
            rows = step.table_rows or 0
            if not (step.full_scan and step.columns and rows >= _LARGE_TABLE):
                continue
            columns = ", ".join(step.columns)
            yield Finding(
                code="full-scan",
                seen=f"{plan.statement!r} reads all of {step.table} (about {rows:,} rows, by the database's own "
                f"estimate) to choose by {columns}.",
                why="Its time grows with the table: in production, by what the table has grown by then.",
                advice=f"An index on {step.table} ({columns}), if the condition is one that an index can serve.",
            )


def _repeated_statement(_: RunRecord, database: DatabaseRecord) -> Iterator[Finding]:
    for each in database.statements:
        if each.most_in_operation < _REPEATED or not each.operations:
            continue
        yield Finding(
            code="repeated-statement",
            seen=f"{each.name!r} was executed up to {each.most_in_operation:,} times in one attempt "
            f"({each.each_operation:.3g} on average).",
            why="Each is a way to the database and back: an attempt takes longer with every row it deals with (N+1).",
            advice="Ask for all rows at once: a join, or IN with all keys.",
        )


def _waited_for_connection(record: RunRecord, database: DatabaseRecord) -> Iterator[Finding]:
    waiting, latency = database.waiting, record.latency
    if not waiting.moments.count or not latency.moments.count or not database.pool:
        return
    mean_ns = waiting.moments.mean
    if mean_ns < _WAITED_SHARE * latency.moments.mean:
        return
    yield Finding(
        code="waited-for-connection",
        seen=f"Attempts waited {format_ms(mean_ns / NS_PER_MS)} on average for one of "
        f"{counted(database.pool, 'connection')}, of {format_ms(latency.moments.mean / NS_PER_MS)} in all.",
        why="That is the pool's share of the latency, not the database's.",
        advice="A larger pool, if the database serves more at once; the time of the statements stands apart.",
    )


def _large_result(_: RunRecord, database: DatabaseRecord) -> Iterator[Finding]:
    for each in database.statements:
        if not each.executions or each.rows < _LARGE_RESULT * each.executions:
            continue
        share = each.fetching.moments.total / max(each.latency.moments.total, 1)
        yield Finding(
            code="large-result",
            seen=f"{each.name!r} gives {each.rows / each.executions:,.0f} rows an execution; fetching them is "
            f"{share:.0%} of its time.",
            why="Much of it is the driver making objects, in this process and under its interpreter lock.",
            advice="LIMIT it, or let the database count and add.",
        )


def _no_rows(_: RunRecord, database: DatabaseRecord) -> Iterator[Finding]:
    if not database.pool:
        return  # an operation of somebody's own: its rows are not seen
    for each in database.statements:
        first = each.text.lstrip().split(maxsplit=1)[:1]
        if each.executions < _LEAST_EXECUTIONS or each.rows or not first or first[0].upper() != "SELECT":
            continue
        yield Finding(
            code="no-rows",
            seen=f"None of {each.executions:,} executions of {each.name!r} gave a row.",
            why="Finding nothing is mostly faster than what production does.",
            advice="Look at the parameters: keys of tables mostly begin at 1.",
        )


def _connections_lost(_: RunRecord, database: DatabaseRecord) -> Iterator[Finding]:
    if database.reconnects:
        yield Finding(
            code="connections-lost",
            seen=f"{counted(database.reconnects, 'connection')} had to be opened again.",
            why="The server, or something on the way, ended them: what was under way is an error, and opening is in "
            "the latency of the attempts that came next.",
            advice="The server's log of that moment.",
        )


_Check = Callable[[RunRecord, DatabaseRecord], Iterator[Finding]]
_CHECKS: tuple[_Check, ...] = (
    _connections_lost,
    _commit_not_measured,
    _full_scan,
    _repeated_statement,
    _waited_for_connection,
    _large_result,
    _no_rows,
)
