import pytest

from records_service.pricing import Price, discount_bp, price_of, total


@pytest.mark.parametrize(
    ("quantity", "unit_price_cents", "category", "price"),
    [
        (1, 1_000, "books", Price(1_000, 0, 70)),
        (1, 50, "books", Price(50, 0, 4)),  # 3.5 cents of tax are 4
        (20, 1_000, "hardware", Price(20_000, 1_000, 3_610)),
        (500, 99, "software", Price(49_500, 7_425, 7_994)),
        (1, 0, "food", Price(0, 0, 0)),
    ],
)
def test_price(quantity: int, unit_price_cents: int, category: str, price: Price) -> None:
    assert price_of(quantity, unit_price_cents, category) == price


@pytest.mark.parametrize(("quantity", "discount"), [(1, 0), (19, 0), (20, 500), (99, 500), (100, 1_000), (500, 1_500)])
def test_discount_begins_at_its_number(quantity: int, discount: int) -> None:
    assert discount_bp(quantity) == discount


def test_what_was_rounded_stays_rounded() -> None:
    lines = [price_of(1, 50, "books")] * 100
    assert total(lines).tax_cents == 400  # of the sum it would be 350
    assert total(lines).gross_cents == 5_400


def test_a_category_that_is_none() -> None:
    with pytest.raises(KeyError):
        price_of(1, 1, "weapons")
