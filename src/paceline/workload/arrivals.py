"""When attempts are due: pure functions of the workload, in virtual time.

Nothing here looks at a clock or at answers: every leg that is given the same workload computes the same arrivals and
takes every n-th, without a word between them.

Evenly spaced arrivals under a changing rate are due where the integral of the rate passes a whole number (as in
vegeta's ``lib/pacer.go``); Poisson arrivals under a changing rate are a unit-rate Poisson process on the axis of that
integral (time rescaling: Cinlar, Introduction to Stochastic Processes, 1975, p. 96). One inverse serves both.
"""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import repeat
from operator import truediv
from typing import TypeGuard

from paceline.core.errors import ConfigurationError
from paceline.workload.models import (
    MOST_PER_SECOND,
    USERS,
    ClosedLoop,
    ConstantRate,
    FixedIterations,
    OpenLoop,
    Poisson,
    Ramp,
    Stages,
    Workload,
    has_arrivals,
    positive_seconds,
)

_EXPECTED_AT_LEAST = 10.0  # a Poisson warm-up of so many is empty once in e**10 = 22,000 times


def arrivals(workload: Workload) -> Iterator[float]:
    """When each attempt is due: offsets in seconds from the start, ascending, in [0, duration).

    Computed one by one: a long schedule takes no memory. Each call starts again and yields the same.

    Raises:
        ConfigurationError: the workload is a closed loop, whose users decide when attempts start.
    """
    workload = _open_loop(workload)
    if isinstance(workload, ConstantRate):
        # One division from the index: added steps would drift. map() keeps it out of the interpreter's loop.
        return map(truediv, range(_count(workload)), repeat(workload.per_second))
    if isinstance(workload, Poisson):
        return _poisson(workload.per_second, workload.duration_s, workload.seed)
    marks = range(_count(workload)) if workload.seed is None else _unit_poisson(workload.seed)
    return _where_integral_passes(marks, workload.ramps())


def expected_arrivals(workload: Workload) -> float:
    """How many offsets :func:`arrivals` yields: exactly if they are evenly spaced, on average if they are Poisson.

    Raises:
        ConfigurationError: the workload is a closed loop, whose users decide when attempts start.
    """
    workload = _open_loop(workload)
    return _integral(workload) if _is_random(workload) else float(_count(workload))


def users_at(stages: Stages, offset_s: float) -> int:
    """How many users there are ``offset_s`` seconds after the start, to the nearest whole; before and after, nobody.

    Raises:
        ConfigurationError: the stages are of a rate.
    """
    if stages.of != USERS:
        raise ConfigurationError("these stages are of='rate': only stages of='users' have users")
    if offset_s < 0:
        return 0
    for begin_s, end_s, duration_s, level, target in stages.ramps():
        if offset_s < end_s:
            return math.floor(level + (target - level) * ((offset_s - begin_s) / duration_s) + 0.5)
    return 0


def warmup_of(workload: Workload, warmup_s: float) -> Workload:
    """The load of a warm-up of ``workload``: the same kind at the same level for ``warmup_s`` seconds.

    Stages are held at the mean of the first that lasts. The level is at least one user or one arrival; where few
    arrivals fall into the warm-up they are evenly spaced even for Poisson, as there might be none.

    Raises:
        ConfigurationError: ``warmup_s`` is no duration, or shorter than a microsecond.
    """
    warmup_s = positive_seconds("warmup_s", warmup_s)
    least_per_second = 1 / warmup_s
    if least_per_second > MOST_PER_SECOND:
        raise ConfigurationError(f"warmup_s must be at least {1 / MOST_PER_SECOND:g} s, not {warmup_s!r}")
    if isinstance(workload, FixedIterations):
        return ClosedLoop(workload.workers, warmup_s)
    if isinstance(workload, ClosedLoop):
        return replace(workload, duration_s=warmup_s, warmup_iterations=0)
    level = _first_level(workload)
    if isinstance(workload, Stages) and workload.of == USERS:
        return ClosedLoop(max(1, math.floor(level + 0.5)), warmup_s)
    per_second = max(level, least_per_second)
    if _is_random(workload) and per_second * warmup_s >= _EXPECTED_AT_LEAST:
        return Poisson(per_second, warmup_s, workload.seed or 0, workload.max_in_flight)
    return ConstantRate(per_second, warmup_s, workload.max_in_flight)


def _open_loop(workload: Workload) -> OpenLoop:
    if has_arrivals(workload):
        return workload
    raise ConfigurationError(
        f"{type(workload).__name__} is a closed loop: its users start the next attempt when the last has ended, so "
        "nothing is due. ConstantRate, Poisson and Stages(of='rate') have arrivals"
    )


def _is_random(workload: OpenLoop) -> TypeGuard[Poisson | Stages]:
    return isinstance(workload, Poisson) or (isinstance(workload, Stages) and workload.seed is not None)


def _integral(workload: OpenLoop) -> float:
    """Of the rate, over the whole duration."""
    if isinstance(workload, Stages):
        return sum(ramp.area for ramp in workload.ramps())
    return workload.per_second * workload.duration_s


def _count(workload: OpenLoop) -> int:
    """How many evenly spaced arrivals. Rounding leaves at least half an arrival's distance before the end."""
    return round(_integral(workload))


def _first_level(workload: OpenLoop) -> float:
    return next(workload.ramps()).mean if isinstance(workload, Stages) else workload.per_second


def _poisson(per_second: float, duration_s: float, seed: int) -> Iterator[float]:
    uniform = random.Random(seed).random  # noqa: S311 - a schedule is to be repeatable, not secret
    log = math.log
    offset_s = 0.0
    # random() is in [0, 1): 1 minus it is never 0. The sum rounds, but a random schedule has no places to drift from.
    while (offset_s := offset_s - log(1.0 - uniform()) / per_second) < duration_s:
        yield offset_s


def _unit_poisson(seed: int) -> Iterator[float]:
    """A Poisson process with one arrival per unit, without end."""
    return _poisson(1.0, math.inf, seed)


def _where_integral_passes(marks: Iterable[float], ramps: Iterator[Ramp]) -> Iterator[float]:
    """Offsets at which the integral of the rate reaches each of ``marks`` (ascending), as long as there are ramps.

    With q = (mark - integral before the ramp) / duration, the part u of the ramp solves a u + (b - a) u^2 / 2 = q. The
    form 2q / (a + sqrt(...)) has no cancellation where the textbook's has, and holds for a = b and a = 0 too. A mark
    on a pause (rate 0) is due when the pause ends.
    """
    sqrt = math.sqrt
    before = after = duration_s = last_s = begin_s = a = twice_rise = 0.0
    for mark in marks:
        while mark >= after:
            ramp = next(ramps, None)
            if ramp is None:
                return
            before, after = after, after + ramp.area
            begin_s, duration_s, a, twice_rise = (
                ramp.begin_s,
                ramp.duration_s,
                ramp.level,
                2 * (ramp.target - ramp.level),
            )
            last_s = math.nextafter(ramp.end_s, 0.0)
        if twice_rise:
            q = (mark - before) / duration_s
            under = a * a + twice_rise * q
            # Rounding may bring it below 0 at the very end of a ramp down to 0.
            divisor = a + sqrt(under) if under > 0 else a
            offset_s = begin_s + 2 * q / divisor * duration_s if divisor else begin_s
        else:
            offset_s = begin_s + (mark - before) / a
        yield offset_s if offset_s < last_s else last_s  # noqa: FURB136 - min() costs 40 ns an arrival
