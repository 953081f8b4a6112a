"""The demo's data: 50,000 records in one SQLite file, made from a seed, and the queries over them."""

import random
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from paceline.core.errors import MeasurementError

RECORD_COUNT = 50_000
CUSTOMERS = range(1, 26)
CATEGORIES = tuple(f"category-{number:02d}" for number in range(1, 17))
YEARS = range(2018, 2026)

_FIRST_DAY = date(YEARS[0], 1, 1)
_DAY_COUNT = (date(YEARS[-1] + 1, 1, 1) - _FIRST_DAY).days
_WORDS = (
    *("invoice", "deposit", "refund", "transfer", "account", "balance", "payment", "statement"),
    *("order", "interest", "charge", "premium", "policy", "notice", "reminder", "credit"),
)
_WORDS_PER_NOTE = 12

# customer_id is indexed; category, created_on and note are not: the tour shows both kinds of query.
_SCHEMA = """
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL,
    category TEXT NOT NULL,
    created_on TEXT NOT NULL,
    amount_cents INTEGER NOT NULL,
    note TEXT NOT NULL
);
"""
_INDEX = "CREATE INDEX records_by_customer ON records (customer_id, id);"

RECORD_BY_ID = "SELECT id, customer_id, category, created_on, amount_cents, note FROM records WHERE id = ?"
NEWEST_OF_CUSTOMER = (
    "SELECT id, category, created_on, amount_cents FROM records WHERE customer_id = ? ORDER BY id DESC LIMIT 20"
)
SEARCH_NOTES = "SELECT count(*), sum(amount_cents) FROM records WHERE note LIKE :pattern"
CUSTOMER_YEAR = (
    "SELECT substr(created_on, 1, 7) AS month, count(*), sum(amount_cents), max(amount_cents) FROM records "
    "WHERE customer_id = ? AND category = ? AND created_on BETWEEN ? AND ? GROUP BY month ORDER BY month"
)


def create_database(path: Path, seed: int) -> None:
    """Write the database to ``path``, a file that does not exist yet. Takes about half a second.

    Raises:
        MeasurementError: it cannot be written.
    """
    try:
        connection = sqlite3.connect(path)
        try:
            # Write-ahead log: readers in two processes do not lock each other out.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)
            with connection:
                connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", _rows(seed))
            connection.execute(_INDEX)
            connection.execute("ANALYZE")
            connection.commit()
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise MeasurementError(
            f"the demo's database cannot be written to {path} ({error}): free some space there (20 MB), "
            "or set TMPDIR to another directory"
        ) from error


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that can be used from any thread but not by two at once.

    Raises:
        sqlite3.Error: there is no such database.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)
    try:
        connection.execute("SELECT 1 FROM records LIMIT 1").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def customer_year(
    connection: sqlite3.Connection, customer_id: int, category: str, year: int
) -> list[dict[str, object]]:
    """Monthly figures of one customer and category: an aggregate over all 2,000 records of the customer."""
    rows = connection.execute(CUSTOMER_YEAR, (customer_id, category, f"{year}-01-01", f"{year}-12-31"))
    return [
        {"month": month, "count": count, "total_cents": total, "largest_cents": largest}
        for month, count, total, largest in rows
    ]


def _rows(seed: int) -> Iterator[tuple[int, int, str, str, int, str]]:
    draw = random.Random(seed)  # noqa: S311  # reproducible data, no secret
    for record_id in range(1, RECORD_COUNT + 1):
        yield (
            record_id,
            draw.choice(CUSTOMERS),
            draw.choice(CATEGORIES),
            (_FIRST_DAY + timedelta(days=draw.randrange(_DAY_COUNT))).isoformat(),
            draw.randrange(100, 1_000_000),
            " ".join(draw.choices(_WORDS, k=_WORDS_PER_NOTE)),
        )
