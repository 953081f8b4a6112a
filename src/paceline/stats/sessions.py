"""What stored sessions lead one to expect of the next: two forecasts, and how far off it is.

Sessions are no independent observations: those of one day are alike, machines wander, and sometimes they drift. Two
forecasts together hold what one alone does not (``docs/decisions/023-two-forecasts.md`` has the simulations):
:func:`level_forecast` knows days, :func:`line_forecast` knows drift.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean

from paceline.stats.intervals import Interval, student_quantile


@dataclass(frozen=True, slots=True)
class Forecast:
    """How far the candidate is from what was to be expected.

    Attributes:
        shift: the candidate less its expectation.
        error: standard error of that, on the same scale.
        degrees: of freedom that the error was estimated with.
    """

    shift: float
    error: float
    degrees: float

    def interval(self, tail: float) -> Interval:
        """Of the shift, with ``tail`` beyond each end."""
        half = student_quantile(1 - tail, self.degrees) * self.error
        return Interval(self.shift - half, self.shift + half, 1 - 2 * tail)

    @property
    def p_above(self) -> float:
        """One-sided p-value of 'it is no higher than was to be expected'."""
        if not self.error > 0:
            return 0.0 if self.shift > 0 else 1.0
        from scipy.special import stdtr

        return float(stdtr(self.degrees, -self.shift / self.error))

    @property
    def mirrored(self) -> "Forecast":
        """The same of the negated quantity."""
        return Forecast(-self.shift, self.error, self.degrees)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Mean squares of values in groups: between them, within them, and values a group."""

    between: float
    between_degrees: int
    within: float
    within_degrees: int
    per_group: float


def level_forecast(
    reference: Sequence[float],
    reference_days: Sequence[Hashable],
    candidate: Sequence[float],
    candidate_days: Sequence[Hashable],
) -> Forecast | None:
    """The candidate against the level of the reference; None where the reference has no spread to tell by.

    A session is its day's effect plus its own. One further session, on a day of its own, is off by both, and the mean
    of the reference by its days' mean square over its sessions: the variance components of the unbalanced one-way
    layout, degrees of freedom by Satterthwaite. With a session a day this is the usual prediction interval. Several
    candidate sessions are a second sample: Welch's test, on the mean squares between days.

    Args:
        reference, candidate: values on a scale where differences matter; logarithms for ratios.
        reference_days, candidate_days: which of them are of one day.

    Source: Searle, Casella & McCulloch, Variance Components (1992), section 3.6; Satterthwaite, Biometrics Bull. 2
    (1946) 110-114; Hahn & Meeker, Statistical Intervals (1991), section 4.4.
    """
    parts = _parts(reference, reference_days)
    if parts is None:
        return None
    count, shift = len(reference), fmean(candidate) - fmean(reference)
    if len(candidate) == 1:
        terms = [
            (parts.between * (1 / parts.per_group + 1 / count), parts.between_degrees),
            (parts.within * (1 - 1 / parts.per_group), parts.within_degrees),
        ]
    else:
        own = _parts(candidate, candidate_days)
        if own is None:
            return None
        terms = [
            (parts.between / count, parts.between_degrees),
            (own.between / len(candidate), own.between_degrees),
        ]
    total = sum(term for term, _ in terms)
    if not total > 0:
        return Forecast(shift, 0.0, max(count - 1, 1))
    degrees = 1 / sum((term / total) ** 2 / degrees for term, degrees in terms if term > 0)
    return Forecast(shift, math.sqrt(total), degrees)


def line_forecast(values: Sequence[float], is_candidate: Sequence[bool]) -> Forecast | None:
    """The step between the candidate and a line through everything else; None for fewer than four other values.

    Least squares of level, slope and step: a drift that goes on is no step. For one candidate at the end the step is
    its distance from the line's continuation, and the interval the prediction interval of a regression.

    Args:
        values: in order of time.
        is_candidate: which of them are the candidate's.

    Source: Draper & Smith, Applied Regression Analysis (1998), sections 3.1 and 14.
    """
    count, least = len(values), 4
    if count - sum(is_candidate) < least or not any(is_candidate):
        return None
    steps, weight = _steps(tuple(is_candidate))
    rest = _without_line(values)
    shift = math.fsum([step * value for step, value in zip(steps, rest, strict=True)]) / weight
    residual = math.fsum([(value - shift * step) ** 2 for step, value in zip(steps, rest, strict=True)])
    degrees = count - 3
    return Forecast(shift, math.sqrt(residual / degrees / weight), degrees)


@lru_cache(maxsize=64)
def _steps(is_candidate: tuple[bool, ...]) -> tuple[list[float], float]:
    """What of the step no line explains, and its square: the same for all quantities of all tests of a session."""
    steps = _without_line([float(each) for each in is_candidate])
    return steps, math.fsum(step * step for step in steps)


def _without_line(series: Sequence[float]) -> list[float]:
    times, squares = _times(len(series))
    mean = fmean(series)
    slope = math.fsum([time * value for time, value in zip(times, series, strict=True)]) / squares
    return [value - mean - slope * time for time, value in zip(times, series, strict=True)]


@lru_cache(maxsize=64)
def _times(count: int) -> tuple[list[float], float]:
    """Places in time around their middle, and the sum of their squares."""
    times = [place - (count - 1) / 2 for place in range(count)]
    return times, math.fsum(time * time for time in times)


def _parts(values: Sequence[float], groups: Sequence[Hashable]) -> _Parts | None:
    count = len(values)
    if count < 2:  # noqa: PLR2004  # one value has no spread
        return None
    members: dict[Hashable, list[float]] = {}
    for value, group in zip(values, groups, strict=True):
        members.setdefault(group, []).append(value)
    days, mean = len(members), fmean(values)
    if days in {1, count}:  # one level only
        return _Parts(math.fsum((value - mean) ** 2 for value in values) / (count - 1), count - 1, 0.0, 1, 1.0)
    means = {group: fmean(each) for group, each in members.items()}
    between = math.fsum(len(each) * (means[group] - mean) ** 2 for group, each in members.items())
    within = math.fsum((value - means[group]) ** 2 for group, each in members.items() for value in each)
    per_group = (count - sum(len(each) ** 2 for each in members.values()) / count) / (days - 1)
    return _Parts(between / (days - 1), days - 1, within / (count - days), count - days, per_group)
