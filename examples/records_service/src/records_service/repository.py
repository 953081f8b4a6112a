"""Records in the database. No method knows of caches, clients or HTTP."""

from collections.abc import Iterable
from datetime import date

from records_service.database import Database
from records_service.errors import ConflictError, NotFoundError
from records_service.model import Changes, NewRecord, Page, Record
from records_service.reports import Sale

_COLUMNS = "customer_id, category, quantity, unit_price_cents, created_on, note"
_ALL = f"records.id, {', '.join(f'records.{column}' for column in _COLUMNS.split(', '))}, records.version"
_Row = tuple[int, int, str, int, int, str, str, int]


class Repository:
    """The only place with SQL about records.

    Args:
        database: theirs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, record_id: int) -> Record:
        """One record.

        Raises:
            NotFoundError: there is none.
        """
        row = self._database.connection.execute(f"SELECT {_ALL} FROM records WHERE id = ?", (record_id,)).fetchone()  # noqa: S608  # columns of ours
        if row is None:
            raise NotFoundError(f"there is no record {record_id}")
        return _record(row)

    def page(self, after: int, limit: int, customer_id: int | None = None) -> Page:
        """At most ``limit`` records behind ``after``, which is a number and not a count: page 1,000 costs as page 1."""
        where, values = ("", [after]) if customer_id is None else ("AND customer_id = ?", [after, customer_id])
        rows = self._database.connection.execute(
            f"SELECT {_ALL} FROM records WHERE id > ? {where} ORDER BY id LIMIT ?",  # noqa: S608  # likewise
            (*values, limit + 1),
        ).fetchall()
        records = tuple(_record(row) for row in rows[:limit])
        return Page(records, records[-1].id if len(rows) > limit else None)

    def search(self, text: str, limit: int) -> tuple[Record, ...]:
        """Records whose note has all words of ``text``, the newest first."""
        words = " ".join(f'"{word}"' for word in text.replace('"', " ").split())
        if not words:
            return ()
        rows = self._database.connection.execute(
            f"SELECT {_ALL} FROM notes JOIN records ON records.id = notes.rowid "  # noqa: S608  # likewise
            "WHERE notes MATCH ? ORDER BY notes.rowid DESC LIMIT ?",
            (words, limit),
        )
        return tuple(_record(row) for row in rows)

    def create(self, record: NewRecord) -> Record:
        """Store a sale under the next number."""
        with self._database.transaction() as connection:
            (record_id,) = connection.execute(
                f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",  # noqa: S608  # likewise
                _values(record),
            ).fetchone()
            connection.execute("UPDATE generation SET number = number + 1")
        return self.get(record_id)

    def create_many(self, records: Iterable[NewRecord]) -> None:
        """Store many at once."""
        with self._database.transaction() as connection:
            connection.executemany(
                f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608  # likewise
                map(_values, records),
            )
            connection.execute("UPDATE generation SET number = number + 1")

    def update(self, record_id: int, version: int, changes: Changes) -> Record:
        """Change a record that still has the version ``version``.

        Raises:
            NotFoundError: there is none.
            ConflictError: it has another version by now.
        """
        with self._database.transaction() as connection:
            changed = connection.execute(
                "UPDATE records SET quantity = coalesce(?, quantity), note = coalesce(?, note), "
                "unit_price_cents = coalesce(?, unit_price_cents), version = version + 1 WHERE id = ? AND version = ?",
                (changes.quantity, changes.note, changes.unit_price_cents, record_id, version),
            )
            if changed.rowcount == 0:
                now = self.get(record_id)
                raise ConflictError(f"record {record_id} has version {now.version} by now, not {version}")
            connection.execute("UPDATE generation SET number = number + 1")
        return self.get(record_id)

    def sales(self, first: date, last: date) -> list[Sale]:
        """Sales from ``first`` to ``last``, both included."""
        rows = self._database.connection.execute(
            "SELECT created_on, category, quantity, unit_price_cents FROM records WHERE created_on BETWEEN ? AND ?",
            (first.isoformat(), last.isoformat()),
        )
        return [Sale(*row) for row in rows]

    def generation(self) -> int:
        """A number that grows with every write: what was computed at another one is out of date."""
        (number,) = self._database.connection.execute("SELECT number FROM generation").fetchone()
        return int(number)


def _record(row: _Row) -> Record:
    record_id, customer_id, category, quantity, unit_price_cents, created_on, note, version = row
    day = date.fromisoformat(created_on)
    return Record(customer_id, category, quantity, unit_price_cents, day, note, record_id, version)


def _values(record: NewRecord) -> tuple[int, str, int, int, str, str]:
    day = record.created_on.isoformat()
    return record.customer_id, record.category, record.quantity, record.unit_price_cents, day, record.note
