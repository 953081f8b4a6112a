"""What several runs have told of themselves piece by piece, put together as it comes: each piece is looked at once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from paceline.records.histogram import Histogram
from paceline.records.increments import Increment, Path, with_histograms
from paceline.records.merging import legs_merged
from paceline.records.recorder import SAMPLE_LIMIT, Counts
from paceline.records.run_record import RunRecord
from paceline.records.time_series import COARSENING, TimeSeries, TimeSlice
from paceline.stats.summary import Moments

# Merging takes hardly longer for many than for few, but what waits for it takes memory.
_MOST_WAITING = 64


class HistogramSum:
    """Histograms, added up."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Histogram] = []

    def add(self, histogram: Histogram) -> None:
        """One more."""
        self._waiting.append(histogram)
        if len(self._waiting) > _MOST_WAITING:
            self._waiting = [Histogram.merged(self._waiting)]

    def take(self, other: "HistogramSum") -> None:
        """All of another's, which is not used any more."""
        self._waiting += other._waiting  # noqa: SLF001  # of the same class
        self._waiting = [Histogram.merged(self._waiting)]

    @property
    def histogram(self) -> Histogram:
        """All of them."""
        if len(self._waiting) != 1:
            self._waiting = [Histogram.merged(self._waiting)]
        return self._waiting[0]


class _Interval:
    """One interval of a time series, added up."""

    __slots__ = ("errors", "histograms", "hits", "misses", "ok", "timeouts")

    def __init__(self) -> None:
        self.ok = self.errors = self.timeouts = self.hits = self.misses = 0
        self.histograms = HistogramSum()

    def count(self, other: "TimeSlice | _Interval") -> None:
        self.ok += other.ok
        self.errors += other.errors
        self.timeouts += other.timeouts
        self.hits += other.hits
        self.misses += other.misses

    def piece(self, position: int) -> TimeSlice:
        return TimeSlice(
            position, self.ok, self.errors, self.timeouts, self.histograms.histogram, self.hits, self.misses
        )


class SeriesSum:
    """Time series, added up at the coarsest interval among them, or a coarser one where memory asks for it."""

    def __init__(self) -> None:
        self._interval_ns = TimeSeries().interval_ns
        self._intervals: dict[int, _Interval] = {}

    def add(self, series: TimeSeries) -> None:
        """One more, or more of one."""
        while self._interval_ns < series.interval_ns:
            self._coarsen()
        width = self._interval_ns // series.interval_ns
        for piece in series.slices:
            interval = self._at(piece.position // width)
            interval.count(piece)
            interval.histograms.add(piece.histogram)
        if series.slices:
            last = TimeSlice(series.slices[-1].position // width)
            fitting_ns = TimeSeries(self._interval_ns, (last,)).bounded().interval_ns
            while self._interval_ns < fitting_ns:
                self._coarsen()

    def _at(self, position: int) -> _Interval:
        interval = self._intervals.get(position)
        if interval is None:
            interval = self._intervals[position] = _Interval()
        return interval

    def _coarsen(self) -> None:
        finer, self._intervals = self._intervals, {}
        self._interval_ns *= COARSENING
        for position, interval in finer.items():
            wide = self._at(position // COARSENING)
            wide.count(interval)
            wide.histograms.take(interval.histograms)

    @property
    def series(self) -> TimeSeries:
        """All of them."""
        return TimeSeries(self._interval_ns, tuple(self._pieces(sorted(self._intervals))))

    def between(self, from_ns: int, until_ns: int) -> TimeSeries:
        """The intervals that end after ``from_ns`` and not after ``until_ns``."""
        width_ns = self._interval_ns
        wanted = range(max(from_ns // width_ns, 0), max(until_ns // width_ns, 0))
        return TimeSeries(width_ns, tuple(self._pieces(place for place in wanted if place in self._intervals)))

    def newest(self, length_ns: int) -> tuple[TimeSlice, ...]:
        """The intervals of the last ``length_ns``, at least one, before the newest, which may still grow."""
        newest = max(self._intervals, default=0)
        until_ns = newest * self._interval_ns
        return self.between(until_ns - max(length_ns, self._interval_ns), until_ns).slices

    def _pieces(self, positions: Iterable[int]) -> Iterator[TimeSlice]:
        for position in positions:
            yield self._intervals[position].piece(position)


class RunSum:
    """Runs that made one load together, each told of by increments, in order; what of each there is, by its number."""

    def __init__(self) -> None:
        self._records: dict[int, RunRecord] = {}
        self._histograms: dict[Path, HistogramSum] = {}
        self._cpu_percent: list[float] = []
        self._samples = 0
        self.series = SeriesSum()

    def add(self, number: int, increment: Increment) -> None:
        """What one of them tells."""
        self._records[number] = self._with_few_samples(increment.record)
        self.series.add(increment.series)
        if increment.as_series:
            new = Histogram.merged(piece.histogram for piece in increment.series.slices)
            for path in increment.as_series:
                self._at(path).add(new)
        for paths, new in increment.histograms:
            for path in paths:
                self._at(path).add(new)
        busy = self._cpu_percent
        busy.extend([0.0] * (increment.cpu_since + len(increment.cpu_percent) - len(busy)))
        for second, percent in enumerate(increment.cpu_percent, start=increment.cpu_since):
            busy[second] = max(busy[second], percent)

    def _at(self, path: Path) -> HistogramSum:
        found = self._histograms.get(path)
        if found is None:
            found = self._histograms[path] = HistogramSum()
        return found

    def _with_few_samples(self, record: RunRecord) -> RunRecord:
        """Without raw samples where there are too many to be kept of all together."""
        self._samples += len(record.latency.samples_ns or ())
        if self._samples <= SAMPLE_LIMIT:
            return record
        for number, each in self._records.items():
            self._records[number] = _without_samples(each)
        return _without_samples(record)

    def of(self, number: int) -> RunRecord | None:
        """What one of them has told, without what grows; None before it has told anything."""
        return self._records.get(number)

    def counted(self) -> tuple[Counts, Moments]:
        """How all attempts ended, and the moments of their latencies."""
        counts, moments = Counts(), Moments()
        for record in self._records.values():
            counts = counts.merge(record.counts)
            moments = moments.merge(record.latency.moments)
        return counts, moments

    def record(self) -> RunRecord | None:
        """All of them as one, as if one had seen it all; None before one has told anything."""
        if not self._records:
            return None
        merged = legs_merged([self._records[number] for number in sorted(self._records)])

        def filled(path: Path, histogram: Histogram) -> Histogram:
            found = self._histograms.get(path)
            return histogram if found is None else found.histogram

        whole = with_histograms(merged, filled)
        assert isinstance(whole, RunRecord)
        load = None if whole.load is None else replace(whole.load, cpu_percent=tuple(self._cpu_percent))
        return replace(whole, series=self.series.series, load=load)


def _without_samples(record: RunRecord) -> RunRecord:
    if record.latency.samples_ns is None:
        return record
    return replace(record, latency=replace(record.latency, samples_ns=None))
