"""A stretch of a run as a run of its own: without its beginning, or a quarter of it."""

import math
from collections.abc import Sequence
from dataclasses import replace

from paceline.core.units import NS_PER_S
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.run_record import RunRecord
from paceline.records.time_series import TimeSlice
from paceline.stats.summary import Moments


def stretch_of(record: RunRecord, from_s: float, to_s: float = math.inf) -> RunRecord:
    """``record`` as if only what ended from ``from_s`` to ``to_s`` had been seen.

    Taken from the series, so both ends are those of its intervals (100 ms in runs below 10 s, else 1 s) and latencies
    are those of its histograms, to 0.1 %. What the series does not know, hits and CPU for example, is the whole run's.
    """
    series = record.series
    interval_s = series.interval_ns / NS_PER_S
    first = math.ceil(from_s / interval_s - 1e-9)
    last = math.inf if math.isinf(to_s) else math.ceil(to_s / interval_s - 1e-9)
    kept = [piece for piece in series.slices if first <= piece.position < last]
    histogram = Histogram.merged(piece.histogram for piece in kept)
    ok, dropped = sum(piece.ok for piece in kept), sum(piece.dropped for piece in kept)
    end_ns = min(record.window_ns, last * series.interval_ns)
    length_ns = max(round(end_ns - first * series.interval_ns), 0)
    # Each answer counts for the latency; what a service that had fallen behind answered after the window is no
    # throughput within it.
    window_ok = _ok_until(kept, record.window_ns / series.interval_ns)
    counts = replace(
        record.counts,
        ok=ok,
        errors=sum(piece.errors for piece in kept),
        timeouts=sum(piece.timeouts for piece in kept),
        dropped=dropped,
    )
    latency = Latency(_moments(histogram), histogram, None, dropped)
    return replace(
        record, counts=counts, latency=latency, window_ns=length_ns, elapsed_ns=length_ns, window_ok=window_ok
    )


def _ok_until(kept: Sequence[TimeSlice], end: float) -> float:
    """Ok attempts that ended before ``end``, in intervals; of the one it lies in, in proportion."""
    whole = math.floor(end + 1e-9)
    share = max(end - whole, 0.0)
    inside = [piece.ok for piece in kept if piece.position < whole]
    beyond = sum(piece.ok for piece in kept if piece.position >= whole)
    return sum(inside) + min(float(beyond), share * (inside[-1] if inside else beyond))


def _moments(histogram: Histogram) -> Moments:
    """Of the middles of the buckets."""
    counts = histogram.counts.tolist()
    if not counts:
        return Moments()
    values = [round(value) for value in histogram.middles_ns().tolist()]
    return Moments(
        count=sum(counts),
        total=sum(map(math.prod, zip(values, counts, strict=True))),
        total_squares=sum(value * value * count for value, count in zip(values, counts, strict=True)),
        minimum=values[0],
        maximum=values[-1],
    )
