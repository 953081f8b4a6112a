"""What of a command line may stand in a journal."""

import pytest

from paceline.cli.measuring import without_credentials


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
