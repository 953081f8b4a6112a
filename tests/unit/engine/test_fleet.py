"""What becomes of legs when workers come and go, fall silent, or the scheduler does; a client that a test moves."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from paceline import Cluster, ConstantRate, HttpTarget
from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.core.version import __version__
from paceline.engine import fleet, station
from paceline.engine.fleet import Fleet
from paceline.engine.remote_child import RemoteChild
from paceline.engine.request import RunRequest
from paceline.records.machine import Company, Machine
from paceline.records.run_record import TestType
from paceline.workload.legs import Leg
from tests.fakes import ManualClock

A, B, C = "tcp://a:1", "tcp://b:2", "tcp://c:3"
REQUEST = RunRequest(
    "load", TestType.API_ENDPOINT, HttpTarget("http://localhost/"), ConstantRate(10, 1.0), own_process=True
)


class Client:
    """As much of Dask's as a fleet uses."""

    def __init__(self, *workers: str) -> None:
        self.status = "running"
        self.workers = workers

    def scheduler_info(self, n_workers: int = -1) -> dict[str, Any]:
        del n_workers
        return {"workers": {}}  # as Dask's does now and then

    def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.workers, 1)

    def run(self, function: Callable[..., Any], *arguments: Any, workers: list[str]) -> dict[str, Any]:
        del arguments
        (worker,) = workers
        answers = {
            eval: __version__,
            station.look: station.Look(Machine(), Company(), 0.0),
            station.clocks: (7.0, 7.0),
        }
        return {worker: answers[function]}


class Opened:
    """A fleet of two legs on the workers of ``client``."""

    def __init__(self, client: Client) -> None:
        self.time, self.client = ManualClock(), client
        self.fleet = Fleet(Cluster(client), Clock(now_s=self.time.now_s))
        assert self.fleet.open(REQUEST) == 2
        self.children: list[RemoteChild] = [self.fleet.child(Leg(number, 2)) for number in range(2)]

    def look(self) -> list[str]:
        """Look once, as is done twice a second; how the legs ended, if they did."""
        self.fleet._look()
        return [child.how() for child in self.children]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    monkeypatch.setattr(fleet, "_LOOK_S", 3_600.0)
    found = Opened(Client(B, A))
    yield found
    found.fleet.close()


WELL = "ended without a word"


def test_all_is_well(opened: Opened) -> None:
    assert [child.line.worker for child in opened.children] == [A, B]
    assert opened.look() == [WELL, WELL]
    assert opened.fleet.joined_late == ()


def test_a_worker_that_goes_takes_its_leg_with_it(opened: Opened) -> None:
    opened.client.workers = (A,)
    assert opened.look() == [WELL, f"was lost with its worker {B}, which left the cluster"]


def test_a_worker_that_comes_is_noted_once(opened: Opened) -> None:
    opened.client.workers = (A, B, C)
    assert opened.look() == opened.look() == [WELL, WELL]
    assert opened.fleet.joined_late == (C,)


def test_a_worker_that_does_not_answer_is_lost(opened: Opened) -> None:
    opened.children[0].line.asked_s = 0.0
    opened.time.advance(9.0)
    assert opened.look() == [WELL, WELL]
    opened.time.advance(1.5)
    assert opened.look() == [f"was lost with its worker {A}, which said nothing for 10 s", WELL]


def test_a_scheduler_that_comes_back_in_time_is_forgiven(opened: Opened) -> None:
    for moment_s in (0.0, 1.4):
        opened.client.status = "connecting"
        opened.time.advance(moment_s)
        assert opened.look() == [WELL, WELL]
    opened.client.status = "running"
    opened.time.advance(1.0)
    assert opened.look() == [WELL, WELL]
    opened.client.status = "connecting"  # again, and its time counts anew
    assert opened.look() == [WELL, WELL]


def test_a_scheduler_that_stays_away_takes_all_with_it(opened: Opened) -> None:
    opened.client.status, opened.client.workers = "connecting", ()  # who is there is not known then
    assert opened.look() == [WELL, WELL]
    opened.time.advance(1.6)
    assert all("lost with the scheduler" in how for how in opened.look())


def test_a_cluster_without_workers() -> None:
    with pytest.raises(MeasurementError, match="the cluster has no workers: start one"):
        Opened(Client())
