"""What of a command line may stand in a journal, and what is said of a command that measured nothing."""

from pathlib import Path

import pytest

from paceline.cli.exit_codes import ExitCode
from paceline.cli.measuring import measure, without_credentials
from paceline.cli.options import OutputOptions


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["http", "-u", "ann:s3cret", "-c", "5"], ["http", "-u", "***", "-c", "5"]),
        (["-uann:s3cret"], ["-u***"]),
        (["--user=ann:s3cret", "--bearer=t0ken"], ["--user=***", "--bearer=***"]),
        (["--bearer", "t0ken", "-d", "1s"], ["--bearer", "***", "-d", "1s"]),
        (["-H", "X-Key: s3cret", "--header", "A: s3cret"], ["-H", "***", "--header", "***"]),
        (["-ku", "ann:s3cret"], ["-ku", "***"]),
        (["-u", "-H", "x"], ["-u", "***", "x"]),
        (["--unix-socket", "/run/a.sock", "-n", "5"], ["--unix-socket", "/run/a.sock", "-n", "5"]),
    ],
)
def test_credentials_do_not(words: list[str], told: list[str]) -> None:
    assert list(without_credentials(words)) == told


def test_an_interrupt_before_the_first_result_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fills_a_cache(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    code = measure(OutputOptions(json_file=tmp_path / "out.json"), fills_a_cache)
    assert code == ExitCode.INTERRUPTED
    assert capsys.readouterr() == ("", "paceline: interrupted before anything was measured\n")
    assert not (tmp_path / "out.json").exists()
