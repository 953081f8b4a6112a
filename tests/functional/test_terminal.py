"""What a person sees while a load runs: the block at the bottom of a real terminal, and everything around it."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.small_server import small_server_process
from tests.functional.terminal import Terminal

pytestmark = pytest.mark.real

# Prints as people and libraries do: by Python, past it, and from a process of its own.
SCENARIO = """
import os, subprocess, sys
from paceline import ClosedLoop, Scenario
seen = 0
async def browse(user):
    global seen
    await user.client.get("/slow")
    seen += 1
    if os.path.exists("hush"):
        open("hushed", "w").close()
    elif seen % 20 == 0:
        print(f"said {seen} by print", flush=True)
        os.write(1, b"said %d by write\\nsaid %d once more\\n" % (seen, seen))
        print(f"said {seen} on stderr", file=sys.stderr)
        if seen % 100 == 0:
            subprocess.run(["echo", f"said {seen} by echo"])
browsing = Scenario(browse, os.environ["URL"], workload=ClosedLoop(4, 600.0), warmup_s=0.1)
"""
LABELS = ["rate", "p50", "p95", "p99", "errors", "in flight", "generator"]
SIZES = ((100, 30), (40, 18), (300, 50), (80, 24))
CTRL_C, CTRL_Z = b"\x03", b"\x1a"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    with small_server_process() as found:
        yield found


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "paceline.cli.main", *arguments]


def block(terminal: Terminal) -> list[str]:
    """The lines at the bottom, from the name on; empty where they are not all of them there."""
    lines = terminal.lines
    starts = [place for place, line in enumerate(lines) if line == "browse"]
    found = lines[starts[-1] :] if starts else []
    return found if [line[:11].strip() for line in found[2:]] == LABELS and "/s" in found[2] else []


def frames(terminal: Terminal) -> list[str]:
    """The block after some more frames, with things said in between."""
    already = len(terminal.raw)

    def is_well_used() -> bool:
        since = terminal.raw[already:]
        return since.count(b"in flight") > 2 and since.count(b"said") > 5 and len(block(terminal)) > 0

    terminal.wait_until(is_well_used)
    return block(terminal)


@contextlib.contextmanager
def silence(terminal: Terminal, folder: Path) -> Iterator[None]:
    """Nobody says anything; what was said before has been shown."""
    (folder / "hush").touch()
    terminal.wait_until((folder / "hushed").exists)
    terminal.show_all()
    yield
    (folder / "hush").unlink()
    (folder / "hushed").unlink()


def test_output_sizes_and_keys_leave_the_block_and_the_screen_whole(tmp_path: Path, server: tuple[str, int]) -> None:
    (tmp_path / "shop.py").write_text(SCENARIO)
    shell = ["bash", "-c", 'set -m; "$@"; echo the shell is here; read; fg', "bash"]  # with job control, for Ctrl-Z
    terminal = Terminal(100, 30)
    with terminal.runs([*shell, *command("run", "shop.py")], tmp_path, {"URL": server[0]}) as process:
        for columns, lines in SIZES:
            with silence(terminal, tmp_path):
                # Until it is drawn on again, a terminal of another size scrolls as a whole.
                terminal.resize(columns, lines)
                already = len(terminal.raw)
                terminal.wait_until(lambda: b"in flight" in terminal.raw[already:])  # noqa: B023  # called here
            shown = frames(terminal)
            assert re.match(r"^━*╌+  \d+ s of (600 s|10 min 00 s), .+ left$", shown[1]) or columns == 40, shown
            assert all(len(line) < columns for line in shown)
            assert sum(line.startswith("generator") for line in terminal.lines) == 1  # and no trace of the last size
            assert not terminal.lines[-len(shown) - 1]  # the cursor's line

        with silence(terminal, tmp_path):  # else words would follow the ^Z on its line
            terminal.press(CTRL_Z)
            terminal.wait_until(lambda: "the shell is here" in terminal.lines)
        assert not any(line.startswith("generator") for line in terminal.lines)
        terminal.press(b"\n")
        frames(terminal)

        with silence(terminal, tmp_path):
            terminal.press(CTRL_C)
            assert terminal.wait_for_end(process) == 2
    said = [line for line in terminal.scrolled if line.startswith("said")]
    assert len(said) > 50
    torn = [
        line for line in said if not re.fullmatch(r"said \d+ (by print|by write|once more|on stderr|by echo)", line)
    ]
    assert not torn
    printed = [line for line in said if line.endswith("by write")]
    assert [line.replace("write", "print") for line in printed] == [line for line in said if line.endswith("by print")]
    assert len(printed) == terminal.raw.count(b"by write")  # not one was drawn over
    assert terminal.is_whole
    assert not any(line.startswith(("in flight", "^C", "━")) for line in terminal.lines)
    assert any("[interrupted]" in line for line in terminal.lines)


def test_the_target_is_watched_and_a_short_screen_gets_what_fits(tmp_path: Path, server: tuple[str, int]) -> None:
    url, pid = server
    terminal = Terminal(80, 8)
    arguments = ("http", f"{url}/", "-d", "600s", "-w", "0", "--target-pid", str(pid))
    with terminal.runs(command(*arguments), tmp_path, {}) as process:
        terminal.wait_until(lambda: terminal.lines[3:4] == ["GET /"] and terminal.lines[7].startswith("p95"))
        terminal.resize(80, 24)
        terminal.wait_until(lambda: re.match(rf"pid {pid} +\d+ %", terminal.lines[-1]))
        # Its CPU is known from the first whole second on.
        terminal.wait_until(lambda: re.match(r"generator +\d+ %  .+ most \d+ %", terminal.lines[-2]))
        terminal.press(CTRL_C)
        assert terminal.wait_for_end(process) == 2
    assert terminal.is_whole


def test_without_a_cursor_nothing_drives_the_terminal(tmp_path: Path, server: tuple[str, int]) -> None:
    terminal = Terminal(80, 24)
    arguments = command("http", f"{server[0]}/", "-d", "700ms", "-w", "0", "--no-probe")
    with terminal.runs(arguments, tmp_path, {"TERM": "dumb"}) as process:
        assert terminal.wait_for_end(process) == 0
    assert b"\x1b" not in terminal.raw
    assert b"Paceline performance report" in terminal.raw


@pytest.mark.parametrize(
    ("environment", "has_colours"),
    [({"FORCE_COLOR": "1"}, True), ({}, False), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_a_pipe_gets_colours_only_by_force(
    tmp_path: Path, server: tuple[str, int], environment: dict[str, str], *, has_colours: bool
) -> None:
    known = {key: value for key, value in os.environ.items() if key not in {"FORCE_COLOR", "NO_COLOR"}}
    done = subprocess.run(
        command("http", f"{server[0]}/", "-n", "20", "-w", "0", "-t", "p(50)<1ns"), cwd=tmp_path, capture_output=True,
        env={**known, **environment}, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert (b"\x1b[31m\x1b[1mFAILED\x1b[0m" in done.stdout) == has_colours
    assert (b"\x1b[31m\x1b[1mBROKEN\x1b[0m" in done.stdout) == has_colours
    assert (b"\x1b" in done.stdout) == has_colours
    assert b"\x1b" not in done.stderr
