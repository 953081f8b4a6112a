"""The highest load that keeps the limits, as a search found it: number, interval, and what stood in the way."""

from dataclasses import dataclass
from enum import Enum

from paceline.core.findings import Finding
from paceline.core.plain import to_plain
from paceline.judge.capacity_findings import contradiction, findings_of
from paceline.judge.capacity_lines import LimitCrossing, bracket_of, crossings_of, sound_probes
from paceline.records.capacity import CapacityRecord, Ending, LimitedBy, Of


class Answer(Enum):
    """What kind of answer it is."""

    INTERVAL = "interval"  # an estimate with a confidence interval
    BRACKET = "bracket"  # two loads that were tried: no confidence goes with them
    AT_LEAST = "at least"  # a load that held; higher ones were not tried, or say nothing about the server
    BROKEN = "broken"  # not even the lowest load keeps the limits
    NONE = "none"  # nothing is known


@dataclass(frozen=True)
class CapacityResult:
    """A search and what it proves.

    Attributes:
        record: what was seen.
        answer: what kind of number ``capacity`` is.
        capacity: arrivals a second, or users; None where there is no such number.
        low, high: its interval, or the loads tried around it; None where there is no such bound.
        limited_by: what kept the load from going higher; None where that is not known.
        broke_first: the limit that breaks at the lowest load, as the user wrote it; empty where none did.
        crossings: of each limit that broke, the first in front.
        findings: what else should be known, the serious ones first.
    """

    record: CapacityRecord
    answer: Answer
    capacity: float | None = None
    low: float | None = None
    high: float | None = None
    limited_by: LimitedBy | None = None
    broke_first: str = ""
    crossings: tuple[LimitCrossing, ...] = ()
    findings: tuple[Finding, ...] = ()

    __test__ = False

    @property
    def capacity_ops_per_sec(self) -> float | None:
        """Arrivals a second that keep the limits; None of a search for users."""
        return self.capacity if self.record.of is Of.RATE else None

    @property
    def confidence(self) -> float | None:
        """Of the interval, as reached, in [0, 1]; None where there is none."""
        interval = self.crossings[0].interval if self.answer is Answer.INTERVAL else None
        return None if interval is None else interval.confidence

    @property
    def capacity_ci_low(self) -> float | None:
        """Lower end of the interval, in the unit of ``capacity``; None where there is none."""
        return self.low

    @property
    def capacity_ci_high(self) -> float | None:
        """Its upper end, likewise."""
        return self.high

    def to_dict(self) -> dict[str, object]:
        """Plain dicts, lists, strings and numbers, without the probes."""
        plain = to_plain(
            {
                "name": self.record.name,
                "answer": self.answer,
                "capacity_ops_per_sec": self.capacity_ops_per_sec,
                "capacity_users": self.capacity if self.record.of is Of.USERS else None,
                "capacity_ci_low": self.low,
                "capacity_ci_high": self.high,
                "limited_by": self.limited_by,
                "broke_first": self.broke_first,
                "findings": self.findings,
            }
        )
        assert isinstance(plain, dict)
        return plain


def judge_capacity(record: CapacityRecord) -> CapacityResult:
    """Judge a search; also one that was broken off, as far as it came."""
    crossings = crossings_of(record)
    findings = tuple(sorted(findings_of(record, crossings), key=lambda finding: not finding.serious))
    if record.ended is Ending.LOWEST:
        return _broken(record, crossings, findings)
    if crossings and crossings[0].load is not None:
        return _measured(record, crossings, findings)
    return _at_least(record, crossings, findings)


def _broken(
    record: CapacityRecord, crossings: tuple[LimitCrossing, ...], findings: tuple[Finding, ...]
) -> CapacityResult:
    first = next(iter(crossings), None)
    return CapacityResult(
        record,
        Answer.BROKEN,
        high=record.low,
        limited_by=LimitedBy.SERVER,
        broke_first=first.limit.source if first else "",
        crossings=crossings,
        findings=findings,
    )


def _measured(
    record: CapacityRecord, crossings: tuple[LimitCrossing, ...], findings: tuple[Finding, ...]
) -> CapacityResult:
    first = crossings[0]
    if contradiction(record) is not None:  # a line through that would be drawn through two different services
        between = bracket_of([(probe.load, probe.held) for probe in sound_probes(record)])
        return CapacityResult(
            record, Answer.BRACKET, between.low, between.low, between.high, LimitedBy.SERVER, first.limit.source,
            crossings, findings,
        )  # fmt: skip
    ends = [_ends(each) for each in crossings]
    # The lowest of several crossings lies below each upper end, and above the lowest of the lower ends.
    lows, highs = [low for low, _ in ends if low is not None], [high for _, high in ends if high is not None]
    return CapacityResult(
        record,
        Answer.INTERVAL if first.interval is not None else Answer.BRACKET,
        first.load,
        min(lows, default=None),
        min(highs, default=None),
        LimitedBy.SERVER,
        first.limit.source,
        crossings,
        findings,
    )


def _ends(found: LimitCrossing) -> tuple[float | None, float | None]:
    if found.interval is not None:
        return found.interval.low, found.interval.high
    return found.bracket.low, found.bracket.high


def _at_least(
    record: CapacityRecord, crossings: tuple[LimitCrossing, ...], findings: tuple[Finding, ...]
) -> CapacityResult:
    between = bracket_of([(probe.load, probe.held) for probe in sound_probes(record)])
    limited_by = {
        Ending.BOUND: LimitedBy.BOUND,
        Ending.BUDGET: LimitedBy.BOUND,
        Ending.GENERATOR: LimitedBy.GENERATOR,
        Ending.NETWORK: LimitedBy.NETWORK,
        Ending.DIED: LimitedBy.SERVER,
    }.get(record.ended)
    if between.low is None:
        return CapacityResult(
            record, Answer.NONE, high=between.high, limited_by=limited_by, crossings=crossings, findings=findings
        )
    answer = Answer.AT_LEAST if between.high is None else Answer.BRACKET
    return CapacityResult(record, answer, between.low, between.low, between.high, limited_by, "", crossings, findings)
