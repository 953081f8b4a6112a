"""The services whose truth is known, over a real socket: what they say of themselves is what is measured."""

from collections.abc import Iterator

import psutil
import pytest

from paceline.engine.request import RunRequest
from paceline.engine.runs import run
from paceline.judge.diagnosis import diagnose
from paceline.records.load import Stretch
from paceline.records.metrics import metrics_of
from paceline.records.run_record import RunRecord, TestType
from paceline.store.codec import decode, encode
from paceline.targets.http import HttpTarget
from paceline.workload.models import FixedIterations, Poisson, Stages, Workload
from tests.functional.queue_server import QueueServer, queue_server
from tests.queues import Service, m_m_c

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def server() -> Iterator[QueueServer]:
    with queue_server() as running:
        yield running


def loaded(server: QueueServer, service: Service, workload: Workload, connections: int = 50) -> RunRecord:
    target = HttpTarget(server.url(service), connections=connections)
    return run(RunRequest("queue", TestType.API_ENDPOINT, target, workload)).record


def test_latencies_are_those_of_the_queue_and_the_server_s_lateness(server: QueueServer) -> None:
    service = m_m_c(2, 20.0, seed=1)
    record = loaded(server, service, Poisson(60, 1.5, seed=2))
    seen = server.report(service)
    assert record.counts.ok == record.counts.attempts == seen.arrived == seen.sent
    # No answer is early: what the queue made, and how late answers were sent, is in every figure.
    assert record.load is not None
    assert record.load.arrivals is not None
    assert record.load.arrivals.service.moments.mean >= 1e6 * (seen.due_mean_ms + seen.late_mean_ms)
    assert server.forget(service).sent == 0


def test_refusals_are_errors_and_what_leaks_stays(server: QueueServer) -> None:
    service = Service(mean_ms=0.0, dies_after=100, leak_bytes=200_000)
    before = psutil.Process(server.pid).memory_info().rss
    record = loaded(server, service, FixedIterations(150), connections=1)
    seen = server.report(service)
    assert record.counts.ok == seen.sent == 100
    assert record.counts.errors == seen.refused == 50
    assert seen.held_bytes == 200_000 * seen.sent
    assert psutil.Process(server.pid).memory_info().rss - before > 0.5 * seen.held_bytes


def test_a_ramp_s_record_knows_its_plan_and_where_errors_began(server: QueueServer) -> None:
    service = Service(mean_ms=0.0, before_ms=2.0, errors_above=150)
    record = loaded(server, service, Stages([(3, 400)], start=20))
    assert record.load is not None
    assert record.load.stretches == (Stretch(3.0, 20.0, 400.0),)
    assert decode(encode(record), RunRecord, "record").load == record.load
    assert "error-onset" in {finding.code for finding in diagnose(record, metrics_of(record), None)}
