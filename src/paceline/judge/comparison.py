"""Comparison with a stored baseline: percentage changes now; what they prove is the statistics' to say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from statistics import median

from paceline.core.plain import to_plain
from paceline.records.baseline import BaselineSession
from paceline.records.metrics import PerformanceMetrics
from paceline.records.run_record import Definition

REFERENCE_SESSIONS = 10
COMPARED = {
    "mean_change_pct": "mean_time_ms",
    "median_change_pct": "median_time_ms",
    "p95_change_pct": "p95_time_ms",
    "p99_change_pct": "p99_time_ms",
    "throughput_change_pct": "throughput_ops_per_sec",
}


class Verdict(Enum):
    """Whether it got slower."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Comparison:
    """A result against the median of the baseline's reference sessions.

    Changes are in percent, positive when the figure grew; NaN where either side has none.

    Attributes:
        verdict: ``inconclusive`` unless the interval below says more.
        reason: what the verdict rests on, or why there is none.
        sessions: how many reference sessions the medians are over.
        same_machine: whether they are from this machine and interpreter.
        ci_low_pct, ci_high_pct: interval of the change of the median; None when none was computed.
        minimum_detectable_change_pct: smallest change that would be found in 80 % of runs; None likewise.
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

    def to_dict(self) -> dict[str, object]:
        """A mapping with the specification's keys; NaN stays NaN, so that it can be formatted."""
        plain = to_plain(self)
        assert isinstance(plain, dict)
        return {**plain, **{key: getattr(self, key) for key in COMPARED}}


def reference_of(sessions: Sequence[BaselineSession], fingerprint: str) -> tuple[tuple[BaselineSession, ...], bool]:
    """The sessions a result is held against, and whether they are from the machine ``fingerprint``.

    The oldest ten of this machine: the level is found once and then stays, so that slow decay cannot creep
    into it session by session. Sessions of other machines serve when there are none of this one.
    """
    own = tuple(session for session in sessions if session.fingerprint == fingerprint)
    return (own or tuple(sessions))[:REFERENCE_SESSIONS], bool(own)


def compare(
    metrics: PerformanceMetrics,
    sessions: Sequence[BaselineSession],
    fingerprint: str,
    definition: Definition | None = None,
) -> Comparison | None:
    """``metrics`` against ``sessions`` of the same test; None when there are none.

    Args:
        metrics: what was measured.
        sessions: what was stored, in the order it was saved.
        fingerprint: key of the machine and interpreter of ``metrics``.
        definition: what was asked for. Where a session's is known and another, the reason says so.
    """
    reference, same_machine = reference_of(sessions, fingerprint)
    if not reference:
        return None
    reason = "statistics not built yet: the changes are shown, no verdict is drawn from them"
    if any(_differ(definition, each.definition) for each in reference):
        reason = "the baseline was measured with another definition (iterations, workers, batch, ...); " + reason
    if not same_machine:
        reason = "the baseline is from another machine or interpreter; " + reason
    changes = {key: _change_pct(getattr(metrics, name), reference, name) for key, name in COMPARED.items()}
    return Comparison(
        **changes,
        verdict=Verdict.INCONCLUSIVE,
        reason=reason,
        sessions=len(reference),
        same_machine=same_machine,
    )


def _differ(one: Definition | None, other: Definition | None) -> bool:
    if one is None or other is None:
        return False  # not known of files of the older flat form
    if min(one.calls_per_sample, other.calls_per_sample) > 1:
        # How many calls a calibrated batch has follows from the machine's speed at that moment.
        other = replace(other, calls_per_sample=one.calls_per_sample)
    return one != other


def _change_pct(measured: float, reference: Sequence[BaselineSession], name: str) -> float:
    known = [value for session in reference if (value := session.metrics.get(name)) is not None and value > 0]
    if not known or not math.isfinite(measured):
        return math.nan
    change = (measured / median(known) - 1) * 100
    return change if math.isfinite(change) else math.nan  # against a subnormal number
