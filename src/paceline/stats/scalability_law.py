"""The Universal Scalability Law as data: its parameters with their intervals, and what follows from them.

X(N) = lambda N / (1 + sigma (N - 1) + kappa N (N - 1)): lambda is what one worker would do alone, sigma the share of
the work that only one can do at a time (contention), kappa what each pair costs by having to agree (coherency). Its
maximum is at N* = sqrt((1 - sigma) / kappa). Source: Gunther, Guerrilla Capacity Planning (Springer, 2007), ch. 4 to 6.
"""

from dataclasses import dataclass

from paceline.stats.intervals import Interval

TAIL = 0.025  # beyond each end of an interval
MISFIT_P_VALUE = 0.01


@dataclass(frozen=True, slots=True)
class LevelRun:
    """One run at one level.

    Attributes:
        workers: how many at once.
        per_s: ok attempts a second.
        attempts: made in it.
    """

    workers: int
    per_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value that is not below 0, and its interval, whose low end is 0 where nothing tells it from that."""

    value: float
    interval: Interval

    @property
    def is_told(self) -> bool:
        """Whether the data tell it from 0."""
        return self.interval.low > 0


@dataclass(frozen=True, slots=True)
class Peak:
    """Where throughput is highest.

    Attributes:
        workers: at how many workers; 1 where it falls from the first on.
        per_s: how high.
    """

    workers: Estimate
    per_s: Estimate


@dataclass(frozen=True, slots=True)
class Misfit:
    """Whether levels lie further from the curve than runs of one level from each other.

    Attributes:
        p_value: of levels as far off as these by chance alone, if the law held (F-test of lack of fit).
        workers: the level that is furthest off.
        off: by how much, as a share of what the law says.
    """

    p_value: float
    workers: int
    off: float


@dataclass(frozen=True, slots=True)
class Law:
    """The law with its parameters.

    Attributes:
        per_worker_s: lambda, ok attempts a second of one worker alone.
        contention: sigma.
        coherency: kappa.
        peak: None where the data tell none.
        limit_per_s: what throughput cannot exceed by contention alone, lambda / sigma, where sigma is clearly
            told from 0.
        bends_p_value: of data that bend like these, if throughput grew with the workers for ever (F-test).
        r_squared: share of the variance of log throughput that the law explains.
        misfit: None without two runs at some level, or with no more levels than parameters.
        degrees: of freedom that the intervals rest on.
    """

    per_worker_s: Estimate
    contention: Estimate
    coherency: Estimate
    peak: Peak | None
    limit_per_s: Estimate | None
    bends_p_value: float
    r_squared: float
    misfit: Misfit | None
    degrees: int

    def at(self, workers: float) -> float:
        """Throughput a second by the law."""
        sigma, kappa = self.contention.value, self.coherency.value
        return self.per_worker_s.value * workers / denominator(workers, sigma, kappa)

    @property
    def fits(self) -> bool:
        """Whether the data do not contradict the law."""
        return self.misfit is None or self.misfit.p_value >= MISFIT_P_VALUE


def denominator(workers: float, sigma: float, kappa: float) -> float:
    """By what the throughput of ``workers`` is less than ``workers`` times that of one."""
    return 1 + sigma * (workers - 1) + kappa * workers * (workers - 1)
