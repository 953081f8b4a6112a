"""Comparison with a stored baseline: forecasts become verdicts, for a suite as a whole."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paceline.core.plain import to_plain
from paceline.core.units import counted
from paceline.judge.change import Change, Rule, Verdict, decide
from paceline.judge.held import Held, Shift, hold
from paceline.judge.sessions import ADVICE_SESSIONS
from paceline.judge.shift import environment_shift
from paceline.records.baseline import BaselineSession, session_of
from paceline.records.database import PlanChange
from paceline.records.quantities import MEAN, MEDIAN, P95, P99, THROUGHPUT, Quantity
from paceline.records.run_record import RunRecord
from paceline.stats.intervals import Interval
from paceline.stats.sessions import Forecast
from paceline.stats.significance import holm_tails

# Of 1 % that false alarms may have, half: days and wandering machines take the rest
# (``docs/decisions/023-two-forecasts.md``).
TAIL = 0.005
# Sessions against sessions: their means differ by more where the machine wanders, while their errors shrink.
SAMPLES_TAIL = 0.0005
SUITE_ALPHA = 0.05
COMPARED = {
    "mean_change_pct": MEAN,
    "median_change_pct": MEDIAN,
    "p95_change_pct": P95,
    "p99_change_pct": P99,
    "throughput_change_pct": THROUGHPUT,
}
NOTHING_SEEN = "no change seen"
DECAYED = "worse than the reference, and the sessions before lead there: decay in small steps, or a drifting machine"
_LED = 0.5  # at most so much of the shift is left beside the line where the line leads there
_LARGEST_LOG = 700.0  # its exponential is still a number


@dataclass(frozen=True)
class Comparison:
    """A result against the reference sessions of a baseline.

    Changes are in percent, positive when the figure grew; NaN where either side has none.

    Attributes:
        verdict: on the primary quantity; ``inconclusive`` where it is advice only, or where nothing was seen.
        reason: what the verdict rests on, or why there is none.
        sessions: how many separate reference sessions there are.
        same_machine: whether they are from this machine and interpreter.
        ci_low_pct, ci_high_pct: interval of the change of the primary quantity; None when none was computed.
        minimum_detectable_change_pct: smallest change that would be found in 80 % of runs; None likewise.
        changes: of each quantity, the primary one first.
        days: on how many days the reference was measured.
        gates: whether a regression would have failed the test; else it is advice.
        candidates: how many sessions of the candidate were compared.
        margin_pct: within which the verdict ``unchanged`` is proven; None in files that do not say.
        plan_changes: statements that the newest stored session executed by another plan.
        beside: how many sessions were saved close to those, and are none of their own; the percentages are against the
            median of all of them.
    """

    mean_change_pct: float
    median_change_pct: float
    p95_change_pct: float
    p99_change_pct: float
    throughput_change_pct: float
    verdict: Verdict
    reason: str
    sessions: int
    same_machine: bool
    ci_low_pct: float | None = None
    ci_high_pct: float | None = None
    minimum_detectable_change_pct: float | None = None
    changes: tuple[Change, ...] = ()
    days: int = 0
    gates: bool = False
    candidates: int = 1
    margin_pct: float | None = None
    plan_changes: tuple[PlanChange, ...] = ()
    beside: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether the comparison could say what it was asked: a verdict, or that a sound one saw no change."""
        return self.verdict is not Verdict.INCONCLUSIVE or (self.gates and self.reason == NOTHING_SEEN)

    def to_dict(self) -> dict[str, object]:
        """A mapping with the specification's keys; NaN stays NaN, so that it can be formatted."""
        plain = to_plain(self)
        assert isinstance(plain, dict)
        return {**plain, **{key: getattr(self, key) for key in COMPARED}}


def compare(record: RunRecord, sessions: Sequence[BaselineSession]) -> Comparison | None:
    """``record`` against ``sessions`` of the same test, by itself; None when there are none.

    Args:
        record: what was measured.
        sessions: what was stored, in the order it was saved.
    """
    held = hold([session_of(record, "", record.started_at)], sessions)
    return None if held is None else conclude([held])[0]


def conclude(suite: Sequence[Held]) -> tuple[Comparison, ...]:
    """The verdicts on the tests of a suite.

    They hold together: by Holm's step-down at 5 % for the whole suite and never looser than half a percent for a
    test (for several sessions of a candidate, half a thousandth), and none of them stands when the environment moved.
    """
    gating = [place for place, held in enumerate(suite) if held.gates]
    levels = holm_tails([suite[place].primary.p_worse for place in gating], SUITE_ALPHA)
    held_at = dict(zip(gating, levels, strict=True))
    moved = environment_shift(suite)
    tails = [min(TAIL if held.candidates == 1 else SAMPLES_TAIL, held_at.get(n, 1)) for n, held in enumerate(suite)]
    return tuple(_comparison(*each) for each in zip(suite, tails, moved, strict=True))


