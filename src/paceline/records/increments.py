"""What a run has seen since it last told of it: nothing is told twice that grows with the run.

What is small, counts and sums and moments, is told as a whole each time; histograms, the time series and the seconds of
CPU by what has been added. :class:`~paceline.records.summing.RunSum` puts together what several runs have told.
"""

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from paceline.records.histogram import Histogram
from paceline.records.recorder import Counts
from paceline.records.run_record import RunRecord
from paceline.records.time_series import FINEST_INTERVAL_NS, TimeSeries, TimeSlice
from paceline.stats.summary import Moments

Path = tuple[str, ...]
"""Where in a record a histogram is: names of fields; of several of a kind, such as parts, the name of the one."""


@dataclass(frozen=True)  # with slots it would take three times as long to unpickle, like the next
class Standing:
    """How a run stands: what of it does not grow, or is told as a whole.

    Attributes:
        elapsed_ns: since its window opened.
        counts: how all attempts ended.
        moments: of all latencies.
        busiest_percent: CPU of its thread in its busiest second; 100 is one core.
        generator_lag_p99_ns: of all arrivals; None of a closed loop.
        packed: all the rest: whoever follows a thousand runs looks at it now and then only.
    """

    elapsed_ns: int
    counts: Counts
    moments: Moments
    busiest_percent: float
    generator_lag_p99_ns: float | None
    packed: bytes

    @property
    def record(self) -> RunRecord:
        """The record with empty histograms, and without series, raw samples and seconds of CPU."""
        record = pickle.loads(self.packed)  # noqa: S301  # as far as its increment is to be trusted
        assert isinstance(record, RunRecord)
        return record


@dataclass(frozen=True)
class Increment:
    """What was added since the last one, and how the run stands.

    Attributes:
        standing: how it stands.
        series: what each interval has been added.
        as_series: which histograms were added just what the series was.
        histograms: what others were added, each with all that it was added to.
        samples_ns: in the last, all raw samples, where there are not too many.
        cpu_since: seconds of CPU that were told before.
        cpu_percent: those since.
    """

    standing: Standing
    series: TimeSeries
    as_series: tuple[Path, ...]
    histograms: tuple[tuple[tuple[Path, ...], Histogram], ...]
    samples_ns: tuple[int, ...] | None = None
    cpu_since: int = 0
    cpu_percent: tuple[float, ...] = ()


class Teller:
    """Tells of one run, again and again.

    Args:
        interval_ns: of the series that is told, where that of the run is finer.
    """

    def __init__(self, interval_ns: int = FINEST_INTERVAL_NS) -> None:
        self._interval_ns = interval_ns
        self._told: dict[Path, Histogram] = {}
        self._series = TimeSeries()
        self._seconds = 0

    def tell(self, record: RunRecord, *, is_last: bool = False) -> Increment:
        """What ``record``, which has seen all that was told before, has seen beyond that."""
        known, whole = self._series, record.series
        while whole.interval_ns < self._interval_ns:
            whole = whole.coarser()
        self._series = whole
        series = added(whole, known)
        of_series = Histogram.merged(piece.histogram for piece in series.slices)
        as_series, others = [], list[tuple[list[Path], Histogram]]()
        for path, histogram in _histograms(record).items():
            told = self._told.get(path)
            new = histogram if told is None else histogram.without(told)
            self._told[path] = histogram
            if not len(new.indices):
                continue
            if new == of_series:
                as_series.append(path)
                continue
            # A closed loop's first bytes, mostly, are what its latencies are.
            same = next((paths for paths, other in others if other == new), None)
            if same is None:
                others.append(([path], new))
            else:
                same.append(path)
        load = record.load
        cpu_percent = () if load is None else load.cpu_percent
        since, self._seconds = self._seconds, len(cpu_percent)
        return Increment(
            standing=Standing(
                elapsed_ns=record.elapsed_ns,
                counts=record.counts,
                moments=record.latency.moments,
                busiest_percent=max(cpu_percent, default=0.0),
                generator_lag_p99_ns=None
                if load is None or load.arrivals is None
                else load.arrivals.generator_lag.quantile_ns(0.99),
                packed=pickle.dumps(_without_what_grows(record)),
            ),
            series=series,
            as_series=tuple(as_series),
            histograms=tuple((tuple(paths), new) for paths, new in others),
            samples_ns=record.latency.samples_ns if is_last else None,
            cpu_since=since,
            cpu_percent=cpu_percent[since:],
        )


def with_histograms(value: Any, change: Callable[[Path, Histogram], Histogram], path: Path = ()) -> Any:  # noqa: ANN401  # whatever a record is made of
    """``value`` with each of its histograms replaced by what ``change`` makes of it; a time series stays as it is."""
    if isinstance(value, Histogram):
        return change(path, value)
    if isinstance(value, TimeSeries):
        return value
    if isinstance(value, tuple):
        if not value or not is_dataclass(value[0]):
            return value
        made = tuple(with_histograms(each, change, (*path, str(getattr(each, "name", "")))) for each in value)
        return made if any(one is not other for one, other in zip(made, value, strict=True)) else value
    if not is_dataclass(value) or isinstance(value, type):
        return value
    changes = {}
    for field in fields(value):
        before = getattr(value, field.name)
        after = with_histograms(before, change, (*path, field.name))
        if after is not before:
            changes[field.name] = after
    return replace(value, **changes) if changes else value


def _histograms(record: RunRecord) -> dict[Path, Histogram]:
    found: dict[Path, Histogram] = {}

    def take(path: Path, histogram: Histogram) -> Histogram:
        found[path] = Histogram.merged((found[path], histogram)) if path in found else histogram
        return histogram

    with_histograms(record, take)
    return found


def _without_what_grows(record: RunRecord) -> RunRecord:
    empty = Histogram()
    bare = with_histograms(record, lambda _, histogram: empty if len(histogram.indices) else histogram)
    assert isinstance(bare, RunRecord)
    load = None if bare.load is None else replace(bare.load, cpu_percent=())
    return replace(
        bare, latency=replace(bare.latency, samples_ns=None), series=TimeSeries(record.series.interval_ns), load=load
    )


def added(series: TimeSeries, earlier: TimeSeries) -> TimeSeries:
    """What ``series`` has beyond ``earlier``, which it has grown out of."""
    while earlier.interval_ns < series.interval_ns:
        earlier = earlier.coarser()
    return TimeSeries(series.interval_ns, tuple(_added(series.slices, earlier.slices)))


def _added(slices: tuple[TimeSlice, ...], earlier: tuple[TimeSlice, ...]) -> Iterator[TimeSlice]:
    known = {piece.position: piece for piece in earlier}
    for piece in slices:
        before = known.get(piece.position)
        if before is None:
            yield piece
        elif before is not piece:
            new = replace(
                piece,
                ok=piece.ok - before.ok,
                errors=piece.errors - before.errors,
                timeouts=piece.timeouts - before.timeouts,
                histogram=piece.histogram.without(before.histogram),
                hits=piece.hits - before.hits,
                misses=piece.misses - before.misses,
                dropped=piece.dropped - before.dropped,
            )
            if new.ok or new.errors or new.timeouts or new.dropped or len(new.histogram.indices):
                yield new
