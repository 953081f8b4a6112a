"""Run replication: one benchmark in several fresh processes, several epochs in each, the levels kept apart.

What a process is given by chance (hash seed, memory layout, the minute it ran in) is the same for all of its attempts:
a thousand attempts of one process are one observation of that, not a thousand.
"""

from dataclasses import dataclass
from statistics import median

from paceline.records.quantities import Quantity


@dataclass(frozen=True, slots=True)
class Figures:
    """What a stretch of attempts came to. None is what does not exist: nothing was ok, or samples are batch means.

    Attributes:
        attempts: made.
        errors: errors and timeouts among them.
        throughput_per_s: ok attempts a second.
        median_ns, mean_ns: of a call.
        p95_ns, p99_ns: of a call, where calls were timed singly.
    """

    attempts: int
    errors: int
    throughput_per_s: float
    median_ns: float | None = None
    mean_ns: float | None = None
    p95_ns: float | None = None
    p99_ns: float | None = None


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """One fresh process.

    Attributes:
        figures: of all its attempts together.
        epochs: of each epoch, in order; fewer than were asked for where the process was cut off.
        hash_seed: its ``PYTHONHASHSEED``.
        peak_rss_bytes: the most memory it held, Paceline's own included; None where the machine does not tell, and
            where the process did not live to say.
    """

    figures: Figures
    epochs: tuple[Figures, ...]
    hash_seed: int
    peak_rss_bytes: int | None = None

    def value(self, quantity: Quantity) -> float | None:
        """A quantity of this process in its own unit; None where it does not exist.

        Raises:
            LookupError: no such quantity is known of a process.
        """
        figures = self.figures
        values = {
            "median": figures.median_ns,
            "mean": figures.mean_ns,
            "p95": figures.p95_ns,
            "p99": figures.p99_ns,
            "throughput": figures.throughput_per_s,
            "error_rate": figures.errors / figures.attempts if figures.attempts else None,
            "peak_rss": self.peak_rss_bytes,
        }
        return values[quantity.key]


@dataclass(frozen=True, slots=True)
class Replication:
    """The processes of one run.

    Attributes:
        runs: processes that were asked for.
        epochs: asked for in each.
        seed: that the hash seeds were drawn from.
        processes: those that measured something, in order.
    """

    runs: int
    epochs: int
    seed: int
    processes: tuple[ProcessRun, ...] = ()

    def value(self, quantity: Quantity) -> float | None:
        """What the session contributes: the median over processes; None where no process has the quantity."""
        values = [value for process in self.processes if (value := process.value(quantity)) is not None]
        return median(values) if values else None
