"""Sessions for histories, as results would leave them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from paceline.core.clock import utc_text
from paceline.records.history import HistorySession
from paceline.records.quantities import QUANTITIES

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def session(number: int = 0, test: str = "checkout", value: float | None = 1e6, **changes: Any) -> HistorySession:
    """Session ``number`` of ``test``, a day after the one before; every figure is ``value``."""
    options: dict[str, Any] = {
        "session_id": f"{test}-{changes.get('branch', 'main')}-{number}",
        "test": test,
        "started_at": utc_text(FIRST + timedelta(days=number)),
        "branch": "main",
        "commit": f"commit{number}",
        "machine": "e898e3121028",
        "machine_facts": '{"cpu_count":2,"cpu_model":"Example CPU","python":"CPython 3.11.7"}',
        "definition": "584cc9cc",
        "definition_facts": '{"iterations":50}',
        "status": "passed",
        "doubts": "",
        "values": dict.fromkeys(QUANTITIES, value),
    }
    return HistorySession(**{**options, **changes})
