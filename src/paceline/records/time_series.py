"""What happened when: counts and latencies per interval of the run."""

from bisect import bisect_left
from dataclasses import dataclass, field, replace

from paceline.core.errors import ConfigurationError
from paceline.records.histogram import Histogram

FINEST_INTERVAL_NS = 100_000_000
COARSENING = 10
_FINE_SLICES = 100  # 10 s at 100 ms, then intervals of 1 s
FINE_NS = FINEST_INTERVAL_NS * _FINE_SLICES  # a longer run has none of them in the end
MOST_SLICES = 3_600  # an hour at 1 s, then intervals of 10 s, ...


@dataclass(frozen=True)
class TimeSlice:
    """One interval; an attempt belongs to the interval it ended in.

    Attributes:
        position: number of the interval, from 0.
        ok: attempts that ended ok.
        errors: attempts that ended in an error.
        timeouts: attempts that ended in a timeout.
        histogram: latencies of ok attempts and timeouts.
        hits: of those that ended ok, the reads of a cache that found something.
        misses: likewise, those that did not.
        dropped: arrivals that were not made into attempts; they belong to the interval in which that was decided.
    """

    position: int
    ok: int = 0
    errors: int = 0
    timeouts: int = 0
    histogram: Histogram = field(default_factory=Histogram)
    hits: int = 0
    misses: int = 0
    dropped: int = 0

    def merge(self, other: "TimeSlice", position: int) -> "TimeSlice":
        """Both together, as interval ``position``."""
        return TimeSlice(
            position=position,
            ok=self.ok + other.ok,
            errors=self.errors + other.errors,
            timeouts=self.timeouts + other.timeouts,
            histogram=Histogram.merged((self.histogram, other.histogram)),
            hits=self.hits + other.hits,
            misses=self.misses + other.misses,
            dropped=self.dropped + other.dropped,
        )


@dataclass(frozen=True)
class TimeSeries:
    """Slices in time order; an interval without attempts has none.

    Attributes:
        interval_ns: width of an interval, 100 ms times a power of ten.
        slices: ascending by position.
    """

    interval_ns: int = FINEST_INTERVAL_NS
    slices: tuple[TimeSlice, ...] = ()

    def merge(self, other: "TimeSeries") -> "TimeSeries":
        """Both together, at the coarser interval of the two; exact.

        Raises:
            ConfigurationError: neither interval is a multiple of the other by powers of ten.
        """
        fine, coarse = sorted((self, other), key=lambda series: series.interval_ns)
        while fine.interval_ns < coarse.interval_ns:
            fine = fine.coarser()
        if fine.interval_ns != coarse.interval_ns:
            raise ConfigurationError(
                f"series of {self.interval_ns} ns and {other.interval_ns} ns an interval cannot be merged"
            )
        # What lies before the first of the later ones stays as it is: a stretch is merged at each fold, and
        # looking at every slice of an hour each time would cost more than the fold.
        early, late = sorted((fine.slices, coarse.slices), key=lambda slices: slices[0].position if slices else 0)
        untouched = bisect_left(early, late[0].position if late else 0, key=lambda piece: piece.position)
        merged = _merge_equal_positions((*early[untouched:], *late), 1)
        return TimeSeries(coarse.interval_ns, (*early[:untouched], *merged))

    def coarser(self) -> "TimeSeries":
        """The same with intervals ten times as wide."""
        return TimeSeries(self.interval_ns * COARSENING, _merge_equal_positions(self.slices, COARSENING))

    def bounded(self) -> "TimeSeries":
        """As fine as memory allows: 100 ms under 10 s, 1 s up to an hour, then coarser."""
        series = self
        while series.slices and series.slices[-1].position >= (
            _FINE_SLICES if series.interval_ns == FINEST_INTERVAL_NS else MOST_SLICES
        ):
            series = series.coarser()
        return series


def _merge_equal_positions(slices: tuple[TimeSlice, ...], factor: int) -> tuple[TimeSlice, ...]:
    merged: dict[int, TimeSlice] = {}
    for piece in slices:
        position = piece.position // factor
        earlier = merged.get(position)
        merged[position] = replace(piece, position=position) if earlier is None else earlier.merge(piece, position)
    return tuple(merged[position] for position in sorted(merged))
