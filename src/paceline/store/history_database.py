"""Reaching the database of a run history: its address, its engine, its version, and its errors in our words."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from paceline.core.errors import ConfigurationError, FileFormatError, OutputError
from paceline.core.redaction import redact
from paceline.store.files import check_writable, reason_of
from paceline.store.history_schema import TABLE_NAMES, VERSION, tables
from paceline.store.journal import FOLDER, make_folder
from paceline.store.lock import locked

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_PATIENCE_S = 30.0  # of a writer for the others; each of them holds the database for milliseconds
_CONNECT_S = 10
_SQLITE_BEGINNING = b"SQLite format 3\0"
_POSTGRES_LOCK = 0x9ACE11E  # any number that is ours: writers make the tables one after the other
# Where a module is not called what it is installed by.
_INSTALLED_BY = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
_SQLITE_REASONS = {
    "SQLITE_FULL": "the disk is full; free some space and try again",
    "SQLITE_IOERR": "the disk refused to be read or written (full, a limit on the size of files, or failing)",
    "SQLITE_READONLY": "it, or the folder it is in, is read-only",
    "SQLITE_CANTOPEN": "it, or the files -wal and -shm beside it, cannot be opened",
    "SQLITE_BUSY": f"other processes kept it locked for {_PATIENCE_S:g} s; try again",
}
_NO_HISTORY = ("SQLITE_NOTADB", "SQLITE_CORRUPT")


@dataclass(frozen=True)
class Address:
    """Where a history is.

    Attributes:
        url: for SQLAlchemy; None for a file of SQLite.
        path: of that file.
        name: for messages, without credentials.
    """

    url: "URL | None"
    path: Path | None
    name: str


def address_of(url: str) -> Address:
    """The address that ``url`` is: any of SQLAlchemy's, or the path of a file of SQLite.

    Raises:
        ConfigurationError: it is none; the message has no credentials.
    """
    if "://" not in url:
        return _file(url)
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(
            f"{redact(url)!r} is no address of a database: write it as history.db or postgresql+psycopg://host/name"
        ) from error
    if "@" in (parsed.host or ""):
        raise ConfigurationError(
            "an address of a database has one '@', before the host: write one in a password as %40"
        )
    if parsed.get_backend_name() == "sqlite":
        return _file(parsed.database or "")
    return Address(parsed, None, redact(parsed.render_as_string(hide_password=True)))


def _file(database: str) -> Address:
    if not database or database == ":memory:" or database.startswith("file:") or "\0" in database:
        raise ConfigurationError(f"a history is kept in a file, not in {database!r}: write it as sqlite:///history.db")
    return Address(None, Path(database), database)


@contextmanager
def engine_at(address: Address, *, write: bool, create: bool = False) -> Generator["Engine", None, None]:
    """An engine whose database is a history of our version.

    Args:
        address: where.
        write: whether something is to be changed.
        create: whether a history that is not there yet is made.

    Raises:
        ConfigurationError: the driver is missing.
        FileFormatError: there is no history, or it is of another version, or something else; it was left as it is.
        OutputError: it cannot be written.
    """
    with told(address, write=write):
        if address.path is not None:
            engine = _sqlite_engine(address.path, write=write, create=create)
        else:
            engine = _server_engine(address)
    try:
        with told(address, write=write):
            if create:
                _make_ready(engine, address)
            elif _version(engine, address) is None:
                raise FileFormatError(_nothing_there(address))
        yield engine
    finally:
        engine.dispose()


def _nothing_there(address: Address) -> str:
    return f"there is no history at {address.name}: 'paceline history import FILE' makes one"


def _sqlite_engine(path: Path, *, write: bool, create: bool) -> "Engine":
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    if create and path.parent.name == FOLDER.name:
        make_folder(path.parent, "the history")
    beginning = _beginning(path)
    if beginning is None and not create:
        raise FileFormatError(_nothing_there(Address(None, path, str(path))))
    if beginning and beginning != _SQLITE_BEGINNING:
        raise FileFormatError(f"{path} is no history: it is no file of SQLite; it was left as it is")
    if write:
        check_writable(path)  # says what is wrong with a path better than SQLite can
    place = f"file:{quote(str(path.absolute()))}?mode={'rwc' if create else 'rw'}"
    if not write and _cannot_be_changed(path):
        place = f"file:{quote(str(path.absolute()))}?immutable=1"

    def connect() -> sqlite3.Connection:
        # Transactions begin where we say so: Python's driver would begin them late, when another may have written.
        return sqlite3.connect(place, uri=True, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    # Whoever is going to write says so at once: turning a read lock into a write lock fails without waiting.
    begin = "BEGIN IMMEDIATE" if write else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _beginning(path: Path) -> bytes | None:
    """The first bytes of the file; None where there is none."""
    try:
        if path.exists() and not path.is_file():
            raise FileFormatError(f"{path} is no history: it is no regular file")
        with path.open("rb") as stream:
            return stream.read(len(_SQLITE_BEGINNING))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # ValueError: a path with a lone surrogate in it
        raise FileFormatError(f"cannot read the history {path}: {reason_of(error)}") from error


def _cannot_be_changed(path: Path) -> bool:
    """Whether nobody can be writing: SQLite would want to make files beside the history even to read it."""
    if os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK):
        return False
    log = path.with_name(f"{path.name}-wal")
    return not (log.exists() and log.stat().st_size)


def _server_engine(address: Address) -> "Engine":
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError
    from sqlalchemy.pool import NullPool

    assert address.url is not None
    try:
        # libpq waits for minutes for a host that does not answer.
        is_libpq = address.url.get_backend_name() == "postgresql" and "psycopg" in address.url.get_dialect().driver
        limits = {"connect_timeout": _CONNECT_S} if is_libpq and "connect_timeout" not in address.url.query else {}
        engine = create_engine(address.url, poolclass=NullPool, connect_args=limits)
    except NoSuchModuleError as error:
        raise ConfigurationError(f"{address.name}: SQLAlchemy knows no {address.url.drivername!r}") from error
    except ModuleNotFoundError as error:
        package = _INSTALLED_BY.get(error.name or "", error.name)
        raise ConfigurationError(
            f"{address.name}: its driver {error.name!r} is not installed; run: pip install '{package}'"
        ) from error
    if engine.dialect.is_async:
        raise ConfigurationError(f"{address.name}: its driver is asynchronous; name one that is not, such as psycopg")
    return engine


def _make_ready(engine: "Engine", address: Address) -> None:
    if address.path is None:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")
            _make_tables(connection, address)
        return
    with locked(address.path):  # SQLite does not wait while somebody changes its journal mode
        if _version(engine, address) is not None:
            return
        with engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.execute("PRAGMA journal_mode=WAL")  # readers and a writer do not keep each other waiting
        with engine.begin() as connection:
            _make_tables(connection, address)


def _make_tables(connection: "Connection", address: Address) -> None:
    if _version_in(connection, address) is None:
        tables().metadata.create_all(connection)
        connection.execute(tables().schema.insert().values(version=VERSION))


def _version(engine: "Engine", address: Address) -> int | None:
    with engine.connect() as connection:
        return _version_in(connection, address)


def _version_in(connection: "Connection", address: Address) -> int | None:
    """Of the history; None where there is none yet.

    Raises:
        FileFormatError: it is another than ours, or the file belongs to something else.
    """
    from sqlalchemy import inspect, select

    names = set(inspect(connection).get_table_names())
    if address.path is not None and names and not names & set(TABLE_NAMES):
        raise FileFormatError(f"{address.name} is no history: it holds other tables; it was left as it is")
    if tables().schema.name not in names:
        return None
    version: int | None = connection.execute(select(tables().schema.c.version)).scalar()
    if version is not None and version != VERSION:
        raise FileFormatError(
            f"the history {address.name} is of version {version}, this Paceline knows {VERSION}; it was left as it is"
        )
    return version


@contextmanager
def told(address: Address, *, write: bool) -> Generator[None, None, None]:
    """What the driver raises within becomes an error of ours, which names the history and the remedy.

    Raises:
        FileFormatError: it cannot be read.
        OutputError: it cannot be written; what it held is unchanged.
    """
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        _raise(cause, address, write=write)
    except (sqlite3.Error, UnicodeError) as error:
        _raise(error, address, write=write)


def _raise(cause: BaseException, address: Address, *, write: bool) -> None:
    code = getattr(cause, "sqlite_errorname", None) or ""
    if code.startswith(_NO_HISTORY):
        raise FileFormatError(
            f"the history {address.name} is damaged, or no file of SQLite ({cause}); it was left as it is: "
            "put a copy in its place, or move it away and import the results files again"
        ) from cause
    told_by_database = (redact(str(cause)).strip().splitlines() or [type(cause).__name__])[0]
    reason = next((text for name, text in _SQLITE_REASONS.items() if code.startswith(name)), told_by_database)
    if write:
        raise OutputError(f"cannot write the history {address.name}: {reason}; what it held is unchanged") from cause
    raise FileFormatError(f"cannot read the history {address.name}: {reason}") from cause
