"""What is said to a leg on another machine, and what is heard of it: the machine is a function here."""

import pickle
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import pytest

from paceline import ConstantRate, HttpTarget
from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.engine import remote_child, station
from paceline.engine.child_process import Window
from paceline.engine.remote_child import RemoteChild
from paceline.engine.request import RunRequest
from paceline.records.run_record import TestType
from tests.fakes import ManualClock

REQUEST = RunRequest("load", TestType.API_ENDPOINT, HttpTarget("http://localhost/"), ConstantRate(10, 1.0))
WORKER = "tcp://a:1"
STILL = Clock(now_s=ManualClock().now_s)


class Machine:
    """Takes down what it is told, and answers what a test lays out; then that the leg has ended."""

    def __init__(self) -> None:
        self.told: list[station.Words] = []
        self.answers: SimpleQueue[Any] = SimpleQueue()
        self.asked = threading.Event()

    def ask(self, worker: str, function: Callable[..., Any], name: str, argument: Any) -> Any:
        assert worker == WORKER
        assert name
        if function is station.begin:
            return None
        self.told.extend(argument)
        self.asked.set()
        answer = self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def child(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> RemoteChild:
    monkeypatch.setattr(remote_child, "_ASK_S", 3_600.0)  # whatever is said at once is not said by the clock
    child = RemoteChild(machine.ask, WORKER, 5.0, STILL)
    child.order(REQUEST)
    return child


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (RemoteChild.stop, ("stop", 0.0)),
        (RemoteChild.kill, ("kill", 0.0)),
        (lambda child: child.start_at(7.0), ("start", 12.0)),  # by its own clock
    ],
)
def test_what_is_to_be_said_is_said_at_once(
    machine: Machine, child: RemoteChild, say: Callable[[RemoteChild], None], words: station.Words
) -> None:
    say(child)
    machine.answers.put(([], "ended with code 0"))
    child.let_go(20.0)
    assert machine.told == [words]


def test_one_that_is_killed_hears_of_it_though_nobody_listens_any_more(machine: Machine, child: RemoteChild) -> None:
    child.stop()
    assert machine.asked.wait(20.0)
    child.kill()
    assert list(child.messages()) == []
    machine.answers.put(([], None))
    machine.answers.put(([], "was killed by SIGKILL"))
    child.let_go(20.0)
    assert machine.told == [("stop", 0.0), ("kill", 0.0)]
    assert child.how() == "was given up"


def test_moments_are_told_by_the_clock_of_this_machine(machine: Machine, child: RemoteChild) -> None:
    child.start_at(1.0)
    machine.answers.put(([pickle.dumps(Window(is_open=True, at_s=6.001))], "ended with code 0"))
    (window,) = child.messages()
    assert isinstance(window, Window)
    assert window.at_s == pytest.approx(1.001)
    assert child.how() == "ended with code 0"


def test_a_machine_that_is_gone(machine: Machine, child: RemoteChild) -> None:
    child.stop()
    machine.answers.put(OSError("no route"))
    assert list(child.messages()) == []
    assert child.how() == f"was lost with its worker {WORKER}, or the way there (OSError: no route)"


def test_it_is_known_how_long_a_question_waits(machine: Machine, child: RemoteChild) -> None:
    assert child.asked_s is None
    child.stop()
    assert machine.asked.wait(20.0)
    assert child.asked_s == 0.0
    machine.answers.put(([], ""))
    child.let_go(20.0)
    assert child.asked_s is None


def test_a_machine_that_cannot_start_it() -> None:
    def ask(*_: Any) -> Any:
        raise OSError("no memory")

    with pytest.raises(MeasurementError, match=f"worker {WORKER} cannot start its part of the load: no memory"):
        RemoteChild(ask, WORKER, 0.0, STILL).order(REQUEST)
