"""Records that look like real ones and are the same each time: for a first look, and for the performance suite."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from records_service.model import NewRecord
from records_service.pricing import CATEGORIES

FIRST_DAY, LAST_DAY = date(2025, 1, 1), date(2026, 12, 31)
_WORDS = (
    *("urgent", "late", "early", "partial", "replacement", "delivery", "invoice", "reminder", "gift", "return"),
    *("express", "fragile", "heavy", "warehouse", "counter", "online", "phone", "partner", "renewal", "trial"),
)
_CUSTOMERS = 500


def sales(count: int, seed: int = 1) -> Iterator[NewRecord]:
    """``count`` sales over two years; many small ones, a few large ones."""
    random = Random(seed)  # noqa: S311  # no secrets
    days = (LAST_DAY - FIRST_DAY).days + 1
    for _ in range(count):
        yield NewRecord(
            customer_id=1 + min(int(random.expovariate(5 / _CUSTOMERS)), _CUSTOMERS - 1),
            category=random.choice(CATEGORIES),
            quantity=max(1, round(random.lognormvariate(1.5, 1.4))),
            unit_price_cents=random.randrange(99, 50_000),
            created_on=FIRST_DAY + timedelta(days=random.randrange(days)),
            note=" ".join(random.choices(_WORDS, k=random.randrange(3, 12))),
        )
