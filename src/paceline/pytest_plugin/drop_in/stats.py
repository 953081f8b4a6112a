"""What the rounds of a benchmark came to, in seconds a call, under the names that suites ask for."""

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cached_property

_FENCE = 1.5  # interquartile ranges beyond the quartiles: Tukey's, what is further out is an outlier
_FIELDS = (
    "min", "max", "mean", "stddev", "rounds", "median", "iqr", "q1", "q3", "iqr_outliers", "stddev_outliers",
    "outliers", "ld15iqr", "hd15iqr", "ops", "total",
)  # fmt: skip


class Stats:
    """Figures over rounds. Everything is in seconds a call, but ``ops`` (calls a second) and what counts rounds.

    Attributes:
        data: of each round its duration divided by its calls.
    """

    def __init__(self, data: Sequence[float] = (), *, iterations: int = 1) -> None:
        self.data = list(data)
        self._iterations = iterations

    def __bool__(self) -> bool:
        """Whether anything was measured."""
        return bool(self.data)

    def as_dict(self) -> dict[str, object]:
        """The figures by their names, as pytest-benchmark's files have them."""
        return {name: getattr(self, name) for name in _FIELDS}

    @cached_property
    def sorted_data(self) -> list[float]:
        """The data in ascending order."""
        return sorted(self.data)

    @cached_property
    def total(self) -> float:
        """Of all rounds."""
        return sum(self.data)

    @cached_property
    def min(self) -> float:
        """The shortest."""
        return self.sorted_data[0]

    @cached_property
    def max(self) -> float:
        """The longest."""
        return self.sorted_data[-1]

    @cached_property
    def mean(self) -> float:
        """The mean."""
        return statistics.fmean(self.data)

    @cached_property
    def stddev(self) -> float:
        """The standard deviation of the sample; 0 of one round."""
        return statistics.stdev(self.data) if len(self.data) > 1 else 0.0

    @cached_property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.data)

    @cached_property
    def rounds(self) -> int:
        """How many there were."""
        return len(self.data)

    @cached_property
    def q1(self) -> float:
        """The first quartile, as pytest-benchmark computes it."""
        return self._quartile(upper=False)

    @cached_property
    def q3(self) -> float:
        """The third quartile, likewise."""
        return self._quartile(upper=True)

    @cached_property
    def iqr(self) -> float:
        """Between the quartiles."""
        return self.q3 - self.q1

    @cached_property
    def ld15iqr(self) -> float:
        """The lowest round within Tukey's fence."""
        return self.sorted_data[bisect_left(self.sorted_data, self.q1 - _FENCE * self.iqr)]

    @cached_property
    def hd15iqr(self) -> float:
        """The highest round within Tukey's fence."""
        return self.sorted_data[bisect_right(self.sorted_data, self.q3 + _FENCE * self.iqr) - 1]

    @cached_property
    def iqr_outliers(self) -> int:
        """Rounds beyond Tukey's fence."""
        return self._beyond(self.q1 - _FENCE * self.iqr, self.q3 + _FENCE * self.iqr)

    @cached_property
    def stddev_outliers(self) -> int:
        """Rounds further from the mean than a standard deviation."""
        return self._beyond(self.mean - self.stddev, self.mean + self.stddev)

    @property
    def outliers(self) -> str:
        """Both counts: ``2;3``."""
        return f"{self.stddev_outliers};{self.iqr_outliers}"

    @cached_property
    def ops(self) -> float:
        """Calls a second; 0 where no time passed."""
        return self.rounds / self.total if self.total else 0.0

    def percentile(self, percent: float) -> float | None:
        """Of the calls, interpolated (type 7); None where a round had several, whose means have other percentiles.

        Args:
            percent: from 0 to 100.
        """
        if self._iterations > 1 or not self.data:
            return None
        position = (len(self.data) - 1) * percent / 100
        below = int(position)
        low, high = self.sorted_data[below], self.sorted_data[min(below + 1, len(self.data) - 1)]
        return low + (high - low) * (position - below)

    @property
    def p90(self) -> float | None:
        """The 90th percentile."""
        return self.percentile(90)

    @property
    def p95(self) -> float | None:
        """The 95th percentile."""
        return self.percentile(95)

    @property
    def p99(self) -> float | None:
        """The 99th percentile."""
        return self.percentile(99)

    def _quartile(self, *, upper: bool) -> float:
        """The median of a half; of an odd number the weighted form (method 3 of the Wikipedia article "Quartile")."""
        data, count = self.sorted_data, len(self.data)
        if count == 1:
            return data[0]
        whole, rest = divmod(count, 4)
        if count % 2 == 0:
            return statistics.median(data[count // 2 :] if upper else data[: count // 2])
        if rest == 1:
            place, weight = (3 * whole, 0.75) if upper else (whole - 1, 0.25)
        else:
            place, weight = (3 * whole + 1, 0.25) if upper else (whole, 0.75)
        return weight * data[place] + (1 - weight) * data[place + 1]

    def _beyond(self, low: float, high: float) -> int:
        return sum(value < low or value > high for value in self.data)