def _comparison(held: Held, tail: float, moved: str) -> Comparison:
    stored = held.stored
    if not stored.reference:
        refusal = f"the baseline was measured with another definition ({', '.join(stored.other_definition)})"
        changes = tuple(Change(shift.quantity, Verdict.INCONCLUSIVE, refusal) for shift in held.shifts)
    else:
        rest = tuple(_advice(held, shift, tail, moved) for shift in held.shifts[1:])
        changes = (_primary(held, tail, moved), *rest)
    primary = changes[0]
    by_quantity = {shift.quantity: shift.change for shift in held.shifts}
    return Comparison(
        **{key: _known_percent(by_quantity[quantity]) for key, quantity in COMPARED.items()},
        verdict=primary.verdict,
        reason=primary.reason,
        sessions=len(stored.reference),
        same_machine=stored.same_machine,
        ci_low_pct=_percent(primary.low),
        ci_high_pct=_percent(primary.high),
        minimum_detectable_change_pct=_percent(primary.minimum_detectable),
        changes=changes,
        days=stored.days,
        gates=primary.gates,
        candidates=held.candidates,
        margin_pct=100 * held.rule.margin,
        plan_changes=held.plan_changes,
        beside=len(stored.everything) - len(stored.reference),
    )


def _primary(held: Held, tail: float, moved: str) -> Change:
    """The change that gates, when it may."""
    shift = held.primary
    objections = [*([moved] if moved else []), *([shift.doubt] if shift.doubt else []), *held.objections]
    verdict, reason = _decided(held, shift, tail)
    if shift.level is None or shift.objection:
        return _change(held.rule, shift, tail, Verdict.INCONCLUSIVE, "; ".join(_distinct([reason, *objections])))
    if objections:
        looks = f"looks {verdict.value}" if verdict is not Verdict.INCONCLUSIVE else reason
        said = objections[0] if moved else f"advice only, {looks}: {'; '.join(objections)}"
        return _change(held.rule, shift, tail, Verdict.INCONCLUSIVE, said)
    return _change(held.rule, shift, tail, verdict, reason, gates=True)


def _advice(held: Held, shift: Shift, tail: float, moved: str) -> Change:
    """A change that is shown and fails nothing; held back by the same objections as the primary one."""
    verdict, reason = _decided(held, shift, tail)
    against = moved or shift.objection or shift.doubt or (held.objections[0] if held.objections else "")
    return _change(held.rule, shift, tail, Verdict.INCONCLUSIVE if against else verdict, against or reason)


def _decided(held: Held, shift: Shift, tail: float) -> tuple[Verdict, str]:
    interval = shift.interval(tail)
    if shift.objection:
        return Verdict.INCONCLUSIVE, shift.objection
    if interval is None or shift.level is None:
        count = len(held.stored.reference)
        if count >= ADVICE_SESSIONS:
            return Verdict.INCONCLUSIVE, f"too few of the reference sessions have a {shift.quantity.label}"
        return Verdict.INCONCLUSIVE, f"advice needs {counted(ADVICE_SESSIONS - count, 'more session')}"
    verdict, reason = decide(shift.quantity, shift.level.shift, interval, held.rule)
    if verdict is Verdict.INCONCLUSIVE and interval.low <= 0 <= interval.high:
        # At a spread of 2 % unchanged code can be proven unchanged in few sessions: not a warning, but what it is.
        reason = DECAYED if _is_decay(held.rule, shift, shift.level, tail) else NOTHING_SEEN
    return verdict, reason


def _is_decay(rule: Rule, shift: Shift, level: Forecast, tail: float) -> bool:
    """Whether it is worse than the level, and the line through the sessions before leads there.

    Whether the code or the machine goes on getting slower stored sessions cannot tell: it fails nothing, and is not 'no
    change seen' either (``docs/decisions/023-two-forecasts.md``).
    """
    verdict, _ = decide(shift.quantity, level.shift, level.interval(tail), rule)
    is_led = shift.line is not None and abs(shift.line.shift) <= _LED * abs(level.shift)
    return verdict is Verdict.REGRESSED and is_led


def _change(rule: Rule, shift: Shift, tail: float, verdict: Verdict, reason: str, *, gates: bool = False) -> Change:
    quantity = shift.quantity
    interval, visible = shift.interval(tail), shift.visible(tail, _min_effect(quantity, rule))
    if shift.objection or shift.level is None or interval is None:
        return Change(quantity, verdict, reason, estimate=shift.change, gates=gates)
    ends = _told(quantity, interval)
    return Change(
        quantity,
        verdict,
        reason,
        estimate=_scale(quantity, shift.level.shift),
        low=ends.low,
        high=ends.high,
        confidence=ends.confidence,
        minimum_detectable=None if visible is None else _scale(quantity, visible),
        gates=gates,
    )


def _min_effect(quantity: Quantity, rule: Rule) -> float:
    return math.log1p(rule.min_effect) if quantity.least_difference is None else quantity.least_difference


def _told(quantity: Quantity, interval: Interval) -> Interval:
    return Interval(_scale(quantity, interval.low), _scale(quantity, interval.high), interval.confidence)


def _scale(quantity: Quantity, value: float) -> float:
    """A judged value as a change is told: a share of the base, or a difference."""
    if not quantity.is_ratio:
        return value
    return math.expm1(value) if value < _LARGEST_LOG else math.inf


def _percent(share: float | None) -> float | None:
    return None if share is None else share * 100


def _known_percent(share: float | None) -> float:
    return math.nan if share is None else share * 100


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))
