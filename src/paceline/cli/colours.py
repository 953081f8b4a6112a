"""Colours that mean something: red is broken, yellow doubtful, green held. Emphasis is for what is looked for first."""

import os
import re
from collections.abc import Callable
from typing import TextIO

import click

_NO_CURSOR = frozenset({"", "dumb", "unknown"})
# A verdict stands behind a rule or a gap, at the end of its line or before its evidence or reason.
_VERDICT = r"(?<=[ ─] )(?:%s)(?=$|  \(|: )"
_BAD = re.compile(_VERDICT % "FAILED|regressed|unfit" + r"|(?<= )BROKEN(?=,|$)|^  ✗(?= )|^error(?=  )", re.MULTILINE)
_DOUBTFUL = re.compile(_VERDICT % "WARNING|inconclusive|noisy" + r"|^serious(?=  )", re.MULTILINE)
_GOOD = re.compile(_VERDICT % "passed|improved|fit", re.MULTILINE)
_HEADING = re.compile(r"^── (.+?)(?= ─)", re.MULTILINE)
_RULE = re.compile(r"─{2,}")


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is looking at ``stream``."""
    return stream is not None and stream.isatty()


def has_cursor() -> bool:
    """Whether terminals here can be drawn on."""
    return os.environ.get("TERM", "") not in _NO_CURSOR


def are_wanted(stream: TextIO | None, *, no_color: bool) -> bool:
    """Whether ``stream`` gets colours.

    ``--no-color`` says no, then NO_COLOR (no-color.org), then FORCE_COLOR (force-color.org) says yes, then it is asked
    whether it is a terminal that knows them.
    """
    if no_color or os.environ.get("NO_COLOR"):
        return False
    forced = os.environ.get("FORCE_COLOR", "")
    if forced:
        return forced.lower() not in {"0", "false"}
    return is_terminal(stream) and has_cursor()


def coloured(report: str) -> str:
    """The text of a report with its verdicts in colour, its headings bold and its rules dim."""
    for pattern, colour in ((_BAD, "red"), (_DOUBTFUL, "yellow"), (_GOOD, "green")):
        report = pattern.sub(_styled(fg=colour, bold=True), report)
    report = _HEADING.sub(lambda found: f"── {click.style(found[1], bold=True)}", report)
    return _RULE.sub(_styled(dim=True), report)


def _styled(
    *, fg: str | None = None, bold: bool | None = None, dim: bool | None = None
) -> Callable[[re.Match[str]], str]:
    return lambda found: click.style(found[0], fg=fg, bold=bold, dim=dim)


class Paint:
    """Styles of the live lines; without colours they leave a text as it is."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on

    def name(self, text: str) -> str:
        """What is being run."""
        return click.style(text, bold=True) if self._is_on else text

    def aside(self, text: str) -> str:
        """What is read last."""
        return click.style(text, dim=True) if self._is_on else text

    def bad(self, text: str) -> str:
        """What is wrong."""
        return click.style(text, fg="red", bold=True) if self._is_on else text

    def doubtful(self, text: str) -> str:
        """What may be wrong."""
        return click.style(text, fg="yellow", bold=True) if self._is_on else text
