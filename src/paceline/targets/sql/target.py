"""A database as target: which statements are executed, with which values, and how an attempt ends."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from paceline.core.errors import ConfigurationError
from paceline.targets.call import CallTarget
from paceline.targets.rows import Values, checked_rows, load_values
from paceline.targets.sql.doors import ASYNCPG
from paceline.targets.sql.family import LEVELS
from paceline.targets.sql.jobs import Recipe
from paceline.targets.sql.place import ONE_CONNECTION, Connect, Place, place_of
from paceline.targets.sql.placeholders import compiled
from paceline.targets.sql.statement import Parameters, SqlStatement, checked_parameters
from paceline.targets.sql.text import Kind, kind_of
from paceline.workload.legs import WHOLE, Leg
from paceline.workload.models import MOST_SEED, MOST_WORKERS, positive_seconds, whole_number

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

MOST_RETRIES = 1_000


class _Loaded(tuple[Mapping[str, Any], ...]):
    """Rows that were read already, and travel."""

    __slots__ = ()


@dataclass(frozen=True, repr=False)
class SqlTarget:
    """Statements on one database, timed at the driver's cursor.

    Parameters stand in a statement as ``:name`` or ``?``; the driver gets them in its own form. Without ``commit`` an
    attempt leaves no trace: what writes is rolled back, and what only reads may do nothing else.

    Attributes:
        url: such as ``'postgresql+psycopg://user@localhost/shop'``, an engine of SQLAlchemy's, or a function that
            gives a connection of any driver. Asynchronous drivers are awaited.
        statement: what is executed.
        parameters: by name, or in order: values, patterns such as ``Zipf(1000)`` (drawn from 1) or :class:`Drawn`; or
            a function that gives rows of them.
        statements: several instead of the one: in each attempt one of them, as often as its weight says.
        transaction: whether an attempt is all of them in turn, in one transaction.
        rows: path of a ``.csv`` or ``.jsonl`` file, or mappings, whose columns are parameters; taken in turn.
        commit: whether attempts are committed.
        isolation: level of the transactions; None for the database's own.
        pool: connections; None for as many as there are workers (10 where arrivals decide).
        pool_timeout_s: how long an attempt waits for one.
        timeout_s: how long a statement may take; then the attempt is a timeout.
        retries: how often an attempt is repeated after a deadlock, a serialization failure or a lock timeout.
        allow_destructive: whether DROP, DELETE, TRUNCATE and ALTER may be executed.
        seed: of what is drawn.
        leg: which of the attempts are made, where several processes share them.
        all_statements: ``statements``, or ``statement`` as the only one.
        place: the database.

    Raises:
        ConfigurationError: a value is wrong; the message names it and shows no password.
        FileFormatError: the file of rows is wrong; the message names the line.
    """

    url: "str | URL | Engine | AsyncEngine | Connect"
    statement: str = ""
    parameters: Parameters | None = None
    _: KW_ONLY
    statements: Sequence[SqlStatement] = ()
    transaction: bool = False
    rows: str | os.PathLike[str] | Sequence[Mapping[str, str]] | None = None
    commit: bool = False
    isolation: str | None = None
    pool: int | None = None
    pool_timeout_s: float = 30.0
    timeout_s: float = 60.0
    retries: int = 0
    allow_destructive: bool = False
    seed: int = 0
    leg: Leg = WHOLE
    all_statements: tuple[SqlStatement, ...] = field(init=False, compare=False)
    place: Place = field(init=False, compare=False)
    _loaded_rows: Values = field(init=False, compare=False)

    def __post_init__(self) -> None:
        self._check_values()
        checked_parameters(self.parameters)
        self._set("all_statements", self._all_statements())
        self._set("statements", tuple(self.statements))
        if self.rows is None or isinstance(self.rows, _Loaded):
            self._set("_loaded_rows", tuple(self.rows or ()))
        elif isinstance(self.rows, str | os.PathLike):
            self._set("_loaded_rows", load_values(self.rows))
        else:
            self._set("_loaded_rows", checked_rows(self.rows))
        self._set("place", place_of(self.url, self.timeout_s))
        if self.place.driver:
            self.recipe(self.place)

    def __repr__(self) -> str:
        return f"SqlTarget({self.text})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Made anew in another process, from what it was made of."""
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.init and each.name != "_"}
        return _made, (given,)

    @property
    def text(self) -> str:
        """For people, without credentials."""
        return f"{self.name} on {self.place.text}"

    @property
    def name(self) -> str:
        """For a test that has no other."""
        statements = self.all_statements
        return statements[0].shown if len(statements) == 1 else f"{len(statements)} statements"

    def call_target(self) -> CallTarget:
        """The operation that makes one attempt, with the connections around the run."""
        if self.place.is_async:
            from paceline.targets.sql.async_calls import AsyncSqlCalls

            tasks = AsyncSqlCalls(self)
            return CallTarget(tasks.operation, tasks.set_up, tasks.tear_down, witness=tasks, text=self.text)
        from paceline.targets.sql.calls import SqlCalls

        calls = SqlCalls(self)
        return CallTarget(calls.operation, calls.set_up, calls.tear_down, witness=calls, text=self.text)

    def of_leg(self, leg: Leg) -> "SqlTarget":
        """The same attempts, of which only every ``leg.of``-th is made, over a share of the connections.

        Raises:
            ConfigurationError: they cannot be shared by so many.
        """
        if hasattr(self.url, "dialect"):
            raise ConfigurationError(
                "url: an engine of SQLAlchemy's belongs to the process that made it: give its address, or a function "
                "that connects"
            )
        if self.place.shared:
            raise ConfigurationError(ONE_CONNECTION)
        if self.pool is not None and self.pool < leg.of:
            raise ConfigurationError(
                f"pool={self.pool:,} is too few for {leg.of:,} processes: each needs a connection at least"
            )
        rows = None if self.rows is None else _Loaded(self._loaded_rows)  # another machine has no such file
        return replace(self, rows=rows, pool=None if self.pool is None else leg.share(self.pool), leg=leg)

    def kinds(self, place: Place) -> tuple[Kind, ...]:
        """What its statements do on a database such as that of ``place``."""
        return tuple(kind_of(each.text, backslashes=place.family.backslashes) for each in self.all_statements)

    def only_reads(self, place: Place) -> bool:
        """Whether all its statements do."""
        return all(kind.reads_only for kind in self.kinds(place))

    def recipe(self, place: Place) -> Recipe:
        """What its attempts are made of on ``place``.

        Raises:
            ConfigurationError: a statement must not be executed there, or its parameters do not fit.
        """
        family = place.family
        for statement, kind in zip(self.all_statements, self.kinds(place), strict=True):
            self._check_harm(statement, kind, place)
        if self.isolation is not None:
            family.isolation(self.isolation)
        style = place.style
        return Recipe(
            self.all_statements,
            tuple(compiled(each.text, style, backslashes=family.backslashes) for each in self.all_statements),
            self.parameters,
            self._loaded_rows,
            self.transaction,
            self.seed,
            typed=place.driver == ASYNCPG,
            leg=self.leg,
        )

    def _check_harm(self, statement: SqlStatement, kind: Kind, place: Place) -> None:
        if kind.destroys and not self.allow_destructive:
            raise ConfigurationError(
                f"statement: {statement.shown!r} has {kind.destroys} in it: ask for that with allow_destructive=True "
                "(on the command line --allow-destructive), and measure on data that you can spare"
            )
        if kind.defines and not self.commit and place.family.defines_at_once:
            raise ConfigurationError(
                f"statement: {statement.shown!r} cannot be rolled back here: say commit=True if it is to stay"
            )

    def _all_statements(self) -> tuple[SqlStatement, ...]:
        given = self.statements
        if not isinstance(given, Sequence) or not all(isinstance(each, SqlStatement) for each in given):
            raise ConfigurationError("statements must be a list of SqlStatement")
        if self.statement and given:
            raise ConfigurationError("statement and statements are both given: leave out one of them")
        if not given:
            return (SqlStatement(self.statement),)
        names = {each.shown: each.text for each in given}
        if not self.transaction and len(names) < len(given):
            raise ConfigurationError("two statements have one name: give each a name=, by which they are told apart")
        for each in given:
            if names[each.shown] != each.text:
                raise ConfigurationError(f"two statements are called {each.shown!r}: give each a name=")
        return tuple(given)

    def _check_values(self) -> None:
        for name in ("transaction", "commit", "allow_destructive"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigurationError(f"{name} must be True or False, not {getattr(self, name)!r}")
        if not isinstance(self.statement, str):
            raise ConfigurationError(f"statement must be a text, not {self.statement!r}")
        if self.pool is not None:
            whole_number("pool", self.pool, at_least=1, at_most=MOST_WORKERS)
        for name in ("pool_timeout_s", "timeout_s"):
            self._set(name, positive_seconds(name, getattr(self, name)))
        whole_number("retries", self.retries, at_least=0, at_most=MOST_RETRIES)
        whole_number("seed", self.seed, at_least=0, at_most=MOST_SEED)
        if self.isolation is not None:
            if not isinstance(self.isolation, str):
                raise ConfigurationError(f"isolation must be a text such as 'serializable', not {self.isolation!r}")
            level = " ".join(self.isolation.replace("-", " ").replace("_", " ").upper().split())
            if level not in LEVELS:
                raise ConfigurationError(
                    f"isolation: there is no level {self.isolation!r}; there are {', '.join(LEVELS)}"
                )
            self._set("isolation", level)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def _made(given: Mapping[str, Any]) -> SqlTarget:
    return SqlTarget(**given)
