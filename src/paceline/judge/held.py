"""One candidate held against stored sessions, quantity by quantity: the forecasts, before any verdict."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from paceline.judge.change import STORED, Rule
from paceline.judge.gate import gate_objections
from paceline.judge.sessions import ADVICE_SESSIONS, GATE_DAYS, Stored, day_of, days_of, in_order, separate, stored_for
from paceline.records.baseline import BaselineSession
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
    """

    stored: Stored
    candidates: int
    shifts: tuple[Shift, ...]
    calibration: Shift | None
    objections: tuple[str, ...]
    rule: Rule = STORED

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
    order = [primary, *(each for each in QUANTITIES.values() if each != primary)]
    shifts = tuple(_shift(quantity, sample, stored, _of(quantity)) for quantity in order)
    calibration = _shift(MEDIAN, sample, stored, lambda session: session.calibration_ns)
    return Held(
        stored=stored,
        candidates=len(sample),
        shifts=shifts,
        calibration=None if calibration.level is None or calibration.objection else calibration,
        objections=gate_objections(stored, _of(primary), is_ratio=primary.is_ratio),
    )


def _of(quantity: Quantity) -> Callable[[BaselineSession], float | None]:
    return lambda session: session.value(quantity)


def _shift(
    quantity: Quantity,
    candidate: Sequence[BaselineSession],
    stored: Stored,
    value: Callable[[BaselineSession], float | None],
) -> Shift:
    def known(sessions: Sequence[BaselineSession]) -> list[tuple[BaselineSession, float]]:
        pairs = ((session, value(session)) for session in sessions)
        return [(session, _scaled(quantity, each)) for session, each in pairs if _usable(quantity, each)]

    reference, here, later = known(stored.reference), known(candidate), known(stored.later)
    change = _change(quantity, *([value(session) for session, _ in side] for side in (here, known(stored.everything))))
    if not here or len(here) < len(candidate):
        return Shift(quantity, change, objection=f"the candidate has no {quantity.label} above zero")
    if len(reference) < ADVICE_SESSIONS:
        return Shift(quantity, change)
    values = [each for _, each in reference]
    level = level_forecast(
        values, [day_of(session) for session, _ in reference],
        [each for _, each in here], [day_of(session) for session, _ in here],
    )  # fmt: skip
    together = [*reference, *later, *here]
    places = {id(session): place for place, session in enumerate(in_order(session for session, _ in together))}
    together.sort(key=lambda pair: places[id(pair[0])])
    own = {id(session) for session, _ in here}
    line = line_forecast([each for _, each in together], [id(session) in own for session, _ in together])
    flat = quantity.is_ratio and max(values) == min(values)
    return Shift(
        quantity,
        change,
        level,
        line,
        objection="all reference sessions are exactly equal: no clock is as steady as that" if flat else "",
        doubt=_doubt(quantity, candidate, stored.reference),
    )


def _usable(quantity: Quantity, value: float | None) -> bool:
    return value is not None and math.isfinite(value) and (value > 0 or not quantity.is_ratio)


def _scaled(quantity: Quantity, value: float | None) -> float:
    assert value is not None
    return math.log(value) if quantity.is_ratio else value


def _change(quantity: Quantity, here: Sequence[float | None], reference: Sequence[float | None]) -> float | None:
    now, then = [[each for each in side if each is not None] for side in (here, reference)]
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
