"""Where a database is and how it is reached: a URL or an engine of SQLAlchemy's, or a function that connects."""

import asyncio
import inspect
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.targets.sql.family import ANY, SQLITE, Family, of_dialect, of_module
from paceline.targets.sql.limit import GRACE_S
from paceline.targets.sql.placeholders import DOLLAR, FORMAT, QMARK, STYLES

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

Connect = Callable[[], Any]
ONE_CONNECTION = "an SQLite database in memory belongs to one connection: measure it with one worker, or use a file"
_SCHEME = re.compile(r"[A-Za-z0-9]+(?:\+[A-Za-z0-9_]+)?:/")

# Where a module is not called what it is installed by.
_INSTALLED_BY = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "mysql": "mysql-connector-python",
}
_CONNECT_TIMEOUT = {
    "psycopg": "connect_timeout",
    "psycopg2": "connect_timeout",
    "pg8000": "timeout",
    "asyncpg": "timeout",
    "pymysql": "connect_timeout",
    "mysqldb": "connect_timeout",
    "aiomysql": "connect_timeout",
    "asyncmy": "connect_timeout",
}
# Drivers of MySQL stop their clock when they have the socket: a frozen server's greeting has no limit but this one.
_READ_TIMEOUTS = {"pymysql": ("read_timeout", "write_timeout"), "mysqldb": ("read_timeout", "write_timeout")}
CONNECT_S = 10  # a server that drops packets would keep setup for two minutes


@dataclass(frozen=True)
class Place:
    """A database that can be reached.

    Attributes:
        connect: gives a driver's connection, or an awaitable of one.
        text: for people, without credentials.
        driver: that is timed.
        family: what it understands.
        style: of the driver's placeholders.
        is_async: whether the driver is awaited.
        shared: whether all connections are one, that is not ours to close.
        secrets: that no text may hold.
        file: of an SQLite database; empty where there is none, or where SQLAlchemy did not tell.
        host: of its server; None for a socket or a file of this machine, and where nobody can tell.
    """

    connect: Connect = field(repr=False)
    text: str
    driver: str
    family: Family
    style: str
    is_async: bool = False
    shared: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    file: str = ""
    host: str | None = None

    def require_file(self) -> None:
        """That the file is there: SQLite would make an empty one of every name.

        Raises:
            ConfigurationError: it is not.
        """
        if self.file and not Path(self.file).exists():
            raise ConfigurationError(
                f"url: there is no file {self.file}: make the database first, for example with sqlite3 {self.file}, "
                "or in setup"
            )


def place_of(where: object, timeout_s: float) -> Place:
    """The database at ``where``, whose statements may take ``timeout_s``.

    Raises:
        ConfigurationError: it is none, or its driver is not installed; the message has no credentials.
    """
    if isinstance(where, str):
        return _of_url(_url(where), timeout_s)
    if _is_of(where, "sqlalchemy.engine.url", "URL"):
        return _of_url(where, timeout_s)  # type: ignore[arg-type]  # asked for just now
    if _is_of(where, "sqlalchemy.engine.base", "Engine"):
        return _of_engine(where, where)  # type: ignore[arg-type]  # likewise
    if _is_of(where, "sqlalchemy.ext.asyncio.engine", "AsyncEngine"):
        return _of_engine(where.sync_engine, where)  # type: ignore[attr-defined,arg-type]  # likewise
    if callable(where):
        return _of_function(where)
    raise ConfigurationError(
        "url must be an address such as 'postgresql+psycopg://localhost/shop', an engine of SQLAlchemy's, or a "
        f"function that connects, not {type(where).__name__}"
    )


def _is_of(value: object, module: str, name: str) -> bool:
    # Without importing SQLAlchemy, which takes 0.2 s: what is of it has imported it.
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)


def _url(text: str) -> "URL":
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        if "://" in text:
            return make_url(text)
    except (ArgumentError, ValueError):
        pass  # their text has the whole address in it, in which nobody can tell where a password stands
    shown = f"{text.partition(':')[0]}:..." if _SCHEME.match(text) else "this"
    raise ConfigurationError(
        f"url: {shown} is no address of a database: write it as sqlite:///file.db or "
        "postgresql+psycopg://host/name, with user:password@ before the host where they are asked for"
    )


def _of_url(url: "URL", timeout_s: float) -> Place:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    if "@" in (url.host or ""):
        raise ConfigurationError("url: it has two '@'; write one in a password as %40")
    shown = _shown(url)
    try:
        dialect = url.get_dialect()
        options = {name: limit for name, limit in _options(dialect.driver, timeout_s).items() if name not in url.query}
        if dialect.is_async:
            from sqlalchemy.ext.asyncio import create_async_engine

            engine = create_async_engine(url, poolclass=NullPool, connect_args=options)
            limit_s = CONNECT_S + GRACE_S if CONNECT_S in options.values() else None
            return replace(_of_engine(engine.sync_engine, engine, limit_s), file=_file_of(url))
        plain = create_engine(url, poolclass=None if _in_memory(url) else NullPool, connect_args=options)
        return replace(_of_engine(plain, plain), file=_file_of(url))
    except NoSuchModuleError as error:
        raise ConfigurationError(
            f"url: nobody knows the database {url.drivername!r} of {shown}: write postgresql+psycopg, mysql+pymysql, "
            "sqlite, or install its dialect for SQLAlchemy"
        ) from error
    except ModuleNotFoundError as error:
        raise _not_installed(url.drivername, error) from error
    except (ArgumentError, SQLAlchemyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"url: {shown} cannot be used: {redact(str(error))}") from error


