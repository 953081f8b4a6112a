"""Where there is a probe beside a load, and how much it asks for."""

import os

import pytest

from paceline.engine import probe
from paceline.engine.probe import probe_rate
from paceline.engine.request import RunRequest
from paceline.records.run_record import TestType
from paceline.scenario.files import FileScenario
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from paceline.targets.call import CallTarget
from paceline.targets.http import HttpTarget
from paceline.targets.lanes import LaneTarget
from paceline.workload.models import ClosedLoop, ConstantRate, FixedIterations, Poisson, Stages, Workload

URL = "http://localhost:1"


def rate(workload: Workload, target: HttpTarget | CallTarget | LaneTarget | None = None) -> float:
    return probe_rate(RunRequest("load", TestType.API_ENDPOINT, target or HttpTarget(URL), workload))


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "usable_cores", lambda: (0, 1))


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (ClosedLoop(10, 5.0), 100.0),
        (ClosedLoop(10, 4.9), 0.0),
        (FixedIterations(10**6), 0.0),
        (ConstantRate(10_000, 5.0), 100.0),
        (ConstantRate(500, 5.0), 50.0),
        (ConstantRate(50, 5.0), 5.0),
        (ConstantRate(49, 5.0), 0.0),
        (Poisson(200, 10.0), 20.0),
        (Stages([(10.0, 200)]), 10.0),  # 100 a second in the mean
        (Stages([(10.0, 200)], of="users"), 100.0),
    ],
)
def test_rate_is_a_tenth_of_the_load_and_at_most_a_hundred(workload: Workload, expected: float) -> None:
    assert rate(workload) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_could_change_something_is_not_repeated(method: str) -> None:
    assert rate(ClosedLoop(10, 5.0), HttpTarget(URL, method)) == 0.0


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_request_that_changes_nothing_is(method: str) -> None:
    assert rate(ClosedLoop(10, 5.0), HttpTarget(URL, method)) == 100.0


async def post(user: User) -> None:
    await user.client.post("/basket")


@pytest.mark.parametrize("target", [Scenario(post, URL), FileScenario("shop.py", "shop")])
def test_what_users_send_is_not_known_before(target: LaneTarget) -> None:
    assert rate(ConstantRate(2, 5.0), target) == rate(ClosedLoop(10, 5.0), target) == 100.0  # at most
    assert rate(ClosedLoop(10, 4.9), target) == 0.0


def test_a_callable_has_none() -> None:
    assert rate(ClosedLoop(10, 5.0, think_time_s=1.0), CallTarget(lambda: None)) == 0.0


def test_a_single_core_has_room_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1}, raising=False)
    assert rate(ClosedLoop(10, 5.0)) == 0.0
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 1}, raising=False)
    assert rate(ClosedLoop(10, 5.0)) == 100.0
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert rate(ClosedLoop(10, 5.0)) == 0.0
