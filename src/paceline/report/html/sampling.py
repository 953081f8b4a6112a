"""What of a record is drawn, in as few points as a chart can show: the file is to stay small."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paceline.core.units import BYTES_PER_MB, NS_PER_MS, NS_PER_S
from paceline.records.histogram import Histogram, middles_ns
from paceline.records.latency import Latency
from paceline.records.resources import ResourceSeries
from paceline.records.run_record import RunRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
    places = [piece.position // each for piece in series.slices]
    values, buckets = Histogram.buckets_by_group(
        [piece.histogram for piece in series.slices], places, count, np.array(_SHOWN_QUANTILES)
    )
    ok, errors = [0] * count, [0] * count
    for place, piece in zip(places, series.slices, strict=True):
        ok[place] += piece.ok
        errors[place] += piece.errors + piece.timeouts
    known = set(places)
    rates: list[float | None] = []
    for place in range(count):
        covered_ns = max(min(record.elapsed_ns - place * width_ns, width_ns), 0)
        # Nothing ended where there is no slice.
        is_enough = place not in known or covered_ns >= _LEAST_COVERED * width_ns
        rates.append((ok[place] * NS_PER_S / covered_ns if ok[place] else 0.0) if is_enough else None)
    table_ms = (middles_ns(buckets) / (NS_PER_MS * record.definition.calls_per_sample)).T.tolist()
    measured = (values > 0).tolist()
    quantiles = tuple(
        tuple(value if there else None for value, there in zip(column, measured, strict=True)) for column in table_ms
    )
    return Slices(width_ns / NS_PER_S, count, quantiles, tuple(rates), tuple(errors))


def resources(series: ResourceSeries, interval_s: float, count: int) -> Resources | None:
    """Samples by interval; None where there are fewer than two."""
    if len(series.offset_ms) < 2:  # noqa: PLR2004  # no line
        return None
    import numpy as np

    places = (np.array(series.offset_ms) / 1e3 / interval_s).astype(np.int64).clip(0, count - 1)
    return Resources(
        cpu_percent=_means(places, series.cpu_percent, count),
        memory_mb=_most(places, series.memory_bytes, count, BYTES_PER_MB),
        read_mb_s=_per_second(places, series.disk_read_bytes, count, interval_s),
        write_mb_s=_per_second(places, series.disk_write_bytes, count, interval_s),
    )


def _known(
    places: "NDArray[np.int64]", values: Sequence[float | None]
) -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    """Those of ``values`` that are known, and their intervals."""
    import numpy as np

    found = np.array(values, dtype=np.float64)[: len(places)]  # of None it makes NaN
    there = ~np.isnan(found)
    return places[: len(found)][there], found[there]


def _means(places: "NDArray[np.int64]", values: Sequence[float | None], count: int) -> Values:
    import numpy as np

    where, found = _known(places, values)
    sums, numbers = (np.bincount(where, weights, minlength=count).tolist() for weights in (found, None))
    return tuple(total / number if number else None for total, number in zip(sums, numbers, strict=True))


def _most(places: "NDArray[np.int64]", values: Sequence[float | None], count: int, per: float = 1.0) -> Values:
    import numpy as np

    where, found = _known(places, values)
    most = np.full(count, -np.inf)
    np.maximum.at(most, where, found)
    return tuple(value / per if value > -math.inf else None for value in most.tolist())


def _per_second(places: "NDArray[np.int64]", totals: Sequence[int | None], count: int, interval_s: float) -> Values:
    """The growth of a total in each interval."""
    ends = _most(places, totals, count)
    before = next((value for value in ends if value is not None), None)
    rates: list[float | None] = []
    for end in ends:
        rates.append(None if end is None or before is None else (end - before) / BYTES_PER_MB / interval_s)
        before = end if end is not None else before
    return tuple(rates)
