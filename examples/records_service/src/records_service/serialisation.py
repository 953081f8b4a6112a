"""Records, pages and reports as JSON, and the cursors of pages."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from records_service.errors import InvalidInputError
from records_service.model import Page, Record
from records_service.pricing import price_of
from records_service.reports import Line

_CURSOR = "after:"


def record_to_plain(record: Record) -> dict[str, object]:
    """The record as clients see it, with what it costs."""
    price = price_of(record.quantity, record.unit_price_cents, record.category)
    return {
        "id": record.id,
        "version": record.version,
        "customer_id": record.customer_id,
        "category": record.category,
        "quantity": record.quantity,
        "unit_price_cents": record.unit_price_cents,
        "created_on": record.created_on.isoformat(),
        "note": record.note,
        "price": {
            "net_cents": price.net_cents,
            "discount_cents": price.discount_cents,
            "tax_cents": price.tax_cents,
            "gross_cents": price.gross_cents,
        },
    }


def record_to_json(record: Record) -> bytes:
    """One record."""
    return to_json(record_to_plain(record))


def page_to_json(page: Page) -> bytes:
    """A page; ``next`` is the cursor of the one after it, null at the end."""
    following = None if page.next_after is None else cursor_of(page.next_after)
    return to_json({"records": [record_to_plain(record) for record in page.records], "next": following})


def report_to_json(lines: Sequence[Line]) -> bytes:
    """A report, a line for each month and category."""
    return to_json(
        {
            "lines": [
                {
                    "month": line.month,
                    "category": line.category,
                    "sales": line.sales,
                    "net_cents": line.price.net_cents,
                    "discount_cents": line.price.discount_cents,
                    "tax_cents": line.price.tax_cents,
                    "gross_cents": line.price.gross_cents,
                }
                for line in lines
            ]
        }
    )


def to_json(value: object) -> bytes:
    """Without white space, in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def cursor_of(after: int) -> str:
    """What clients hand back to get the page that begins behind the record ``after``."""
    return urlsafe_b64encode(f"{_CURSOR}{after}".encode()).decode()


def after_from(cursor: str) -> int:
    """The number in a cursor.

    Raises:
        InvalidInputError: it is none of ours.
    """
    try:
        text = urlsafe_b64decode(cursor.encode()).decode()
        return int(text.removeprefix(_CURSOR)) if text.startswith(_CURSOR) else int("none")
    except ValueError:  # wrong base64 and wrong UTF-8 are ValueErrors too
        raise InvalidInputError("cursor is none of this service: take it from 'next' of a page") from None
