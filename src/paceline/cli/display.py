"""What a terminal sees: progress on stderr, the report on stdout, colours only where they can be seen."""

import os
import shutil
import sys
from collections.abc import Callable, Sequence

import click

from paceline.cli.colours import Paint, are_wanted, coloured, has_cursor, is_terminal
from paceline.cli.live import Moment, RunView, bar_line, remaining_s, span_text
from paceline.cli.screen import Screen
from paceline.core.clock import SYSTEM_CLOCK, Clock
from paceline.core.errors import OutputError
from paceline.engine.request import LoadNow
from paceline.records.run_record import RunRecord
from paceline.report.layout import WIDTH, printable, squeezed

_LOG_S = 10.0
_LOG_NAME_WIDTH = 60


def show_report(text: str, *, no_color: bool) -> None:
    """Print a report to stdout, in colour where that can be seen."""
    if are_wanted(sys.stdout, no_color=no_color):
        show(coloured(text), color=True)
    else:
        show(text)


def report_width() -> int:
    """Columns for a report on stdout: those of the terminal, or 80 where it is none."""
    return shutil.get_terminal_size((WIDTH, 0)).columns if is_terminal(sys.stdout) else WIDTH


def show_lines(lines: Sequence[str]) -> None:
    """Print further lines to stdout."""
    if lines:
        show("\n".join(lines) + "\n")


def show(text: str | bytes, *, color: bool | None = None) -> None:
    """Write to stdout. That its reader has gone, or that there is none, is no failure of ours.

    Raises:
        OutputError: stdout cannot be written for another reason, such as a full disk.
    """
    if sys.stdout is None:  # closed by whoever started us
        return
    try:
        click.echo(text, nl=False, color=color)
    except BrokenPipeError:
        # Python writes once more when it shuts down, and must not complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(f"cannot write to stdout: {error.strerror or error}") from error


class StatusLine:
    """What is being done, on stderr: a block of lines on a terminal, else a line every 10 s.

    Args:
        quiet: show nothing at all.
        no_color: show no colours.
        clock: where the time comes from.
    """

    def __init__(self, *, quiet: bool, no_color: bool = False, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._paint = Paint(is_on=are_wanted(sys.stderr, no_color=no_color))
        self._screen = None if quiet else _screen()
        self._logs = not quiet and self._screen is None
        self._log_at_s = clock.now_s() + _LOG_S

    def announce(self, text: str) -> None:
        """Show what is being done now; it takes a moment, and is not worth a line in a log."""
        self._draw(lambda columns: [squeezed(text, columns - 1)])

    def say(self, text: str) -> None:
        """A line that stays, on stderr, before anything is drawn."""
        if self._screen is not None or self._logs:
            click.echo(f"paceline: {printable(text)}", err=True)

    def clear(self, *, interrupted: bool = False) -> None:
        """Leave no trace of progress, nor of the Ctrl-C that ``interrupted`` it."""
        if self._screen is not None:
            self._screen.clear(interrupted=interrupted)

    def _draw(self, lines: Callable[[int], Sequence[str]]) -> None:
        """Show the lines for so many columns, where there is a terminal."""
        if self._screen is not None:
            self._screen.draw(lines(max(self._screen.size().columns, 1)))

    def _log(self, text: Callable[[], str]) -> None:
        """Where there is none, a line every 10 s."""
        if not self._logs or self._clock.now_s() < self._log_at_s:
            return
        self._log_at_s = self._clock.now_s() + _LOG_S
        try:
            click.echo(f"paceline: {self._clock.utc_now():%H:%M:%SZ}  {printable(text())}", err=True)
        except OSError:  # a log that nobody reads any more ends no measurement
            self._logs = False


class DuetProgress(StatusLine):
    """How far a duet has come; an observer of duets. What the pairs say so far is nobody's business before its look."""

    _first: tuple[float, int] | None = None

    def pair(self, done: int, planned: int, lost: int) -> None:
        """Show the number of pairs, how long the rest will take, and how many were discarded."""
        now_s = self._clock.now_s()
        self._first = self._first or (now_s, done)
        begun_s, before = self._first
        left_s = None
        if planned > before:
            left_s = remaining_s(now_s - begun_s, (done - before) / (planned - before))
        text = f"pair {done} of {planned}"
        text += f", {span_text(left_s)} left" if left_s is not None else ""
        text += f", {lost} discarded" if lost else ""
        self._draw(lambda columns: [bar_line(done / planned, text, columns)])
        self._log(lambda: text)


class Progress(StatusLine):
    """How a run gets on. An observer of runs, which tell it at most twice a second."""

    _view: RunView | None = None

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        """Show how far a run has come, and how a load is doing."""
        if self._screen is None and not self._logs:
            return
        view = self._view
        if view is None or view.is_followed_by(record_name, attempts):
            view = self._view = RunView(record_name)
        view.add(Moment(self._clock.now_s(), share, attempts, load))
        self._draw(lambda columns: view.lines(columns, self._paint))
        self._log(lambda: f"{squeezed(record_name, _LOG_NAME_WIDTH)}  {view.log_text()}")

    def partial(self, record: RunRecord) -> None:
        """Slices are the journal's business."""


def _screen() -> Screen | None:
    """The terminal that stderr is, if it can be drawn on."""
    if not is_terminal(sys.stderr) or not has_cursor():
        return None
    try:
        screen = Screen(sys.stderr.fileno())
    except (OSError, ValueError):  # no descriptor behind it
        return None
    if not screen.size().lines:
        return None
    screen.make_whole()
    return screen
