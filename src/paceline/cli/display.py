"""What a terminal sees: progress on stderr, the report on stdout, colours only where they can be seen."""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from paceline.core.errors import OutputError
from paceline.core.units import NS_PER_MS, counted, format_count, format_ms
from paceline.engine.request import LoadNow
from paceline.records.run_record import RunRecord
from paceline.report.text import shortened

_COLOURS = {"FAILED": "red", "WARNING": "yellow", "passed": "green"}
_STATUS_AT_END = re.compile(r"\b(FAILED|WARNING|passed)$", re.MULTILINE)


def show_report(text: str, *, no_color: bool) -> None:
    """Print a report to stdout."""
    if not no_color and not os.environ.get("NO_COLOR") and _is_terminal(sys.stdout):
        text = _STATUS_AT_END.sub(lambda found: click.style(found[0], fg=_COLOURS[found[0]], bold=True), text)
    show(text, color=True if not no_color else None)


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


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


class StatusLine:
    """One line on stderr, on a terminal only, written over and over."""

    def __init__(self, *, quiet: bool) -> None:
        self._shown = not quiet and _is_terminal(sys.stderr)
        self._width = 0

    def announce(self, text: str) -> None:
        """Show what is being done now."""
        self._write(text)

    def clear(self) -> None:
        """Leave no trace of progress."""
        self._write("")
        self._width = 0

    def _write(self, line: str) -> None:
        if not self._shown:
            return
        # A line that wraps could not be written over.
        line = line[: _columns() - 1]
        sys.stderr.write("\r" + line.ljust(self._width))
        if not line:
            sys.stderr.write("\r")
        sys.stderr.flush()
        self._width = len(line)


class DuetProgress(StatusLine):
    """How far a duet has come; an observer of duets."""

    def pair(self, done: int, planned: int, lost: int) -> None:
        """Show the number of pairs."""
        missing = f", {lost} discarded" if lost else ""
        self._write(f"{_bar(done / planned, 20)} pair {done} of {planned}{missing}")


class Progress(StatusLine):
    """How far a run has come, shown at most twice a second. An observer of runs."""

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        """Show how far a run has come, and how a load is doing."""
        name = shortened(record_name, 32)
        if load is None:
            self._write(f"{name:<32} {_bar(share, 20)} {share:4.0%}  {format_count(attempts)} attempts")
            return
        p50, p95, p99 = (format_ms(load.latency.quantile_ns(q) / NS_PER_MS) for q in (0.5, 0.95, 0.99))
        self._write(
            f"{_bar(share, 10)} {load.elapsed_s:5.1f} s  {format_count(load.per_second)}/s  "
            f"p50 {p50}  p95 {p95}  p99 {p99}  "
            f"{counted(load.errors, 'error')}  {load.in_flight:,} in flight"
        )

    def partial(self, record: RunRecord) -> None:
        """Slices are the journal's business."""


def _columns() -> int:
    """Of the terminal that progress is shown on; stdout may well be a file."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError, AttributeError):  # no descriptor behind it
        columns = 0
    return columns or shutil.get_terminal_size().columns


def _bar(share: float, width: int) -> str:
    done = int(share * width)
    return "━" * done + "╌" * (width - done)
