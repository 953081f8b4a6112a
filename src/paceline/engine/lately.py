"""What a time series says of the last second or so: what is shown as now."""

from dataclasses import dataclass

from paceline.core.units import NS_PER_S
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.time_series import TimeSeries
from paceline.stats.summary import Moments

_MOST_NS = (1 << 63) - 1
NOW_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Lately:
    """The last second, of whole intervals.

    Attributes:
        per_second: attempts that ended ok.
        latency: of them.
    """

    per_second: float
    latency: Latency


def lately(series: TimeSeries, elapsed_ns: float) -> Lately:
    """What ``series`` says so long after its beginning."""
    width = max(NOW_NS // series.interval_ns, 1)
    last = int(elapsed_ns) // series.interval_ns  # under way, not whole yet
    recent = [piece for piece in series.slices[-width - 1 :] if last - width <= piece.position < last]
    covered_s = min(width, last) * series.interval_ns / NS_PER_S
    return Lately(
        per_second=sum(piece.ok for piece in recent) / covered_s if covered_s else 0.0,
        latency=latency_of(Histogram.merged(piece.histogram for piece in recent)),
    )


def latency_of(histogram: Histogram) -> Latency:
    """``histogram`` as a distribution of which nothing else is known."""
    return Latency(Moments(histogram.count, minimum=0, maximum=_MOST_NS), histogram, None)
