"""A server that stands still for a while: an open loop shows what users wait, a closed one is told what it hides."""

import os
import signal
import threading

import psutil
import pytest

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.units import NS_PER_S
from paceline.engine.request import LoadNow, RunRequest
from paceline.engine.runs import run
from paceline.judge.result import judge
from paceline.records.latency import Latency
from paceline.records.run_record import RunRecord, TestType
from paceline.targets.http import HttpTarget
from paceline.workload.models import ClosedLoop, ConstantRate, Workload
from tests.functional.small_server import small_server_process
from tests.waiting import wait_for

pytestmark = pytest.mark.real

PER_SECOND = 200
DURATION_S = 4.0
FROZEN_S = 0.8


class Freezer:
    """Stops a process when it is first shown that there were attempts; an observer of the run.

    Attributes:
        least_s: for so long it stood still at least: from when that was seen to when it was told to go on.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._thread = threading.Thread(target=self._freeze)
        self.least_s = 0.0

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        if attempts and self._thread.ident is None:
            self._thread.start()

    def partial(self, record: RunRecord) -> None:
        pass

    def _freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: self._process.status() == psutil.STATUS_STOPPED)
            begun_s = SYSTEM_CLOCK.now_s()
            threading.Event().wait(FROZEN_S)
            self.least_s = SYSTEM_CLOCK.now_s() - begun_s
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def ended(self) -> float:
        """Wait for the thaw."""
        assert self._thread.ident is not None, "the load was over before it was seen"
        self._thread.join()
        return self.least_s


def frozen(workload: Workload) -> tuple[RunRecord, float]:
    """The record of a load on a server that stood still, and for how many seconds it did at least."""
    with small_server_process() as (url, pid):
        freezer = Freezer(pid)
        asked = RunRequest("frozen", TestType.API_ENDPOINT, HttpTarget(url, connections=20), workload, own_process=True)
        return run(asked, observer=freezer).record, freezer.ended()


def waited_longer(latency: Latency, limit_s: float) -> int:
    return sum(count for low_ns, _, count in latency.histogram.buckets() if low_ns > limit_s * NS_PER_S)


def test_an_open_loop_shows_what_everybody_waited_who_came_meanwhile() -> None:
    record, frozen_s = frozen(ConstantRate(PER_SECOND, DURATION_S))
    counts, latency = record.counts, record.latency
    assert counts.ok == counts.attempts == PER_SECOND * DURATION_S
    assert latency.moments.maximum / NS_PER_S > frozen_s - 1 / PER_SECOND, "somebody came as soon as it stood still"
    # Who came x seconds before the thaw waited at least x: so many are above any limit, whatever else held them up.
    for limit_s in (0.1, 0.3, 0.5):
        assert waited_longer(latency, limit_s) >= PER_SECOND * (frozen_s - limit_s) - 2
        # Nor many more: a busy machine lets the server go on later than it was told to, as the longest wait shows.
        longest_s = latency.moments.maximum / NS_PER_S
        assert waited_longer(latency, limit_s) <= 1.5 * PER_SECOND * (longest_s - limit_s) + 20
    # One in a hundred of all waited longer than that.
    assert latency.quantile_ns(0.99) / NS_PER_S >= 0.99 * (frozen_s - 0.01 * DURATION_S)
    assert record.load is not None
    assert record.load.arrivals is not None
    wait = record.load.arrivals.connection_wait
    assert wait.moments.maximum > 0, "there are fewer connections than came meanwhile"
    assert "coordinated-omission" not in {finding.code for finding in judge(record).findings}


def test_a_closed_loop_hides_it_and_is_told_so() -> None:
    record, frozen_s = frozen(ClosedLoop(4, DURATION_S))
    latency = record.latency
    assert record.counts.ok == record.counts.attempts
    # A user whose request was under way when it stopped waits for the thaw; there are four among thousands.
    assert latency.moments.maximum / NS_PER_S > 0.9 * frozen_s
    assert latency.quantile_ns(0.99) / NS_PER_S < frozen_s / 2
    assert "coordinated-omission" in {finding.code for finding in judge(record).findings}
