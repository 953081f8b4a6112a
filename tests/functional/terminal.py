"""A terminal to run a command in: a pty, what its screen shows, and keys."""

import contextlib
import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path

import pyte
import pytest

from tests.waiting import DEADLINE_S


class Terminal:
    """What the command writes is shown while it is waited for; nobody looks meanwhile."""

    def __init__(self, columns: int, lines: int) -> None:
        self._leader, self._follower = os.openpty()
        self._screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self._tell_size()

    @contextlib.contextmanager
    def runs(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """``command`` with this terminal as its own, for input, output and keys."""
        follower = self._follower
        with subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "TERM": "xterm-256color", **environment},
            pass_fds=(follower,),
            preexec_fn=lambda: os.login_tty(follower),  # noqa: PLW1509  # no other thread is there
        ) as process:
            os.close(follower)
            try:
                yield process
            finally:
                process.kill()
                process.wait()
                os.close(self._leader)

    def press(self, key: bytes) -> None:
        os.write(self._leader, key)

    def resize(self, columns: int, lines: int) -> None:
        """As terminals do it, which take lines from below the cursor first; pyte takes them from the top."""
        screen = self._screen
        fewer = screen.lines - lines
        if fewer > 0:
            lost = max(screen.cursor.y - (lines - 1), 0)
            screen.history.top.extend(copy(screen.buffer[row]) for row in range(lost))
            kept = fewer - lost
            row, screen.cursor.y, screen.margins = screen.cursor.y, 0, None
            screen.insert_lines(kept)
            screen.cursor.y = row - lost
        screen.resize(lines, columns)
        self._tell_size()

    def _tell_size(self) -> None:
        size = struct.pack("HHHH", self._screen.lines, self._screen.columns, 0, 0)
        fcntl.ioctl(self._leader, termios.TIOCSWINSZ, size)

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Show what is written until ``condition`` holds."""
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > end_s:
                pytest.fail("waited in vain; the screen shows:\n" + "\n".join(self.lines))
            self._look()

    def wait_for_end(self, process: "subprocess.Popen[bytes]") -> int:
        """Show all that is written until the end; the exit code."""
        self.wait_until(lambda: process.poll() is not None)
        self.show_all()
        return process.wait()

    def show_all(self) -> None:
        """Show what has been written by now."""
        while self._look():
            pass

    def _look(self) -> bool:
        if not select.select([self._leader], [], [], 0.02)[0]:
            return False
        try:
            seen = os.read(self._leader, 65_536)
        except OSError:  # nobody has it open any more
            return False
        self.raw += seen
        self._stream.feed(seen)
        return bool(seen)

    @property
    def lines(self) -> list[str]:
        """The screen from top to bottom."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def scrolled(self) -> list[str]:
        """What has left the screen at its top, and the screen."""
        history = self._screen.history.top
        above = ["".join(line[column].data for column in range(max(line, default=-1) + 1)) for line in history]
        return [*(line.rstrip() for line in above), *self.lines]

    @property
    def is_whole(self) -> bool:
        """Whether all of the screen scrolls."""
        return self._screen.margins is None
