"""Workloads: how many attempts, by how many workers, for how long."""

from dataclasses import dataclass

from paceline.core.errors import ConfigurationError

AUTO = "auto"
MOST_WORKERS = 10_000
MOST_CALLS_PER_SAMPLE = 1 << 30


@dataclass(frozen=True, slots=True)
class FixedIterations:
    """A number of attempts, shared by workers that start together.

    Attributes:
        iterations: measured attempts in all (with ``batch``: samples).
        warmup_iterations: attempts before them that do not count.
        workers: threads, or tasks for coroutines.
        batch: calls a sample: None times every call, ``'auto'`` calibrates, or a number.

    Raises:
        ConfigurationError: a value is out of range; the message names it.
    """

    iterations: int
    warmup_iterations: int = 0
    workers: int = 1
    batch: int | str | None = None

    def __post_init__(self) -> None:
        whole_number("iterations", self.iterations, at_least=1)
        whole_number("warmup_iterations", self.warmup_iterations, at_least=0)
        whole_number("workers", self.workers, at_least=1, at_most=MOST_WORKERS)
        if self.batch is not None and self.batch != AUTO:
            if isinstance(self.batch, str):
                raise ConfigurationError(f"batch must be 'auto', a whole number or None, not {self.batch!r}")
            whole_number("batch", self.batch, at_least=1, at_most=MOST_CALLS_PER_SAMPLE)
        if self.batch is not None and self.workers > 1:
            raise ConfigurationError("batches are for one worker: several workers are timed call by call")


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """Workers that each start the next attempt when the last has ended, for a duration.

    Attributes:
        users: threads, or tasks for coroutines.
        duration_s: length of the measured window.
        warmup_iterations: attempts before it that do not count.

    Raises:
        ConfigurationError: a value is out of range; the message names it.
    """

    users: int
    duration_s: float
    warmup_iterations: int = 0

    def __post_init__(self) -> None:
        whole_number("users", self.users, at_least=1, at_most=MOST_WORKERS)
        whole_number("warmup_iterations", self.warmup_iterations, at_least=0)
        positive_seconds("duration_s", self.duration_s)


def whole_number(name: str, value: object, *, at_least: int, at_most: int | None = None) -> int:
    """``value`` if it is a whole number in range.

    Raises:
        ConfigurationError: it is not; the message names ``name``, the value and the range.
    """
    allowed = f"a whole number of at least {at_least}" + (f" and at most {at_most}" if at_most is not None else "")
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{name} must be {allowed}, not {value!r}")
    if value < at_least or (at_most is not None and value > at_most):
        raise ConfigurationError(f"{name} must be {allowed}, not {value}")
    return value


MOST_SECONDS = 1_000_000_000  # 31 years: beyond it, nanoseconds no longer fit into 64 bits


def positive_seconds(name: str, value: object) -> float:
    """``value`` if it is a number of seconds above 0 and at most :data:`MOST_SECONDS`.

    Raises:
        ConfigurationError: it is not; the message names ``name`` and the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MOST_SECONDS:
        raise ConfigurationError(
            f"{name} must be a finite number of seconds above 0 and at most {MOST_SECONDS:,}, not {value!r}"
        )
    return float(value)
