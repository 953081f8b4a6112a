"""Duets: is the candidate slower than the base it ran beside?

A pair of processes is one observation. What is tested is its median log ratio over epochs, never a single call or
epoch: those of one process are alike for reasons that are not the code's. The interval is exact whatever the
distribution, so that spikes cost power and no false alarms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from paceline.core.findings import Finding
from paceline.judge.change import DUET, Change, Rule, Verdict
from paceline.judge.duet_arms import NullArm, null_arm, null_change, null_score, planted_change
from paceline.judge.duet_change import change_in_pairs, without_figure
from paceline.judge.duet_findings import (
    counts_finding,
    discarded_finding,
    doubts_finding,
    failing_finding,
    null_finding,
)
from paceline.judge.duet_looks import Look, looks_of, wanted_next
from paceline.judge.duet_pairs import is_constant, usable_pairs, values_of
from paceline.records.duet import DuetRecord, Pair
from paceline.records.quantities import ERROR_RATE, MEDIAN, QUANTITIES, Quantity
from paceline.stats.intervals import sign_p
from paceline.stats.significance import holm_tails

MOST_DISCARDED = 1 / 3  # of the pairs: beyond, those that are left are a choice


@dataclass(frozen=True)
class DuetResult:
    """A duet and what it proves.

    Attributes:
        record: what was seen.
        changes: of every quantity that all pairs tell; the first one gates.
        pairs: how many the verdict is over.
        discarded: why others are not among them, a sentence each.
        planted: the positive control, judged like the candidate; None where there was none.
        null_z: of the base against itself, in standard deviations of the sign statistic; None likewise.
        null_change: of the base against itself, median over the pairs, as a share; None likewise.
        findings: what else should be known.
    """

    record: DuetRecord
    changes: tuple[Change, ...]
    pairs: int
    discarded: tuple[str, ...] = ()
    planted: Change | None = None
    null_z: float | None = None
    null_change: float | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def primary(self) -> Change:
        """The change that gates."""
        return self.changes[0]

    @property
    def verdict(self) -> Verdict:
        """Of the change that gates."""
        return self.primary.verdict


@dataclass(frozen=True)
class SuiteVerdict:
    """All duets of a session, judged together.

    Attributes:
        results: in the order of the records.
        null: the base against itself, over the pairs of the session; None where no record has a null arm.
    """

    results: tuple[DuetResult, ...]
    null: NullArm | None = None

    @property
    def regressed(self) -> tuple[DuetResult, ...]:
        """Those that got worse."""
        return tuple(result for result in self.results if result.verdict is Verdict.REGRESSED)

    @property
    def inconclusive(self) -> tuple[DuetResult, ...]:
        """Those of which nothing is proven."""
        return tuple(result for result in self.results if result.verdict is Verdict.INCONCLUSIVE)


def judge_duets(
    records: Sequence[DuetRecord],
    *,
    rule: Rule = DUET,
    primary: Quantity = MEDIAN,
    alpha_suite: float = 0.05,
    alpha: float = 0.01,
) -> SuiteVerdict:
    """The verdicts on the duets of one session.

    Each is held at Holm's level for the suite and never above ``alpha``; slower and faster are two families. Where a
    record was looked at several times, each look spends a part of its level and the first that proves something counts:
    the smallest of its p-values, each divided by that part, is what enters the step-down.

    Args:
        records: of one session; the more of them, the stricter each is judged.
        rule: the sizes of a change that matter.
        primary: the quantity that gates; the others advise.
        alpha_suite: probability that any unchanged benchmark is called slower.
        alpha: the same of a single one.
    """
    seen = [_Seen.of(record, primary) for record in records]
    worse = holm_tails([each.p_value(worse=True) for each in seen], alpha_suite)
    better = holm_tails([each.p_value(worse=False) for each in seen], alpha_suite)
    results = [
        each.judged(rule, primary, _Tails(min(alpha, slow), min(alpha, fast), alpha))
        for each, slow, fast in zip(seen, worse, better, strict=True)
    ]
    null = null_arm([each.pairs for each in seen], rule)
    if null is not None and null.failed:
        results = [_spoilt(result, null) for result in results]
    return SuiteVerdict(tuple(results), null)


def next_look(
    record: DuetRecord,
    *,
    suite: int = 1,
    rule: Rule = DUET,
    primary: Quantity = MEDIAN,
    alpha_suite: float = 0.05,
    alpha: float = 0.01,
) -> int | None:
    """How many usable pairs the record needs before it is judged again; None when it has what it needs.

    None as well when more than a third of the pairs up to the first look was discarded: more of them prove nothing.
    What the other benchmarks say is not known yet: with ``suite`` of them the level is the strictest that Holm can
    give, so that what stops here is decided in the end as well.
    """
    seen = _Seen.of(record, primary)
    wanted = wanted_next(record, len(seen.pairs))
    run = len(record.pairs) + len(record.discarded)
    if wanted is None or (seen.has_lost_too_many and run >= min(record.looks)):
        return None
    if record.appended or len(seen.pairs) not in record.looks:
        return wanted  # between looks nothing is judged: that would be one look more
    is_over = is_decided(record, suite=suite, rule=rule, primary=primary, alpha_suite=alpha_suite, alpha=alpha)
    return None if is_over else wanted


def is_decided(
    record: DuetRecord,
    *,
    suite: int = 1,
    rule: Rule = DUET,
    primary: Quantity = MEDIAN,
    alpha_suite: float = 0.05,
    alpha: float = 0.01,
) -> bool:
    """Whether the pairs so far prove something at the strictest level that a suite of this size can ask for."""
    tail = min(alpha, alpha_suite / suite)
    result = _Seen.of(record, primary).judged(rule, primary, _Tails(tail, tail, alpha))
    return result.verdict is not Verdict.INCONCLUSIVE


@dataclass(frozen=True, slots=True)
class _Tails:
    """One-sided levels of a record, over all its looks: to be slower, to be faster, and of its control."""

    worse: float
    better: float
    control: float


@dataclass(frozen=True)
class _Seen:
    """A record with what of it can be used."""

    record: DuetRecord
    pairs: tuple[Pair, ...]
    lost: tuple[str, ...]
    values: tuple[float, ...]  # of the primary quantity, worse upwards

    @classmethod
    def of(cls, record: DuetRecord, primary: Quantity) -> "_Seen":
        pairs, lost = usable_pairs(record)
        values = values_of(pairs, primary) or ()
        sign = -1 if primary.higher_is_better else 1
        return cls(record, pairs, lost, tuple(sign * value for value in values))

    @property
    def has_lost_too_many(self) -> bool:
        return len(self.lost) > MOST_DISCARDED * (len(self.pairs) + len(self.lost))

    @property
    def looks(self) -> tuple[Look, ...]:
        return looks_of(self.record, self.pairs)

    def p_value(self, *, worse: bool) -> float:
        """One-sided, over all looks (Bonferroni); 1 where there is nothing sound to test."""
        if self.fault or not self.values:
            return 1.0
        values = self.values if worse else tuple(-value for value in self.values)
        return min(1.0, *(look.parts * sign_p(values[: look.pairs]) for look in self.looks))

    @property
    def fault(self) -> str:
        """Why these pairs support no verdict; empty where they may."""
        if self.has_lost_too_many:
            return f"{len(self.lost)} of {len(self.pairs) + len(self.lost)} pairs were discarded"
        if is_constant(self.pairs):
            return "every epoch took exactly the same time: that is no measurement"
        return ""

    def judged(self, rule: Rule, primary: Quantity, tails: _Tails) -> DuetResult:
        """By the first look that proves something, else by the last."""
        looks = self.looks
        result = self._at(looks[0], rule, primary, tails)
        for look in looks[1:]:
            if result.verdict is not Verdict.INCONCLUSIVE:
                break
            result = self._at(look, rule, primary, tails)
        findings = [failing_finding(change) for change in result.changes[1:] if _fails_more(change)]
        findings += counts_finding(self.pairs, [change.quantity for change in result.changes])
        if self.record.doubts:
            findings.append(doubts_finding(self.record.doubts))
        if self.lost:
            findings.append(discarded_finding(self.record, self.lost, serious=self.has_lost_too_many))
        return replace(result, findings=tuple(findings))

    def _at(self, look: Look, rule: Rule, primary: Quantity, tails: _Tails) -> DuetResult:
        pairs = self.pairs[: look.pairs]
        seen = self.values[: look.pairs]
        is_worse = median(seen) > 0 if seen else True
        tail = (tails.worse if is_worse else tails.better) / look.parts
        planted = planted_change(self.record, pairs, tails.control / look.parts)
        first = change_in_pairs(pairs, primary, rule, tail, self.record.seed, gates=True)
        first = first or without_figure(primary, len(pairs), tail)
        others = [
            change
            for quantity in QUANTITIES.values()
            if quantity != primary and (change := change_in_pairs(pairs, quantity, rule, tail, self.record.seed))
        ]
        first = _guarded(first, others, self.fault, planted, self.record)
        return DuetResult(
            self.record,
            (first, *others),
            len(pairs),
            self.lost,
            planted=planted,
            null_z=null_score(pairs),
            null_change=null_change(pairs),
        )


def _guarded(
    change: Change, others: Sequence[Change], fault: str, planted: Change | None, record: DuetRecord
) -> Change:
    """``change`` with its verdict taken back where something says that it must not be believed."""
    if fault:
        return replace(change, verdict=Verdict.INCONCLUSIVE, reason=fault)
    if any(map(_fails_more, others)) and change.verdict in {Verdict.IMPROVED, Verdict.UNCHANGED}:
        return replace(
            change,
            verdict=Verdict.INCONCLUSIVE,
            reason="more calls fail on the candidate's side: its times are not of the same work",
        )
    if record.doubts and change.verdict in {Verdict.IMPROVED, Verdict.UNCHANGED}:
        return replace(
            change, verdict=Verdict.INCONCLUSIVE, reason=f"not measured as asked: {record.doubts[0].rstrip('.')}"
        )
    is_missed = planted is not None and planted.verdict is not Verdict.REGRESSED
    # What was planted is time: of memory or failures it proves nothing either way.
    if change.verdict is Verdict.UNCHANGED and change.quantity.is_ratio and is_missed:
        missed = f"a planted {record.planted_effect:+.0%} was not found".replace("%", " %")
        return replace(change, verdict=Verdict.INCONCLUSIVE, reason=f"too noisy to tell: {missed}")
    return change


def _fails_more(change: Change) -> bool:
    return change.quantity == ERROR_RATE and change.verdict is Verdict.REGRESSED


def _spoilt(result: DuetResult, null: NullArm) -> DuetResult:
    reason = f"the base differs from itself by {100 * null.bias:+.1f} %: the two sides of this session are not alike"
    spoilt = replace(result.primary, verdict=Verdict.INCONCLUSIVE, reason=reason)
    return replace(
        result, changes=(spoilt, *result.changes[1:]), findings=(*result.findings, null_finding(null, reason))
    )
