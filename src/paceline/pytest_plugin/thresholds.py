"""Limits as they are written in a marker, in a call or in ``pyproject.toml``."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches

from paceline.core.errors import ConfigurationError
from paceline.judge.thresholds import PerformanceThreshold

_FIELDS = tuple(each.name for each in fields(PerformanceThreshold))


def threshold_from(written: object) -> PerformanceThreshold:
    """The threshold that ``written`` is: one, an expression, a list of expressions, or a mapping of its fields.

    Raises:
        ConfigurationError: it is none of them, or states no limit that exists.
    """
    if isinstance(written, PerformanceThreshold):
        return written
    if isinstance(written, str):
        return PerformanceThreshold(expressions=[written])
    if isinstance(written, Mapping):
        for name in written:
            if name not in _FIELDS:
                close = get_close_matches(str(name), _FIELDS, n=1)
                meant = f": did you mean {close[0]!r}?" if close else f"; known are {', '.join(_FIELDS)}"
                raise ConfigurationError(f"there is no limit {name!r}{meant}")
        return PerformanceThreshold(**written)
    if isinstance(written, Sequence) and not isinstance(written, bytes):
        return PerformanceThreshold(expressions=written)
    raise ConfigurationError(
        "a threshold is an expression such as 'p(95)<100ms', a list of them, or a PerformanceThreshold, "
        f"not {written!r:.100}"
    )


def together(several: Sequence[PerformanceThreshold]) -> PerformanceThreshold:
    """A threshold that holds where all of ``several`` do."""
    if len(several) == 1:
        return several[0]
    # Of a field that several set, the stricter limit implies the other.
    known: dict[str, object] = {}
    for name in _FIELDS:
        if name == "expressions":
            continue
        values = [value for each in several if (value := getattr(each, name)) is not None]
        if values:
            known[name] = max(values) if name.startswith("min_") else min(values)
    expressions = dict.fromkeys(expression for each in several for expression in each.expressions)
    return PerformanceThreshold(**known, expressions=tuple(expressions))  # type: ignore[arg-type]  # by their names