def _not_installed(driver: str, error: ModuleNotFoundError) -> ConfigurationError:
    module = (error.name or driver).partition(".")[0]
    package = _INSTALLED_BY.get(module, module)
    return ConfigurationError(f"url: the driver of {driver} is not installed: pip install '{package}'")


def _options(driver: str, timeout_s: float) -> dict[str, float]:
    """Limits that the driver itself keeps to."""
    connecting = next((name for beginning, name in _CONNECT_TIMEOUT.items() if driver.startswith(beginning)), None)
    options: dict[str, float] = {} if connecting is None else {connecting: CONNECT_S}
    if driver in _READ_TIMEOUTS:
        options |= dict.fromkeys(_READ_TIMEOUTS[driver], math.ceil(timeout_s + 2 * GRACE_S))
    return options


def _in_memory(url: "URL") -> bool:
    return url.get_backend_name() == "sqlite" and (not url.database or ":memory:" in url.database)


def _file_of(url: "URL") -> str:
    is_path = url.get_backend_name() == "sqlite" and not _in_memory(url) and "uri" not in url.query
    return url.database or "" if is_path else ""


def _shown(url: "URL") -> str:
    return redact(url.render_as_string(hide_password=True))


def _of_engine(engine: "Engine", given: "Engine | AsyncEngine", connect_s: float | None = None) -> Place:
    is_async = given is not engine
    if is_async:
        _require_greenlet()
    dialect, url = engine.dialect, engine.url
    secrets = tuple(str(value) for value in (url.password, url.query.get("password")) if value)
    shared = _in_memory(url)
    family = of_dialect(dialect.name)
    if dialect.paramstyle not in STYLES:
        raise ConfigurationError(f"url: placeholders of {dialect.driver} ({dialect.paramstyle}) are not known")
    return Place(
        connect=_AsyncPool(engine, connect_s) if is_async else _EnginePool(engine, shared=shared),
        text=_shown(url),
        driver="sqlite3" if dialect.driver == "pysqlite" else dialect.driver,
        family=family,
        style=dialect.paramstyle,
        is_async=is_async,
        shared=shared and not is_async,
        secrets=secrets,
        host=url.host or None,
    )


def _require_greenlet() -> None:
    try:
        import_module("greenlet")
    except ImportError as error:
        raise ConfigurationError(
            "url: SQLAlchemy's asynchronous drivers need greenlet: pip install 'sqlalchemy[asyncio]'"
        ) from error


class _EnginePool:
    """Connections as the engine makes them, its own events included, and then no longer its own."""

    def __init__(self, engine: "Engine", *, shared: bool) -> None:
        self._engine = engine
        self._shared = shared
        self._kept: list[Any] = []

    def __call__(self) -> object:
        connection = self._engine.raw_connection()
        driver = connection.driver_connection
        if self._shared:
            self._kept.append(connection)  # a database in memory is gone with its connection
        else:
            connection.detach()
        return driver


class _AsyncPool:
    """The same of an asynchronous engine, with a pool of no other event loop's.

    aiomysql and asyncmy limit the opening of the socket, and then wait for the greeting without end: ``connect_s``
    limits all of it, unless it is None.
    """

    def __init__(self, engine: "Engine", connect_s: float | None) -> None:
        self._engine = engine
        self._connect_s = connect_s

    async def __call__(self) -> object:
        from sqlalchemy.util import greenlet_spawn

        async with asyncio.timeout(self._connect_s):
            return await greenlet_spawn(self._connected)

    def _connected(self) -> object:
        connection = self._engine.pool.recreate().connect()
        driver = connection.driver_connection
        connection.detach()
        return driver


def _of_function(connect: Connect) -> Place:
    """What is not known before there is a connection is found out by :func:`known_by`."""
    is_async = inspect.iscoroutinefunction(connect) or inspect.iscoroutinefunction(getattr(connect, "__call__", None))  # noqa: B004
    name = getattr(connect, "__qualname__", type(connect).__name__)
    return Place(connect, f"connections of {name}()", "", ANY, "", is_async=is_async)


def known_by(place: Place, connection: object) -> Place:
    """``place`` of a function, with what its first ``connection`` tells.

    Raises:
        ConfigurationError: the function gave no connection of a driver.
    """
    if not hasattr(connection, "cursor") and not hasattr(connection, "fetch"):
        raise ConfigurationError(f"url: the function gave {type(connection).__name__}, which has no cursor()")
    module = next((kind.__module__ for kind in type(connection).__mro__ if of_module(kind.__module__) is not ANY), None)
    root = (module or type(connection).__module__).partition(".")[0]
    family = of_module(root)
    style = DOLLAR if root == "asyncpg" else getattr(sys.modules.get(root), "paramstyle", "")
    if style not in STYLES:  # aiomysql tells none
        style = FORMAT if family.name == "mysql" else QMARK
    return replace(place, driver=root, family=family, style=style, shared=place.shared and family is SQLITE)
