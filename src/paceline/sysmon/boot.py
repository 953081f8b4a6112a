"""When this machine was started: sessions with a reboot between them are further apart than their hours say."""

from datetime import UTC, datetime
from functools import cache

from paceline.core.clock import utc_text


@cache
def booted_at() -> str | None:
    """ISO 8601, UTC; None where the machine does not tell."""
    import psutil

    try:
        return utc_text(datetime.fromtimestamp(psutil.boot_time(), UTC))
    except (OSError, RuntimeError, ValueError, OverflowError):  # a container without /proc/stat, or nonsense in it
        return None
