"""The tables of a run history, version 1, for whichever database SQLAlchemy speaks to."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from paceline.records.quantities import QUANTITIES

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

VERSION = 1
TABLE_NAMES = ("paceline_schema", "paceline_sessions", "paceline_facts")
_INDEXED_CHARACTERS = 191  # of a text in MySQL, which indexes no longer ones


@dataclass(frozen=True)
class Tables:
    """All of them.

    Attributes:
        metadata: makes them.
        schema: one row: the version.
        sessions: one row for a test in a session; a column for each quantity, in its unit, NULL where there is none.
        facts: JSON of machines and definitions, once each, by their keys.
    """

    metadata: "MetaData"
    schema: "Table"
    sessions: "Table"
    facts: "Table"


@cache
def tables() -> Tables:
    """The tables; SQLAlchemy is imported when they are first needed."""
    from sqlalchemy import Column, Float, Index, Integer, MetaData, String, Table, Text

    metadata = MetaData()
    schema = Table("paceline_schema", metadata, Column("version", Integer, primary_key=True, autoincrement=False))
    sessions = Table(
        "paceline_sessions",
        metadata,
        Column("session_id", String(32), primary_key=True),
        Column("test", Text, nullable=False),
        Column("started_at", String(32), nullable=False),
        Column("branch", Text, nullable=False),
        Column("commit_id", Text, nullable=False),
        Column("machine", String(32), nullable=False),
        Column("definition", String(32), nullable=False),
        Column("status", String(16), nullable=False),
        Column("doubts", Text, nullable=False),
        *(Column(key, Float(53)) for key in QUANTITIES),
    )
    shortened = {"test": _INDEXED_CHARACTERS, "branch": _INDEXED_CHARACTERS}
    # The newest of a series are read from its end.
    Index(
        "paceline_series",
        *(sessions.c[name] for name in ("test", "branch", "machine", "definition", "started_at")),
        mysql_length=shortened,
        mariadb_length=shortened,
    )
    facts = Table("paceline_facts", metadata, Column("key", String(32), primary_key=True), Column("content", Text))
    return Tables(metadata, schema, sessions, facts)
