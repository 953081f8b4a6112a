"""A figure of the bench and the table of all of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.pairing import Spread


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        name: what was measured, against what.
        measured: median and spread.
        unit: ``x`` for a ratio.
        at_most: the most that was asked for, or None.
        at_least: the least that was asked for, or None.
    """

    name: str
    measured: Spread
    unit: str = "x"
    at_most: float | None = None
    at_least: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the median is within what was asked for; empty for a figure that is only shown."""
        if self.at_most is None and self.at_least is None:
            return ""
        held = (self.at_most is None or self.measured.median <= self.at_most) and (
            self.at_least is None or self.measured.median >= self.at_least
        )
        return "holds" if held else "FALLS SHORT"

    @property
    def asked(self) -> str:
        """The limit with its unit."""
        if self.at_most is not None:
            return f"<= {self.at_most:g} {self.unit}"
        return "" if self.at_least is None else f">= {self.at_least:g} {self.unit}"

    def cells(self) -> tuple[str, ...]:
        """Name, asked, measured, spread, verdict."""
        low, median, high = (
            significant(value) for value in (self.measured.low, self.measured.median, self.measured.high)
        )
        return (self.name, self.asked, f"{median} {self.unit}", f"{low} to {high}", self.verdict)


def significant(value: float) -> str:
    """Three digits, more before the point where there are more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


HEADINGS = ("figure", "asked", "median", "5 to 95 %", "")
_WIDTHS = (69, 13, 13, 14, 11)


def row(cells: Iterable[str]) -> str:
    """One aligned line; columns are fixed so that each line can be printed when it is known."""
    name, *rest = (f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True))
    return "  ".join((name, *rest)).rstrip()
