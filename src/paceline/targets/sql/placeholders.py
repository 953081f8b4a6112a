"""``:name`` and ``?`` in statements, as the driver at hand writes them (PEP 249, ``paramstyle``)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.targets.sql.text import name_of, tokens

Arguments = tuple[Any, ...] | dict[str, Any] | None

QMARK, NAMED, FORMAT, PYFORMAT, NUMERIC, DOLLAR = "qmark", "named", "format", "pyformat", "numeric", "numeric_dollar"
STYLES = (QMARK, NAMED, FORMAT, PYFORMAT, NUMERIC, DOLLAR)
_PERCENT = frozenset({FORMAT, PYFORMAT})  # in which a percent sign of the statement's own is written twice
_BY_NAME = frozenset({NAMED, PYFORMAT})
_ONCE_EACH = frozenset({NUMERIC, DOLLAR})


@dataclass(frozen=True)
class Compiled:
    """A statement as its driver takes it.

    Attributes:
        text: with the driver's own placeholders.
        names: of the parameters, each once, in the order of their first use.
        by_name: whether the driver takes a mapping.
        order: positions among ``names`` in the order in which a driver that takes a sequence wants them.
    """

    text: str
    names: tuple[str, ...] = ()
    by_name: bool = False
    order: tuple[int, ...] = ()

    def arguments(self, values: Sequence[Any]) -> Arguments:
        """``values`` of the ``names`` as the driver takes them; None where there are none."""
        if not self.names:
            return None
        if self.by_name:
            return dict(zip(self.names, values, strict=True))
        return tuple(values[place] for place in self.order)


def compiled(sql: str, style: str, *, backslashes: bool = False) -> Compiled:
    """``sql`` for a driver whose ``paramstyle`` is ``style``; a ``?`` is called ``1``, ``2`` and so on.

    Raises:
        ConfigurationError: both kinds of placeholders stand in it.
    """
    found = list(_placeholders(sql, backslashes=backslashes))
    if not found:
        return Compiled(sql)
    uses = [name for _, _, name in found]
    names = tuple(dict.fromkeys(uses))
    if len({name.isdecimal() for name in names}) > 1:
        raise ConfigurationError(f"statement: {name_of(sql)!r} has both :name and ?: write one kind")
    write = _writer(style, names)
    escape: Callable[[str], str] = (lambda text: text.replace("%", "%%")) if style in _PERCENT else str
    parts, at = [], 0
    for start, end, name in found:
        parts += [escape(sql[at:start]), write(name)]
        at = end
    order = range(len(names)) if style in _ONCE_EACH else [names.index(name) for name in uses]
    return Compiled("".join([*parts, escape(sql[at:])]), names, style in _BY_NAME, tuple(order))


def _writer(style: str, names: Sequence[str]) -> Callable[[str], str]:
    writers: Mapping[str, Callable[[str], str]] = {
        QMARK: lambda _: "?",
        FORMAT: lambda _: "%s",
        NAMED: lambda name: f":p{name}" if name.isdecimal() else f":{name}",
        PYFORMAT: lambda name: f"%({name})s",
        NUMERIC: lambda name: f":{names.index(name) + 1}",
        DOLLAR: lambda name: f"${names.index(name) + 1}",
    }
    return writers[style]


def _placeholders(sql: str, *, backslashes: bool) -> Iterator[tuple[int, int, str]]:
    """Where each begins and ends, and its name."""
    count = 0
    found = list(tokens(sql, backslashes=backslashes))
    for token, then in zip(found, [*found[1:], None], strict=True):
        before = sql[token.start - 1 : token.start]
        if token.quoted:
            continue
        if token.text == "?":
            count += 1
            yield token.start, token.start + 1, str(count)
        elif (
            token.text == ":"
            and then is not None
            and not then.quoted
            and then.start == token.start + 1
            and then.text[0] not in ":?=0123456789"
            and (then.text[0].isalpha() or then.text[0] == "_")
            # ``::type`` is a cast, ``[a:b]`` a slice.
            and not (before == ":" or before.isalnum() or before == "_")
        ):
            yield token.start, then.start + len(then.text), then.text
