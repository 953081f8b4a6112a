"""A load made by several processes: the same load as by one, and what is known when one of them is lost."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest

from paceline import ConstantRate, HttpTarget, PerformanceTestFramework, PerformanceThreshold, TestStatus
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine import legs, runs
from paceline.engine.request import LoadNow, RunRequest
from paceline.judge.result import judge
from paceline.records.run_record import RunRecord, TestType
from paceline.scenario.files import FileScenario
from paceline.workload.models import ClosedLoop, FixedIterations, Poisson, Workload
from tests.functional.small_server import small_server
from tests.waiting import wait_for

pytestmark = pytest.mark.real

LONG = ClosedLoop(4, 600.0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert not _legs()


def _legs() -> list[int]:
    return sorted(child.pid for child in psutil.Process().children() if "engine.child" in " ".join(child.cmdline()))


def load(url: str, workload: Workload = LONG, processes: int = 2, **changes: Any) -> RunRequest:
    request = RunRequest(
        "load", TestType.API_ENDPOINT, HttpTarget(url), workload, own_process=True, processes=processes
    )
    return replace(request, **changes)


class Watching:
    """Calls ``then`` when attempts are shown that are more than ``least``."""

    def __init__(self, then: Callable[[], object], least: int = 0) -> None:
        self._then, self._least, self.done = then, least, False
        self.share = 0.0

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        self.share = share
        if attempts > self._least and not self.done:
            self.done = True
            self._then()

    def partial(self, record: RunRecord) -> None:
        pass


def test_together_they_make_just_the_load_that_one_would_make(url: str) -> None:
    asked = load(url + "/{{n}}", Poisson(400, 1.0, seed=3), processes=3)
    record = runs.run(asked).record
    alone = runs.run(replace(asked, processes=1)).record
    assert record.counts == alone.counts
    assert record.definition == alone.definition
    assert record.load is not None
    assert alone.load is not None
    assert record.load.arrivals is not None
    assert alone.load.arrivals is not None
    assert record.load.arrivals.planned == alone.load.arrivals.planned
    assert record.load.traffic is not None
    assert alone.load.traffic is not None
    # Every number from 0 was sent once: together they are as long as one process's.
    assert record.load.traffic.sent_bytes == alone.load.traffic.sent_bytes
    assert sum(leg.counts.attempts for leg in record.load.legs) == record.counts.attempts
    assert [leg.lost for leg in record.load.legs] == ["", "", ""]
    assert all(leg.start_skew_ns is not None and leg.start_skew_ns >= 0 for leg in record.load.legs)
    assert alone.load.legs == ()


def test_a_number_of_requests_is_sent_exactly(url: str) -> None:
    record = runs.run(load(url, FixedIterations(101, warmup_iterations=1, workers=5), processes=4)).record
    assert record.counts.ok == 101
    assert record.circumstances.warmup_attempts == 1


def test_users_of_a_scenario_are_dealt_out(url: str, tmp_path: Any) -> None:
    file = tmp_path / "shop.py"
    file.write_text(
        "from paceline import Scenario\n"
        "async def buy(user):\n"
        "    await user.client.get(f'/{user.number}', name=str(user.number))\n"
        f"shop = Scenario(buy, {url!r})\n"
    )
    asked = replace(load(url, FixedIterations(20, workers=5)), target=FileScenario(str(file), "buy"))
    record = runs.run(asked).record
    assert record.load is not None
    assert sorted(part.name for part in record.load.parts) == ["0", "1", "2", "3", "4"]
    assert record.load.iterations == 20


def test_users_of_a_scenario_on_several_processes_are_probed_once(url: str, tmp_path: Any) -> None:
    file = tmp_path / "shop.py"
    file.write_text(
        "from paceline import Scenario\n"
        "async def buy(user):\n"
        "    await user.client.get('/', name='page')\n"
        f"shop = Scenario(buy, {url!r})\n"
    )
    asked = load(url, ConstantRate(400, 2.0), probe_per_second=100.0, warmup_s=1.0)
    record = runs.run(replace(asked, target=FileScenario(str(file), "buy"))).record
    assert record.load is not None
    assert all(leg.counts.ok for leg in record.load.legs)
    seen = record.load.probe
    assert seen is not None
    assert seen.part == "page"
    assert 22 < seen.per_second <= 41, "a tenth of what all send: a leg knows its own share only"
    assert seen.counts.ok > 0


def test_an_interrupt_of_a_files_own_is_told_without_a_traceback(
    url: str, tmp_path: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.py"
    file.write_text("raise KeyboardInterrupt('of its own')\n")
    asked = replace(load(url), target=FileScenario(str(file), "buy"))
    with pytest.raises(MeasurementError, match="the load could not be made: KeyboardInterrupt: of its own"):
        runs.run(asked)
    assert "Traceback" not in capfd.readouterr().err


def test_a_killed_leg_is_missed_and_the_rest_counts(url: str) -> None:
    watching = Watching(lambda: os.kill(_legs()[0], signal.SIGKILL), least=400)
    run = runs.run(load(url, ConstantRate(400, 3.0)), observer=watching)
    record = run.record
    assert run.stopped_by is None
    assert record.load is not None
    lost, whole = record.load.legs
    assert lost.lost == "was killed by SIGKILL"
    assert watching.share > 0.75, "what is left is what the other has left"
    assert lost.delivered < 1
    assert whole.counts.attempts == 600
    assert record.counts.attempts == 600 + lost.counts.attempts < 1_200
    assert record.load.arrivals is not None
    assert record.load.arrivals.planned == 1_200
    result = judge(record, None)
    assert result.status is TestStatus.WARNING
    (finding,) = [finding for finding in result.findings if finding.code == "legs-lost"]
    assert "1 of the 2 processes" in finding.seen
    assert "killed by SIGKILL" in finding.seen


def test_a_leg_that_falls_silent_is_lost(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "_SILENT_S", 1.5)
    monkeypatch.setattr(legs, "_LOOK_S", 0.1)
    watching = Watching(lambda: os.kill(_legs()[0], signal.SIGSTOP))
    record = runs.run(load(url, ClosedLoop(2, 2.5)), observer=watching).record
    assert record.load is not None
    assert "said nothing" in record.load.legs[0].lost
    assert record.load.legs[1].lost == ""
    assert record.counts.ok >= record.load.legs[1].counts.ok > 0


def test_all_lost_at_once_is_an_error(url: str) -> None:
    def kill() -> None:
        for pid in _legs():
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(MeasurementError, match="killed by SIGKILL before it reported"):
        runs.run(load(url), observer=Watching(kill))


def test_one_that_ends_before_the_start_ends_all(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []

    def never(self: legs.Legs) -> None:
        if not killed:
            killed.append(_legs()[0])
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(legs.Legs, "_start", never)
    with pytest.raises(MeasurementError, match=r"process 1 of the load was killed by SIGKILL before the start"):
        runs.run(load(url))


def test_one_that_is_killed_while_it_warms_up_ends_all(url: str) -> None:
    def kill() -> None:
        wait_for(lambda: len(_legs()) == 2 and bool(psutil.Process(_legs()[0]).net_connections()))
        os.kill(_legs()[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    framework = PerformanceTestFramework()
    with pytest.raises(MeasurementError, match=r"process 1 of the load was killed by SIGKILL before the start"):
        framework.run_load("load", HttpTarget(url), LONG, warmup_s=60, probe=False, processes=2)
    killer.join()
    assert framework.results == []  # no report on nothing, and nobody says that he interrupted it


def test_nobody_listens() -> None:
    with pytest.raises(MeasurementError, match="refused"):
        runs.run(load("http://127.0.0.1:1/"))


def test_an_interrupt_ends_all(url: str) -> None:
    run = runs.run(load(url), observer=Watching(lambda: signal.raise_signal(signal.SIGINT)))
    assert isinstance(run.stopped_by, KeyboardInterrupt)
    assert run.record.load is not None
    assert all(leg.counts.ok for leg in run.record.load.legs)
    assert not any(leg.lost for leg in run.record.load.legs)


def test_a_load_stops_when_its_driver_dies(url: str) -> None:
    import subprocess
    import sys

    lines = (
        "import sys\n"
        "from paceline import ClosedLoop, HttpTarget, PerformanceTestFramework\n"
        "class Watching:\n"
        "    def progress(self, *_): print('running', flush=True)\n"
        "    def partial(self, record): pass\n"
        "PerformanceTestFramework(observer=Watching()).run_load('load', HttpTarget(sys.argv[1]),\n"
        "    ClosedLoop(2, 600.0), warmup_s=0, probe=False, processes=2)\n"
    )
    with subprocess.Popen([sys.executable, "-c", lines, url], stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "running\n"
        children = psutil.Process(driver.pid).children()
        assert len(children) == 2
        driver.kill()
    wait_for(lambda: not any(child.is_running() for child in children))


def test_a_limit_on_all_of_it_ends_all(url: str) -> None:
    threshold = PerformanceThreshold(expressions=["throughput>1000000, abort"])
    framework = PerformanceTestFramework()
    result = framework.run_load("load", HttpTarget(url), LONG, threshold, warmup_s=0, probe=False, processes=2)
    assert result.status is TestStatus.FAILED
    assert result.record.load is not None
    assert [leg.lost for leg in result.record.load.legs] == ["", ""]
    assert "aborted" in {finding.code for finding in result.findings}


def test_more_processes_than_there_is_work_for(url: str) -> None:
    framework = PerformanceTestFramework()
    with pytest.raises(ConfigurationError, match="at most 2"):
        framework.run_load("few", HttpTarget(url), ClosedLoop(2, 1.0), processes=3)
    with pytest.raises(ConfigurationError, match="10 connections to share"):
        framework.run_load("few", HttpTarget(url), ConstantRate(100, 1.0), processes=11)
