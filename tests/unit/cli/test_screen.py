"""The block at the bottom of a terminal that stops, goes away, or changes."""

import os
import select
import signal
import termios
import threading
from collections.abc import Iterator

import pyte
import pytest

from paceline.cli.screen import Screen

HANDLED = (signal.SIGTSTP, signal.SIGWINCH)


@pytest.fixture
def pty() -> Iterator[tuple[int, int]]:
    leader, follower = os.openpty()
    termios.tcsetwinsize(follower, (10, 40))
    yield leader, follower
    for descriptor in (leader, follower):
        os.close(descriptor)


def written(leader: int) -> str:
    return os.read(leader, 65_536).decode() if select.select([leader], [], [], 0)[0] else ""


def test_only_what_changed_its_place_is_set_up_again(pty: tuple[int, int]) -> None:
    leader, follower = pty
    screen = Screen(follower)
    screen.draw(["one", "two"])
    first = written(leader)
    assert "\x1b[1;8r" in first
    assert "\x1b[9;1H\x1b[0mone" in first
    assert "\x1b[10;1H\x1b[0mtwo" in first
    screen.draw(["three", "four"])
    assert (
        written(leader)
        == "\x1b7\x1b[?7l\x1b[9;1H\x1b[0mthree\x1b[0m\x1b[K\x1b[10;1H\x1b[0mfour\x1b[0m\x1b[K\x1b[?7h\x1b8"
    )
    screen.draw(["one more", "line", "now"])
    assert "\x1b[1;7r" in written(leader)
    screen.clear()
    last = written(leader)
    assert "\x1b[r" in last
    assert last.count("\x1b[2K") == 3
    screen.clear()
    assert written(leader) == ""


def test_what_a_killed_run_has_left_is_undone_by_the_next(pty: tuple[int, int]) -> None:
    leader, follower = pty
    terminal = pyte.Screen(40, 10)
    seen = pyte.Stream(terminal)
    killed = Screen(follower)
    killed.draw(["one", "two"])
    seen.feed(written(leader) + "said before")
    assert terminal.margins == (0, 7)
    place = terminal.cursor.y, terminal.cursor.x
    Screen(follower).make_whole()
    seen.feed(written(leader))
    assert terminal.margins is None
    assert (terminal.cursor.y, terminal.cursor.x) == place


def test_a_screen_with_no_room_is_left_alone(pty: tuple[int, int]) -> None:
    leader, follower = pty
    screen = Screen(follower)
    for lines in (0, 1, 3):
        termios.tcsetwinsize(follower, (lines, 40))
        screen.draw(["one", "two"])
        assert written(leader) == ""
    termios.tcsetwinsize(follower, (4, 40))
    screen.draw(["one", "two"])
    assert "one" in (seen := written(leader))
    assert "two" not in seen


def test_a_stopped_terminal_is_not_waited_for(pty: tuple[int, int]) -> None:
    leader, follower = pty
    screen = Screen(follower)
    termios.tcflow(follower, termios.TCOOFF)  # as Ctrl-S does
    drawing = threading.Thread(target=screen.draw, args=(["one"],), daemon=True)
    drawing.start()
    drawing.join(10.0)
    waited = drawing.is_alive()
    termios.tcflow(follower, termios.TCOON)
    drawing.join()
    assert not waited
    assert written(leader) == ""
    screen.draw(["two"])
    assert "two" in written(leader)


def test_a_terminal_that_is_gone_ends_nothing() -> None:
    leader, follower = os.openpty()
    termios.tcsetwinsize(follower, (10, 40))
    screen = Screen(follower)
    screen.draw(["one"])
    os.close(leader)
    screen.draw(["two"])
    screen.clear()
    os.close(follower)
    screen.draw(["three"])
    assert screen.size() == (0, 0)


def test_a_new_size_is_drawn_at_once_and_handlers_are_given_back(pty: tuple[int, int]) -> None:
    leader, follower = pty
    before = [signal.getsignal(each) for each in HANDLED]
    screen = Screen(follower)
    screen.draw(["one"])
    written(leader)
    termios.tcsetwinsize(follower, (20, 40))
    signal.raise_signal(signal.SIGWINCH)
    seen = written(leader)
    assert "\x1b[20;1H\x1b[0mone" in seen
    assert "\x1b[J" in seen  # wherever the terminal has put the old one
    screen.clear(interrupted=True)
    assert written(leader).endswith("\r\x1b[2K")
    assert [signal.getsignal(each) for each in HANDLED] == before
