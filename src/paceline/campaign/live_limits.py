"""Limits that end a load early: what a run tells while it goes on, put together and judged."""

from collections.abc import Callable

from paceline.core.units import NS_PER_S
from paceline.engine.live import Seen
from paceline.engine.request import RunRequest
from paceline.judge.live import broken_now
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LoadRecord
from paceline.records.run_record import Aborted, Circumstances, RunRecord
from paceline.records.time_series import TimeSeries, TimeSlice


class LiveLimits:
    """Judges one run while it goes on; called once a second with what is new.

    Args:
        threshold: whose limits, those with ``abort``.
        request: of the run.
        on_abort: is told the limit that ends it.
    """

    def __init__(
        self,
        threshold: PerformanceThreshold,
        request: RunRequest,
        on_abort: Callable[[Aborted], None] = lambda _: None,
    ) -> None:
        self._on_abort = on_abort
        self._limits = [limit for limit in threshold.limits() if limit.ends]
        self._request = request
        self._definition = request.definition(1)
        self._longest_ns = round(max((limit.window_s or 0.0 for limit in self._limits), default=0.0) * NS_PER_S)
        self._so_far = _SoFar()
        self._looked_until_ns = 0

    def __call__(self, seen: Seen) -> Aborted | None:
        """The limit that is broken now; None while all that are looked at hold."""
        self._so_far.add(seen.series)
        record = RunRecord(
            name=self._request.name,
            test_type=self._request.test_type,
            definition=self._definition,
            started_at="",
            elapsed_ns=seen.elapsed_ns,
            window_ns=seen.elapsed_ns,
            window_ok=seen.counts.ok,
            counts=seen.counts,
            latency=Latency(seen.moments, self._so_far.histogram(), None, seen.counts.dropped),
            series=self._so_far.since(seen.elapsed_ns - 2 * self._longest_ns),
            circumstances=Circumstances(interruption="still running"),
            load=LoadRecord(parts=seen.parts, arrivals=Arrivals() if self._definition.open_loop else None),
        )
        aborted = broken_now(self._limits, record, self._looked_until_ns)
        width_ns = record.series.interval_ns
        self._looked_until_ns = seen.elapsed_ns // width_ns * width_ns
        if aborted is not None:
            self._on_abort(aborted)
        return aborted


class _SoFar:
    """The time series of a run that tells the new slices only, and the histogram of all of it."""

    def __init__(self) -> None:
        self._interval_ns = TimeSeries().interval_ns
        self._slices: dict[int, TimeSlice] = {}
        self._settled = Histogram()  # of the slices before the last, which may still grow
        self._last = 0

    def add(self, new: TimeSeries) -> None:
        """Take slices, which replace those of their places."""
        if new.interval_ns != self._interval_ns:
            series = TimeSeries(self._interval_ns, tuple(self._slices.values()))
            while series.interval_ns < new.interval_ns:
                series = series.coarser()
            self._interval_ns = series.interval_ns
            self._slices = {piece.position: piece for piece in series.slices}
            self._last = max(self._slices, default=0)
            self._settled = Histogram.merged(
                piece.histogram for place, piece in self._slices.items() if place < self._last
            )
        if not new.slices:
            return
        self._slices.update((piece.position, piece) for piece in new.slices)
        last = new.slices[-1].position
        done = [self._slices[place] for place in range(self._last, last) if place in self._slices]
        self._settled = Histogram.merged((self._settled, *(piece.histogram for piece in done)))
        self._last = last

    def histogram(self) -> Histogram:
        """Of all latencies."""
        last = self._slices.get(self._last)
        return self._settled if last is None else Histogram.merged((self._settled, last.histogram))

    def since(self, from_ns: int) -> TimeSeries:
        """The slices that end after ``from_ns``."""
        first = from_ns // self._interval_ns
        return TimeSeries(self._interval_ns, tuple(piece for place, piece in self._slices.items() if place >= first))
