"""What several runs have told of themselves piece by piece, put together as it comes: each piece is looked at once."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from paceline.records.histogram import Histogram
from paceline.records.increments import Increment, Path, Standing, with_histograms
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

    __slots__ = ("dropped", "errors", "histograms", "hits", "misses", "ok", "timeouts")

    def __init__(self) -> None:
        self.ok = self.errors = self.timeouts = self.hits = self.misses = self.dropped = 0
        self.histograms = HistogramSum()

    def count(self, other: "TimeSlice | _Interval") -> None:
        self.ok += other.ok
        self.errors += other.errors
        self.timeouts += other.timeouts
        self.hits += other.hits
        self.misses += other.misses
        self.dropped += other.dropped

    def piece(self, position: int) -> TimeSlice:
        histogram = self.histograms.histogram
        return TimeSlice(position, self.ok, self.errors, self.timeouts, histogram, self.hits, self.misses, self.dropped)


class SeriesSum:
    """Time series, added up at the coarsest interval among them, or a coarser one where memory asks for it."""

    def __init__(self) -> None:
        self._interval_ns = TimeSeries().interval_ns
        self._intervals: dict[int, _Interval] = {}
        self._last = 0

    def add(self, series: TimeSeries) -> None:
        """One more, or more of one."""
        while self._interval_ns < series.interval_ns:
            self._coarsen()
        width = self._interval_ns // series.interval_ns
        for piece in series.slices:
            interval = self._at(piece.position // width)
            interval.count(piece)
            interval.histograms.add(piece.histogram)
        if series.slices and series.slices[-1].position // width > self._last:
            self._last = series.slices[-1].position // width
            fitting_ns = TimeSeries(self._interval_ns, (TimeSlice(self._last),)).bounded().interval_ns
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
        self._last //= COARSENING
        for position, interval in finer.items():
            wide = self._at(position // COARSENING)
            wide.count(interval)
            wide.histograms.take(interval.histograms)

    @property
    def has_values(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._intervals)

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
        until_ns = self._last * self._interval_ns
        return self.between(until_ns - max(length_ns, self._interval_ns), until_ns).slices

    def _pieces(self, positions: Iterable[int]) -> Iterator[TimeSlice]:
        for position in positions:
            yield self._intervals[position].piece(position)


class RunSum:
    """Runs that made one load together, each told of by increments, in order; what of each there is, by its number."""

    def __init__(self) -> None:
        self._standings: dict[int, Standing] = {}
        self._samples_ns: dict[int, tuple[int, ...]] = {}
        self._samples = 0
        self._histograms: dict[Path, HistogramSum] = {}
        self._as_series: set[Path] = set()  # those that have been added nothing but what the series has
        self._cpu_percent: list[float] = []
        self.series = SeriesSum()

    def add(self, number: int, increment: Increment) -> None:
        """What one of them tells."""
        self._standings[number] = increment.standing
        self._add_histograms(increment)
        self.series.add(increment.series)
        busy = self._cpu_percent
        busy.extend([0.0] * (increment.cpu_since + len(increment.cpu_percent) - len(busy)))
        for second, percent in enumerate(increment.cpu_percent, start=increment.cpu_since):
            busy[second] = max(busy[second], percent)
        if increment.samples_ns is not None:
            self._samples += len(increment.samples_ns)
            self._samples_ns[number] = increment.samples_ns
            if self._samples > SAMPLE_LIMIT:
                self._samples_ns.clear()  # they are too many to be kept of all together

    def _add_histograms(self, increment: Increment) -> None:
        given = {path for paths, _ in increment.histograms for path in paths}
        is_first = not self.series.has_values
        values = [piece.histogram for piece in increment.series.slices if len(piece.histogram.indices)]
        for path in increment.as_series:
            if is_first and path not in self._histograms:
                self._as_series.add(path)
        for path in [path for path in self._as_series if path in given or (values and path not in increment.as_series)]:
            # From now on it has a sum of its own.
            self._as_series.remove(path)
            self._at(path).add(Histogram.merged(piece.histogram for piece in self.series.series.slices))
        for path in increment.as_series:
            if path not in self._as_series:
                for value in values:
                    self._at(path).add(value)
        for paths, new in increment.histograms:
            for path in paths:
                self._at(path).add(new)

    def _at(self, path: Path) -> HistogramSum:
        found = self._histograms.get(path)
        if found is None:
            found = self._histograms[path] = HistogramSum()
        return found

    def counted(self) -> tuple[Counts, Moments]:
        """How all attempts ended, and the moments of their latencies."""
        counts, moments = Counts(), Moments()
        for standing in self._standings.values():
            counts = counts.merge(standing.counts)
            moments = moments.merge(standing.moments)
        return counts, moments

    def record(self) -> RunRecord | None:
        """All of them as one, as if one had seen it all; None before one has told anything."""
        if not self._standings:
            return None
        merged = legs_merged([self._record(number) for number in sorted(self._standings)])
        series = self.series.series
        of_series = Histogram.merged(piece.histogram for piece in series.slices) if self._as_series else Histogram()

        def filled(path: Path, histogram: Histogram) -> Histogram:
            if path in self._as_series:
                return of_series
            found = self._histograms.get(path)
            return histogram if found is None else found.histogram

        whole = with_histograms(merged, filled)
        assert isinstance(whole, RunRecord)
        load = None if whole.load is None else replace(whole.load, cpu_percent=tuple(self._cpu_percent))
        return replace(whole, series=series, load=load)

    def _record(self, number: int) -> RunRecord:
        record = self._standings[number].record
        return replace(record, latency=replace(record.latency, samples_ns=self._samples_ns.get(number)))
