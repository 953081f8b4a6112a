"""Stored sessions of chosen figures and times."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from paceline.judge.comparison import Comparison, conclude
from paceline.judge.held import Held, hold
from paceline.records.baseline import BaselineSession
from paceline.records.quantities import MEDIAN, Quantity

HERE, ELSEWHERE = "0123456789ab", "ba9876543210"
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
# Ten sessions with a spread of about 1 %, in an order without trend.
STEADY = (1.00, 1.01, 0.99, 1.005, 1.0, 0.985, 1.015, 1.0, 0.995, 1.0)


def at(hours: float) -> str:
    """A moment so long after the first session."""
    return (START + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def session(median: float | None, hours: float = 0.0, **changes: Any) -> BaselineSession:
    """A session with one figure."""
    figures = {"median_time_ms": median} | changes.pop("metrics", {})
    fields = {"session_id": f"s{hours:g}", "saved_at": at(hours), "fingerprint": HERE, "metrics": figures}
    return BaselineSession(**(fields | changes))


def daily(medians: Sequence[float | None] = STEADY, **changes: Any) -> list[BaselineSession]:
    """A session a day."""
    return [session(median, 24.0 * day, **changes) for day, median in enumerate(medians)]


def held(median: float | None, stored: Sequence[BaselineSession], primary: Quantity = MEDIAN, **changes: Any) -> Held:
    """A candidate of the day after."""
    found = hold([session(median, 24.0 * len(stored), **changes)], stored, primary)
    assert found is not None
    return found


def compared(
    median: float | None, stored: Sequence[BaselineSession], primary: Quantity = MEDIAN, **changes: Any
) -> Comparison:
    """By itself."""
    return conclude([held(median, stored, primary, **changes)])[0]
