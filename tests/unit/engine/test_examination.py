"""What is asked of workers before a start, and what their answers lead to."""

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.core.version import __version__
from paceline.engine import examination, station
from paceline.engine.examination import Examined, check_open_files, examined
from paceline.engine.patience import all_within, within
from paceline.records.load import BeforeStart
from paceline.records.machine import Company, Machine, OtherProcess
from paceline.workload.legs import Leg
from tests.fakes import ManualClock

AHEAD_S = 5.0


class Workers:
    """Answer as a test wants them to; a round trip takes ``trips_s`` in turn, the answer comes from its middle."""

    def __init__(self, **answers: Any) -> None:
        self.time = ManualClock()
        self.clock = Clock(now_s=self.time.now_s, utc_now=self.time.utc_now)
        self.trips_s = [0.4, 0.02, 0.1, 0.3, 0.2]
        self.version: Any = __version__
        self.look = station.Look(Machine(cores_online=2), Company(), 0.0)
        self.ahead_s = AHEAD_S
        vars(self).update(answers)

    def ask(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        del worker, arguments
        if function is eval:
            if isinstance(self.version, Exception):
                raise self.version
            return self.version
        if function is station.look:
            return self.look
        assert function is station.clocks
        trip_s = self.trips_s.pop(0)
        self.time.advance(trip_s / 2)
        answer = self.time.now_s() + self.ahead_s, self.time.utc_now().timestamp() - 2 * self.ahead_s
        self.time.advance(trip_s / 2)
        return answer

    def examined(self) -> Examined:
        return examined(self.ask, ["tcp://a:1"], self.clock)["tcp://a:1"]


def test_the_quickest_answer_says_how_far_a_clock_is_ahead() -> None:
    found = Workers().examined()
    assert found.ahead_s == pytest.approx(AHEAD_S)
    assert found.before.clock_error_ns == 10_000_000
    assert found.before.clock_ahead_ns == pytest.approx(-10e9, abs=2_000)


def test_what_goes_on_there_is_kept() -> None:
    machine = Machine(cores_online=4, load_1min=2.5, open_files=1_024, open_files_most=4_096)
    company = Company(others_cores=1.5, others=(OtherProcess("cc1", 1.2),), stolen_share=0.1)
    before = Workers(look=station.Look(machine, company, 0.25)).examined().before
    assert (before.cores, before.busy_cores, before.busy_with, before.stolen_share) == (4, 1.75, ("cc1",), 0.1)
    assert (before.load_1min, before.open_files) == (2.5, 4_096)
    unlimited = station.Look(Machine(open_files=1_024, open_files_most=None), Company(), 0.0)
    assert Workers(look=unlimited).examined().before.open_files == 1_024
    assert Workers().examined().before.busy_cores is None


@pytest.mark.parametrize("reading", [math.nan, math.inf])
def test_a_clock_that_cannot_be_read(reading: float) -> None:
    with pytest.raises(MeasurementError, match=r"worker tcp://a:1 has a clock that reads (nan|inf)"):
        Workers(ahead_s=reading).examined()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("0.0.1", r"worker tcp://a:1 has paceline 0\.0\.1, this is"),
        (ModuleNotFoundError("no"), "worker tcp://a:1 has no paceline: install version"),
        (KeyError("tcp://a:1"), r"worker tcp://a:1 does not answer \(KeyError: .*frozen, or have left the cluster"),
    ],
)
def test_workers_that_cannot_make_a_leg(version: Any, words: str) -> None:
    with pytest.raises(MeasurementError, match=words):
        Workers(version=version).examined()


def test_a_worker_that_is_frozen_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "ANSWER_S", 0.05)
    monkeypatch.setattr(examination, "_LOOK_S", 0.0)
    workers, never = Workers(), threading.Event()

    def ask(worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        if worker == "tcp://b:2":
            never.wait()
        return workers.ask(worker, function, *arguments)

    with pytest.raises(MeasurementError, match=r"worker tcp://b:2 does not answer \(TimeoutError: no answer within"):
        examined(ask, ["tcp://a:1", "tcp://b:2"], workers.clock)
    never.set()


def test_open_files_are_counted_for_each_leg() -> None:
    places = {Leg(0, 2): "tcp://a:1", Leg(1, 2): "tcp://b:2"}
    found = {
        worker: Examined(0.0, BeforeStart(open_files=limit))
        for worker, limit in (("tcp://a:1", None), ("tcp://b:2", 140))
    }
    check_open_files(places, found, 201)
    with pytest.raises(
        ConfigurationError,
        match=r"101 connections of worker tcp://b:2 need 141 open files, .* may have 140: .*ulimit -n",
    ):
        check_open_files(places, found, 202)


def test_patience() -> None:
    never = threading.Event()
    answers = all_within(0.05, {"well": lambda: 7, "bad": lambda: 1 // 0, "never": never.wait})
    assert answers["well"] == 7
    assert isinstance(answers["bad"], ZeroDivisionError)
    assert isinstance(answers["never"], TimeoutError)
    never.set()
    assert within(5.0, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5.0, lambda: 1 // 0)
