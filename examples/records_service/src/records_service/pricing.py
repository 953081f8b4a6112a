"""What a sale costs: whole cents, and every rounding where the law has it, on the line. Pure functions."""

from collections.abc import Iterable
from dataclasses import dataclass

# Share of the net price, in hundredths of a percent.
_TAX_BP = {"books": 700, "food": 700, "hardware": 1_900, "services": 1_900, "software": 1_900}
_DISCOUNT_BP = ((500, 1_500), (100, 1_000), (20, 500))  # from so many pieces on, the largest first
_WHOLE_BP = 10_000

CATEGORIES = tuple(_TAX_BP)


@dataclass(frozen=True, slots=True)
class Price:
    """In cents; ``gross`` is what is paid.

    Attributes:
        list_cents: pieces times unit price.
        discount_cents: taken off for their number.
        tax_cents: on what is left.
    """

    list_cents: int
    discount_cents: int
    tax_cents: int

    @property
    def net_cents(self) -> int:
        """Without tax."""
        return self.list_cents - self.discount_cents

    @property
    def gross_cents(self) -> int:
        """With tax."""
        return self.net_cents + self.tax_cents


def price_of(quantity: int, unit_price_cents: int, category: str) -> Price:
    """The price of one line.

    Raises:
        KeyError: the category is none of :data:`CATEGORIES`.
    """
    list_cents = quantity * unit_price_cents
    discount_cents = _share(list_cents, discount_bp(quantity))
    return Price(list_cents, discount_cents, _share(list_cents - discount_cents, _TAX_BP[category]))


def discount_bp(quantity: int) -> int:
    """The discount on so many pieces, in hundredths of a percent."""
    return next((discount for least, discount in _DISCOUNT_BP if quantity >= least), 0)


def total(prices: Iterable[Price]) -> Price:
    """The sum, line by line: what was rounded stays rounded."""
    list_cents = discount_cents = tax_cents = 0
    for price in prices:
        list_cents += price.list_cents
        discount_cents += price.discount_cents
        tax_cents += price.tax_cents
    return Price(list_cents, discount_cents, tax_cents)


def _share(cents: int, basis_points: int) -> int:
    """Rounded to the nearest cent, half a cent up."""
    return (2 * cents * basis_points + _WHOLE_BP) // (2 * _WHOLE_BP)
