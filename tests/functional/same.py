"""A load whose answers are known, made in several ways: do they come to the same, within their intervals?"""

from collections.abc import Sequence

from paceline.core.units import NS_PER_MS
from paceline.records.run_record import RunRecord
from paceline.stats.order import quantile_shares
from paceline.workload.models import Poisson
from tests.queues import Service

ANSWER_MS = 20.0
SERVICE = Service(mean_ms=0.0, constant=True, before_ms=ANSWER_MS)
LOAD = Poisson(300, 0.5, seed=8)
# On either side: what a machine that is busy with other things adds to half of all answers, or hides of it.
_WIDENED_MS = ANSWER_MS


def assert_same(records: Sequence[RunRecord]) -> None:
    """That all saw the same attempts end alike, and medians that may be one."""
    first = records[0]
    for record in records[1:]:
        assert record.counts == first.counts
        assert record.definition == first.definition
    intervals = [_interval_ms(record) for record in records]
    assert max(low for low, _ in intervals) <= min(high for _, high in intervals)
    assert all(low <= ANSWER_MS + _WIDENED_MS and high >= ANSWER_MS for low, high in intervals)


def _interval_ms(record: RunRecord) -> tuple[float, float]:
    shares = quantile_shares(record.latency.moments.count, 0.5)
    assert shares is not None
    low, high = (record.latency.quantile_ns(share) / NS_PER_MS for share in shares)
    return low - _WIDENED_MS, high + _WIDENED_MS
