"""Workers whose clock is 5 s ahead, that may open few files, that come too late, or that are slow."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paceline import Cluster, HttpTarget
from paceline.core.errors import ConfigurationError
from paceline.engine import offload, runs
from paceline.engine.fleet import Fleet
from paceline.engine.request import LoadNow, RunRequest
from paceline.judge.result import judge
from paceline.records.run_record import RunRecord, TestType
from paceline.workload.models import ClosedLoop, Poisson, Workload
from tests.functional.dask_cluster import DaskCluster, dask_cluster
from tests.functional.small_server import small_server
from tests.waiting import wait_for

pytest.importorskip("distributed", reason="a cluster needs the extra 'cluster'")
pytestmark = pytest.mark.real

AHEAD_NS = 5e9
MOST_FILES = 300
# Every interpreter imports this before anything else: the worker, and the process of its leg.
AHEAD = """
from dataclasses import replace
from datetime import timedelta
from paceline.core import clock
right = clock.SYSTEM_CLOCK
clock.SYSTEM_CLOCK = replace(
    right, now_s=lambda: right.now_s() + 5.0, utc_now=lambda: right.utc_now() + timedelta(seconds=5)
)
"""
SLOW = """
import threading
from paceline.engine import station
if not hasattr(station, "quick"):  # Dask imports it twice
    station.quick = station.exchange
def exchange(name, words):
    threading.Event().wait(1.0)  # how slow it is, is what is wrong with it
    return station.quick(name, words)
station.exchange = exchange
"""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    folder = tmp_path_factory.mktemp("ahead")
    (folder / "sitecustomize.py").write_text(AHEAD)
    with dask_cluster(workers=1) as cluster:
        cluster.add(path=folder, open_files=MOST_FILES)
        cluster.wait()
        yield cluster


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


def load(url: str, machines: DaskCluster, workload: Workload) -> RunRequest:
    return RunRequest(
        "load", TestType.API_ENDPOINT, HttpTarget(url), workload, own_process=True, cluster=Cluster(machines.address)
    )


def odd_one(machines: DaskCluster) -> str:
    """Address of the worker that was started last."""
    last = machines.workers[-1].pid
    return next(address for address, pid in machines.wait().items() if pid == last)


def test_a_clock_that_is_ahead_is_translated_and_told(url: str, machines: DaskCluster) -> None:
    asked = load(url + "/{{n}}", machines, Poisson(100, 1.0, seed=3))
    record = runs.run(asked).record
    alone = runs.run(replace(asked, cluster=None)).record
    assert record.counts == alone.counts
    assert record.load is not None
    legs = {leg.machine: leg for leg in record.load.legs}
    ahead = legs.pop(odd_one(machines))
    (right,) = legs.values()
    for leg, off_ns in ((ahead, AHEAD_NS), (right, 0.0)):
        assert leg.before is not None
        assert leg.before.clock_ahead_ns is not None
        assert leg.before.clock_error_ns is not None
        assert abs(leg.before.clock_ahead_ns - off_ns) < AHEAD_NS / 2
        assert leg.start_skew_ns is not None
        assert abs(leg.start_skew_ns) < AHEAD_NS / 2


def test_a_machine_that_may_not_open_so_many_files_is_named(url: str, machines: DaskCluster) -> None:
    words = rf"connections of worker {odd_one(machines)} need 340 open files, and .* {MOST_FILES}: .*'ulimit -n'"
    with pytest.raises(ConfigurationError, match=words):
        runs.run(load(url, machines, ClosedLoop(600, 1.0)))


def test_one_that_comes_late_takes_no_part_and_one_that_is_slow_is_told(
    url: str, machines: DaskCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fleets: list[Fleet] = []

    class Known(Fleet):
        alone_s = 60.0  # one so slow would else be taken for one that nobody asks

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            fleets.append(self)

    class Waiting:
        started = False

        def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
            if not self.started:
                self.started = True
                machines.add("--preload", str(tmp_path / "slow.py"))
            elif fleets[0].joined_late and not fleets[1:]:
                fleets.append(fleets[0])  # once
                signal.raise_signal(signal.SIGINT)

        def partial(self, record: RunRecord) -> None:
            pass

    (tmp_path / "slow.py").write_text(SLOW)
    monkeypatch.setattr(offload, "Fleet", Known)
    try:
        record = runs.run(load(url, machines, ClosedLoop(4, 600.0)), observer=Waiting()).record
        slow = odd_one(machines)
        assert record.load is not None
        assert record.load.joined_late == (slow,)
        assert slow not in {leg.machine for leg in record.load.legs}
        again = runs.run(load(url, machines, ClosedLoop(6, 1.0))).record
    finally:
        machines.workers.pop().kill()
        wait_for(lambda: len(machines.wait()) == 2)
    findings = {finding.code: finding for finding in judge(again, None).findings}
    assert f"on {slow} by" in findings["legs-apart"].seen
