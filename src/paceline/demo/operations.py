"""The operations that the tour measures. What they ask for is drawn beforehand, from a seed."""

import json
import random
import sqlite3
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from paceline.demo.dataset import (
    CATEGORIES,
    CUSTOMERS,
    NEWEST_OF_CUSTOMER,
    RECORD_COUNT,
    SEARCH_NOTES,
    YEARS,
    customer_year,
)
from paceline.targets.cache import CacheTarget
from paceline.targets.http import HttpTarget
from paceline.targets.sql.statement import Drawn
from paceline.targets.sql.target import SqlTarget
from paceline.workload.keys import Uniform, Zipf, endless

if TYPE_CHECKING:
    from sqlalchemy import URL

_DRAWS = 50_000
_REPORTS = tuple(product(CUSTOMERS, CATEGORIES, YEARS))
# The k-th most wanted of the 3,200 reports has a weight of 1 / k ** 1.2. With 2,000 reads before and 20,000 in
# the measured window that gives a cache that begins empty a hit rate of 0.93: high, with misses enough for p95.
_WANTED = Zipf(len(_REPORTS), 1.2)


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


def newest_of_customer(database: Path, seed: int) -> SqlTarget:
    """A query that an index answers: the newest 20 records of a customer."""
    return SqlTarget(_address(database), NEWEST_OF_CUSTOMER, [Drawn(Uniform(len(CUSTOMERS)), CUSTOMERS[0])], seed=seed)


def search_notes(database: Path) -> SqlTarget:
    """A query that no index helps: LIKE over the text of all records."""
    patterns = ("%refund transfer%", "%interest charge%", "%premium policy%", "%notice reminder%")
    return SqlTarget(_address(database), SEARCH_NOTES, rows=[{"pattern": pattern} for pattern in patterns])


def _address(database: Path) -> "URL":
    from sqlalchemy import URL

    return URL.create("sqlite", database=str(database.absolute()))


class Reports:
    """A customer's yearly report, computed by the database; the same seed asks for the same ones in the same order."""

    def __init__(self, connection: sqlite3.Connection, seed: int) -> None:
        self._connection = connection
        self._seed = seed
        self._wanted = endless(_WANTED, seed)

    def __call__(self) -> None:
        """The next one, computed."""
        customer_year(self._connection, *_REPORTS[next(self._wanted)])

    def through(self, cache: Path) -> CacheTarget:
        """The same ones, from the cache on the socket ``cache``; what it does not have is computed and put there."""
        url = f"unix://{quote(str(cache.absolute()))}"
        return CacheTarget(url, "get-or-fetch", key_pattern=_WANTED, loader=self._loaded, seed=self._seed)

    def _loaded(self, key: str) -> str:
        # Keys end in the number of what was drawn.
        return json.dumps(customer_year(self._connection, *_REPORTS[int(key.rpartition(":")[2])]))


def _uniform(values: Sequence[int], seed: int) -> list[int]:
    return random.Random(seed).choices(values, k=_DRAWS)  # noqa: S311  # reproducible load, no secret
