"""A figure over the run so far, in bounded memory and on a few characters."""

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
_MOST = 512  # values; more than a wide screen has columns


class History:
    """The values of a figure so far. Where there are too many, two neighbours become their mean.

    Attributes:
        last: the newest value; NaN before there is one.
        highest: of all values; NaN before there is one.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._values: list[float] = []
        self._stride = 1
        self._under_way: list[float] = []
        self.last = math.nan
        self.highest = math.nan

    def add(self, value: float) -> None:
        """The newest value; NaN is a gap."""
        self.last = value
        self.highest = value if math.isnan(self.highest) else max(self.highest, value)
        self._under_way.append(value)
        if len(self._under_way) < self._stride:
            return
        self._values.append(_mean(self._under_way))
        self._under_way.clear()
        if len(self._values) >= self._most:
            self._values = [_mean(self._values[place : place + 2]) for place in range(0, self._most, 2)]
            self._stride *= 2

    def values(self) -> list[float]:
        """From the first to the newest."""
        return [*self._values, _mean(self._under_way)] if self._under_way else self._values


def sparkline(values: Sequence[float], width: int) -> str:
    """``values`` in at most ``width`` characters, each the mean of as many of them as it stands for.

    Heights begin at zero: a rate that wavers by a percent shall look like one. A gap is a space.
    """
    columns = min(width, len(values))
    if columns < 1:
        return ""
    edges = [round(column * len(values) / columns) for column in range(columns + 1)]
    levels = [_mean(values[edges[column] : edges[column + 1]]) for column in range(columns)]
    finite = [level for level in levels if math.isfinite(level)]
    top = max(finite, default=0.0) or 1.0
    return "".join(_block(level / top) for level in levels)


def _block(share: float) -> str:
    if math.isnan(share):
        return " "
    return BLOCKS[round(min(max(share, 0.0), 1.0) * (len(BLOCKS) - 1))]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
