"""Quality gates of the stored baseline, simulated: false alarms, power, and what it says it can see.

python -m tests.quality stored_baselines

Every trial goes through the code that judges: sessions are :class:`BaselineSession`, verdicts are ``conclude``'s.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from paceline.judge.change import Verdict
from paceline.judge.comparison import Comparison, conclude
from paceline.judge.held import Held, hold
from paceline.records.baseline import BaselineSession
from tests.quality.gates import Gate, at_most, shown, within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LIMIT, SUITE_LIMIT = 0.01, 0.05
REFERENCE = 10
_START = datetime(2026, 1, 5, 9, tzinfo=UTC)
_HERE = "0123456789ab"


@dataclass(frozen=True)
class Effort:
    """How long it may take.

    Attributes:
        trials: of each world.
        suites: of several benchmarks.
        visible: sessions whose smallest visible change is told.
    """

    trials: int
    suites: int
    visible: int


FULL = Effort(20_000, 5_000, 2_000)

# What sessions come to, as logarithms, the candidate's last: (trials, sessions).
Draw = Callable[["np.random.Generator", int, int], "Floats"]


@dataclass(frozen=True)
class World:
    """How sessions of unchanged code come about.

    Attributes:
        name: what the table calls it.
        draw: logarithms of the sessions' medians, the candidate's last.
        hours: when each of them is made, from the first on.
        gated: whether the law wants its false alarms kept; others are shown.
    """

    name: str
    draw: Draw
    hours: tuple[float, ...]
    gated: bool = True


def daily(stored: int) -> tuple[float, ...]:
    """One session a day and the candidate's."""
    return tuple(24.0 * day for day in range(stored + 1))


