"""Who gets progress, when, and in which colours."""

import io

import pytest

from paceline.cli.colours import are_wanted, coloured
from paceline.cli.display import DuetProgress, Progress
from tests.fakes import ManualClock
from tests.unit.cli.test_live import load


def test_a_log_gets_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    progress = Progress(quiet=False, clock=clock.as_clock())
    progress.announce("connecting and warming up")
    for half_seconds in range(1, 51):
        clock.advance(0.5)
        progress.progress("GET /\x1b[31m", half_seconds / 60, 100 * half_seconds, load(half_seconds / 2))
    progress.clear()
    seen = capsys.readouterr()
    assert seen.err.splitlines() == [
        "paceline: 00:00:08Z  GET /\\x1b[31m  10 s of 30 s, 20 s left  10,234/s  p99 20 ms  errors 0",
        "paceline: 00:00:18Z  GET /\\x1b[31m  20 s of 30 s, 10 s left  10,234/s  p99 20 ms  errors 0",
    ]
    assert not seen.out


def test_a_duet_says_how_far_it_is_and_not_what_it_has_found(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    progress = DuetProgress(quiet=False, clock=clock.as_clock())
    for done in range(24, 31):  # gone on with after 23
        clock.advance(5.0)
        progress.pair(done, 48, lost=int(done > 28))
    assert capsys.readouterr().err.splitlines() == [
        "paceline: 00:00:08Z  pair 25 of 48, 1 min 55 s left",
        "paceline: 00:00:18Z  pair 27 of 48, 1 min 45 s left",
        "paceline: 00:00:28Z  pair 29 of 48, 95 s left, 1 discarded",
    ]


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock()
    progress, duet = (kind(quiet=True, clock=clock.as_clock()) for kind in (Progress, DuetProgress))
    assert isinstance(progress, Progress)
    assert isinstance(duet, DuetProgress)
    progress.announce("connecting")
    for done in range(1, 10):
        clock.advance(60.0)
        progress.progress("GET /", done / 10, done, load())
        duet.pair(done, 10, 0)
    progress.clear()
    duet.clear()
    assert capsys.readouterr() == ("", "")


class NobodyReads(io.StringIO):
    def write(self, _: str, /) -> int:
        raise BrokenPipeError


def test_a_log_that_nobody_reads_ends_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    progress = Progress(quiet=False, clock=clock.as_clock())
    for reader in (NobodyReads(), None):
        monkeypatch.setattr("sys.stderr", reader)
        clock.advance(60.0)
        progress.progress("GET /", 0.5, 1, load())


class Stream(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.mark.parametrize(
    ("environment", "no_color", "on_terminal", "in_pipe"),
    [
        ({}, False, True, False),
        ({}, True, False, False),
        ({"NO_COLOR": "1"}, False, False, False),
        ({"NO_COLOR": ""}, False, True, False),
        ({"FORCE_COLOR": "1"}, False, True, True),
        ({"FORCE_COLOR": "0"}, False, False, False),
        ({"FORCE_COLOR": "1"}, True, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False, False),
        ({"TERM": "dumb"}, False, False, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True, True),
    ],
)
def test_who_gets_colours(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, no_color: bool, on_terminal: bool, in_pipe: bool
) -> None:
    for name, value in ({"TERM": "xterm", "NO_COLOR": "", "FORCE_COLOR": ""} | environment).items():
        monkeypatch.setenv(name, value)
    assert are_wanted(Stream(is_terminal=True), no_color=no_color) == on_terminal
    assert are_wanted(Stream(is_terminal=False), no_color=no_color) == in_pipe
    assert are_wanted(None, no_color=no_color) == in_pipe


def test_colours_are_those_of_what_is_said() -> None:
    report = (
        "── checkout FAILED ──────────── passed\n"
        "limits        p95 < 1 ms BROKEN, mean < 2 ms\n"
        "  ✗ p95 latency 2 ms\n"
        "serious       FAILED is a word here\n"
        "total  +7 %  regressed  (20 pairs)\n"
    )
    assert coloured(report) == (
        "\x1b[2m──\x1b[0m \x1b[1mcheckout FAILED\x1b[0m \x1b[2m────────────\x1b[0m \x1b[32m\x1b[1mpassed\x1b[0m\n"
        "limits        p95 < 1 ms \x1b[31m\x1b[1mBROKEN\x1b[0m, mean < 2 ms\n"
        "\x1b[31m\x1b[1m  ✗\x1b[0m p95 latency 2 ms\n"
        "\x1b[33m\x1b[1mserious\x1b[0m       FAILED is a word here\n"
        "total  +7 %  \x1b[31m\x1b[1mregressed\x1b[0m  (20 pairs)\n"
    )
