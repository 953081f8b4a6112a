"""The files that ``paceline capacity`` writes, the one it keeps while it searches among them."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from paceline.cli.options import FILE, packed
from paceline.core.clock import SYSTEM_CLOCK, Clock, utc_text
from paceline.core.errors import ConfigurationError, OutputError
from paceline.judge.capacity import CapacityResult, judge_capacity
from paceline.records.capacity import CapacityRecord
from paceline.report.document import document_of
from paceline.store.capacities import capacity_to_plain
from paceline.store.codec import encode_results
from paceline.store.files import check_writable, write_atomically
from paceline.store.journal import FOLDER, make_folder
from paceline.sysmon.fingerprint import this_machine

_Command = TypeVar("_Command", bound=Callable[..., Any])
_STDOUT = Path("-")


@dataclass(frozen=True)
class CapacityFiles:
    """Where results go; the fields are the options of the same names."""

    json: Path | None = None
    html: Path | None = None
    junit: Path | None = None

    @property
    def takes_stdout(self) -> bool:
        """Whether the JSON goes to stdout, in place of the report."""
        return self.json == _STDOUT

    def checked(self) -> "CapacityFiles":
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
            if path.absolute() in given.values():
                raise ConfigurationError(f"two options name {path}: give each a file of its own")
            given[field.name] = path.absolute()
        return replace(self, **given)

    def write(self, result: CapacityResult) -> None:
        """Write them.

        Raises:
            OutputError: one cannot be written.
        """
        if self.json is not None and not self.takes_stdout:
            write_atomically(self.json, encoded(result))
        if self.html is not None:
            from paceline.cli.html import page_about

            document = document_of((), this_machine(), utc_text(SYSTEM_CLOCK.utc_now()))
            write_atomically(self.html, page_about(document, None, capacities=[result]))
        if self.junit is not None:
            from paceline.report.capacity_junit import render_capacities_junit

            write_atomically(self.junit, render_capacities_junit([result]))


def encoded(result: CapacityResult) -> bytes:
    """A results file of one search."""
    now = utc_text(SYSTEM_CLOCK.utc_now())
    return encode_results((), this_machine(), now, capacities=[capacity_to_plain(result)])


class CapacityJournal:
    """A results file in ``.paceline/``, replaced whole after each probe: they take seconds each.

    Args:
        clock: where the time comes from.
        folder: where it is.
    """

    def __init__(self, clock: Clock, folder: Path = FOLDER) -> None:
        self._folder = folder.absolute()
        stamp = clock.utc_now().strftime("%Y%m%dT%H%M%S.%f")
        self.path = self._folder / f"capacity-{stamp}-{os.getpid()}.json"
        self._is_there = self._has_failed = False

    def keep(self, record: CapacityRecord) -> None:
        """Write what is known by now."""
        if self._has_failed:
            return
        try:
            make_folder(self._folder, "the journal")
            write_atomically(self.path, encoded(judge_capacity(record)))
        except OutputError as error:
            # A read-only folder is no reason not to measure; a crash would cost the probes, and that is said.
            click.echo(f"paceline: measuring without a journal: {error}", err=True)
            self._has_failed = True
        else:
            self._is_there = True

    def close(self, *, remove: bool) -> None:
        """Remove the file when the search is elsewhere; else say where it is."""
        if not self._is_there:
            return
        if remove:
            self.path.unlink(missing_ok=True)
            return
        click.echo(f"paceline: what was seen is in {self.path}: 'paceline report {self.path}' shows it", err=True)


def capacity_files(command: _Command) -> _Command:
    """Where results go; ``command`` gets it as ``files``, a :class:`CapacityFiles`."""
    return packed(
        command, "files", CapacityFiles,
        click.option("--json", type=FILE, metavar="FILE", help="Write what was seen to FILE ('-': stdout)."),
        click.option("--html", type=FILE, metavar="FILE", help="Write the report to FILE as a page for browsers."),
        click.option("--junit", type=FILE, metavar="FILE", help="Write the answer to FILE as JUnit XML."),
    )  # fmt: skip
