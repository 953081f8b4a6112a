"""Workloads: how many attempts, by how many workers, for how long, or how many a second.

All are plain frozen data: equal by value, hashable, picklable for a leg in another process. What they mean in time is
computed by :mod:`paceline.workload.arrivals`.
"""

import reprlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, TypeGuard

from paceline.core.errors import ConfigurationError

AUTO = "auto"
MOST_WORKERS = 10_000
MOST_CALLS_PER_SAMPLE = 1 << 30
MOST_SECONDS = 1_000_000_000  # 31 years: beyond it, nanoseconds no longer fit into 64 bits
# With MOST_SECONDS it makes at most 1e15 arrivals: a float counts them exactly (2**53 is 9e15), and at the far end its
# resolution (1.2e-7 s) still tells neighbours (1e-6 s) apart.
MOST_PER_SECOND = 1_000_000
MOST_IN_FLIGHT = 1_000_000
MOST_STAGES = 10_000
MOST_SEED = (1 << 63) - 1  # what every file format can hold; random.Random would take -1 for 1
RATE: Literal["rate"] = "rate"
USERS: Literal["users"] = "users"


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
        think_time_s: pause of a user between the end of an attempt and the start of the next.

    Raises:
        ConfigurationError: a value is out of range; the message names it.
    """

    users: int
    duration_s: float
    warmup_iterations: int = 0
    think_time_s: float = 0.0

    def __post_init__(self) -> None:
        whole_number("users", self.users, at_least=1, at_most=MOST_WORKERS)
        whole_number("warmup_iterations", self.warmup_iterations, at_least=0)
        positive_seconds("duration_s", self.duration_s)
        object.__setattr__(self, "think_time_s", seconds_from_zero("think_time_s", self.think_time_s))


@dataclass(frozen=True, slots=True)
class ConstantRate:
    """Attempts that start at even distances, whatever the target does: an open loop.

    Attributes:
        per_second: arrivals a second; arrival i is due ``i / per_second`` seconds after the start.
        duration_s: length of the measured window; ``round(per_second * duration_s)`` arrivals fall into it.
        max_in_flight: drop what would exceed it. None queues instead, which hides nothing.

    Raises:
        ConfigurationError: a value is out of range, or there would be no arrival; the message names it.
    """

    per_second: float
    duration_s: float
    max_in_flight: int | None = None

    def __post_init__(self) -> None:
        _check_rate(self)


@dataclass(frozen=True, slots=True)
class Poisson:
    """Attempts that start independently of each other, as those of many strangers do: an open loop.

    Attributes:
        per_second: mean arrivals a second; distances are exponential.
        duration_s: length of the measured window.
        seed: of the distances; the same seed makes the same arrivals.
        max_in_flight: drop what would exceed it. None queues instead, which hides nothing.

    Raises:
        ConfigurationError: a value is out of range, or no arrival is to be expected; the message names it.
    """

    per_second: float
    duration_s: float
    seed: int = 0
    max_in_flight: int | None = None

    def __post_init__(self) -> None:
        _check_rate(self)
        whole_number("seed", self.seed, at_least=0, at_most=MOST_SEED)


class Ramp(NamedTuple):
    """A stage that takes time, on the time line: from ``level`` to ``target``, linearly."""

    begin_s: float
    end_s: float
    duration_s: float  # as given: end_s - begin_s is rounded
    level: float
    target: float

    @property
    def area(self) -> float:
        """Arrivals, or user-seconds, in this stage."""
        return self.mean * self.duration_s

    @property
    def mean(self) -> float:
        """The level in the middle."""
        return (self.level + self.target) / 2


@dataclass(frozen=True, slots=True)
class Stages:
    """A load that changes: each stage ramps linearly from the level before it to its target.

    Attributes:
        stages: pairs ``(duration_s, target)``; a duration of 0 is a jump.
        of: what the levels are: ``'rate'`` (arrivals a second, an open loop) or ``'users'`` (whole numbers, a closed
            loop).
        start: level before the first stage.
        seed: of rates: Poisson arrivals with this seed; None spaces them evenly in the integral of the rate.
        max_in_flight: of rates: drop what would exceed it. None queues instead, which hides nothing.

    Raises:
        ConfigurationError: a value is out of range or does not suit ``of``, or there would be no load; the message
            names it.
    """

    stages: Sequence[tuple[float, float]]
    of: Literal["rate", "users"] = RATE
    start: float = 0.0
    seed: int | None = None
    max_in_flight: int | None = None

    def __post_init__(self) -> None:
        if self.of not in (RATE, USERS):
            raise ConfigurationError(f"of must be 'rate' or 'users', not {self.of!r}")
        object.__setattr__(self, "start", _level("start", self.start, self.of))
        object.__setattr__(self, "stages", _checked_stages(self.stages, self.of))
        if not 0 < self.duration_s <= MOST_SECONDS:
            raise ConfigurationError(
                f"stages must last more than 0 and at most {MOST_SECONDS:,} seconds in all, not {self.duration_s:g}"
            )
        if self.of == USERS:
            for name, value in (("seed", self.seed), ("max_in_flight", self.max_in_flight)):
                if value is not None:
                    raise ConfigurationError(
                        f"{name} is for stages of='rate': users wait for their answers; leave it out"
                    )
        else:
            if self.seed is not None:
                whole_number("seed", self.seed, at_least=0, at_most=MOST_SEED)
            _check_in_flight(self.max_in_flight)
        area = sum(ramp.area for ramp in self.ramps())
        if not (area > 0 if self.of == USERS else round(area) >= 1):
            raise ConfigurationError(
                f"stages make no load: {reprlib.repr(self.stages)} from {self.start:g} comes to {area:g} "
                f"{'user-seconds' if self.of == USERS else 'arrivals'}; a stage is (duration_s, target)"
            )

    @property
    def duration_s(self) -> float:
        """Length of all stages in seconds."""
        # Added up in the order in which ramps() does: its last end is this number, to the bit.
        total_s = 0.0
        for duration_s, _ in self.stages:
            total_s += duration_s
        return total_s

    @property
    def most(self) -> float:
        """The highest level that lasts: arrivals a second, or users."""
        return max(max(ramp.level, ramp.target) for ramp in self.ramps())

    def ramps(self) -> Iterator[Ramp]:
        """The stages that take time, in order; jumps show as a level that differs from the target before."""
        begin_s, level = 0.0, self.start
        for duration_s, target in self.stages:
            end_s = begin_s + duration_s
            if duration_s:
                yield Ramp(begin_s, end_s, duration_s, level, target)
            begin_s, level = end_s, target


OpenLoop: TypeAlias = ConstantRate | Poisson | Stages
Workload: TypeAlias = FixedIterations | ClosedLoop | ConstantRate | Poisson | Stages


def has_arrivals(workload: Workload) -> TypeGuard[OpenLoop]:
    """Whether attempts start when they are due (an open loop), not when the last has ended."""
    return isinstance(workload, ConstantRate | Poisson) or (isinstance(workload, Stages) and workload.of == RATE)


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


def seconds_from_zero(name: str, value: object) -> float:
    """``value`` if it is a number of seconds from 0 to :data:`MOST_SECONDS`.

    Raises:
        ConfigurationError: it is not; the message names ``name`` and the value.
    """
    return _number(name, value, MOST_SECONDS, "a finite number of seconds")


def _number(name: str, value: object, at_most: float, what: str = "a finite number") -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= at_most:
        raise ConfigurationError(f"{name} must be {what} of at least 0 and at most {at_most:,}, not {value!r}")
    return float(value)


def _check_rate(workload: ConstantRate | Poisson) -> None:
    rate = workload.per_second
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= MOST_PER_SECOND:
        raise ConfigurationError(
            f"per_second must be a finite number above 0 and at most {MOST_PER_SECOND:,}, not {rate!r}"
        )
    object.__setattr__(workload, "per_second", float(rate))
    object.__setattr__(workload, "duration_s", positive_seconds("duration_s", workload.duration_s))
    _check_in_flight(workload.max_in_flight)
    if round(workload.per_second * workload.duration_s) < 1:
        raise ConfigurationError(
            f"per_second={rate!r} makes no arrival within duration_s={workload.duration_s:g}: raise one of them"
        )


def _check_in_flight(value: int | None) -> None:
    if value is not None:
        whole_number("max_in_flight", value, at_least=1, at_most=MOST_IN_FLIGHT)


def _level(name: str, value: object, of: str) -> float:
    if of == RATE:
        return _number(name, value, MOST_PER_SECOND)
    level = _number(name, value, MOST_WORKERS, "a whole number of users")
    if not level.is_integer():
        raise ConfigurationError(f"{name} must be a whole number of users, not {value!r}")
    return level


def _checked_stages(stages: object, of: str) -> tuple[tuple[float, float], ...]:
    if not isinstance(stages, Sequence) or isinstance(stages, str | bytes) or not 1 <= len(stages) <= MOST_STAGES:
        raise ConfigurationError(
            f"stages must be 1 to {MOST_STAGES:,} pairs such as [(10, 100), (60, 100)], each (duration_s, target), "
            f"not {reprlib.repr(stages)}"
        )
    checked = []
    for index, stage in enumerate(stages):
        if not isinstance(stage, Sequence) or isinstance(stage, str | bytes) or len(stage) != 2:  # noqa: PLR2004
            raise ConfigurationError(f"stages[{index}] must be a pair (duration_s, target), not {reprlib.repr(stage)}")
        duration_s = seconds_from_zero(f"duration_s of stages[{index}]", stage[0])
        checked.append((duration_s, _level(f"target of stages[{index}]", stage[1], of)))
    return tuple(checked)
