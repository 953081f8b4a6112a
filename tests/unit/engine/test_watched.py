"""The process of a leg as it is heard: the process is a function here."""

import threading
from collections.abc import Iterator

import pytest

from paceline.core.errors import MeasurementError
from paceline.engine.child_process import Child, Failed, LegEnded, Message, Ready
from paceline.engine.watched import WatchedChild
from paceline.records.increments import Teller
from tests.fakes import make_record

ENDED = LegEnded(Teller().tell(make_record(), is_last=True), None)


@pytest.mark.parametrize("last", [ENDED, Failed(MeasurementError("no"))])
def test_nothing_is_waited_for_after_its_last_word(monkeypatch: pytest.MonkeyPatch, last: Message) -> None:
    """A thread that a user's function has left behind may keep the process, and its pipe, for ever."""

    def says(_: Child) -> Iterator[Message]:
        yield Ready()
        yield last
        raise AssertionError("this would wait")

    monkeypatch.setattr(Child, "messages", says)
    child = object.__new__(WatchedChild)  # without a process
    assert list(child.messages()) == [Ready(), last]


def test_its_pipe_is_not_closed_while_it_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an impatient end would print a traceback, or read from whatever file got the number of the pipe."""
    reads, ended, over = threading.Event(), threading.Event(), threading.Event()
    read = Child._read

    def read_late(self: Child, least: int) -> bool:
        reads.set()
        ended.wait()
        return read(self, least)

    raised: list[object] = []
    monkeypatch.setattr(Child, "_read", read_late)
    monkeypatch.setattr(threading, "excepthook", raised.append)
    child = WatchedChild()
    child.hear(lambda message: over.set() if message is None else None)
    reads.wait()
    child.kill()
    child.end()
    ended.set()
    over.wait()
    assert child._hearing is not None
    child._hearing.join()
    assert raised == []
    assert child._messages.closed
