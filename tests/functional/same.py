"""A load whose answers are known, made in several ways: do they come to the same, within their intervals?"""

from collections.abc import Sequence

from paceline import HttpTarget
from paceline.core.units import NS_PER_MS
from paceline.records.run_record import RunRecord
from paceline.stats.order import quantile_shares
from paceline.workload.models import Poisson
from tests.functional.queue_server import QueueServer
from tests.queues import Service

ANSWER_MS = 20.0
SERVICE = Service(mean_ms=0.0, constant=True, before_ms=ANSWER_MS)
LOAD = Poisson(200, 0.5, seed=8)
# On either side: what a machine that is busy with other tests may add to half of all answers.
_WIDENED_MS = ANSWER_MS


def target_of(server: QueueServer) -> HttpTarget:
    """Over connections enough: nothing waits for one."""
    return HttpTarget(server.url(SERVICE), connections=60)


def assert_same(records: Sequence[RunRecord]) -> None:
    """That all saw the same attempts end alike, and medians that may be one: that of the server."""
    first = records[0]
    for record in records[1:]:
        assert record.counts == first.counts
        assert record.definition == first.definition
    intervals = [_interval_ms(record) for record in records]
    assert max(low for low, _ in intervals) <= min(high for _, high in intervals)
    assert all(low <= ANSWER_MS <= high for low, high in intervals)


def _interval_ms(record: RunRecord) -> tuple[float, float]:
    assert record.load is not None
    assert record.load.arrivals is not None
    service = record.load.arrivals.service  # from when sent: how late that was is the machine's affair
    shares = quantile_shares(service.moments.count, 0.5)
    assert shares is not None
    low, high = (service.quantile_ns(share) / NS_PER_MS for share in shares)
    return low - _WIDENED_MS, high + _WIDENED_MS
