"""The recorder: folds stamps into moments, histogram and time series, in bounded memory."""

import copy
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paceline.core.units import NS_PER_S
from paceline.records.distribution import Distribution
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.outcome import AttemptEnd
from paceline.records.stamps import Stamps
from paceline.records.time_series import TimeSeries, TimeSlice
from paceline.stats.summary import Moments, moments_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

SAMPLE_LIMIT = 100_000
# Comparing an array with a member of an enumeration takes five times as long.
_ERROR, _HIT, _MISS = int(AttemptEnd.ERROR), int(AttemptEnd.HIT), int(AttemptEnd.MISS)


@dataclass(frozen=True, slots=True)
class Counts:
    """How attempts ended. ``hits`` and ``misses`` are part of ``ok``; what was ``dropped`` never was an attempt."""

    ok: int = 0
    errors: int = 0
    timeouts: int = 0
    hits: int = 0
    misses: int = 0
    dropped: int = 0

    def __reduce__(self) -> "tuple[type[Counts], tuple[int, ...]]":
        """To be pickled in a fifth of the time that a frozen class with slots takes by itself."""
        return Counts, (self.ok, self.errors, self.timeouts, self.hits, self.misses, self.dropped)

    @property
    def attempts(self) -> int:
        """All of them."""
        return self.ok + self.errors + self.timeouts

    def merge(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(
            ok=self.ok + other.ok,
            errors=self.errors + other.errors,
            timeouts=self.timeouts + other.timeouts,
            hits=self.hits + other.hits,
            misses=self.misses + other.misses,
            dropped=self.dropped + other.dropped,
        )


class Recorder:
    """Folds the stamps of all workers of a run; not thread-safe, the engine serialises.

    Memory is bounded: raw samples are kept up to ``sample_limit`` and dropped beyond it, the time series
    coarsens as the run grows, histograms have at most as many buckets as there are in use.

    Args:
        origin_s: clock reading at the start of the measured window.
        workers: how many fold into it; that many latest attempts are remembered for :meth:`work_until`.
        calls_per_sample: what a batch that ended ok counts for; one that did not counts once.
        timeout_s: what lasts this long or longer is a timeout.
        sample_limit: raw samples to keep; 0 keeps none.
    """

    def __init__(
        self,
        origin_s: float,
        *,
        workers: int = 1,
        calls_per_sample: int = 1,
        timeout_s: float | None = None,
        sample_limit: int = SAMPLE_LIMIT,
    ) -> None:
        self._origin_s = origin_s
        self._workers = workers
        self._calls_per_sample = calls_per_sample
        self._timeout_ns = None if timeout_s is None else round(timeout_s * NS_PER_S)
        self._sample_limit = sample_limit
        self._samples: list[IntArray] | None = []
        self._moments = Moments()
        self._series = TimeSeries()
        self._hits, self._misses = Distribution(), Distribution()
        self._latest_ok: list[tuple[float, float]] = []
        self.counts = Counts()
        self.last_start_s = origin_s
        self.last_end_s = origin_s

    def fold(self, stamps: Stamps) -> None:
        """Take the complete attempts of ``stamps``, which must be in the order they ended."""
        for _ in self.folding(stamps):
            pass

    def folding(self, stamps: Stamps) -> Iterator[None]:
        """The same in steps of some 50 us for 1,300 attempts. Nothing of ``stamps`` counts before the last."""
        import numpy as np

        complete = len(stamps)
        if not complete:
            return
        starts_s = floats(stamps.starts_s[:complete])
        ends_s = floats(stamps.ends_s[:complete])
        ends = ends_of(stamps, complete)
        durations_ns = np.rint((ends_s - starts_s) * NS_PER_S).astype(np.int64)
        # A clock that steps back would make a duration negative: nothing takes less than no time.
        np.maximum(durations_ns, 0, out=durations_ns)
        if self._timeout_ns is not None:
            # Also what came back too late to be stopped did not answer in time.
            ends[(durations_ns >= self._timeout_ns) & (ends != _ERROR)] = AttemptEnd.TIMEOUT
        counted_ns = _answered(durations_ns, ends)
        counted = self._count(ends).merge(Counts(ok=stamps.untimed_ok))
        folded = moments_of(counted_ns)
        yield
        slices = self._slices(ends_s, ends, durations_ns)
        yield
        counts = self.counts.merge(counted)
        moments = self._moments.merge(folded)
        series = self._series.merge(slices).bounded()
        ok = slice(None) if not ends.any() else ends < _ERROR
        latest = zip(ends_s[ok][-self._workers :].tolist(), starts_s[ok][-self._workers :].tolist(), strict=True)
        # All computed; nothing below can be interrupted half-way by more than a few assignments.
        self._latest_ok = sorted([*self._latest_ok, *latest])[-self._workers :]
        self.last_start_s = max(self.last_start_s, float(starts_s.max()))
        self.last_end_s = max(self.last_end_s, float(ends_s.max()))
        self.counts, self._moments, self._series = counts, moments, series
        self._keep(counted_ns)
        if counted.hits or counted.misses:
            self._hits.add(durations_ns[ends == _HIT])
            self._misses.add(durations_ns[ends == _MISS])

    def _count(self, ends: "NDArray[np.int8]") -> Counts:
        import numpy as np

        if not ends.any():
            return Counts(ok=self._calls_per_sample * len(ends))
        by_end = np.bincount(ends, minlength=len(AttemptEnd)).tolist()
        return Counts(
            ok=self._calls_per_sample * (by_end[AttemptEnd.OK] + by_end[AttemptEnd.HIT] + by_end[AttemptEnd.MISS]),
            errors=by_end[AttemptEnd.ERROR],
            timeouts=by_end[AttemptEnd.TIMEOUT],
            hits=by_end[AttemptEnd.HIT],
            misses=by_end[AttemptEnd.MISS],
        )

    def _keep(self, samples_ns: "IntArray") -> None:
        if self._samples is None:
            return
        self._samples.append(samples_ns)
        if self._moments.count > self._sample_limit:
            self._samples = None

    def _slices(self, ends_s: "FloatArray", ends: "NDArray[np.int8]", durations_ns: "IntArray") -> TimeSeries:
        """The stretch as a series of its own, at the interval the whole has by now."""
        import numpy as np

        first, last = self._positions(np.array([ends_s.min(), ends_s.max()])).tolist()
        begins, positions = [0], [first]
        if first < last:
            # Dearer than all the rest of the fold, and fast attempts, where that counts, seldom come here.
            every = self._positions(ends_s)
            np.maximum.accumulate(every, out=every)
            begins += (np.flatnonzero(np.diff(every)) + 1).tolist()
            positions = every[begins].tolist()
        slices = []
        for position, begin, beyond in zip(positions, begins, [*begins[1:], len(ends)], strict=True):
            piece = ends[begin:beyond]
            counts = self._count(piece)
            slices.append(
                TimeSlice(
                    position=position,
                    ok=counts.ok,
                    errors=counts.errors,
                    timeouts=counts.timeouts,
                    histogram=Histogram.of(_answered(durations_ns[begin:beyond], piece)),
                    hits=counts.hits,
                    misses=counts.misses,
                )
            )
        return TimeSeries(self._series.interval_ns, tuple(slices))

    def _positions(self, ends_s: "FloatArray") -> "IntArray":
        """The interval that each end falls into.

        In integers: 1.0 s // 0.1 s is 9 in floats, and an end on a border must fall the same way at any interval.
        """
        import numpy as np

        offsets_ns = np.rint((ends_s - self._origin_s) * NS_PER_S).astype(np.int64)
        return np.maximum(offsets_ns, 0) // self._series.interval_ns

    def drop(self, moments_s: Sequence[float]) -> None:
        """Arrivals were dropped instead of attempted, each at one of these clock readings."""
        import numpy as np

        positions, counts = np.unique(self._positions(floats(moments_s)), return_counts=True)
        slices = tuple(
            TimeSlice(position, dropped=count)
            for position, count in zip(positions.tolist(), counts.tolist(), strict=True)
        )
        self._series = self._series.merge(TimeSeries(self._series.interval_ns, slices)).bounded()
        self.counts = self.counts.merge(Counts(dropped=len(moments_s)))

    def copy(self) -> "Recorder":
        """A recorder that has seen the same and goes its own way."""
        copied = copy.copy(self)  # all but these is never changed in place
        copied._samples = None if self._samples is None else [*self._samples]  # noqa: SLF001  # of the same class
        copied._hits, copied._misses = self._hits.copy(), self._misses.copy()  # noqa: SLF001
        return copied

    def work_until(self, moment_s: float) -> float:
        """Ok attempts' worth of work done by ``moment_s``: each counts by the share of its time before it.

        Whole attempts only would be too few by up to one a worker: at the moment the last piece of work is
        handed out, the others are at any point of theirs. Exact as long as no worker ended more than one
        attempt after it, which holds for the end of the window: a worker starts nothing after that.
        """
        undone = (
            min((end_s - moment_s) / (end_s - start_s), 1.0)
            for end_s, start_s in self._latest_ok
            if end_s > max(moment_s, start_s)
        )
        return self.counts.ok - sum(undone)

    @property
    def latency(self) -> Latency:
        """The distribution so far."""
        samples = None
        if self._samples is not None:
            samples = tuple(value for part in self._samples for value in part.tolist())
        return Latency(
            moments=self._moments,
            histogram=Histogram.merged(piece.histogram for piece in self._series.slices),
            samples_ns=samples,
            dropped=self.counts.dropped,
        )

    @property
    def moments(self) -> Moments:
        """Of all latencies so far."""
        return self._moments

    @property
    def hits(self) -> Latency:
        """Of the attempts that were hits of a cache."""
        return self._hits.latency

    @property
    def misses(self) -> Latency:
        """Of those that were misses."""
        return self._misses.latency

    @property
    def series(self) -> TimeSeries:
        """The time series so far."""
        return self._series


def _answered(durations_ns: "IntArray", ends: "NDArray[np.int8]") -> "IntArray":
    """Without the attempts that ended in an error; mostly there are none, and nothing is copied."""
    return durations_ns[ends != _ERROR] if ends.any() else durations_ns


def ends_of(stamps: Stamps, complete: int) -> "NDArray[np.int8]":
    """How each of the first ``complete`` attempts ended."""
    import numpy as np

    ends = np.full(complete, int(stamps.usual), dtype=np.int8)
    marks = np.frombuffer(bytes(stamps.marks), dtype=np.int8)  # a list of enumeration members takes numpy much longer
    positions = np.array(stamps.marked, dtype=np.int64)
    both = min(len(marks), len(positions))
    if both:
        marks, positions = marks[:both], positions[:both]
        within = positions < complete
        ends[positions[within]] = marks[within]
    return ends


def floats(values: Sequence[float]) -> "FloatArray":
    """``np.array(values)`` at a third of its cost, which was half of a fold: ``struct`` expects nothing but floats."""
    import numpy as np

    return np.frombuffer(packed(values))


def packed(values: Sequence[float]) -> "array[float]":
    """``values`` in 8 bytes each; what is packed already stays as it is."""
    return values if isinstance(values, array) else array("d", struct.pack(f"{len(values)}d", *values))
