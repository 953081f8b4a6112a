"""Limits on a run that goes on: is one of those broken that are to end it?"""

from collections.abc import Sequence

from paceline.core.units import NS_PER_S
from paceline.judge.limits import Limit
from paceline.judge.thresholds import violation_of
from paceline.records.metrics import metrics_of
from paceline.records.run_record import Aborted, RunRecord


def broken_now(limits: Sequence[Limit], so_far: RunRecord, looked_until_ns: int) -> Aborted | None:
    """The first of ``limits`` that ``so_far`` breaks, once its delay is over.

    What cannot be measured yet breaks nothing. Of windows those are looked at that have ended since
    ``looked_until_ns``, and after the delay.
    """
    now_ns = so_far.elapsed_ns
    due = [limit for limit in limits if now_ns >= limit.delay_s * NS_PER_S]
    metrics = metrics_of(so_far) if due else None
    for limit in due:
        assert metrics is not None
        from_ns = max(looked_until_ns, round(limit.delay_s * NS_PER_S))
        violation = violation_of(limit, so_far, metrics, until_ns=now_ns, from_ns=from_ns, if_unknown=False)
        if violation is not None:
            return Aborted(
                limit=limit.source,
                after_s=now_ns / NS_PER_S,
                measured=violation.measured,
                bound=violation.bound,
                unit=violation.unit,
                message=violation.message,
                everything=limit.ends == "all",
            )
    return None
