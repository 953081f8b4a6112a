"""Queries over 20,000 records. What they return is checked by the unit tests; here it is enough that there is some."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from itertools import count, cycle
from pathlib import Path
from random import Random

import pytest

from paceline import TestType
from paceline.pytest_plugin import Perf
from records_service.database import Database
from records_service.dataset import sales
from records_service.model import Changes
from records_service.repository import Repository

QUERY = TestType.DATABASE_QUERY


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Repository]:
    """A repository that may be written to: writes must not change what the other tests read."""
    with closing(Database(tmp_path / "scratch.sqlite3")) as database:
        repository = Repository(database)
        repository.create_many(sales(2_000))
        yield repository


def test_get(perf: Perf, repository: Repository) -> None:
    numbers = cycle(Random(1).sample(range(1, 20_001), 1_000))
    perf(lambda: repository.get(next(numbers)), iterations=1_000, test_type=QUERY)


@pytest.mark.parametrize("after", [0, 19_000], ids=["first", "deep"])
def test_page(perf: Perf, repository: Repository, after: int) -> None:
    perf(repository.page, after, 50, iterations=300, test_type=QUERY)


def test_page_of_a_customer(perf: Perf, repository: Repository) -> None:
    perf(repository.page, 5_000, 50, 7, iterations=300, test_type=QUERY)


@pytest.mark.parametrize(
    "words", ["urgent", "urgent heavy trial", "zebra"], ids=["one-word", "three-words", "nothing-found"]
)
def test_search(perf: Perf, repository: Repository, words: str) -> None:
    perf(repository.search, words, 50, test_type=QUERY)


def test_sales_of_a_month(perf: Perf, repository: Repository) -> None:
    perf(repository.sales, date(2026, 3, 1), date(2026, 3, 31), test_type=QUERY)


def test_create(perf: Perf, scratch: Repository) -> None:
    new = next(sales(1))
    perf(scratch.create, new, test_type=QUERY)


def test_update(perf: Perf, scratch: Repository) -> None:
    versions = count(1)
    perf(lambda: scratch.update(7, next(versions), Changes(quantity=3)), test_type=QUERY)
