"""Where a figure that grows with the load crosses its limit: a line through few noisy probes, read backwards.

Near saturation a queue's percentiles go as 1 / (capacity - rate): exactly so for M/M/1, to first order for every
single-class queue (Kingman, "The single server queue in heavy traffic", Proc. Camb. Phil. Soc. 57, 1961). So
``limit / value`` is a straight line in the rate, and the noise on it is the same everywhere, as the relaxation time
grows as fast as the line falls: ordinary least squares is what such data ask for. The line of log value on log rate
bends there and has its noise at the top end. Of a closed loop the response time is proportional to the users
beyond the knee, and that is the line of log value on log users.

The interval is Fieller's (J. R. Statist. Soc. B 16, 1954, 175) for the place where a fitted line passes a known
height. Its scatter comes from the probes' distances from the line, each a run of its own: the samples within a
probe wait in one queue and are no independent evidence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from paceline.stats.intervals import NOTHING_KNOWN, Interval, student_quantile

LEAST_POINTS = 5  # two for the line, three for its scatter
_MOST_EXPONENT = 700.0  # of what a float holds


class Scale(Enum):
    """On which axes the figure is a straight line in the load."""

    QUEUE = "queue"  # limit / value on the load: of arrivals
    POWER = "power"  # log value on log load: of users

    def across(self, load: float) -> float:
        """The load on the horizontal axis."""
        return load if self is Scale.QUEUE else math.log(load)

    def load(self, across: float) -> float:
        """The load that stands at this place of the axis."""
        return across if self is Scale.QUEUE else math.exp(min(across, _MOST_EXPONENT))

    def height(self, value: float, limit: float) -> float:
        """The figure on the vertical axis: 0 at the limit, above it what holds."""
        return limit / value - 1 if self is Scale.QUEUE else -math.log(value / limit)

    def figure(self, height: float, limit: float) -> float:
        """The figure at this height; infinite where a queue has no end."""
        if self is Scale.QUEUE:
            return limit / (height + 1) if height > -1 else math.inf
        return limit * math.exp(min(-height, _MOST_EXPONENT))


class Fault(Enum):
    """Why there is no interval."""

    NONE = ""
    FEW = "too few probes"
    RISING = "the figure does not get worse with the load"
    NOISY = "the probes differ by more than the load makes them differ"
    JUMP = "the figure jumps from far within its limit to far beyond it"
    ELSEWHERE = "the line passes the limit beyond the probes"


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where the line passes the limit.

    Attributes:
        load: the estimate; NaN where there is none.
        interval: of it, on the scale of the load; infinite where the data bound nothing.
        points: probes it is drawn from.
        fault: why there is no interval.
        scale: the axes.
        origin, level: a point of the line, on the axes.
        gradient: of the line, on the axes.
        scatter: standard deviation of a probe of mean weight from the line.
    """

    load: float
    interval: Interval
    points: int
    fault: Fault
    scale: Scale
    origin: float = math.nan
    level: float = math.nan
    gradient: float = math.nan
    scatter: float = math.nan

    @property
    def steepness(self) -> float:
        """How far the line falls at the limit where the load grows by its own size: 4 of M/M/1 at 80 %."""
        return -self.gradient * (self.load if self.scale is Scale.QUEUE else 1.0)

    @property
    def precision(self) -> float:
        """Half the interval as a share of the estimate; infinite where there is none."""
        if self.fault is not Fault.NONE or not self.load > 0:
            return math.inf
        return (self.interval.high - self.interval.low) / 2 / self.load

    def height(self, load: float) -> float:
        """Of the line at ``load``."""
        return self.level + self.gradient * (self.scale.across(load) - self.origin)


def unbiased_height(value: float, parts: Sequence[float], limit: float, scale: Scale) -> float:
    """The height of a figure that was measured over one stretch, and over the equal parts of it.

    A high percentile of a short stretch is too low more often than not, for the long waits come in few clusters: at
    90 % of an M/M/1 queue, 1 / p99 of 10,000 requests is 17 % too high on average. The bias goes as 1 / length, so
    what the parts lose against the whole says what the whole loses (Quenouille, Biometrika 43, 1956, 353).
    """
    whole = scale.height(value, limit)
    count = len(parts)
    if count < 2 or not all(0 < part < math.inf for part in parts):  # noqa: PLR2004
        return whole
    mean = sum(scale.height(part, limit) for part in parts) / count
    return (count * whole - mean) / (count - 1)


def crossing(
    loads: Sequence[float],
    heights: Sequence[float],
    weights: Sequence[float],
    scale: Scale,
    *,
    corrected: float = 0.0,
    tail: float = 0.025,
) -> Crossing:
    """The load at which the line through the probes has the height 0, by weighted least squares.

    Args:
        loads: above 0.
        heights: of each, on the vertical axis of ``scale``.
        weights: how much was measured there; only their ratios matter.
        scale: the axes on which it is a line.
        corrected: by how much the heights were moved for their bias, on average. What is left of that leans to the same
            side as what was taken away, and is less: the interval reaches that much further there.
        tail: probability allowed beyond each end of the interval.
    """
    count = len(loads)
    nothing = Crossing(math.nan, NOTHING_KNOWN, count, Fault.FEW, scale)
    if count < LEAST_POINTS:
        return nothing
    mass = sum(weights)
    shares = [weight * count / mass for weight in weights]  # of mean 1: the scatter is that of a mean probe
    across = [scale.across(load) for load in loads]
    origin = _dot(shares, across) / count
    level = _dot(shares, heights) / count
    from_origin = [x - origin for x in across]
    spread = _dot(shares, from_origin, from_origin)
    if spread <= (1e-9 * origin) ** 2:
        return nothing
    gradient = _dot(shares, from_origin, heights) / spread
    residuals = [y - level - gradient * x for x, y in zip(from_origin, heights, strict=True)]
    scatter = math.sqrt(_dot(shares, residuals, residuals) / (count - 2))
    line = replace(nothing, origin=origin, level=level, gradient=gradient, scatter=scatter)
    if gradient >= 0:
        return replace(line, fault=Fault.RISING)
    offset = -level / gradient  # of the crossing from the middle of the probes
    line = replace(line, load=scale.load(origin + offset), fault=Fault.NOISY)
    reach = student_quantile(1 - tail, count - 2) * scatter / -gradient
    g = reach**2 / spread  # 1 and above: the slope itself is not told from 0
    if g >= 1 or not line.load > 0:
        return line
    half = reach * math.sqrt((1 - g) / count + offset**2 / spread)
    further = corrected / -gradient  # of heights that were too great, below 0
    low, high = (
        scale.load(origin + (offset + sign * half) / (1 - g) + sign * max(sign * further, 0.0)) for sign in (-1, 1)
    )
    return replace(line, fault=Fault.NONE, interval=Interval(max(low, 0.0), high, 1 - 2 * tail))


def evenly(low: float, high: float, count: int) -> tuple[float, ...]:
    """``count`` loads from ``low`` to ``high``, evenly spaced."""
    return tuple(low + (high - low) * place / max(count - 1, 1) for place in range(count))


def _dot(*factors: Sequence[float]) -> float:
    return math.fsum(map(math.prod, zip(*factors, strict=True)))
