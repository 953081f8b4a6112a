"""Stalls that the percentiles of a closed loop hide: how long would users have waited who arrive by themselves?"""

from dataclasses import dataclass

from paceline.core.units import NS_PER_MS
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency

_LEAST_ATTEMPTS = 100
_LEAST_SHARE = 0.01  # of all moments: the p99 of users who arrive at any of them would be another
# Mean latencies by which attempts in a stall must exceed what is expected; the tail of a lognormal (sigma 1) has 5.
# Few attempts must exceed it by more, for they may be chance: of 300 to 30,000 attempts with that tail at most 1.4 %
# of runs are taken for stalled (4,000 simulated each), and every run with one second frozen in ten and a p99
# under 0.2 s.
_STALL, _STALL_OF_FEW, _FEW = 10, 20, 8


@dataclass(frozen=True)
class Stall:
    """What a closed loop did not see.

    Attributes:
        p99_ns: as measured.
        beyond_ns: more than a p99 leads one to expect.
        share: of moments at which an arriving user would have waited longer than that.
        histogram: of the latencies.
        time_ns: of all users together.
    """

    p99_ns: float
    beyond_ns: float
    share: float
    histogram: Histogram
    time_ns: int

    def share_waiting(self, limit_ns: float) -> float:
        """Share of moments at which an arriving user would have waited longer than ``limit_ns``."""
        return _excess(self.histogram, limit_ns)[0] / self.time_ns


def hidden_stall(latency: Latency, users: int, elapsed_ns: int) -> Stall | None:
    """The stall behind ``latency`` of so many users, each beginning when the last attempt has ended; or None.

    An attempt of duration d answers only the one user who began it. Users who arrive within it at any moment wait
    for what is left of it: more than y if they come in its first d - y. So the share of moments with a wait above
    y is sum(max(d - y, 0)) / (users x window). A long tail without any stall has such moments too: few attempts
    must make them, each far longer than the mean.
    """
    time_ns = users * elapsed_ns
    if latency.moments.count < _LEAST_ATTEMPTS or not time_ns:
        return None
    p99_ns = latency.quantile_ns(0.99)
    beyond_ns = 2 * p99_ns + NS_PER_MS
    excess_ns, attempts = _excess(latency.histogram, beyond_ns)
    share = excess_ns / time_ns
    if not attempts or share < _LEAST_SHARE:
        return None
    if excess_ns / attempts < (_STALL if attempts >= _FEW else _STALL_OF_FEW) * latency.moments.mean:
        return None
    return Stall(p99_ns, beyond_ns, min(share, 1.0), latency.histogram, time_ns)


def _excess(histogram: Histogram, limit_ns: float) -> tuple[float, int]:
    """By how much all values together exceed ``limit_ns``, and how many do, to the width of a bucket."""
    beyond = [((low + high) / 2 - limit_ns, count) for low, high, count in histogram.buckets()]
    return sum(more * count for more, count in beyond if more > 0), sum(count for more, count in beyond if more > 0)
