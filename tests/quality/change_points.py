"""Change points in simulated histories: how often a level is named that never changed, how often a step is found.

A history is the log of a figure in successive sessions. What is run is the judge's own ``judge_trend``, so that the
smallest change it names counts too.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from paceline.judge.trend import HistoryTrend, judge_trend
from paceline.records.history import HistoryPoint, Series, SeriesKey
from paceline.records.quantities import MEDIAN
from tests.quality.gates import Gate, at_least, at_most, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Noise = Callable[[np.random.Generator, int], Floats]

SESSIONS = 300
LIMIT = 0.01
POWER = 0.95
NEAR = 2  # points
SPREAD = 0.02
_BASE_NS = 1_000_000.0


@dataclass(frozen=True)
class Effort:
    """Trials of a false alarm, and of a step."""

    nulls: int
    steps: int


FULL = Effort(nulls=700, steps=300)


def normal(rng: "np.random.Generator", count: int, spread: float = SPREAD) -> "Floats":
    return rng.normal(0, spread, count)


def heavy(rng: "np.random.Generator", count: int) -> "Floats":
    return rng.standard_t(3, count) * SPREAD / math.sqrt(3)


def skewed(rng: "np.random.Generator", count: int) -> "Floats":
    return (rng.gamma(2, 1, count) - 2) * SPREAD / math.sqrt(2)


def spiky(rng: "np.random.Generator", count: int, share: float = 0.05) -> "Floats":
    """Something held up a share of the sessions, by 10 to 100 %."""
    spikes = rng.uniform(math.log(1.1), math.log(2), count) * (rng.random(count) < share)
    return normal(rng, count) + spikes


def rounded(rng: "np.random.Generator", count: int) -> "Floats":
    """A figure that is one of few values, most often the same."""
    return rng.choice([0.0, math.log(1.05)], count, p=[0.7, 0.3])


def wandering(rng: "np.random.Generator", count: int, correlation: float = 0.8) -> "Floats":
    """AR(1) of the same spread."""
    import numpy as np

    shocks = rng.normal(0, SPREAD * math.sqrt(1 - correlation**2), count)
    values = np.empty(count)
    state = rng.normal(0, SPREAD)
    for place in range(count):
        state = correlation * state + shocks[place]
        values[place] = state
    return values


def by_days(rng: "np.random.Generator", count: int) -> "Floats":
    """Five sessions a day, of which each day lifts or lowers all by as much as they differ."""
    import numpy as np

    days = np.repeat(rng.normal(0, SPREAD, -(-count // 5)), 5)[:count]
    return days + normal(rng, count)


def drifting(rng: "np.random.Generator", count: int, by: float = 0.1) -> "Floats":
    import numpy as np

    return normal(rng, count) + np.linspace(0, math.log1p(by), count)


# All of them are gated.
NULLS: "Sequence[tuple[str, Noise]]" = (
    ("no spread", partial(normal, spread=0.0)),
    ("clean, spread 1 %", partial(normal, spread=0.01)),
    ("clean, spread 2 %", normal),
    ("clean, spread 5 %", partial(normal, spread=0.05)),
    ("clean, spread 15 %", partial(normal, spread=0.15)),
    ("heavy tails", heavy),
    ("skewed", skewed),
    ("rounded, two values", rounded),
    ("spikes in 5 %", spiky),
    ("spikes in 10 %", partial(spiky, share=0.10)),
    ("AR(0.3)", partial(wandering, correlation=0.3)),
    ("AR(0.5)", partial(wandering, correlation=0.5)),
    ("AR(0.8)", wandering),
    ("AR(0.95)", partial(wandering, correlation=0.95)),
    ("days", by_days),
)
SHORT_NULLS: "Sequence[tuple[str, Noise, int]]" = tuple(
    (name, noise, count)
    for name, noise in (("clean, spread 2 %", normal), ("spikes in 10 %", partial(spiky, share=0.10)))
    for count in (60, 20)
)
SHORT_WANDERING = (60, 20)


def trend_of(logs: "Floats") -> HistoryTrend:
    """What the judge makes of a history."""
    points = tuple(
        HistoryPoint("2026-11-22T18:00:00.000000Z", "", _BASE_NS * math.exp(value)) for value in logs.tolist()
    )
    return judge_trend(Series("simulated", MEDIAN, SeriesKey("main", "machine", "definition"), points))


def alarms(noise: "Noise", count: int, rng: "np.random.Generator", trials: int) -> tuple[int, int]:
    """Of series whose level never changed: those with a change named, and those whose newest is called unexpected."""
    trends = [trend_of(noise(rng, count)) for _ in range(trials)]
    unexpected = sum(trend.newest is not None and trend.newest.outside > 0 for trend in trends)
    return sum(bool(trend.changes) for trend in trends), unexpected


def found(
    noise: "Noise", count: int, change: float, steps: int, rng: "np.random.Generator", trials: int
) -> tuple[int, int]:
    """Of series with ``steps`` changes up and down: those where all are found, and those where another is named."""
    hits = others = 0
    for _ in range(trials):
        logs = noise(rng, count)
        # As far apart as they can be, each moved by up to a third of that; the first goes either way.
        gap = count // (steps + 1)
        places = [gap * (number + 1) + int(rng.integers(-gap // 3, gap // 3 + 1)) for number in range(steps)]
        sign = rng.choice((-1, 1))
        for number, place in enumerate(places):
            logs[place:] += sign * (-1) ** number * math.log1p(change)
        named = [each.at for each in trend_of(logs).changes]
        hits += all(any(abs(at - place) <= NEAR for at in named) for place in places)
        others += any(all(abs(at - place) > NEAR for place in places) for at in named)
    return hits, others


def gates(rng: "np.random.Generator", effort: Effort) -> Iterator[Gate]:
    """All of them, in the order of the table."""
    for name, noise in NULLS:
        wrong, unexpected = alarms(noise, SESSIONS, rng, effort.nulls)
        yield at_most("no change, one named", f"{name}, {SESSIONS} sessions", wrong, effort.nulls, LIMIT)
        yield _rate("no change, newest unexpected", f"{name}, {SESSIONS} sessions", unexpected, effort.nulls)
    for name, noise, count in SHORT_NULLS:
        wrong, _ = alarms(noise, count, rng, effort.nulls)
        yield at_most("no change, one named", f"{name}, {count} sessions", wrong, effort.nulls, LIMIT)
    for count in SHORT_WANDERING:
        wrong, _ = alarms(wandering, count, rng, effort.nulls)
        yield _rate("no change, one named", f"AR(0.8), {count} sessions", wrong, effort.nulls)
    wrong, _ = alarms(drifting, SESSIONS, rng, effort.nulls // 5)
    yield _rate("drift, told as changes", f"10 % over {SESSIONS} sessions", wrong, effort.nulls // 5)
    yield from _powers(rng, effort.steps)


def _powers(rng: "np.random.Generator", trials: int) -> Iterator[Gate]:
    cases: Sequence[tuple[str, Noise, int, float, int, bool]] = (
        ("clean", normal, SESSIONS, 0.10, 1, True),
        ("clean", normal, SESSIONS, 0.10, 4, True),
        ("heavy tails", heavy, SESSIONS, 0.10, 1, True),
        ("spikes in 5 %", spiky, SESSIONS, 0.10, 1, True),
        ("spikes in 10 %", partial(spiky, share=0.10), SESSIONS, 0.10, 1, False),
        ("AR(0.3)", partial(wandering, correlation=0.3), SESSIONS, 0.10, 1, False),
        ("AR(0.8)", wandering, SESSIONS, 0.10, 1, False),
        ("AR(0.8)", wandering, SESSIONS, 0.35, 1, False),
        ("days", by_days, SESSIONS, 0.10, 1, False),
        ("clean", normal, SESSIONS, 0.05, 1, False),
        ("clean", normal, SESSIONS, 0.03, 1, False),
        ("clean", normal, 60, 0.10, 1, False),
        ("clean", normal, 20, 0.10, 1, False),
    )
    for name, noise, count, change, steps, gated in cases:
        hits, others = found(noise, count, change, steps, rng, trials)
        case = f"{name}, step of {change * 100:.0f} %, {count} sessions, spread 2 %"
        what = f"{steps} step{'s' if steps > 1 else ''} found within {NEAR} points"
        yield at_least(what, case, hits, trials, POWER) if gated else _rate(what, case, hits, trials)
        yield _rate("another named beside it", case, others, trials)


def _rate(name: str, case: str, hits: int, trials: int) -> Gate:
    return shown(name, case, f"{hits:,} of {trials:,} = {hits / trials:.2%}")
