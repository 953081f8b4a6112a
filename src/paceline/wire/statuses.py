"""Which statuses count as ok: those below 400, unless others are expected."""

from collections.abc import Collection

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact

_FIRST_ERROR = 400


def statuses(expect: int | Collection[int] | None) -> frozenset[int] | None:
    """``expect`` as a set.

    Raises:
        ConfigurationError: it holds anything but statuses.
    """
    if expect is None:
        return None
    values = (expect,) if isinstance(expect, int) else expect
    try:
        found = frozenset(values)
    except TypeError:
        found = frozenset()
    if not found or not all(isinstance(value, int) and 100 <= value <= 599 for value in found):  # noqa: PLR2004
        raise ConfigurationError(f"expect must be a status such as 404, or several, not {redact(repr(expect))}")
    return found


def is_ok(status: int, expect: frozenset[int] | None) -> bool:
    """Whether an answer of ``status`` counts as ok."""
    return status < _FIRST_ERROR if expect is None else status in expect


def unexpected(status: int, expect: frozenset[int] | None) -> str:
    """What there is to say of an answer whose ``status`` is not ok."""
    expected = "" if expect is None else f", expected {' or '.join(map(str, sorted(expect)))}"
    return f"HTTP {status}{expected}"
