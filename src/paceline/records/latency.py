"""The distribution of latencies of one run."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from paceline.core.errors import ConfigurationError
from paceline.records.histogram import Histogram
from paceline.stats.summary import Moments, moments_of, quantile_of_sorted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Latency:
    """Latencies of ok attempts and timeouts (a timeout counts as at least its limit).

    With ``calls_per_sample`` above 1 a sample is the duration of that many calls together.

    Attributes:
        moments: exact count, sum, sum of squares, minimum, maximum of the samples in ns.
        histogram: all samples, to 0.1 %.
        samples_ns: the raw samples in the order they ended, or None when there were too many to keep.
        dropped: arrivals that never became attempts: in quantiles they count as infinite.
    """

    moments: Moments = field(default_factory=Moments)
    histogram: Histogram = field(default_factory=Histogram)
    samples_ns: tuple[int, ...] | None = ()
    dropped: int = 0

    @classmethod
    def of(cls, samples_ns: "IntArray") -> "Latency":
        """The distribution of ``samples_ns``, which are not kept."""
        return cls(moments_of(samples_ns), Histogram.of(samples_ns), None)

    @cached_property
    def _ordered(self) -> tuple[int, ...]:
        return tuple(sorted(self.samples_ns or ()))

    def quantile_ns(self, q: float) -> float:
        """Quantile from the raw samples where they were kept, else from the histogram.

        NaN when empty; infinite where it falls among what was dropped.

        Raises:
            ConfigurationError: ``q`` is outside [0, 1].
        """
        if not 0 <= q <= 1:
            raise ConfigurationError(f"a quantile lies in [0, 1], not {q!r}")
        if not self.moments.count:
            return math.inf if self.dropped else math.nan
        if self.dropped:
            position = q * (self.moments.count + self.dropped - 1)
            if position > self.moments.count - 1:
                return math.inf
            q = position / max(self.moments.count - 1, 1)
        if self.samples_ns is not None:
            return quantile_of_sorted(self._ordered, q)
        # The extremes are known exactly: they are what p0 and p100 are, and no bucket's middle may lie beyond them.
        if q in {0, 1}:
            return float(self.moments.maximum if q else self.moments.minimum)
        return min(max(self.histogram.quantile(q), self.moments.minimum), self.moments.maximum)

    def merge(self, other: "Latency") -> "Latency":
        """Both together; exact, but raw samples survive only when both sides still have theirs."""
        samples = None
        if self.samples_ns is not None and other.samples_ns is not None:
            samples = self.samples_ns + other.samples_ns
        return Latency(
            moments=self.moments.merge(other.moments),
            histogram=Histogram.merged((self.histogram, other.histogram)),
            samples_ns=samples,
            dropped=self.dropped + other.dropped,
        )
