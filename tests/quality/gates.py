"""A figure that must hold: what was counted, the bound that follows, and the limit it has to keep."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from paceline.stats.intervals import proportion_interval

BOUND_TAIL = 0.05  # a rate is gated by its one-sided 95 % Clopper-Pearson bound


@dataclass(frozen=True)
class Gate:
    """One line of the table.

    Attributes:
        name: which gate.
        case: which simulated world.
        seen: the figure, as text.
        limit: what it must keep, as text.
        holds: whether it does; None for a figure that is only shown.
    """

    name: str
    case: str
    seen: str
    limit: str
    holds: bool | None


def at_most(name: str, case: str, hits: int, trials: int, limit: float) -> Gate:
    """A rate whose upper bound may not pass ``limit``."""
    bound = proportion_interval(hits, trials, BOUND_TAIL).high
    seen = f"{hits:,} of {trials:,} = {hits / trials:.2%}, at most {bound:.2%}"
    return Gate(name, case, seen, f"<= {limit:.1%}", bound <= limit)


def at_least(name: str, case: str, hits: int, trials: int, limit: float) -> Gate:
    """A rate whose lower bound may not fall below ``limit``."""
    bound = proportion_interval(hits, trials, BOUND_TAIL).low
    seen = f"{hits:,} of {trials:,} = {hits / trials:.2%}, at least {bound:.2%}"
    return Gate(name, case, seen, f">= {limit:.1%}", bound >= limit)


def within(name: str, case: str, value: float, low: float, high: float, form: str = ".2%") -> Gate:
    """A figure that has to lie between two others."""
    return Gate(name, case, format(value, form), f"{low:{form}} to {high:{form}}", low <= value <= high)


def shown(name: str, case: str, seen: str) -> Gate:
    """A figure that nothing depends on."""
    return Gate(name, case, seen, "shown", None)


def table(gates: Iterable[Gate]) -> str:
    """Aligned columns, a mark for each line."""
    rows = [(gate.name, gate.case, gate.seen, gate.limit, _MARK[gate.holds]) for gate in gates]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    return "\n".join(
        "  ".join((*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1])).rstrip()
        for row in rows
    )


def failed(gates: Sequence[Gate]) -> list[Gate]:
    """Those that do not hold."""
    return [gate for gate in gates if gate.holds is False]


_MARK = {True: "holds", False: "FAILS", None: ""}
