"""Revenue by month and category. Expensive on purpose: each line of a sale is priced and rounded by itself."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from records_service.pricing import Price, price_of, total


class Sale(NamedTuple):
    """What a report needs of a record."""

    created_on: str
    category: str
    quantity: int
    unit_price_cents: int


@dataclass(frozen=True, slots=True)
class Line:
    """One month of one category.

    Attributes:
        month: such as ``2026-03``.
        category: of the sales.
        sales: how many.
        price: of all of them.
    """

    month: str
    category: str
    sales: int
    price: Price


def revenue(sales: Iterable[Sale]) -> tuple[Line, ...]:
    """The report over ``sales``, by month and then by category."""
    grouped: defaultdict[tuple[str, str], list[Price]] = defaultdict(list)
    for created_on, category, quantity, unit_price_cents in sales:
        grouped[created_on[:7], category].append(price_of(quantity, unit_price_cents, category))
    return tuple(
        Line(month, category, len(prices), total(prices)) for (month, category), prices in sorted(grouped.items())
    )
