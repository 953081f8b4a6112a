"""What parameters are drawn from: values, patterns, columns of rows, a function's rows. Without end, each call anew."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice, repeat
from typing import Any, TypeVar

from paceline.core.errors import ConfigurationError
from paceline.targets.rows import Values
from paceline.targets.sql.statement import Drawn, Parameters
from paceline.workload.keys import KeyPattern, endless
from paceline.workload.legs import WHOLE, Leg
from paceline.workload.models import MOST_SEED

_T = TypeVar("_T")
_STEP_OF_SEEDS = 1_000_003
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


def every_of(values: Iterator[_T], leg: Leg) -> Iterator[_T]:
    """Those of ``values`` that are ``leg``'s; the others are drawn all the same, so that together they are all."""
    return values if leg.of == 1 else islice(values, leg.number, None, leg.of)


def names_of(parameters: Parameters | None) -> set[str]:
    """The names; none of a function, whose rows tell."""
    if isinstance(parameters, Mapping):
        return set(parameters)
    if isinstance(parameters, Sequence):
        return {str(place) for place in range(1, len(parameters) + 1)}
    return set()


def varies(parameters: Parameters | None) -> bool:
    """Whether they may be others in the next attempt."""
    if callable(parameters):
        return True
    values: Any = parameters.values() if isinstance(parameters, Mapping) else parameters or ()
    return any(isinstance(value, Drawn | KeyPattern) for value in values)


def columns(
    parameters: Parameters | None, rows: Values, seed: int, *, typed: bool, leg: Leg = WHOLE
) -> dict[str, Iterator[Any]]:
    """Values by name, all columns of ``rows`` among them; those of a function are not.

    Args:
        parameters: as they were given.
        rows: taken in turn.
        seed: of what is drawn.
        typed: whether columns of whole numbers are numbers.
        leg: whose values of all these they are.
    """
    header = tuple(rows[0]) if rows else ()
    found: dict[str, Iterator[Any]] = {name: every_of(cycle(_column(rows, name, typed=typed)), leg) for name in header}
    if not callable(parameters):
        for place, (name, value) in enumerate(_items(parameters)):
            found[name] = _values(value, (seed + _STEP_OF_SEEDS * place) % (MOST_SEED + 1), leg)
    return found


def mappings(
    parameters: Parameters | None, rows: Values, seed: int, *, typed: bool, leg: Leg = WHOLE
) -> Iterator[Mapping[str, Any]]:
    """The same in one mapping an attempt, those of a function too; arguments are those of :func:`columns`."""
    found = columns(parameters, rows, seed, typed=typed, leg=leg)
    names, drawn = tuple(found), zip(*found.values(), strict=True) if found else repeat(())
    by_name = (dict(zip(names, values, strict=True)) for values in drawn)
    if not callable(parameters):
        return by_name
    given = (_by_name(row) for row in every_of(iter(parameters()), leg))
    return ({**values, **own} for own, values in zip(given, by_name, strict=False))


def _items(parameters: Mapping[str, Any] | Sequence[Any] | None) -> Iterator[tuple[str, Any]]:
    if isinstance(parameters, Mapping):
        yield from parameters.items()
    else:
        yield from ((str(place), value) for place, value in enumerate(parameters or (), start=1))


def _values(value: object, seed: int, leg: Leg) -> Iterator[Any]:
    if isinstance(value, KeyPattern):
        value = Drawn(value)
    if isinstance(value, Drawn):
        return map(value.first.__add__, endless(value.pattern, seed, leg))
    return repeat(value)


def _column(rows: Values, name: str, *, typed: bool) -> list[Any]:
    texts: list[Any] = [row[name] for row in rows]
    told = [text for text in texts if text is not None]
    if not typed or not all(isinstance(text, str) and _WHOLE.fullmatch(text) for text in told):
        return texts
    return [None if text is None else int(text) for text in texts]


def _by_name(row: object) -> Mapping[str, Any]:
    if isinstance(row, Mapping):
        return row
    if isinstance(row, Sequence) and not isinstance(row, str | bytes | bytearray):
        return dict(_items(row))
    raise ConfigurationError(f"parameters: the function gave {type(row).__name__}, not a mapping or a sequence")
