"""What of two runs is compared: each quantity with its unit, its better direction and how a change of it is told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that can get worse.

    Attributes:
        key: its name in files and options.
        label: its name on a screen.
        unit: of its values.
        higher_is_better: which way a change is an improvement.
        least_difference: for quantities without a spread to judge a ratio by (an error rate that is zero in every
            run): the smallest difference worth an alarm, in ``unit``. None: changes are ratios.
        quantile: in [0, 1], of what is one; None for what is none.
    """

    key: str
    label: str
    unit: str
    higher_is_better: bool = False
    least_difference: float | None = None
    quantile: float | None = None

    @property
    def is_ratio(self) -> bool:
        """Whether a change is told in percent of the base."""
        return self.least_difference is None


MEDIAN = Quantity("median", "median", "ns", quantile=0.5)
MEAN = Quantity("mean", "mean", "ns")
P95 = Quantity("p95", "p95", "ns", quantile=0.95)
P99 = Quantity("p99", "p99", "ns", quantile=0.99)
THROUGHPUT = Quantity("throughput", "throughput", "1/s", higher_is_better=True)
ERROR_RATE = Quantity("error_rate", "error rate", "", least_difference=0.005)
PEAK_RSS = Quantity("peak_rss", "peak RSS", "bytes", least_difference=2e6)

QUANTITIES = {each.key: each for each in (MEDIAN, MEAN, P95, P99, THROUGHPUT, ERROR_RATE, PEAK_RSS)}
