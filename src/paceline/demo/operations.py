"""The operations that the tour measures. What they ask for is drawn beforehand, from a seed."""

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import cycle, product
from typing import TYPE_CHECKING, cast

from paceline.demo.dataset import (
    CATEGORIES,
    CUSTOMERS,
    NEWEST_OF_CUSTOMER,
    RECORD_COUNT,
    SEARCH_NOTES,
    YEARS,
    customer_year,
)
from paceline.records.outcome import Outcome
from paceline.targets.http import HttpTarget

if TYPE_CHECKING:
    import valkey

_DRAWS = 50_000
# Weight of the k-th most wanted of the 3,200 reports is 1 / k ** 1.2. With 2,000 reads before and 20,000 in
# the measured window that gives a cold cache a hit rate of 0.93: high, with misses enough to be seen in p95.
_SKEW = 1.2

ReportKey = tuple[int, str, int]
"""Customer, category, year."""


def get_record(host: str, port: int, seed: int, connections: int | None = None) -> HttpTarget:
    """``GET /records/{id}`` for random existing ids.

    Args:
        host: of the records service.
        port: of the records service.
        seed: of the ids.
        connections: of an open loop; a closed one has as many as it has workers.
    """
    ids = _uniform(range(1, RECORD_COUNT + 1), seed)
    return HttpTarget(
        f"http://{host}:{port}/records/{{{{id}}}}",
        connections=connections,
        rows=[{"id": str(record_id)} for record_id in ids],
    )


class NewestOfCustomer:
    """A query that an index answers: the newest 20 records of a customer."""

    statement = NEWEST_OF_CUSTOMER

    def __init__(self, connection: sqlite3.Connection, seed: int) -> None:
        self._connection = connection
        self._customers = cycle(_uniform(CUSTOMERS, seed))

    def __call__(self) -> None:
        """One query, all rows fetched."""
        self._connection.execute(self.statement, (next(self._customers),)).fetchall()


class SearchNotes:
    """A query that no index helps: LIKE over the text of all records."""

    statement = SEARCH_NOTES
    _patterns = ("%refund transfer%", "%interest charge%", "%premium policy%", "%notice reminder%")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._next = cycle(self._patterns)

    def __call__(self) -> None:
        """One query."""
        self._connection.execute(self.statement, (next(self._next),)).fetchall()


class ReadReport:
    """A customer's yearly report, computed by the database each time."""

    def __init__(self, connection: sqlite3.Connection, seed: int) -> None:
        self._connection = connection
        self._keys = _report_keys(seed)

    def __call__(self) -> None:
        """One report."""
        customer_year(self._connection, *next(self._keys))


class ReadReportCached:
    """The same report through a cache: from there if it has it, else computed and put there."""

    def __init__(self, connection: sqlite3.Connection, cache: "valkey.Valkey", seed: int) -> None:
        self._connection = connection
        self._cache = cache
        self._keys = _report_keys(seed)

    def empty(self) -> None:
        """Empty the cache, so that each run starts from the same state."""
        self._cache.flushall()

    def __call__(self) -> Outcome:
        """One report, and whether the cache had it."""
        customer_id, category, year = next(self._keys)
        name = f"report:{customer_id}:{category}:{year}"
        # The client's annotations cover its asynchronous twin, too; this one returns the value itself.
        stored = cast("bytes | None", self._cache.get(name))
        if stored is not None:
            json.loads(stored)
            return Outcome.hit()
        self._cache.set(name, json.dumps(customer_year(self._connection, customer_id, category, year)))
        return Outcome.miss()


def _uniform(values: Sequence[int], seed: int) -> list[int]:
    return random.Random(seed).choices(values, k=_DRAWS)  # noqa: S311  # reproducible load, no secret


def _report_keys(seed: int) -> Iterator[ReportKey]:
    draw = random.Random(seed)  # noqa: S311  # reproducible load, no secret
    keys = list(product(CUSTOMERS, CATEGORIES, YEARS))
    draw.shuffle(keys)
    weights = [rank**-_SKEW for rank in range(1, len(keys) + 1)]
    return cycle(draw.choices(keys, weights, k=_DRAWS))
