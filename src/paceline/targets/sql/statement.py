"""A statement, and what its parameters are drawn from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.targets.sql.text import name_of
from paceline.workload.keys import KeyPattern

Row = Mapping[str, Any] | Sequence[Any]
Parameters = Mapping[str, Any] | Sequence[Any] | Callable[[], Iterable[Row]]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A parameter that is another number each time.

    Attributes:
        pattern: ``Uniform(1000)``, ``Sequential(1000)``, ``Gaussian(1000)`` or ``Zipf(1000)``.
        first: the number that the pattern's first key stands for; keys of tables mostly begin at 1.

    Raises:
        ConfigurationError: one of them is something else.
    """

    pattern: KeyPattern
    first: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, KeyPattern):
            raise ConfigurationError(
                f"a parameter is drawn from Uniform, Sequential, Gaussian or Zipf, not {self.pattern!r}"
            )
        if isinstance(self.first, bool) or not isinstance(self.first, int):
            raise ConfigurationError(f"first must be a whole number, not {self.first!r}")


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """One of several statements of a :class:`SqlTarget`.

    Attributes:
        text: parameters stand in it as ``:name`` or ``?``.
        parameters: by name, or in order: values, patterns (drawn from 1) or :class:`Drawn`; or a function that gives
            rows of them. None: those of the target.
        weight: how often, compared with the others; means nothing in a transaction.
        name: in the report; the statement itself where there is none.

    Raises:
        ConfigurationError: one of them cannot be used; the text names it.
    """

    text: str
    parameters: Parameters | None = field(default=None, repr=False)
    _: KW_ONLY
    weight: float = 1.0
    name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise ConfigurationError(f"statement must be a text that is not empty, not {self.text!r}")
        if "\0" in self.text:
            raise ConfigurationError("statement must not hold a zero character")
        weight = self.weight
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
            raise ConfigurationError(f"weight must be a number above 0, not {weight!r}")
        if not isinstance(self.name, str):
            raise ConfigurationError(f"name must be a text, not {self.name!r}")
        checked_parameters(self.parameters)

    @property
    def shown(self) -> str:
        """Its name in the report."""
        return self.name or name_of(self.text)


def checked_parameters(parameters: object) -> None:
    """That ``parameters`` are of a form that is known.

    Raises:
        ConfigurationError: they are not.
    """
    if parameters is None or callable(parameters):
        return
    if isinstance(parameters, Mapping) and all(isinstance(name, str) for name in parameters):
        return
    if isinstance(parameters, Sequence) and not isinstance(parameters, str | bytes | bytearray):
        return
    raise ConfigurationError(
        f"parameters must be a mapping such as {{'id': 7}}, a sequence for ?, or a function that gives such rows, "
        f"not {type(parameters).__name__}"
    )
