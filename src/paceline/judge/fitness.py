"""Is a machine fit to find a change of a given size? Decided by duets of the same code, one for each workload.

What is asked is not whether the machine is quiet but whether the rule of the duet works on it: does it find a change
that was planted, and none where there is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median, stdev

from paceline.core.findings import Finding
from paceline.judge.change import DUET, Rule, Verdict
from paceline.judge.duet import DuetResult, SuiteVerdict, judge_duets
from paceline.judge.duet_findings import NULL_CODE
from paceline.judge.duet_pairs import is_constant, planted_values, usable_pairs, values_of
from paceline.records.doctor import DoctorRecord
from paceline.records.duet import Pair
from paceline.records.quantities import MEDIAN
from paceline.stats.detection import Power, power_in_pairs
from paceline.stats.power import POWER, pairs_needed, smallest_visible_in_pairs

COIN = 0.5  # the power below which a change is rather missed than found
_ALPHA = 0.01  # one-sided, of a single benchmark, as for every duet


class Grade(Enum):
    """Whether changes of the size asked for are found."""

    FIT = "fit"
    NOISY = "noisy"
    UNFIT = "unfit"


@dataclass(frozen=True)
class Suitability:
    """What the duet of one workload shows.

    Attributes:
        name: of the workload.
        grade: of the machine, by this workload alone.
        duet: of the same code, judged like any other.
        call_ns: time of a call, median.
        spread: standard deviation of the pairs, as a share; None below two of them.
        smallest_visible: the smallest change that the duet finds in 80 % of runs, as a share; infinite where none.
        power: the share of duets that find the change asked for.
        found: whether this one found it.
        pairs_for_effect: about how many pairs find it in 80 % of runs; those there were where they do, None where
            nothing can be said.
    """

    name: str
    grade: Grade
    duet: DuetResult
    call_ns: float
    spread: float | None
    smallest_visible: float
    power: Power
    found: bool
    pairs_for_effect: int | None

    @property
    def alarms(self) -> bool:
        """Whether it calls the same code slower or faster."""
        return self.duet.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}


@dataclass(frozen=True)
class Fitness:
    """What an examination proves.

    Attributes:
        record: what was seen.
        grade: None where it was ended before all pairs were there.
        reason: why, in half a sentence.
        workloads: each of those that could be measured.
        null: of the sides of all duets against themselves; a finding where they are not alike.
    """

    record: DoctorRecord
    grade: Grade | None
    reason: str
    workloads: tuple[Suitability, ...]
    null: Finding | None = None

    @property
    def smallest_visible(self) -> float:
        """The smallest change that is found in 80 % of runs whatever the workload; infinite where there is none."""
        return max((each.smallest_visible for each in self.workloads), default=math.inf)


def judge_fitness(record: DoctorRecord, rule: Rule = DUET) -> Fitness:
    """Whether duets on this machine find ``record.effect``.

    By one workload the machine is

    - *fit* if 80 % of duets find the change (by bootstrap of the planted pairs), the smallest change that 80 % find in
      the same code is not larger, and nothing was found in the same code;
    - *unfit* if fewer than half of the duets find it, or the smallest visible change is above both the change asked
      for and the margin within which 'unchanged' is proven;
    - *noisy* otherwise.

    It is fit if it is by all three, unfit if it is by most of them, and noisy otherwise. Unfit, whatever the duets
    say, where the two sides of a duet differ over all workloads or the clock went backwards: then no verdict holds.
    """
    suite = judge_duets(record.duets, rule=rule, alpha=_ALPHA)
    workloads = tuple(_suitability(result, record.effect, rule) for result in suite.results)
    null = _null_finding(suite)
    grade, reason = _graded(record, workloads, sides_differ=null is not None)
    return Fitness(record, grade, reason, workloads, null)


def _suitability(result: DuetResult, effect: float, rule: Rule) -> Suitability:
    record = result.record
    pairs, _ = usable_pairs(record)
    values, planted = values_of(pairs, MEDIAN) or [], planted_values(pairs)
    least = math.log1p(rule.min_effect)
    power = power_in_pairs(planted, _ALPHA, least, seed=record.seed)
    visible = result.primary.minimum_detectable
    smallest = math.inf if visible is None else visible
    return Suitability(
        name=record.name,
        grade=_grade(result, pairs, power, smallest, effect, rule),
        duet=result,
        call_ns=median([pair.base.mean_ns for pair in pairs]) if pairs else math.nan,
        spread=stdev(values) if len(values) > 1 else None,
        smallest_visible=smallest,
        power=power,
        found=result.planted is not None and result.planted.verdict is Verdict.REGRESSED,
        pairs_for_effect=_pairs_for(effect, values, planted, least, record.seed),
    )


def _grade(
    result: DuetResult, pairs: Sequence[Pair], power: Power, smallest_visible: float, effect: float, rule: Rule
) -> Grade:
    is_sound = not is_constant(pairs) and not any(finding.serious for finding in result.findings)
    if not is_sound or power.share < COIN or smallest_visible > max(effect, rule.margin):
        return Grade.UNFIT
    alarms = result.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}
    return Grade.NOISY if alarms or power.share < POWER or smallest_visible > effect else Grade.FIT


def _pairs_for(effect: float, values: Sequence[float], planted: Sequence[float], least: float, seed: int) -> int | None:
    """By whichever of the same code and the planted arm spreads more."""
    visible = [smallest_visible_in_pairs(each, _ALPHA, least, seed=seed) for each in (values, planted) if each]
    if not visible or math.isinf(max(visible)):
        return None
    return pairs_needed(len(values), max(visible), math.log1p(effect))


def _null_finding(suite: SuiteVerdict) -> Finding | None:
    if suite.null is None or not suite.null.failed:
        return None
    return next(each for each in suite.results[0].findings if each.code == NULL_CODE)


def _graded(record: DoctorRecord, workloads: Sequence[Suitability], *, sides_differ: bool) -> tuple[Grade | None, str]:
    if any(core.backwards for core in record.cores):
        return Grade.UNFIT, "the clock goes backwards, so no figure holds"
    if record.interrupted:
        done = max((workload.duet.pairs for workload in workloads), default=0)
        return None, f"interrupted after {done} of {record.pairs} pairs"
    if sides_differ:
        return Grade.UNFIT, "the two sides of a duet are not alike, so none of its verdicts holds"
    every = len(workloads) + len(record.left_out)
    unfit = sum(workload.grade is Grade.UNFIT for workload in workloads)
    reason = _reason(record, workloads, every)
    if every and all(workload.grade is Grade.FIT for workload in workloads) and not record.left_out:
        return Grade.FIT, reason
    return (Grade.UNFIT if 2 * (unfit + len(record.left_out)) > every or not every else Grade.NOISY), reason


def _reason(record: DoctorRecord, workloads: Sequence[Suitability], every: int) -> str:
    if not workloads:
        return "no workload could be measured"
    weakest = min(workloads, key=lambda workload: workload.power.share)
    share = 100 * weakest.power.share
    found = sum(workload.found for workload in workloads)
    where = f"all {every}" if found == every else f"{found} of {every}"
    reason = f"found in {where} workloads; {record.pairs} pairs find it in {share:.0f} % of runs with {weakest.name}"
    alarms = [workload.name for workload in workloads if workload.alarms]
    return f"the same code was called different with {' and '.join(alarms)}; {reason}" if alarms else reason
