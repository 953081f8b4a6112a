"""The journal of a duet: what is on the disk when, and what is said about it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from paceline.campaign.duet import DuetRun
from paceline.cli.duet_journal import DuetJournal
from tests.fakes import ManualClock


def run_of(pairs: int) -> Callable[[], DuetRun]:
    return lambda: DuetRun(cast("Any", ("record",) * pairs), {})


def journal_in(folder: Path, clock: ManualClock) -> DuetJournal:
    return DuetJournal(clock.as_clock(), lambda run: b"%d pairs" % len(run.records), folder)


def test_it_is_written_every_ten_seconds_and_only_when_there_is_something(tmp_path: Path) -> None:
    clock = ManualClock()
    journal = journal_in(tmp_path / "kept", clock)
    journal.keep(run_of(1))
    assert not (tmp_path / "kept").exists()
    clock.advance(10)
    journal.keep(run_of(0))
    assert not journal.path.exists()
    journal.keep(run_of(2))
    assert journal.path.read_bytes() == b"2 pairs"
    clock.advance(9)
    journal.keep(run_of(3))
    assert journal.path.read_bytes() == b"2 pairs"
    clock.advance(1)
    journal.keep(run_of(4))
    assert journal.path.read_bytes() == b"4 pairs"
    assert (tmp_path / "kept" / ".gitignore").read_text() == "*\n"


def test_it_goes_when_the_pairs_are_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    journal = journal_in(tmp_path, clock)
    journal.close(remove=False)  # nothing was written, nothing is said
    clock.advance(10)
    journal.keep(run_of(2))
    journal.close(remove=True)
    assert not journal.path.exists()
    assert capsys.readouterr().err == ""


def test_it_stays_and_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    journal = journal_in(tmp_path, clock)
    clock.advance(10)
    journal.keep(run_of(2))
    journal.close(remove=False)
    assert journal.path.exists()
    assert f"--append {journal.path} goes on" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_once_and_measuring_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = ManualClock()
    (tmp_path / "kept").write_text("in the way")
    journal = journal_in(tmp_path / "kept", clock)
    for _ in range(3):
        clock.advance(10)
        journal.keep(run_of(2))
    assert capsys.readouterr().err.count("measuring without a journal") == 1
    journal.close(remove=False)
