"""What differs between installations: read once from the environment, handed on as a value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """How one process of the service runs.

    Attributes:
        database: SQLite file.
        cache: ``memory:``, or a URL of a Valkey such as ``valkey://localhost:6379/0`` or ``unix:///run/valkey.sock``.
        record_ttl_s: how long a record may be served from the cache.
        report_ttl_s: the same of a report; a write makes all reports new at once.
        most_per_page: records in a page at most.
    """

    database: Path
    cache: str = "memory:"
    record_ttl_s: float = 60.0
    report_ttl_s: float = 300.0
    most_per_page: int = 200


def settings_from(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings that ``RECORDS_DATABASE`` and ``RECORDS_CACHE`` make."""
    return Settings(
        database=Path(environment.get("RECORDS_DATABASE", "records.sqlite3")),
        cache=environment.get("RECORDS_CACHE", "memory:"),
    )
