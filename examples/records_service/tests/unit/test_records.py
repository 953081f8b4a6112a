"""Database, reports and JSON, without HTTP."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest

from records_service.database import Database
from records_service.dataset import sales
from records_service.errors import ConflictError, InvalidInputError, NotFoundError
from records_service.model import Changes, changes_from, new_record_from
from records_service.reports import Sale, revenue
from records_service.repository import Repository
from records_service.serialisation import after_from, cursor_of, record_to_json
from records_service.settings import Settings

GOOD = {"customer_id": 1, "category": "food", "quantity": 2, "unit_price_cents": 5, "created_on": "2026-01-31"}


@pytest.fixture
def repository(settings: Settings) -> Iterator[Repository]:
    with closing(Database(settings.database)) as database:
        repository = Repository(database)
        repository.create_many(sales(60))
        yield repository


def test_pages_together_are_all_records_once(repository: Repository) -> None:
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = repository.page(after, 7)
        seen += [record.id for record in page.records]
        after = page.next_after
    assert seen == list(range(1, 61))


def test_a_page_of_one_customer(repository: Repository) -> None:
    customer_id = repository.get(5).customer_id
    page = repository.page(0, 100, customer_id)
    assert {record.customer_id for record in page.records} == {customer_id}
    assert 5 in {record.id for record in page.records}


def test_search_follows_changes(repository: Repository) -> None:
    made = repository.create(new_record_from({**GOOD, "note": 'a "zebra" crossing'}))
    assert repository.search('crossing "zebra', 10) == (made,)
    repository.update(made.id, 1, Changes(note="a horse"))
    assert repository.search("zebra", 10) == ()
    assert repository.search('"', 10) == ()


def test_the_second_of_two_changes_is_refused(repository: Repository) -> None:
    assert repository.update(3, 1, Changes(quantity=9)).version == 2
    with pytest.raises(ConflictError, match="version 2 by now, not 1"):
        repository.update(3, 1, Changes(quantity=10))
    assert repository.get(3).quantity == 9
    with pytest.raises(NotFoundError, match="no record 61"):
        repository.update(61, 1, Changes(quantity=1))


def test_writes_make_a_new_generation(repository: Repository) -> None:
    before = repository.generation()
    with pytest.raises(ConflictError):
        repository.update(3, 7, Changes(quantity=9))
    assert repository.generation() == before
    repository.update(3, 1, Changes(quantity=9))
    assert repository.generation() == before + 1


def test_another_schema_is_refused(settings: Settings) -> None:
    with closing(sqlite3.connect(settings.database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.DatabaseError, match="schema 99"):
        Database(settings.database)


def test_revenue_by_month_and_category() -> None:
    sold = [
        Sale("2026-02-01", "food", 1, 100),
        Sale("2026-01-31", "food", 20, 100),
        Sale("2026-02-28", "food", 1, 200),
        Sale("2026-02-02", "books", 1, 300),
    ]
    lines = [(line.month, line.category, line.sales, line.price.gross_cents) for line in revenue(sold)]
    assert lines == [("2026-01", "food", 1, 2_033), ("2026-02", "books", 1, 321), ("2026-02", "food", 2, 321)]


def test_a_report_has_both_ends_of_its_days(repository: Repository) -> None:
    day = repository.get(1).created_on
    assert any(sale.created_on == day.isoformat() for sale in repository.sales(day, day))
    assert repository.sales(date(2030, 1, 1), date(2030, 12, 31)) == []


def test_json_has_the_price(repository: Repository) -> None:
    plain = json.loads(record_to_json(repository.create(new_record_from({**GOOD, "note": "café"}))))
    assert plain["price"] == {"net_cents": 10, "discount_cents": 0, "tax_cents": 1, "gross_cents": 11}
    assert plain["note"] == "café"


@pytest.mark.parametrize("cursor", ["", "x", "YWZ0ZXI6", "bm9uZToz", "é"])
def test_a_cursor_of_somebody_else(cursor: str) -> None:
    assert after_from(cursor_of(12)) == 12
    with pytest.raises(InvalidInputError, match="cursor"):
        after_from(cursor)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"quantity": 0}, "quantity must be a whole number of at least 1"),
        ({"quantity": True}, "quantity"),
        ({"quantity": 2**40}, "quantity"),
        ({"category": "weapons"}, "category must be one of books"),
        ({"created_on": "yesterday"}, "created_on must be a day"),
        ({"note": 7}, "note must be a text"),
        ({"colour": "red"}, "colour is not known"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        new_record_from({**GOOD, **change})


def test_nothing_missing_and_nothing_empty() -> None:
    with pytest.raises(InvalidInputError, match="customer_id is missing"):
        new_record_from({})
    with pytest.raises(InvalidInputError, match="JSON object"):
        new_record_from([])
    with pytest.raises(InvalidInputError, match="nothing is to be changed"):
        changes_from({})
