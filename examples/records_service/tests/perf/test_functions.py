"""Functions that compute and touch nothing else: where most regressions of a service begin."""

from datetime import date

from paceline.pytest_plugin import Perf
from records_service.model import Page, Record, new_record_from
from records_service.pricing import price_of, total
from records_service.reports import Line, Sale, revenue
from records_service.serialisation import after_from, cursor_of, page_to_json, record_to_json, report_to_json

RECORDS = [
    Record(number % 90, "hardware", number % 30, 1_999 + number, date(2026, 3, 31), "late delivery " * 5, number, 1)
    for number in range(1, 51)
]
SENT = {"customer_id": 1, "category": "food", "quantity": 2, "unit_price_cents": 5, "created_on": "2026-01-31"}
SALES = [Sale(f"2026-{1 + n % 12:02}-15", ("food", "books")[n % 2], 1 + n % 40, 99 + n) for n in range(2_000)]


def test_price(perf: Perf) -> None:
    # Less than a microsecond: timed call by call the clock would be part of the figure.
    perf(price_of, 30, 1_999, "hardware", batch="auto")


def test_total_of_1000_prices(perf: Perf) -> None:
    prices = [price_of(1 + n % 40, 99 + n, "books") for n in range(1_000)]
    perf(total, prices, keep_returned=True)
    assert perf.returned is None or perf.returned.list_cents == sum(price.list_cents for price in prices)


def test_record_to_json(perf: Perf) -> None:
    perf(record_to_json, RECORDS[0], iterations=1_000)


def test_page_of_50_to_json(perf: Perf) -> None:
    perf(page_to_json, Page(tuple(RECORDS), 50), iterations=300)


def test_record_from_json(perf: Perf) -> None:
    perf(new_record_from, SENT, iterations=1_000)


def test_cursor_there_and_back(perf: Perf) -> None:
    perf(lambda: after_from(cursor_of(12_345)), iterations=1_000)


def test_revenue_of_2000_sales(perf: Perf) -> None:
    perf(revenue, SALES)


def test_report_to_json(perf: Perf) -> None:
    price = price_of(30, 1_999, "food")
    lines = [Line(f"2026-{month:02}", "food", 30, price) for month in range(1, 13)] * 5
    perf(report_to_json, lines, iterations=300)
