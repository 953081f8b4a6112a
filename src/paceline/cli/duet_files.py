"""The files that ``paceline duet`` writes."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from paceline.campaign.duet import DuetRun
from paceline.cli.display import show
from paceline.cli.options import FILE, packed
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import ConfigurationError
from paceline.judge.duet import SuiteVerdict
from paceline.store.codec import encode_results
from paceline.store.duets import StoredDuets, duets_to_plain
from paceline.store.files import check_writable, write_atomically
from paceline.sysmon.fingerprint import this_machine

_Command = TypeVar("_Command", bound=Callable[..., Any])
_STDOUT = Path("-")


@dataclass(frozen=True)
class DuetFiles:
    """Where results go; the fields are the options of the same names."""

    json: Path | None = None
    html: Path | None = None
    markdown: Path | None = None
    junit: Path | None = None

    @property
    def takes_stdout(self) -> bool:
        """Whether the JSON goes to stdout, in place of the report."""
        return self.json == _STDOUT

    @property
    def keep_pairs(self) -> bool:
        """Whether there is a file that a later duet can go on with."""
        return self.json is not None

    def checked(self) -> "DuetFiles":
        """The same with absolute paths.

        Raises:
            OutputError: one cannot be written.
            ConfigurationError: two are one.
        """
        given: dict[str, Path] = {}
        for field in fields(self):
            path: Path | None = getattr(self, field.name)
            if path is None or (field.name == "json" and path == _STDOUT):
                continue
            check_writable(path)
            path = path.absolute()
            if path in given.values():
                raise ConfigurationError(f"two options name {path}: give each a file of its own")
            given[field.name] = path
        return replace(self, **given)

    def write(self, run: DuetRun, stored: StoredDuets, verdict: SuiteVerdict) -> None:
        """Write them, unless there is nothing to tell: a file of an earlier run then stays as it is.

        Raises:
            OutputError: one cannot be written.
        """
        if self.takes_stdout:
            show(encoded(stored))
        if not run.records and (not run.left_out or run.stopped_by is not None):
            return
        if self.json is not None and not self.takes_stdout:
            write_atomically(self.json, encoded(stored))
        if self.html is not None:
            from paceline.cli.html import page_of

            write_atomically(self.html, page_of((), stored))
        if self.markdown is not None:
            from paceline.report.duet_markdown import render_duets_markdown

            write_atomically(self.markdown, render_duets_markdown(verdict, run.left_out, run.notices).encode())
        if self.junit is not None:
            from paceline.report.duet_junit import render_duets_junit

            write_atomically(self.junit, render_duets_junit(verdict, run.left_out))


def encoded(stored: StoredDuets) -> bytes:
    """A results file of duets."""
    return encode_results((), this_machine(), utc_text(SYSTEM_CLOCK.utc_now()), duets_to_plain(stored))


def duet_files(command: _Command) -> _Command:
    """Where results go; ``command`` gets it as ``files``, a :class:`DuetFiles`."""
    return packed(
        command, "files", DuetFiles,
        click.option("--json", type=FILE, metavar="FILE", help="Write what was seen to FILE ('-': stdout)."),
        click.option("--html", type=FILE, metavar="FILE", help="Write the report to FILE as a page for browsers."),
        click.option("--markdown", type=FILE, metavar="FILE", help="Write the report to FILE as Markdown."),
        click.option("--junit", type=FILE, metavar="FILE", help="Write the verdicts to FILE as JUnit XML."),
    )  # fmt: skip
