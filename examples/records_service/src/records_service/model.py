"""Records as the service sees them, and how they are read from what a client sends."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from records_service.errors import InvalidInputError
from records_service.pricing import CATEGORIES

_LONGEST_NOTE = 2_000
_MOST = 2**31


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A sale that has no number yet.

    Attributes:
        customer_id: who bought.
        category: one of :data:`records_service.pricing.CATEGORIES`.
        quantity: pieces.
        unit_price_cents: of a piece, without discount and tax.
        created_on: day of the sale.
        note: free text that can be searched.
    """

    customer_id: int
    category: str
    quantity: int
    unit_price_cents: int
    created_on: date
    note: str


@dataclass(frozen=True, slots=True)
class Record(NewRecord):
    """A sale that is stored.

    Attributes:
        id: its number.
        version: grows with each change; a change names the version that it was made from.
    """

    id: int
    version: int


@dataclass(frozen=True, slots=True)
class Page:
    """Records in the order of their numbers, and where the next page begins; None at the end."""

    records: tuple[Record, ...]
    next_after: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a client changes of a record; None leaves it as it is."""

    quantity: int | None = None
    unit_price_cents: int | None = None
    note: str | None = None


def new_record_from(data: object) -> NewRecord:
    """The record that a client's JSON describes.

    Raises:
        InvalidInputError: a field is missing, unknown or wrong; the message names it.
    """
    fields = _fields(data, {"customer_id", "category", "quantity", "unit_price_cents", "created_on", "note"})
    for name in ("customer_id", "category", "quantity", "unit_price_cents", "created_on"):
        if name not in fields:
            raise InvalidInputError(f"{name} is missing")
    category = _text(fields, "category")
    if category not in CATEGORIES:
        raise InvalidInputError(f"category must be one of {', '.join(CATEGORIES)}")
    return NewRecord(
        customer_id=_number(fields, "customer_id", least=1),
        category=category,
        quantity=_number(fields, "quantity", least=1),
        unit_price_cents=_number(fields, "unit_price_cents", least=0),
        created_on=day_from(_text(fields, "created_on"), "created_on"),
        note=_text(fields, "note") if "note" in fields else "",
    )


def changes_from(data: object) -> Changes:
    """The changes that a client's JSON describes.

    Raises:
        InvalidInputError: there are none, or one is wrong; the message names it.
    """
    fields = _fields(data, {"quantity", "unit_price_cents", "note"})
    if not fields:
        raise InvalidInputError("nothing is to be changed: name quantity, unit_price_cents or note")
    return Changes(
        quantity=_number(fields, "quantity", least=1) if "quantity" in fields else None,
        unit_price_cents=_number(fields, "unit_price_cents", least=0) if "unit_price_cents" in fields else None,
        note=_text(fields, "note") if "note" in fields else None,
    )


def day_from(text: str, name: str) -> date:
    """The day that ``text`` names.

    Raises:
        InvalidInputError: it names none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{name} must be a day such as 2026-03-31") from None


def _fields(data: object, known: set[str]) -> Mapping[str, object]:
    if not isinstance(data, dict):
        raise InvalidInputError("the body must be a JSON object")
    unknown = sorted(set(data) - known)
    if unknown:
        raise InvalidInputError(f"{unknown[0]} is not known; known are {', '.join(sorted(known))}")
    return data


def _number(fields: Mapping[str, object], name: str, least: int) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < _MOST:
        raise InvalidInputError(f"{name} must be a whole number of at least {least}")
    return value


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or len(value) > _LONGEST_NOTE:
        raise InvalidInputError(f"{name} must be a text of at most {_LONGEST_NOTE:,} characters")
    return value
