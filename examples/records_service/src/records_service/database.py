"""The SQLite file: its schema, and a connection for each thread."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA_VERSION = 1
_BUSY_S = 5.0
_SCHEMA = """
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    category TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price_cents INTEGER NOT NULL,
    created_on TEXT NOT NULL,
    note TEXT NOT NULL,
    version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX records_of_customer ON records (customer_id, id);
CREATE INDEX records_by_day ON records (created_on, category, quantity, unit_price_cents);
CREATE VIRTUAL TABLE notes USING fts5 (note, content='records', content_rowid='id');
CREATE TRIGGER note_added AFTER INSERT ON records BEGIN
    INSERT INTO notes (rowid, note) VALUES (new.id, new.note);
END;
CREATE TRIGGER note_changed AFTER UPDATE OF note ON records BEGIN
    INSERT INTO notes (notes, rowid, note) VALUES ('delete', old.id, old.note);
    INSERT INTO notes (rowid, note) VALUES (new.id, new.note);
END;
CREATE TABLE tokens (digest BLOB PRIMARY KEY, owner TEXT NOT NULL, may_write INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE generation (number INTEGER NOT NULL);
INSERT INTO generation (number) VALUES (0);
"""


class Database:
    """One file; connections are made as threads ask for them, and closed together.

    Args:
        path: made, with its tables, where there is none.

    Raises:
        sqlite3.Error: it cannot be opened, or another version of this service made it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._migrate()

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's own."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; waits for other writers."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connections of all threads; none of them may be at work."""
        with self._lock:
            while self._opened:
                self._opened.pop().close()
            self._local = threading.local()

    def _connect(self) -> sqlite3.Connection:
        # close() comes from another thread than most of them were made in.
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        with self._lock:
            self._opened.append(connection)
        return connection

    def _migrate(self) -> None:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self.connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
        elif version != _SCHEMA_VERSION:
            self.close()
            raise sqlite3.DatabaseError(f"{self._path} has schema {version}, this service knows {_SCHEMA_VERSION}")
