"""What several processes say, and what is made of it: the processes are functions here, and time stands still."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from paceline import ClosedLoop, HttpTarget
from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError
from paceline.engine import legs
from paceline.engine.child_process import LegEnded, Message, Ready, Slice, Window
from paceline.engine.legs import Legs
from paceline.engine.live import Seen
from paceline.engine.request import Run, RunRequest, Unobserved
from paceline.records.increments import Teller
from paceline.records.load import BeforeStart, LoadRecord
from paceline.records.recorder import Counts
from paceline.records.run_record import Aborted, Circumstances, RunRecord, TestType
from paceline.sysmon.leg_watch import LegUsage
from paceline.workload.legs import Leg
from tests.fakes import ManualClock, make_load

REQUEST = RunRequest(
    "load", TestType.API_ENDPOINT, HttpTarget("http://localhost/"), ClosedLoop(4, 2.0), own_process=True
)
BEFORE = BeforeStart(cores=2)
LIMIT = Aborted("p(95)<1", 1.0, 2.0, 1.0, "ms", "broken")


def seen(interruption: str | None = None) -> RunRecord:
    return make_load(
        load=LoadRecord(cpu_percent=(40.0,)),
        users=2,
        duration_s=2.0,
        circumstances=Circumstances(interruption=interruption),
    )


class Child:
    """Says what ``script`` yields."""

    def __init__(self, script: Callable[["Child"], Iterator[Message]], ending: str) -> None:
        self._script, self._ending = script, ending
        self.told: list[str] = []
        self.started, self.stopped = threading.Event(), threading.Event()
        self._teller = Teller()
        self._take: Callable[[Message | None], None] = lambda _: None

    def hear(self, take: Callable[[Message | None], None]) -> None:
        self._take = take

    def order(self, request: RunRequest) -> None:
        assert request.leg is not None
        threading.Thread(target=self._say, daemon=True).start()

    def _say(self) -> None:
        for message in self._script(self):
            self._take(message)
        self._take(None)

    def slice(self, record: RunRecord) -> Slice:
        return Slice(self._teller.tell(record))

    def ended(self, record: RunRecord, stopped_by: BaseException | None = None) -> LegEnded:
        return LegEnded(self._teller.tell(record, is_last=True), stopped_by)

    def start_at(self, at_s: float) -> None:
        self.told.append("start")
        self.started.set()

    def stop(self) -> None:
        self.told.append("stop")
        self.stopped.set()

    def kill(self) -> None:
        self.told.append("kill")
        self.stopped.set()

    def end(self) -> None:
        self.told.append("end")

    def how(self) -> str:
        return self._ending


class Machines:
    soon_s = 0.0
    joined_late = ("tcp://c:3",)

    def __init__(self, *scripts: Callable[[Child], Iterator[Message]], ending: str = "ended with code 0") -> None:
        self.children = [Child(script, ending) for script in scripts]

    def open(self, request: RunRequest) -> int:
        assert request is REQUEST
        return len(self.children)

    def child(self, leg: Leg) -> Child:
        return self.children[leg.number]

    def machine(self, leg: Leg) -> str:
        return f"tcp://a:{leg.number}"

    def before(self, leg: Leg) -> BeforeStart:
        del leg
        return BEFORE

    def close(self) -> None:
        pass


def made(machines: Machines, clock: Clock | ManualClock, on_slice: Any = None) -> Run:
    return Legs(REQUEST, clock, Unobserved(), on_slice, machines).run()  # type: ignore[arg-type]  # ManualClock is one


def begins(child: Child) -> Iterator[Message]:
    yield Ready()
    assert child.started.wait(20.0)
    yield Window(is_open=True)


def test_a_broken_limit_ends_all_of_them_before_anything_else_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legs, "_LOOK_S", 0.0)  # else once a second
    told_at_judging: list[Sequence[str]] = []

    def script(child: Child) -> Iterator[Message]:
        yield from begins(child)
        yield child.slice(seen())
        # It has nothing more to say until it is stopped: that it goes on shows that the limit alone ended it.
        assert child.stopped.wait(20.0)
        yield child.ended(seen("KeyboardInterrupt"), KeyboardInterrupt())

    machines = Machines(script, script, script)

    def judged(all_of_it: Seen) -> Aborted:
        assert all_of_it.counts == Counts(ok=3 * 2_000)
        told_at_judging.extend(child.told[:] for child in machines.children)
        return LIMIT

    run = made(machines, ManualClock(), judged)
    assert told_at_judging == [["start"]] * 3
    assert [child.told for child in machines.children] == [["start", "stop", "end"]] * 3
    assert run.record.circumstances.aborted == LIMIT
    assert run.record.load is not None
    assert [leg.lost for leg in run.record.load.legs] == [""] * 3


def test_one_that_was_ended_where_it_was_made_is_lost_and_no_interrupt() -> None:
    def whole(child: Child) -> Iterator[Message]:
        yield from begins(child)
        yield LegUsage(50.0, 7_000, 150.0, 30.0, 2)
        yield child.ended(seen())

    def left_alone(child: Child) -> Iterator[Message]:
        yield from begins(child)
        half = replace(seen("KeyboardInterrupt"), elapsed_ns=1_000_000_000)
        yield child.ended(half, KeyboardInterrupt())

    run = made(Machines(whole, left_alone, ending="was left alone"), ManualClock())
    assert run.stopped_by is None
    assert run.record.circumstances.interruption is None
    assert run.record.load is not None
    first, second = run.record.load.legs
    assert (first.lost, second.lost, second.delivered) == ("", "was left alone", 0.5)
    assert (first.machine, first.before, first.memory_bytes, first.host_cpu_percent) == (
        "tcp://a:0",
        BEFORE,
        7_000,
        150.0,
    )
    assert second.memory_bytes is None
    assert run.record.load.joined_late == ("tcp://c:3",)


def test_one_that_ends_before_the_start_is_named() -> None:
    def dead(child: Child) -> Iterator[Message]:
        yield Ready()

    def waiting(child: Child) -> Iterator[Message]:
        assert child.stopped.wait(20.0)
        yield from ()

    with pytest.raises(
        MeasurementError, match=r"process 1 of the load on tcp://a:0 was killed by SIGKILL before the start"
    ):
        made(Machines(dead, waiting, ending="was killed by SIGKILL"), ManualClock())
