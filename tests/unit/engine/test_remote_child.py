"""What is said to legs on another machine, and what is heard of them: the machine is a function here."""

import asyncio
import pickle
import threading
from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from typing import Any

import pytest

from paceline import ConstantRate, HttpTarget
from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.engine import station
from paceline.engine.child_process import Message, Window
from paceline.engine.line import Line
from paceline.engine.remote_child import RemoteChild
from paceline.engine.request import RunRequest
from paceline.records.run_record import TestType
from tests.fakes import ManualClock

REQUEST = RunRequest("load", TestType.API_ENDPOINT, HttpTarget("http://localhost/"), ConstantRate(10, 1.0))
WORKER = "tcp://a:1"
STILL = Clock(now_s=ManualClock().now_s)
NEVER_S = 3_600.0  # whatever is said at once is not said by the clock


class Loop:
    """As much of the event loop of Dask's client as a line uses."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def add_callback(self, callback: Callable[..., Any], *arguments: Any) -> None:
        self._loop.call_soon_threadsafe(self._call, callback, arguments)

    def _call(self, callback: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        made = callback(*arguments)
        if asyncio.iscoroutine(made):
            self._task = self._loop.create_task(made)

    async def _end(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20.0)
        self._loop.close()


class Machine:
    """A client: takes down what legs are told, and answers what a test lays out, of each leg."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.told: list[list[station.Words]] = []  # of each question, what it said to all legs
        self.answers: SimpleQueue[Any] = SimpleQueue()
        self.asked = threading.Event()

    def run(self, function: Callable[..., Any], *arguments: Any, workers: list[str]) -> Any:
        assert workers == [WORKER]
        if function is station.begin:
            assert arguments[-1] == 1.5
            return {WORKER: None}
        assert function is station.exchange_all
        return self._exchange(*arguments)

    async def _exchange(self, words: Mapping[str, list[station.Words]]) -> dict[str, Any]:
        self.told.append([word for said in words.values() for word in said])
        self.asked.set()
        answer = await asyncio.to_thread(self.answers.get)
        if isinstance(answer, Exception):
            raise answer
        return {WORKER: dict.fromkeys(words, answer)}


class Leg:
    """A leg on the machine, and what is heard of it."""

    def __init__(self, line: Line, ahead_s: float = 5.0) -> None:
        self.child = RemoteChild(line, ahead_s)
        self.heard: list[Message] = []
        self.is_over = threading.Event()
        self.child.hear(self._take)
        self.child.order(REQUEST)

    def _take(self, message: Message | None) -> None:
        if message is None:
            self.is_over.set()
        else:
            self.heard.append(message)


@pytest.fixture
def machine() -> Iterator[Machine]:
    found = Machine()
    yield found
    found.loop.close()


@pytest.fixture
def line(machine: Machine) -> Line:
    return Line(machine, WORKER, NEVER_S, 1.5, STILL)


@pytest.fixture
def leg(line: Line) -> Leg:
    return Leg(line)


def close(line: Line) -> None:
    """Long before the next question is due."""
    line.close()
    line.wait(20.0)
    assert line._over.is_set()


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (RemoteChild.stop, ("stop", 0.0)),
        (RemoteChild.kill, ("kill", 0.0)),
        (lambda child: child.start_at(7.0), ("start", 12.0)),  # by its own clock
    ],
)
def test_what_is_to_be_said_is_said_at_once(
    machine: Machine, line: Line, leg: Leg, say: Callable[[RemoteChild], None], words: station.Words
) -> None:
    say(leg.child)
    machine.answers.put(([], "ended with code 0"))
    close(line)
    assert machine.told == [[words]]
    assert leg.is_over.is_set()


def test_all_legs_of_a_machine_are_asked_by_one_question(machine: Machine, line: Line, leg: Leg) -> None:
    legs = [leg, Leg(line), Leg(line)]
    machine.answers.put(([], "ended with code 0"))
    leg.child.stop()
    assert all(each.is_over.wait(20.0) for each in legs)
    assert len(machine.told) == 1


def test_one_that_is_killed_hears_of_it_though_nobody_listens_any_more(machine: Machine, line: Line, leg: Leg) -> None:
    leg.child.stop()
    assert machine.asked.wait(20.0)
    leg.child.kill()
    assert leg.is_over.is_set()
    machine.answers.put(([pickle.dumps(Window(is_open=True))], None))
    machine.answers.put(([], "was killed by SIGKILL"))
    close(line)
    assert machine.told == [[("stop", 0.0)], [("kill", 0.0)]]
    assert leg.heard == []
    assert leg.child.how() == "was given up"


def test_who_has_ended_is_told_and_asked_no_more(machine: Machine, line: Line, leg: Leg) -> None:
    machine.answers.put(([], "ended with code 0"))
    leg.child.stop()
    assert leg.is_over.wait(20.0)
    assert leg.child.end() == 0
    close(line)
    assert len(machine.told) == 1


def test_moments_are_told_by_the_clock_of_this_machine(machine: Machine, leg: Leg) -> None:
    leg.child.start_at(1.0)
    machine.answers.put(([pickle.dumps(Window(is_open=True, at_s=6.001))], "ended with code 0"))
    assert leg.is_over.wait(20.0)
    (window,) = leg.heard
    assert isinstance(window, Window)
    assert window.at_s == pytest.approx(1.001)
    assert leg.child.how() == "ended with code 0"


def test_a_machine_that_is_gone(machine: Machine, leg: Leg) -> None:
    leg.child.stop()
    machine.answers.put(OSError("no route"))
    assert leg.is_over.wait(20.0)
    assert leg.child.how() == f"was lost with its worker {WORKER}, or the way there (OSError: no route)"


def test_it_is_known_how_long_a_question_waits(machine: Machine, line: Line, leg: Leg) -> None:
    assert line.asked_s is None
    leg.child.stop()
    assert machine.asked.wait(20.0)
    assert line.asked_s == 0.0
    machine.answers.put(([], ""))
    close(line)
    assert line.asked_s is None


def test_a_line_that_nobody_used_is_over_at_once(line: Line) -> None:
    line.close()
    line.wait(20.0)
    assert line.asked_s is None


def test_a_machine_that_cannot_start_it(machine: Machine, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **__: Any) -> Any:
        raise OSError("no memory")

    monkeypatch.setattr(machine, "run", run)
    with pytest.raises(MeasurementError, match=f"worker {WORKER} cannot start its part of the load: no memory"):
        RemoteChild(line, 0.0).order(REQUEST)


def test_a_machine_that_has_frozen_before_it_started_it(
    machine: Machine, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    monkeypatch.setattr("paceline.engine.line.ANSWER_S", 0.05)
    monkeypatch.setattr(machine, "run", lambda *_, **__: never.wait())
    with pytest.raises(MeasurementError, match=r"cannot start its part of the load: no answer within 0\.05 s"):
        RemoteChild(line, 0.0).order(REQUEST)
    never.set()
