"""A latency distribution that is collected piece by piece."""

from typing import TYPE_CHECKING

from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.stats.summary import Moments, moments_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

# Values, and histograms of so many. Merging costs the same for few as for many, and a generator waits meanwhile.
_PIECE = 4_096
_MOST_PIECES = 64


class Distribution:
    """Collects a latency distribution piece by piece."""

    def __init__(self) -> None:
        self._moments = Moments()
        self._pieces: list[Histogram] = []
        self._values_ns: list[IntArray] = []
        self._waiting = 0

    def add(self, values_ns: "IntArray") -> None:
        """Take an int64 array of values >= 0."""
        self._values_ns.append(values_ns)
        self._waiting += len(values_ns)
        if self._waiting >= _PIECE:
            self._take_up()

    def _take_up(self) -> None:
        import numpy as np

        values_ns = np.concatenate(self._values_ns)
        self._values_ns, self._waiting = [], 0
        self._moments = self._moments.merge(moments_of(values_ns))
        self._pieces.append(Histogram.of(values_ns))
        if len(self._pieces) >= _MOST_PIECES:
            self._pieces = [Histogram.merged(self._pieces)]

    def copy(self) -> "Distribution":
        """One that has collected the same and goes its own way."""
        copied = Distribution()
        copied._moments, copied._waiting = self._moments, self._waiting  # of the same class
        copied._pieces, copied._values_ns = [*self._pieces], [*self._values_ns]
        return copied

    @property
    def latency(self) -> Latency:
        """All that was added; the values themselves are not kept."""
        if self._waiting:
            self._take_up()
        return Latency(self._moments, Histogram.merged(self._pieces), None)
