"""``paceline report`` on files with duets, with results, with both and with neither."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from paceline.cli.report import command
from paceline.core.errors import FileFormatError
from paceline.judge.duet import judge_duets
from paceline.judge.result import judge
from paceline.records.fingerprint import Fingerprint
from paceline.report.duet_text import render_duets
from paceline.store.codec import write_results
from paceline.store.duets import StoredDuets, duets_to_plain
from tests.fakes import make_record
from tests.unit.judge.duets import make_duet, slower_by

RECORD = make_duet(slower_by(0.1), name="shop.prices:total")
LEFT_OUT = {"shop.prices:new": "base: AttributeError"}
NOTICES = ("the file is gone",)
DUETS = render_duets(judge_duets([RECORD]), LEFT_OUT, NOTICES)


def shown(path: Path, *, results: bool, duets: bool, text_file: Path | None = None) -> str:
    stored = duets_to_plain(StoredDuets((RECORD,), left_out=LEFT_OUT, notices=NOTICES)) if duets else None
    write_results(path, [judge(make_record())] if results else [], Fingerprint(), "2026-11-22T18:00:00Z", stored)
    words = [str(path), "--no-color", *([] if text_file is None else ["--text", str(text_file)])]
    done = CliRunner().invoke(command, words, standalone_mode=False, catch_exceptions=False)
    assert done.return_value == 0  # a report is no verdict
    return done.stdout


def test_duets_alone_are_shown_as_they_were(tmp_path: Path) -> None:
    assert shown(tmp_path / "results.json", results=False, duets=True) == DUETS


def test_beside_results_they_follow_after_a_blank_line(tmp_path: Path) -> None:
    text = shown(tmp_path / "results.json", results=True, duets=True)
    before, separator, after = text.partition("\n\n1 duet: ")
    assert "checkout" in before
    assert separator + after == f"\n\n{DUETS}"


def test_results_without_duets(tmp_path: Path) -> None:
    text = shown(tmp_path / "results.json", results=True, duets=False)
    assert "checkout" in text
    assert "duet" not in text


def test_neither(tmp_path: Path) -> None:
    assert "Summary: no test was measured." in shown(tmp_path / "results.json", results=False, duets=False)


def test_to_a_file(tmp_path: Path) -> None:
    assert shown(tmp_path / "results.json", results=False, duets=True, text_file=tmp_path / "report.txt") == ""
    assert (tmp_path / "report.txt").read_text() == DUETS


def test_duets_that_cannot_be_judged_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    shown(path, results=False, duets=True)
    path.write_text(path.read_text().replace('"primary": "median"', '"primary": "mode"'))
    with pytest.raises(FileFormatError, match=rf"{path}: there is no quantity 'mode'"):
        CliRunner().invoke(command, [str(path)], standalone_mode=False, catch_exceptions=False)
