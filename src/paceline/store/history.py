"""The run history: sessions of many machines and branches in one database, written by many at once, each once."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from paceline.judge.result import TestResult
from paceline.records.history import Added, HistorySession, Series, TestSummary
from paceline.records.quantities import Quantity
from paceline.store.history_database import Address, address_of, engine_at, told
from paceline.store.history_rows import Rows
from paceline.store.history_schema import tables
from paceline.store.imports import plain_text, sessions_of
from paceline.store.journal import FOLDER

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table
    from sqlalchemy.exc import DBAPIError

    Row = Mapping[str, object]

_Value = TypeVar("_Value")

DEFAULT_URL = str(FOLDER / "history.db")
TREND_SESSIONS = 300
# How often a transaction that others came in the way of is made again. They wait for each other, so that is rare.
_ATTEMPTS = 5
_SERIALIZATION, _DEADLOCK = "40001", "40P01"


def append(url: str, results: Iterable[TestResult], *, branch: str, commit: str) -> Added:
    """Add results just measured to the history at ``url``, which is made when it is not there; all or none.

    Args:
        url: any of SQLAlchemy's, or the path of a file of SQLite.
        results: of any number of tests. Those that are there already stay as they are.
        branch, commit: of the code that was measured.

    Raises:
        ConfigurationError: the address is none, or its driver is missing.
        FileFormatError: there is something else, which was left as it is, or a result has no time.
        OutputError: it cannot be written; what it held is unchanged.
    """
    sessions = sessions_of(results, "the results", branch=branch, commit=commit)
    with opened(url, write=True, create=True) as history:
        return history.add(sessions)


@contextmanager
def opened(url: str, *, write: bool = False, create: bool = False) -> Generator["History", None, None]:
    """The history at ``url``.

    Args:
        url: any of SQLAlchemy's, or the path of a file of SQLite.
        write: whether something is to be changed.
        create: whether it is made when it is not there.

    Raises:
        ConfigurationError, FileFormatError, OutputError: as :func:`append`.
    """
    address = address_of(url)
    with engine_at(address, write=write, create=create) as engine:
        yield History(engine, address)


class History:
    """One history; :func:`opened` makes it. Errors as there."""

    def __init__(self, engine: "Engine", address: Address) -> None:
        self._engine = engine
        self._address = address

    def add(self, sessions: Sequence[HistorySession]) -> Added:
        """Store all of ``sessions`` that are not there yet, in one transaction."""
        # In one order for all writers: two that wait for each other's rows would wait for ever.
        unique = {session.session_id: session for session in sorted(sessions, key=lambda each: each.session_id)}
        facts = {session.machine: session.machine_facts for session in unique.values()}
        facts |= {session.definition: session.definition_facts for session in unique.values()}

        def work(connection: "Connection") -> int:
            _insert_new(connection, tables().facts, [{"key": key, "content": facts[key]} for key in sorted(facts)])
            return _insert_new(connection, tables().sessions, [_row(session) for session in unique.values()])

        added = self._write(work) if unique else 0
        return Added(added, len(sessions) - added)

    def tests(self) -> tuple[TestSummary, ...]:
        """What there is, the test with the newest session first."""
        with self._read() as rows:
            return rows.tests()

    def series(
        self, test: str, quantity: Quantity, *, branch: str | None = None, last: int = TREND_SESSIONS
    ) -> Series | None:
        """The newest sessions of ``test`` that can be compared with the newest of all; None where there are none.

        Args:
            test: its name.
            quantity: what the points are.
            branch: of the sessions; by default that of the newest.
            last: how many at most.
        """
        with self._read() as rows:
            sizes = rows.sizes(plain_text(test))
            asked = [size for size in sizes if branch is None or size.key.branch == plain_text(branch)]
            if not asked:
                return None
            key = asked[0].key
            points, doubtful, missing = rows.points(plain_text(test), key, quantity, last)
            facts = {each: rows.facts(each) for each in (key.machine, key.definition)}
        return Series(
            test=plain_text(test),
            quantity=quantity,
            key=key,
            points=points,
            machine_facts=facts[key.machine],
            definition_facts=facts[key.definition],
            doubtful=doubtful,
            missing=missing,
            others=tuple(size for size in sizes if size.key != key),
        )

    def prune(self, *, keep: int | None = None, before: str | None = None) -> int:
        """Remove old sessions and say how many; what is known of machines and definitions of none goes with them.

        Args:
            keep: how many of each series stay, the newest.
            before: all that started before this time (ISO 8601, UTC) go.
        """
        from sqlalchemy import delete, false, func, or_, select, union

        sessions = tables().sessions
        columns = sessions.c
        series = (columns.test, columns.branch, columns.machine, columns.definition)
        newest_first = (columns.started_at.desc(), columns.session_id.desc())
        rank = func.row_number().over(partition_by=series, order_by=newest_first).label("rank")
        ranked = select(columns.session_id, columns.started_at, rank).subquery()
        too_many = [] if keep is None else [ranked.c.rank > keep]
        too_old = [] if before is None else [ranked.c.started_at < before]
        goes = select(ranked.c.session_id).where(or_(false(), *too_many, *too_old))

        def work(connection: "Connection") -> int:
            may_forget = _held_facts(connection)
            removed = connection.execute(delete(sessions).where(columns.session_id.in_(goes))).rowcount
            if may_forget:
                used = union(select(columns.machine), select(columns.definition))
                connection.execute(delete(tables().facts).where(tables().facts.c.key.not_in(used)))
            return removed

        removed = self._write(work)
        if removed and self._address.path is not None:
            self._compact()
        return removed

    @contextmanager
    def _read(self) -> Generator[Rows, None, None]:
        with told(self._address, write=False), self._engine.connect() as connection:
            yield Rows(connection, self._address.name)

    def _compact(self) -> None:
        """Give the room of what was removed back to the file system."""
        with told(self._address, write=True), self._engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.cursor().execute("VACUUM")

    def _write(self, work: "Callable[[Connection], _Value]") -> _Value:
        """Do ``work`` in one transaction, anew where others came in its way."""
        from sqlalchemy.exc import DBAPIError

        with told(self._address, write=True):
            for _ in range(_ATTEMPTS - 1):
                try:
                    with self._engine.begin() as connection:
                        return work(connection)
                except DBAPIError as error:
                    if not _will_pass(error):
                        raise
            with self._engine.begin() as connection:
                return work(connection)


def _will_pass(error: "DBAPIError") -> bool:
    from sqlalchemy.exc import IntegrityError

    busy = str(getattr(error.orig, "sqlite_errorname", None)).startswith("SQLITE_BUSY")
    return busy or isinstance(error, IntegrityError) or _state(error) in {_SERIALIZATION, _DEADLOCK}


def _state(error: "DBAPIError") -> object:
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)


def _held_facts(connection: "Connection") -> bool:
    """Keep others from adding sessions until the end of the transaction; whether it is known how to do so here.

    One that is added meanwhile counts on facts that are there already and would be removed under it.
    """
    if connection.dialect.name == "postgresql":
        # Writers begin with these, and wait; readers do not. A new session that has begun is waited for.
        connection.exec_driver_sql(f"LOCK TABLE {tables().facts.name} IN SHARE ROW EXCLUSIVE MODE")
    return connection.dialect.name in {"sqlite", "postgresql"}  # in SQLite there is one writer at a time


def _row(session: HistorySession) -> "Row":
    return {
        "session_id": session.session_id,
        "test": session.test,
        "started_at": session.started_at,
        "branch": session.branch,
        "commit_id": session.commit,
        "machine": session.machine,
        "definition": session.definition,
        "status": session.status,
        "doubts": session.doubts,
        **session.values,
    }


def _insert_new(connection: "Connection", table: "Table", rows: "Sequence[Row]") -> int:
    """Insert those of ``rows`` whose key is not there yet, and say how many."""
    from sqlalchemy import insert, select
    from sqlalchemy.dialects import postgresql, sqlite

    key = table.primary_key.columns.values()[0]
    if connection.dialect.name in {"sqlite", "postgresql"}:
        on_sqlite = connection.dialect.name == "sqlite"
        new = sqlite.insert(table) if on_sqlite else postgresql.insert(table)
        return len(connection.execute(new.on_conflict_do_nothing(index_elements=[key]).returning(key), rows).all())
    # Others: a writer in between makes this fail as a whole, and it is made again.
    known = set(connection.execute(select(key).where(key.in_([row[key.name] for row in rows]))).scalars())
    missing = [row for row in rows if row[key.name] not in known]
    if missing:
        connection.execute(insert(table), missing)
    return len(missing)
