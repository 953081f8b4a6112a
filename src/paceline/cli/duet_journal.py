"""The pairs of a duet under way, on the disk: what a crash leaves, ``--append`` goes on with."""

import os
from collections.abc import Callable
from pathlib import Path

import click

from paceline.campaign.duet import DuetRun
from paceline.core.clock import Clock
from paceline.core.errors import OutputError
from paceline.store.files import write_atomically
from paceline.store.journal import FOLDER, make_folder

_EVERY_S = 10.0


class DuetJournal:
    """A results file in ``.paceline/``, replaced whole every ten seconds.

    Args:
        clock: where the time comes from.
        encode: makes the file.
        folder: where it is.
    """

    def __init__(self, clock: Clock, encode: Callable[[DuetRun], bytes], folder: Path = FOLDER) -> None:
        self._clock, self._encode, self._folder = clock, encode, folder.absolute()
        stamp = clock.utc_now().strftime("%Y%m%dT%H%M%S.%f")
        self.path = self._folder / f"duet-{stamp}-{os.getpid()}.json"
        self._next_s = clock.now_s() + _EVERY_S
        self._is_there = False

    def keep(self, so_far: Callable[[], DuetRun]) -> None:
        """Write what was measured so far, unless that was done a moment ago."""
        now_s = self._clock.now_s()
        if now_s < self._next_s or not (run := so_far()).records:
            return
        self._next_s = now_s + _EVERY_S
        try:
            make_folder(self._folder, "the journal")
            write_atomically(self.path, self._encode(run))
        except OutputError as error:
            # A read-only folder is no reason not to measure; a crash would cost the pairs, and that is said.
            click.echo(f"paceline: measuring without a journal: {error}", err=True)
            self._next_s = float("inf")
        else:
            self._is_there = True

    def close(self, *, remove: bool) -> None:
        """Remove the file when the pairs are elsewhere; else say where it is."""
        if not self._is_there:
            return
        if remove:
            self.path.unlink(missing_ok=True)
            return
        click.echo(
            f"paceline: what was measured is in {self.path}: 'paceline report {self.path}' shows it, --append "
            f"{self.path} goes on",
            err=True,
        )