def several_a_day(stored: int, a_day: int, apart_h: float) -> tuple[float, ...]:
    """``a_day`` sessions each day; the candidate's on the next."""
    hours = [24.0 * (place // a_day) + apart_h * (place % a_day) for place in range(stored)]
    return (*hours, 24.0 * math.ceil(stored / a_day))


def independent(spread: float) -> Draw:
    """Sessions that know nothing of each other."""
    return lambda rng, trials, sessions: rng.normal(0, spread, (trials, sessions))


def with_days(spread: float, ratio: float, a_day: int) -> Draw:
    """A day's effect, ``ratio`` times as large as a session's own."""

    def draw(rng: "np.random.Generator", trials: int, sessions: int) -> "Floats":
        days = rng.normal(0, ratio * spread, (trials, math.ceil((sessions - 1) / a_day) + 1))
        stored = [place // a_day for place in range(sessions - 1)]
        values: Floats = rng.normal(0, spread, (trials, sessions)) + days[:, [*stored, -1]]
        return values

    return draw


def wandering(spread: float, correlation: float) -> Draw:
    """Each session resembles the one before it: AR(1)."""

    def draw(rng: "np.random.Generator", trials: int, sessions: int) -> "Floats":
        values = rng.normal(0, spread, (trials, sessions))
        for place in range(1, sessions):
            fresh = math.sqrt(1 - correlation**2) * values[:, place]
            values[:, place] = correlation * values[:, place - 1] + fresh
        return values

    return draw


def drifting(spread: float, slope: float) -> Draw:
    """Slower from session to session, by ``slope`` times the spread."""

    def draw(rng: "np.random.Generator", trials: int, sessions: int) -> "Floats":
        import numpy as np

        values: Floats = rng.normal(0, spread, (trials, sessions)) + spread * slope * np.arange(sessions)
        return values

    return draw


def spiky(spread: float, share: float, height: float) -> Draw:
    """Now and then a session in which something else ran: slower by up to ``height``."""

    def draw(rng: "np.random.Generator", trials: int, sessions: int) -> "Floats":
        spikes = (rng.random((trials, sessions)) < share) * rng.uniform(height / 2, height, (trials, sessions))
        values: Floats = rng.normal(0, spread, (trials, sessions)) + spikes
        return values

    return draw


def skewed(spread: float) -> Draw:
    """Slow sessions are slower than quick ones are quick: a gamma distribution of shape 4 (skewness 1)."""

    def draw(rng: "np.random.Generator", trials: int, sessions: int) -> "Floats":
        values: Floats = spread * (rng.gamma(4, 1, (trials, sessions)) - 4) / 2
        return values

    return draw


WORLDS = (
    *(World(f"independent, spread {spread:.0%}", independent(spread), daily(10)) for spread in (0.0, 0.02, 0.05, 0.15)),
    World("independent, 20 later sessions", independent(0.05), daily(30)),
    *(
        World(f"days differ {ratio:g} x, two a day", with_days(0.05, ratio, 2), several_a_day(10, 2, 8))
        for ratio in (1, 2, 4)
    ),
    World("days differ 2 x, two a day, 10 later", with_days(0.05, 2, 2), several_a_day(20, 2, 8)),
    World("five sessions an hour", independent(0.05), several_a_day(50, 5, 0.2)),
    *(World(f"AR({rho}), {n} stored", wandering(0.05, rho), daily(n)) for rho in (0.3, 0.5, 0.8) for n in (10, 20)),
    *(
        World(f"drift of {slope:g} sd a session, {n} stored", drifting(0.05, slope), daily(n))
        for slope in (0.1, 0.3)
        for n in (10, 20)
    ),
    World("skewed", skewed(0.05), daily(10), gated=False),
    World("spikes of up to 30 % in 5 %", spiky(0.03, 0.05, 0.3), daily(10), gated=False),
)


@cache
def _moment(hours: float) -> str:
    return (_START + timedelta(hours=hours)).isoformat()


def session(log_value: float, hours: float, calibration: float | None = None) -> BaselineSession:
    """One stored session; nothing but the median, and the calibration workload if given."""
    return BaselineSession(
        session_id="",
        saved_at=_moment(hours),
        fingerprint=_HERE,
        metrics={"median_time_ms": math.exp(log_value)},
        calibration_ns=None if calibration is None else 7e6 * math.exp(calibration),
    )


def held_of(values: Sequence[float], hours: Sequence[float], calibration: Sequence[float] | None = None) -> Held:
    """The last of ``values`` held against all before it."""
    workload: Sequence[float | None] = [None] * len(values) if calibration is None else calibration
    *stored, candidate = (session(*each) for each in zip(values, hours, workload, strict=True))
    held = hold([candidate], stored)
    assert held is not None
    return held


def alarms(world: World, rng: "np.random.Generator", trials: int) -> tuple[int, int]:
    """False alarms, and comparisons that were let gate."""
    found = [conclude([held_of(row, world.hours)])[0] for row in world.draw(rng, trials, len(world.hours)).tolist()]
    return _counted(found)


def _counted(found: Sequence[Comparison]) -> tuple[int, int]:
    gating = [each for each in found if each.gates]
    return sum(each.verdict is Verdict.REGRESSED for each in gating), len(gating)


@dataclass(frozen=True)
class Fleet:
    """Runners that the fingerprint cannot tell apart; one of the two kinds is slower.

    Attributes:
        slow: share of sessions that meet a slow one.
        by: how much slower its median benchmark is, as a logarithm; each has a sensitivity of its own, 0.5 to 1.5.
        tests: in the suite.
        calibrated: whether the calibration workload is run; it feels the runner like a benchmark does.
    """

    slow: float
    by: float
    tests: int
    calibrated: bool


FLEETS = (
    *(Fleet(slow, 0.10, 6, calibrated=True) for slow in (0.1, 0.3, 0.5)),
    Fleet(0.1, 0.25, 6, calibrated=True),
    Fleet(0.1, 0.10, 1, calibrated=True),
    Fleet(0.1, 0.10, 6, calibrated=False),
    Fleet(0.1, 0.10, 1, calibrated=False),
)
_SPREAD = 0.02


def fleet_alarms(fleet: Fleet, rng: "np.random.Generator", suites: int) -> tuple[int, int]:
    """False alarms among the benchmarks of ``suites`` sessions, and benchmarks that were let gate."""
    hours, wrong, gating = daily(REFERENCE), 0, 0
    for _ in range(suites):
        slow = fleet.by * (rng.random(REFERENCE + 1) < fleet.slow)
        senses = rng.uniform(0.5, 1.5, fleet.tests + 1)
        noise = rng.normal(0, _SPREAD, (fleet.tests + 1, REFERENCE + 1))
        *tests, calibration = (senses[:, None] * slow + noise).tolist()
        suite = [held_of(row, hours, calibration if fleet.calibrated else None) for row in tests]
        found = _counted(conclude(suite))
        wrong, gating = wrong + found[0], gating + found[1]
    return wrong, gating


def suites_with_alarms(rng: "np.random.Generator", suites: int, tests: int) -> int:
    """How many suites of independent benchmarks of unchanged code have an alarm at all."""
    hours, wrong = daily(REFERENCE), 0
    for _ in range(suites):
        rows = rng.normal(0, 0.05, (tests, REFERENCE + 1)).tolist()
        wrong += any(each.verdict is Verdict.REGRESSED for each in conclude([held_of(row, hours) for row in rows]))
    return wrong


def first_thought_of(rows: "Floats", *, medians_of: int = 1) -> tuple[int, int]:
    """False alarms of the rule as it was first thought of: the prediction interval at 1 %, dependence tested at 5 %.

    Args:
        rows: logarithms of sessions, the candidate's last.
        medians_of: so many sessions beside each other count once, by their median.
    """
    from statistics import median

    from paceline.stats.intervals import prediction_interval
    from paceline.stats.significance import lag1_correlation, trend_p_value

    wrong = gating = 0
    for *stored, candidate in rows.tolist():
        groups = [stored[place : place + medians_of] for place in range(0, len(stored), medians_of)]
        reference = [median(group) for group in groups][:REFERENCE]
        correlation, trend = lag1_correlation(reference), trend_p_value(reference)
        if correlation is None or trend is None or min(correlation.p_value, trend) < 0.05:
            continue
        gating += 1
        far = candidate - sum(reference) / len(reference) >= math.log1p(0.05)
        wrong += far and candidate > prediction_interval(reference, 0.01).high
    return wrong, gating


REJECTED = (
    ("days differ 2 x, four a day", with_days(0.05, 2, 4), daily(10), 1),
    ("AR(0.8), 10 stored", wandering(0.05, 0.8), daily(10), 1),
    ("AR(0.5), 20 stored", wandering(0.05, 0.5), daily(20), 1),
    ("drift of 0.3 sd a session, 10 stored", drifting(0.05, 0.3), daily(10), 1),
    ("drift of 0.1 sd a session, 20 stored", drifting(0.05, 0.1), daily(20), 1),
    ("five sessions an hour, their medians", independent(0.05), daily(50), 5),
)


def two_samples(draw: Draw, rng: "np.random.Generator", trials: int, each: int = 10) -> tuple[int, int]:
    """False alarms of ``each`` candidate sessions against as many before them, and comparisons let gate."""
    hours = daily(2 * each)
    found = []
    for row in draw(rng, trials, 2 * each).tolist():
        sessions = [session(*pair) for pair in zip(row, hours, strict=False)]
        held = hold(sessions[each:], sessions[:each])
        assert held is not None
        found.append(conclude([held])[0])
    return _counted(found)


def power(spread: float, stored: int, effect: float, rng: "np.random.Generator", trials: int) -> float:
    """The share of gating comparisons in which a session slower by ``effect`` (a logarithm) is found."""
    rows = rng.normal(0, spread, (trials, stored + 1))
    rows[:, -1] += effect
    found, gating = _counted([conclude([held_of(row, daily(stored))])[0] for row in rows.tolist()])
    return found / gating


def visible_and_true(spread: float, stored: int, rng: "np.random.Generator", effort: Effort) -> tuple[float, float]:
    """The median of what is told as the smallest visible change, and the effect that 80 % of trials find; shares."""
    from statistics import median

    told = []
    for row in rng.normal(0, spread, (effort.visible, stored + 1)).tolist():
        comparison = conclude([held_of(row, daily(stored))])[0]
        if comparison.gates and comparison.minimum_detectable_change_pct is not None:
            told.append(comparison.minimum_detectable_change_pct / 100)
    low, high = 0.0, 8 * spread + 0.05
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (middle, high) if power(spread, stored, middle, rng, effort.visible) < 0.8 else (low, middle)
    return median(told), math.expm1((low + high) / 2)


def gates(rng: "np.random.Generator", effort: Effort) -> Iterator[Gate]:
    """All of them, in the order of the table."""
    for world in WORLDS:
        wrong, gating = alarms(world, rng, effort.trials)
        yield _rate(
            "false alarms", f"{world.name} ({gating / effort.trials:.0%} gate)", wrong, gating, gated=world.gated
        )
    for fleet in FLEETS:
        wrong, gating = fleet_alarms(fleet, rng, effort.suites * 4 // fleet.tests)
        told = f"{fleet.slow:.0%} of runners slower by {math.expm1(fleet.by):.0%}, suite of {fleet.tests}"
        told += "" if fleet.calibrated else ", not calibrated"
        yield _rate("false alarms", told, wrong, gating, gated=fleet.calibrated)
    for name, draw in (
        ("independent", independent(0.05)),
        ("AR(0.5)", wandering(0.05, 0.5)),
        ("AR(0.8)", wandering(0.05, 0.8)),
        ("drift of 0.1 sd a session", drifting(0.05, 0.1)),
        ("drift of 0.3 sd a session", drifting(0.05, 0.3)),
    ):
        wrong, gating = two_samples(draw, rng, effort.trials)
        yield _rate("false alarms", f"ten sessions against ten, {name}", wrong, gating, gated=True)
    for name, draw, hours, medians_of in REJECTED:
        wrong, gating = first_thought_of(draw(rng, effort.trials, len(hours)), medians_of=medians_of)
        yield _rate("the rule first thought of", name, wrong, gating, gated=False)
    wrong = suites_with_alarms(rng, effort.suites, 30)
    yield at_most("a suite of 30", "independent, spread 5%", wrong, effort.suites, SUITE_LIMIT)
    for spread, stored in ((0.02, 10), (0.05, 10), (0.10, 10), (0.05, 20)):
        visible, true = visible_and_true(spread, stored, rng, effort)
        case = f"spread {spread:.0%}, {stored} sessions; 80 % find {true:.1%}"
        yield within("smallest visible change", case, visible, 0.8 * true, 1.2 * true, ".1%")


def _rate(name: str, case: str, wrong: int, gating: int, *, gated: bool) -> Gate:
    if not gating:
        return shown(name, case, "none is let gate")
    if gated:
        return at_most(name, case, wrong, gating, LIMIT)
    return shown(name, case, f"{wrong:,} of {gating:,} = {wrong / gating:.2%}")
