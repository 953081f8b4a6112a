"""What of a record is drawn, in as few points as a chart can show: the file is to stay small."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, NS_PER_S
from paceline.records.histogram import Histogram, middles_ns
from paceline.records.latency import Latency
from paceline.records.resources import ResourceSeries
from paceline.records.run_record import RunRecord
from paceline.records.time_series import TimeSlice

_MOST_BINS = 64
_NARROWEST_BIN = 0.004  # decades: some ten buckets of the histogram, so that none is empty for its width
_NINES = 4  # of the percentile curve: up to 99.99
_NINES_STEP = 0.1
_SHOWN_QUANTILES = (0.5, 0.95, 0.99)
_LEAST_COVERED = 0.3  # of an interval: the rate in less of one is chance

Values = tuple[float | None, ...]


@dataclass(frozen=True)
class Bars:
    """Counts over the logarithm of the latency.

    Attributes:
        start: decimal logarithm of the lowest latency in ms.
        step: width of a bar in decades.
        counts: of latencies.
    """

    start: float
    step: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Slices:
    """A run cut into equal intervals, as many as are drawn.

    Attributes:
        interval_s: width of one.
        count: how many.
        quantiles_ms: median, p95 and p99 of each.
        ok_per_s: ok attempts a second.
        errors: errors and timeouts.
    """

    interval_s: float
    count: int
    quantiles_ms: tuple[Values, ...]
    ok_per_s: Values
    errors: tuple[int, ...]


@dataclass(frozen=True)
class Resources:
    """What one subject used in the intervals of :class:`Slices`; empty where it was not watched.

    Attributes:
        cpu_percent: mean.
        memory_mb: largest.
        read_mb_s, write_mb_s: disk I/O.
    """

    cpu_percent: Values
    memory_mb: Values
    read_mb_s: Values
    write_mb_s: Values


def bars(latency: Latency, calls_per_sample: int = 1) -> Bars | None:
    """The distribution; None where there is nothing or only one value to show."""
    import numpy as np

    low_ns, high_ns = max(latency.moments.minimum, 1), max(latency.moments.maximum, 1)
    if not latency.moments.count or low_ns == high_ns:
        return None
    per_ms = NS_PER_MS * calls_per_sample
    start, end = math.log10(low_ns / per_ms), math.log10(high_ns / per_ms)
    # A clock that counts nanoseconds knows no value between two of them.
    step = max((end - start) / _MOST_BINS, _NARROWEST_BIN, math.log10(1 + 1.0001 / low_ns))
    places = (np.log10(np.maximum(latency.histogram.middles_ns(), low_ns) / per_ms) - start) / step
    counts = np.bincount(np.clip(places.astype(np.int64), 0, _MOST_BINS), weights=latency.histogram.counts)
    return Bars(start, step, tuple(int(count) for count in counts))


def percentile_curve(latency: Latency) -> Values:
    """Latency in ms at 1 - 10**(-n / 10) for n from 0 to 40, as far as there are attempts beyond it."""
    import numpy as np

    in_all = latency.moments.count + latency.dropped
    if not latency.moments.count:
        return ()
    nines = np.arange(0, _NINES + _NINES_STEP / 2, _NINES_STEP)
    nines = nines[nines <= math.log10(in_all) + 1e-9]
    ranks = (1 - 10.0**-nines) * (in_all - 1)
    values = middles_ns(latency.histogram.bucket_at(ranks)).clip(latency.moments.minimum, latency.moments.maximum)
    known = ranks <= latency.moments.count - 1
    return tuple(float(value) / NS_PER_MS if is_known else None for value, is_known in zip(values, known, strict=True))


def slices(record: RunRecord, most: int) -> Slices | None:
    """The run in at most ``most`` intervals; None where it was over within one."""
    import numpy as np

    series = record.series
    if not series.slices or series.slices[-1].position == 0:
        return None
    each = -(-(series.slices[-1].position + 1) // most)
    count = series.slices[-1].position // each + 1
    width_ns = each * series.interval_ns
    shown = np.array(_SHOWN_QUANTILES)
    buckets = np.zeros((count, len(shown)), dtype=np.int64)
    measured = [False] * count
    rates: list[float | None] = [0.0] * count
    errors = [0] * count
    for place, group in groupby(series.slices, key=lambda piece: piece.position // each):
        pieces: list[TimeSlice] = list(group)
        found = pieces[0].histogram if len(pieces) == 1 else Histogram.merged(piece.histogram for piece in pieces)
        if values := found.count:
            buckets[place] = found.bucket_at(shown * (values - 1))
            measured[place] = True
        covered_ns = max(min(record.elapsed_ns - place * width_ns, width_ns), 0)
        is_enough = covered_ns >= _LEAST_COVERED * width_ns
        rates[place] = sum(piece.ok for piece in pieces) * NS_PER_S / covered_ns if is_enough else None
        errors[place] = sum(piece.errors + piece.timeouts for piece in pieces)
    # All at once: a call for each interval would take most of the time.
    table_ms = (middles_ns(buckets) / (NS_PER_MS * record.definition.calls_per_sample)).T.tolist()
    quantiles = tuple(
        tuple(value if there else None for value, there in zip(column, measured, strict=True)) for column in table_ms
    )
    return Slices(width_ns / NS_PER_S, count, quantiles, tuple(rates), tuple(errors))


def resources(series: ResourceSeries, interval_s: float, count: int) -> Resources | None:
    """Samples by interval; None where there are fewer than two."""
    if len(series.offset_ms) < 2:  # noqa: PLR2004  # no line
        return None
    places = [min(max(int(offset / 1e3 / interval_s), 0), count - 1) for offset in series.offset_ms]
    return Resources(
        cpu_percent=_each(places, series.cpu_percent, count, lambda found: sum(found) / len(found)),
        memory_mb=_each(places, series.memory_bytes, count, lambda found: max(found) / BYTES_PER_MB),
        read_mb_s=_per_second(places, series.disk_read_bytes, count, interval_s),
        write_mb_s=_per_second(places, series.disk_write_bytes, count, interval_s),
    )


def _each(
    places: Sequence[int], values: Iterable[float | None], count: int, of: Callable[[Sequence[float]], float]
) -> Values:
    found: list[list[float]] = [[] for _ in range(count)]
    for place, value in zip(places, values, strict=False):
        if value is not None:
            found[place].append(value)
    return tuple(of(each) if each else None for each in found)


def _per_second(places: Sequence[int], totals: Iterable[int | None], count: int, interval_s: float) -> Values:
    """The growth of a total in each interval."""
    ends = _each(places, totals, count, max)
    before = next((value for value in ends if value is not None), None)
    rates: list[float | None] = []
    for end in ends:
        rates.append(None if end is None or before is None else (end - before) / BYTES_PER_MB / interval_s)
        before = end if end is not None else before
    return tuple(rates)
