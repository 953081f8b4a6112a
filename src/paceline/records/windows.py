"""Windows of a time series: what ended within each stretch of some length, exactly as if one had looked only then."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from paceline.records.histogram import Histogram, middles_ns
from paceline.records.latency import Latency
from paceline.records.recorder import Counts
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.stats.summary import Moments

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """A stretch of a run.

    Attributes:
        from_ns: its beginning, from the opening of the run's measured window.
        to_ns: its end.
        alike: how many windows hold the same attempts: this one, and those that begin with the slices after its own.
        counts: how the attempts ended that ended within it.
        latency: of those that ended ok and of timeouts, from the histogram: to 0.1 %, the extremes and the mean too;
            arrivals that were dropped within it count as infinite, as in the whole run.
    """

    from_ns: int
    to_ns: int
    counts: Counts
    latency: Latency
    alike: int = 1


def windows_of(series: TimeSeries, length_ns: int, beyond: int, first: int = 0) -> Iterator[Window]:
    """Every window of ``length_ns`` that begins with a slice, at ``first`` or later, and ends before slice ``beyond``.

    Those that hold the same attempts, as where a server is silent for a day, come as one. None where the length is no
    whole number of slices: a part of a slice cannot be told from the rest of it.
    """
    width, rest = divmod(length_ns, series.interval_ns)
    last = beyond - width
    if rest or width < 1 or last < first:
        return
    sliding = _Sliding(series)
    for piece in series.slices:
        if first <= piece.position < first + width:
            sliding.move(piece.position, 1)
    # A slice is in a window from the one that it ends to the one that it begins.
    changes = {begin for piece in series.slices for begin in (piece.position - width + 1, piece.position + 1)}
    for begin, following in pairwise([first, *sorted(each for each in changes if first < each <= last), last + 1]):
        if begin > first:
            sliding.move(begin - 1, -1)
            sliding.move(begin + width - 1, 1)
        from_ns, to_ns = begin * series.interval_ns, (begin + width) * series.interval_ns
        yield Window(from_ns, to_ns, sliding.counts(), sliding.latency(), following - begin)


class _Sliding:
    """Sums over some slices; a window moves on by adding one and taking one away."""

    def __init__(self, series: TimeSeries) -> None:
        import numpy as np

        self._slices: dict[int, TimeSlice] = {piece.position: piece for piece in series.slices}
        indices = [piece.histogram.indices for piece in series.slices if piece.histogram.count]
        self._lowest = min((int(each[0]) for each in indices), default=0)
        highest = max((int(each[-1]) for each in indices), default=self._lowest)
        self._dense: IntArray = np.zeros(highest - self._lowest + 1, dtype=np.int64)
        self._ended = [0] * 6

    def move(self, position: int, sign: int) -> None:
        """Add the slice at ``position``, or with -1 take it away."""
        piece = self._slices.get(position)
        if piece is None:
            return
        self._dense[piece.histogram.indices - self._lowest] += sign * piece.histogram.counts
        of_piece = (piece.ok, piece.errors, piece.timeouts, piece.hits, piece.misses, piece.dropped)
        self._ended = [before + sign * more for before, more in zip(self._ended, of_piece, strict=True)]

    def counts(self) -> Counts:
        return Counts(*self._ended)

    def latency(self) -> Latency:
        import numpy as np

        dropped = self._ended[-1]
        used = np.flatnonzero(self._dense)
        if not used.size:
            return Latency(samples_ns=None, dropped=dropped)
        counts, indices = self._dense[used], used + self._lowest
        middles = middles_ns(indices)
        moments = Moments(
            count=int(counts.sum()),
            total=round(float(np.dot(middles, counts))),
            minimum=int(middles[0]),
            maximum=int(np.ceil(middles[-1])),
        )
        return Latency(moments, Histogram.of_buckets(indices, counts), None, dropped)
