"""Options that describe the statements of ``paceline sql``, and the target they make."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from paceline.cli.options import FILE, duration, packed
from paceline.core.errors import ConfigurationError
from paceline.targets.sql.script import load_statements
from paceline.targets.sql.statement import Drawn
from paceline.targets.sql.target import SqlTarget
from paceline.workload.keys import MOST_KEYS, PATTERNS

_Command = TypeVar("_Command", bound=Callable[..., Any])

_PATTERN = re.compile(r"(?P<kind>uniform|zipf|gaussian|sequential):(?P<first>-?\d+)-(?P<last>-?\d+)")
_TEXT = "text:"


@dataclass(frozen=True)
class StatementOptions:
    """What is executed, and how an attempt ends; the fields are the options of the same names."""

    name: str | None
    file: Path | None
    transaction: bool
    parameters: tuple[str, ...]
    rows: Path | None
    commit: bool
    isolation: str | None
    pool: int | None
    pool_timeout_s: float
    timeout_s: float
    retries: int
    allow_destructive: bool

    def target(self, url: str, query: str | None, seed: int, connections: int | None) -> SqlTarget:
        """The statements on ``url``; ``connections`` where no option says how many.

        Raises:
            ConfigurationError: an option is wrong, or two contradict each other.
            FileFormatError: the file of rows or of statements is wrong.
        """
        if (query is None) == (self.file is None):
            raise ConfigurationError("name one: a QUERY, or --file with several")
        if query is not None and self.transaction:
            raise ConfigurationError(
                "--transaction is of several statements: write them to a file, and name it in --file"
            )
        return SqlTarget(
            url,
            query or "",
            dict(parameter(text) for text in self.parameters) or None,
            statements=() if self.file is None else load_statements(self.file),
            transaction=self.transaction,
            rows=self.rows,
            commit=self.commit,
            isolation=self.isolation,
            pool=connections if self.pool is None else self.pool,
            pool_timeout_s=self.pool_timeout_s,
            timeout_s=self.timeout_s,
            retries=self.retries,
            allow_destructive=self.allow_destructive,
            seed=seed,
        )


def parameter(text: str) -> tuple[str, Any]:
    """``id=7`` as a name and its value; ``id=zipf:1-1000`` as a name and what it is drawn from.

    Raises:
        ConfigurationError: it has no name, or a range has nothing to draw from.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise ConfigurationError(f"--param takes NAME=VALUE such as id=7 or id=zipf:1-1000, not {text!r}")
    match = _PATTERN.fullmatch(value)
    if match is not None:
        first, last = int(match["first"]), int(match["last"])
        if last < first:
            raise ConfigurationError(f"--param {text}: the range ends before it begins")
        if last - first >= MOST_KEYS:
            raise ConfigurationError(f"--param {text}: the range has more than {MOST_KEYS:,} values")
        if last == first:  # mostly a 0 too few: nothing would be drawn
            raise ConfigurationError(f"--param {text}: the range has one value; write {name.strip()}={first} for that")
        return name.strip(), Drawn(PATTERNS[match["kind"]](last - first + 1), first)
    if value.startswith(_TEXT):
        return name.strip(), value.removeprefix(_TEXT)
    for kind in (int, float):
        try:
            return name.strip(), kind(value)
        except ValueError:
            continue
    return name.strip(), value


def statement_options(command: _Command) -> _Command:
    """What is executed; ``command`` gets it as ``statement``, a :class:`StatementOptions`."""
    return packed(
        command, "statement", StatementOptions,
        click.option("--name", metavar="TEXT", help="Of the test in reports and baselines.  [default: the statement]"),
        click.option(
            "--file", type=FILE, metavar="FILE",
            help="Several statements, each ended by ';'; '-- name: x' and '-- weight: 9' stand before one.",
        ),
        click.option("--transaction", is_flag=True, help="With --file: all of them in turn are one attempt."),
        click.option(
            "-p", "--param", "parameters", multiple=True, metavar="NAME=VALUE",
            help="Of :NAME in the statement: a value, text:VALUE, or drawn: uniform:1-1000, zipf:, gaussian:, "
            "sequential:. Repeatable.",
        ),
        click.option("--rows", type=FILE, metavar="FILE", help="CSV or JSONL whose columns are parameters."),
        click.option("--commit", is_flag=True, help="Commit each attempt, instead of rolling it back."),
        click.option("--isolation", metavar="LEVEL", help="Such as 'read committed' or serializable."),
        click.option("--pool", type=int, metavar="N", help="Connections.  [default: one for each of -c]"),
        click.option(
            "--pool-timeout", "pool_timeout_s", callback=duration, default="30s", show_default=True, metavar="TIME",
            help="How long to wait for a free one.",
        ),
        click.option(
            "--timeout", "timeout_s", callback=duration, default="60s", show_default=True, metavar="TIME",
            help="How long a statement may take; then the attempt is a timeout.",
        ),
        click.option(
            "--retries", type=int, default=0, show_default=True, metavar="N",
            help="Repetitions after a deadlock, a serialization failure or a lock timeout.",
        ),
        click.option("--allow-destructive", is_flag=True, help="Execute DROP, DELETE, TRUNCATE and ALTER."),
    )  # fmt: skip
