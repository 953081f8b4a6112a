"""What differs between databases: how a transaction begins, what an isolation level is set by, what only reads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paceline.core.errors import ConfigurationError
from paceline.core.units import NS_PER_MS, NS_PER_S

LEVELS = ("READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")

_MS_PER_S = NS_PER_S // NS_PER_MS
_MOST_MS = 2**31 - 1  # PostgreSQL's

LOCK_S = 30  # PostgreSQL waits for ever, MySQL for a table a year: neither a trial nor a run would end


@dataclass(frozen=True, slots=True)
class Family:
    """Databases that understand the same.

    Attributes:
        name: ``postgresql``, ``mysql`` or ``sqlite``; empty for any other.
        begins: what begins a transaction; empty where the driver begins one by itself.
        reads_only: what keeps a session from writing.
        isolates: what sets the level of a session's transactions, with a place for it.
        levels: that there are.
        backslashes: whether a text may hold a quote behind one.
        defines_at_once: whether CREATE and the like cannot be rolled back.
        version: asks for it.
        ends_late: keeps a session from executing a statement for more than ``{s}`` seconds or ``{ms}`` milliseconds,
            where nobody set less; empty where the server cannot.
        waits: keeps a session from waiting for a lock for more than :data:`LOCK_S`, where nobody set less.
    """

    name: str = ""
    begins: str = ""
    reads_only: str = ""
    isolates: str = ""
    levels: Sequence[str] = ()
    backslashes: bool = False
    defines_at_once: bool = False
    version: str = ""
    waits: str = ""
    ends_late: str = ""

    def limit(self, timeout_s: float) -> str:
        """The statement that limits others to ``timeout_s``; empty where there is none."""
        milliseconds = min(math.ceil(timeout_s * _MS_PER_S), _MOST_MS)
        return self.ends_late.format(ms=milliseconds, s=milliseconds / _MS_PER_S)

    def isolation(self, level: str) -> str:
        """The statement that sets it.

        Raises:
            ConfigurationError: there is no such level.
        """
        if level not in self.levels:
            known = ", ".join(self.levels) or "none that can be set here"
            raise ConfigurationError(f"isolation: {self.name or 'this database'} has no {level!r}; it has {known}")
        if self.name == "sqlite":
            return f"PRAGMA read_uncommitted = {int(level == LEVELS[0])}"
        return self.isolates.format(level)


POSTGRESQL = Family(
    name="postgresql",
    begins="BEGIN",
    reads_only="SET default_transaction_read_only = on",
    isolates="SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {}",
    levels=LEVELS,
    version="SHOW server_version",
    waits=f"SELECT set_config('lock_timeout', '{LOCK_S}s', false) WHERE current_setting('lock_timeout') = '0'",
    ends_late="SELECT set_config('statement_timeout', '{ms}', false) FROM pg_settings "
    "WHERE name = 'statement_timeout' AND (setting = '0' OR CAST(setting AS int) > {ms})",
)
MYSQL = Family(
    name="mysql",
    begins="BEGIN",
    reads_only="SET SESSION TRANSACTION READ ONLY",
    isolates="SET SESSION TRANSACTION ISOLATION LEVEL {}",
    levels=LEVELS,
    backslashes=True,
    defines_at_once=True,
    version="SELECT version()",
    waits=f"SET SESSION lock_wait_timeout = LEAST(@@SESSION.lock_wait_timeout, {LOCK_S}), "
    f"SESSION innodb_lock_wait_timeout = LEAST(@@SESSION.innodb_lock_wait_timeout, {LOCK_S})",
    # Of these comments MariaDB executes the first and MySQL the second, which it keeps to for SELECT alone.
    ends_late="SET /*M!100101 SESSION max_statement_time = "
    "IF(@@SESSION.max_statement_time > 0, LEAST(@@SESSION.max_statement_time, {s}), {s}) */"
    "/*!50708 SESSION max_execution_time = "
    "IF(@@SESSION.max_execution_time > 0, LEAST(@@SESSION.max_execution_time, {ms}), {ms}) */",
)
SQLITE = Family(
    name="sqlite",
    begins="BEGIN",
    reads_only="PRAGMA query_only = 1",
    levels=(LEVELS[0], LEVELS[3]),
    version="SELECT sqlite_version()",
)
ANY = Family()

_BY_DIALECT = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL, "sqlite": SQLITE}
_BY_MODULE = {
    "psycopg": POSTGRESQL,
    "psycopg2": POSTGRESQL,
    "asyncpg": POSTGRESQL,
    "pg8000": POSTGRESQL,
    "pymysql": MYSQL,
    "MySQLdb": MYSQL,
    "mysql": MYSQL,
    "mariadb": MYSQL,
    "aiomysql": MYSQL,
    "asyncmy": MYSQL,
    "sqlite3": SQLITE,
    "aiosqlite": SQLITE,
}


def of_dialect(name: str) -> Family:
    """The family of one of SQLAlchemy's dialects; :data:`ANY` where it is none of those known."""
    return _BY_DIALECT.get(name, ANY)


def of_module(module: str) -> Family:
    """The family of the driver whose module, or a module within, is ``module``."""
    return _BY_MODULE.get(module.partition(".")[0], ANY)


def product(family: Family, version: str) -> str:
    """``PostgreSQL 18.1`` for people."""
    if family is POSTGRESQL:
        return f"PostgreSQL {version.split(maxsplit=1)[0]}"
    if family is SQLITE:
        return f"SQLite {version}"
    maria = "mariadb" in version.lower()
    return f"MariaDB {version.split('-', maxsplit=1)[0]}" if maria else f"MySQL {version}"
