"""A few lines that stay at the bottom of a terminal while everything else scrolls above them.

The terminal itself keeps the two apart: everything but the block is made its scrolling region (DECSTBM), as ``apt``
does. So nothing that anybody prints tears the block, be it user code, a library in C or another process, and nobody's
stream has to be wrapped, which would cost the measured code time. docs/decisions/033.
"""

import os
import select
import signal
import threading
from collections.abc import Sequence
from types import FrameType

_SAVE, _RESTORE = "\x1b7", "\x1b8"  # the cursor's place, colours and all
_DOWN = "\x1bD"  # a line, scrolling at the end of the region, in the same column
_WHOLE_SCREEN = "\x1b[r"  # scrolls; sends the cursor home
_ERASE_LINE, _ERASE_BELOW = "\x1b[2K", "\x1b[J"
_PLAIN, _ERASE_REST = "\x1b[0m", "\x1b[K"
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"  # what happens to a line that is too long
_LEFT_FREE = 3  # lines of the screen that are always somebody else's
_PATIENCE_MS = 1_000


class Screen:
    """The bottom of a terminal.

    A terminal that is stopped (Ctrl-S) or has fallen behind is never waited for: a frame is left out instead, for the
    process that draws is the one that a load reports to. One that is gone is drawn on no more.

    Args:
        descriptor: of the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._held: tuple[os.terminal_size, int] | None = None  # the size, and how many lines of it are the block's
        self._is_gone = False
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._lines: Sequence[str] = ()
        self._is_drawing = False
        self._handlers_before: dict[int, object] = {}

    def size(self) -> os.terminal_size:
        """Columns and lines; 0 of each where that is unknown."""
        try:
            return os.get_terminal_size(self._descriptor)
        except OSError:
            return os.terminal_size((0, 0))

    def make_whole(self) -> None:
        """Undo what a run that was killed has left behind (``kill -9``): a part of the screen that does not scroll."""
        if self._poll.poll(0):
            self._write(f"{_SAVE}{_WHOLE_SCREEN}{_RESTORE}{_WRAP}")

    def draw(self, lines: Sequence[str]) -> None:
        """Show ``lines``; what is too long is cut, and what there is no room for left out."""
        self._lines = lines
        size = self.size()
        shown = lines[: max(size.lines - _LEFT_FREE, 0)]
        if not shown or self._is_drawing or not self._poll.poll(0):
            return
        self._is_drawing = True
        first = size.lines - len(shown) + 1
        frame = [] if self._held == (size, len(shown)) else [self._released(), _reserved(size, len(shown))]
        frame += [_SAVE, _CUT]
        frame += [f"\x1b[{row};1H{_PLAIN}{line}{_PLAIN}{_ERASE_REST}" for row, line in enumerate(shown, first)]
        frame += [_WRAP, _RESTORE]
        self._held = size, len(shown)
        self._handle_signals()
        self._write("".join(frame))
        self._is_drawing = False

    def clear(self, *, interrupted: bool = False) -> None:
        """Leave no trace, nor of the ^C that the terminal shows where one was ``interrupted``."""
        if self._held is None:
            return
        self._write(self._released() + (f"\r{_ERASE_LINE}" if interrupted else ""))
        self._held = None
        while self._handlers_before:
            signum, before = self._handlers_before.popitem()
            signal.signal(signum, before)  # type: ignore[arg-type]  # what signal() has returned

    def _released(self) -> str:
        """Take the block away, and give its lines back."""
        if self._held is None:
            return ""
        size, height = self._held
        if self.size() != size:
            # Where the terminal has put the block then differs from one to another, but below the cursor it is.
            return f"{_SAVE}{_WHOLE_SCREEN}{_RESTORE}{_ERASE_BELOW}"
        erased = (f"\x1b[{row};1H{_ERASE_LINE}" for row in range(size.lines - height + 1, size.lines + 1))
        return f"{_SAVE}{_PLAIN}{_WHOLE_SCREEN}{''.join(erased)}{_RESTORE}"

    def _handle_signals(self) -> None:
        if self._handlers_before or threading.current_thread() is not threading.main_thread():
            return
        for signum, handler in ((signal.SIGTSTP, self._stop), (signal.SIGWINCH, self._resized)):
            self._handlers_before[signum] = signal.signal(signum, handler) or signal.SIG_DFL
            signal.siginterrupt(signum, False)  # noqa: FBT003  # code in C need not expect signals of ours

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        """Ctrl-Z: hand the shell a whole screen. The next frame after the return takes its lines again."""
        del frame
        self.clear(interrupted=True)
        os.kill(os.getpid(), signum)

    def _resized(self, signum: int, frame: FrameType | None) -> None:
        """Many terminals scroll as a whole then: what is printed until the next frame would run into the block."""
        del signum, frame
        self.draw(self._lines)

    def _write(self, text: str) -> None:
        left = text.encode(errors="replace")
        while left and not self._is_gone:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # user code has made it non-blocking
                if not self._poll.poll(_PATIENCE_MS):
                    return
            except OSError:
                self._is_gone = True


def _reserved(size: os.terminal_size, height: int) -> str:
    """Make room below the cursor, whatever line it is on, and let only what is above scroll."""
    room = f"{_DOWN * height}\x1b[{height}A"
    return f"{room}{_SAVE}\x1b[1;{size.lines - height}r{_RESTORE}"
