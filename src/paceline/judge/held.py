"""One candidate held against stored sessions, quantity by quantity: the forecasts, before any verdict."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from paceline.judge.change import STORED, Rule
from paceline.judge.gate import gate_objections
from paceline.judge.sessions import ADVICE_SESSIONS, GATE_DAYS, Stored, day_of, days_of, in_order, separate, stored_for
from paceline.records.baseline import FIGURE_OF, BaselineSession
from paceline.records.database import PlanChange, plans_changed
from paceline.records.quantities import MEDIAN, QUANTITIES, Quantity
from paceline.stats.intervals import Interval
from paceline.stats.power import smallest_visible_shift
from paceline.stats.sessions import Forecast, level_forecast, line_forecast

_FIRM_SAMPLES = 10  # beyond a quantile, for it to be more than chance
_GATE_SAMPLES = 50  # beyond a quantile, for it to fail a test
_LEAST_DEGREES = 2  # below, an interval of sessions says nothing that anybody could use


@dataclass(frozen=True)
class Shift:
    """One quantity of the candidate against the stored sessions.

    On the scale of the judgement: log ratios, or differences in the quantity's unit.

    Attributes:
        quantity: which.
        change: relative to the reference's median, as a share or in the unit; None where either side has no figure.
        level, line: the forecasts; None where there are too few sessions.
        objection: why no verdict can rest on them; empty where one can.
        doubt: why they advise only: too few samples for a quantile; empty where they may gate.
    """

    quantity: Quantity
    change: float | None
    level: Forecast | None = None
    line: Forecast | None = None
    objection: str = ""
    doubt: str = ""

    @property
    def p_worse(self) -> float:
        """One-sided p-value of 'it is no worse than was to be expected'; 1 where nothing was."""
        forecasts = [each for each in (self.level, self.line) if each is not None]
        if not forecasts or self.objection:
            return 1.0
        return max((each.mirrored if self.quantity.higher_is_better else each).p_above for each in forecasts)

    @property
    def p_better(self) -> float:
        """The same of 'no better'."""
        forecasts = [each for each in (self.level, self.line) if each is not None]
        if not forecasts or self.objection:
            return 1.0
        return max((each if self.quantity.higher_is_better else each.mirrored).p_above for each in forecasts)

    def interval(self, tail: float) -> Interval | None:
        """What both forecasts allow: a change must stand out from the level and from the line."""
        if self.level is None:
            return None
        level = self.level.interval(tail)
        if self.line is None:
            return level
        line = self.line.interval(tail)
        return Interval(min(level.low, line.low), max(level.high, line.high), level.confidence)

    def visible(self, tail: float, min_effect: float) -> float | None:
        """The smallest worsening that 80 % of such candidates would show; None where that cannot be said."""
        forecasts = [each for each in (self.level, self.line) if each is not None]
        if not forecasts or min(each.degrees for each in forecasts) < _LEAST_DEGREES:
            return None
        return max(smallest_visible_shift(each.error, each.degrees, tail, min_effect) for each in forecasts)


@dataclass(frozen=True)
class Held:
    """A candidate held against stored sessions.

    Attributes:
        stored: the sessions.
        candidates: how many sessions of the candidate count.
        shifts: of each quantity, the primary one first.
        calibration: of the calibration workload; None where either side has none.
        objections: why this may not fail a test, in the order of their weight.
        rule: the sizes of a change that matter.
        plan_changes: statements that the newest stored session executed by another plan.
    """

    stored: Stored
    candidates: int
    shifts: tuple[Shift, ...]
    calibration: Shift | None
    objections: tuple[str, ...]
    rule: Rule = STORED
    plan_changes: tuple[PlanChange, ...] = ()

    @property
    def primary(self) -> Shift:
        """The quantity that gates."""
        return self.shifts[0]

    @property
    def gates(self) -> bool:
        """Whether a regression would fail the test."""
        return not (self.objections or self.primary.objection or self.primary.doubt)


def hold(
    candidate: Sequence[BaselineSession], sessions: Sequence[BaselineSession], primary: Quantity = MEDIAN
) -> Held | None:
    """``candidate`` against ``sessions`` of the same test; None when either has none.

    Args:
        candidate: what is judged. Of several sessions the separate ones are a sample where they are on at least five
            days; else the newest is judged alone.
        sessions: what was stored, in the order it was saved.
        primary: the quantity that gates.
    """
    if not candidate or not sessions:
        return None
    newest = candidate[-1]
    sample = in_order(separate([each for each in candidate if each.fingerprint == newest.fingerprint]))
    if days_of(sample) < GATE_DAYS:
        sample = (newest,)
    stored = stored_for(newest, sessions)
    sides = _sides(sample, stored)
    order = [primary, *(each for each in QUANTITIES.values() if each != primary)]
    shifts = tuple(_shift(quantity, sides, _of(quantity)) for quantity in order)
    calibration = _shift(MEDIAN, sides, lambda session: session.calibration_ns)
    return Held(
        stored=stored,
        candidates=len(sample),
        shifts=shifts,
        calibration=None if calibration.level is None or calibration.objection else calibration,
        objections=gate_objections(stored, _of(primary), is_ratio=primary.is_ratio),
        plan_changes=plans_changed(next((each.plans for each in reversed(sessions) if each.plans), ()), newest.plans),
    )


def _of(quantity: Quantity) -> Callable[[BaselineSession], float | None]:
    name = FIGURE_OF[quantity.key]
    return lambda session: session.metrics.get(name)


@dataclass(frozen=True)
class _Sides:
    """What all quantities share: which session is what, and when.

    Attributes:
        candidate: sessions that are judged, and ``days`` of them.
        stored: what they are held against, and ``reference_days`` of its reference.
        in_time: all of them in order of time, and whether they are the candidate's.
    """

    candidate: Sequence[BaselineSession]
    days: Sequence[date | None]
    stored: Stored
    reference_days: Sequence[date | None]
    in_time: Sequence[tuple[BaselineSession, bool]]


def _sides(candidate: Sequence[BaselineSession], stored: Stored) -> _Sides:
    own = {id(session) for session in candidate}
    return _Sides(
        candidate,
        [day_of(session) for session in candidate],
        stored,
        [day_of(session) for session in stored.reference],
        [(each, id(each) in own) for each in in_order((*stored.reference, *stored.later, *candidate))],
    )


def _shift(quantity: Quantity, sides: _Sides, value: Callable[[BaselineSession], float | None]) -> Shift:
    stored, candidate = sides.stored, sides.candidate
    change = _change(quantity, *(_usable(quantity, side, value) for side in (candidate, stored.everything)))
    here, reference = _scaled(quantity, candidate, value), _scaled(quantity, stored.reference, value)
    values = [each for each in reference if each is not None]
    judged = [each for each in here if each is not None]
    if not judged or len(judged) < len(candidate):
        return Shift(quantity, change, objection=f"the candidate has no {quantity.label} above zero")
    if len(values) < ADVICE_SESSIONS:
        return Shift(quantity, change)
    days = [day for day, each in zip(sides.reference_days, reference, strict=True) if each is not None]
    level = level_forecast(values, days, judged, sides.days)
    scaled = _scaled(quantity, [session for session, _ in sides.in_time], value)
    together = [(each, is_own) for each, (_, is_own) in zip(scaled, sides.in_time, strict=True) if each is not None]
    line = line_forecast([each for each, _ in together], tuple(is_own for _, is_own in together))
    flat = quantity.is_ratio and max(values) == min(values)
    return Shift(
        quantity,
        change,
        level,
        line,
        objection="all reference sessions are exactly equal: no clock is as steady as that" if flat else "",
        doubt=_doubt(quantity, candidate, stored.reference),
    )


def _usable(
    quantity: Quantity, sessions: Iterable[BaselineSession], value: Callable[[BaselineSession], float | None]
) -> list[float]:
    """The figures that ratios can be taken of."""
    figures = [each for each in map(value, sessions) if each is not None and math.isfinite(each)]
    return [each for each in figures if each > 0] if quantity.is_ratio else figures


def _scaled(
    quantity: Quantity, sessions: Iterable[BaselineSession], value: Callable[[BaselineSession], float | None]
) -> list[float | None]:
    """Of each session its figure on the scale of the judgement; None where that cannot be used."""
    log, isfinite, is_ratio = math.log, math.isfinite, quantity.is_ratio
    return [
        None if each is None or not isfinite(each) or (is_ratio and each <= 0) else log(each) if is_ratio else each
        for each in map(value, sessions)
    ]


def _change(quantity: Quantity, now: Sequence[float], then: Sequence[float]) -> float | None:
    if not now or not then:
        return None
    change = median(now) / median(then) - 1 if quantity.is_ratio else median(now) - median(then)
    return change if math.isfinite(change) else None  # against a subnormal number


def _doubt(quantity: Quantity, candidate: Sequence[BaselineSession], reference: Sequence[BaselineSession]) -> str:
    """Whether a quantile rests on enough samples: p99 of 100 is biased by 18 %, and by more or less of 1,000."""
    if quantity.quantile is None or quantity == MEDIAN:
        return ""
    samples = [each.metrics.get("iterations") for each in (*candidate, *reference)]
    counts = [each for each in samples if each is not None]
    beyond = 1 - quantity.quantile
    least = min(counts, default=0.0)
    if least * beyond < _FIRM_SAMPLES:
        return f"{quantity.label} of {least:,.0f} samples is mostly chance"
    if len(counts) < len(samples) or max(counts) != least:
        return f"{quantity.label} of {least:,.0f} samples is biased otherwise than of {max(counts):,.0f}"
    if least * beyond < _GATE_SAMPLES:
        return f"{quantity.label} needs {math.ceil(_GATE_SAMPLES / beyond):,} samples for a verdict, not {least:,.0f}"
    return ""
