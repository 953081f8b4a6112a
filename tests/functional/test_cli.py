"""The real command, in a process of its own: exit codes, sentences instead of tracebacks, files, signals."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.commands import paceline
from tests.waiting import wait_for

OPERATIONS = """
import asyncio, os, pathlib, threading

def fast(): return 1
def broken(): raise ValueError("no such record, postgres://ann:s3cret@db/records")
def exits(): raise SystemExit(7)
async def waits(): await asyncio.sleep(0.001)
def needs(argument): return argument
def refuses(): raise RuntimeError("the database is down")
constant = 3

_pause = threading.Event()
_calls = 0
def slow():
    global _calls
    _calls += 1
    if _calls == 20:
        pathlib.Path("started").touch()
    _pause.wait(0.005)
def hangs(): _pause.wait()
def moves(): os.chdir("/")
def exits_zero(): raise SystemExit(0)
def forks():
    if os.fork() == 0:
        raise SystemExit(0)
    os.wait()
async def never_suspends():
    global _calls
    _calls += 1
    if _calls == 2_000:
        pathlib.Path("started").touch()
    sum(range(1_000))
"""

pytestmark = pytest.mark.real


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "operations.py").write_text(OPERATIONS)
    (tmp_path / "does_not_import.py").write_text("import no_such_module_anywhere")
    return tmp_path


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["call", "operations:fast"]),
        (0, ["call", "operations.py:fast", "-t", "p(95)<500ms", "-t", "error_rate<1%"]),
        (0, ["call", "operations:fast", "--batch", "auto"]),
        (0, ["call", "operations:waits", "-c", "1,5", "-d", "50ms"]),
        (1, ["call", "operations:fast", "-t", "p(95)<0ns"]),
        (1, ["call", "operations:broken"]),
        (1, ["call", "operations:exits"]),
        (1, ["call", "operations:hangs", "--timeout", "20ms", "-w", "0"]),
        (3, ["call", "operations:fast", "--setup", "operations:refuses"]),
        (3, ["call", "operations:fast", "--setup", "operations:exits_zero"]),
        (5, ["call", "operations:fast", "-d", "1ns", "-w", "0"]),
        (6, ["call", "operations:fast", "--baseline", "saved.json", "--strict"]),
    ],
)
def test_exit_codes(folder: Path, code: int, arguments: list[str]) -> None:
    if "saved.json" in arguments:
        assert paceline(folder, "call", "operations:fast", "--save-baseline", "saved.json", "-q").returncode == 0
    ended = paceline(folder, *arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["call", "operations:nothing"], "operations has no 'nothing'; it has broken, exits, "),
        (["call", "operations:constant"], "not a function"),
        (["call", "operations:needs"], "called without arguments, but needs needs some"),
        (["call", "no_such_module:f"], "there is no module 'no_such_module'"),
        (["call", "does_not_import:f"], "needs the module 'no_such_module_anywhere'"),
        (["call", "no_such_file.py:f"], "there is no file no_such_file.py"),
        (["call", "operations"], "write MODULE:FUNCTION"),
        (["call", "operations:fast", "-n", "0"], "iterations must be a whole number of at least 1, not 0"),
        (["call", "operations:fast", "-n", "many"], "'many' is not a valid integer"),
        (["call", "operations:fast", "-n", "5", "-d", "1s"], "exclude each other"),
        (["call", "operations:fast", "-d", "10"], "'10' is not a duration: write it as 500ms, 30s or 1h30m"),
        (["call", "operations:fast", "-c", "1,0"], "has a number below 1"),
        (["call", "operations:fast", "-c", "2,2"], "has a level twice"),
        (["call", "operations:fast", "-c", "two"], "no list of whole numbers"),
        (["call", "operations:fast", "--batch", "some"], "--batch is 'auto' or a whole number"),
        (["call", "operations:fast", "--batch", "auto", "-c", "2"], "--batch is for one worker"),
        (["call", "operations:fast", "-t", "p95<500"], "did you mean p(95)?"),
        (["call", "operations:fast", "-t", "p(95)<500 over 30s"], "leave out 'over'"),
        (["call", "operations:fast", "--batch", "auto", "-t", "p(95)<1"], "no percentile of calls"),
        (["call", "operations:fast", "--target-pid", "999999999"], "there is no process 999999999"),
        (["call", "operations:fast", "--json", "no/such/folder/out.json"], "there is no folder"),
        (["call", "operations:fast", "--json", "."], "it is a folder"),
        (["call", "operations:fast", "--save-baseline", "."], "it is a folder"),
        (["call", "operations:fast", "--baseline", "operations.py"], "expected a baseline"),
        (["call", "operations:fast", "--no-such-option"], "No such option"),
        (["frobnicate"], "No such command"),
        (["report", "missing.json"], "there is no file missing.json"),
        (["report", "operations.py"], "operations.py"),
        (["report", "."], ". is no regular file"),
        (["call", "operations:fast", "--save-baseline", "operations.py"], "expected a baseline"),
        (["call", "operations:fast", "--save-baseline", "a.json", "--json", "a.json"], "give each a file of its own"),
    ],
)
def test_wrong_use_is_a_sentence_and_code_4(folder: Path, arguments: list[str], said: str) -> None:
    ended = paceline(folder, *arguments)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert said in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


def test_debug_shows_the_traceback(folder: Path) -> None:
    ended = paceline(folder, "call", "does_not_import:f", "--debug")
    assert ended.returncode == 4
    assert "Traceback" in ended.stderr


def test_credentials_reach_neither_screen_nor_file(folder: Path) -> None:
    ended = paceline(folder, "call", "operations:broken", "--json", "out.json")
    everything = ended.stdout + ended.stderr + (folder / "out.json").read_text()
    assert "no such record" in everything
    assert "s3cret" not in everything


def test_json_to_stdout_is_nothing_but_json(folder: Path) -> None:
    ended = paceline(folder, "call", "operations:fast", "--json", "-")
    assert json.loads(ended.stdout)["schema"] == "paceline/results/1"


def test_report_shows_what_json_wrote(folder: Path) -> None:
    shown = paceline(folder, "call", "operations:fast", "--json", "out.json").stdout
    again = paceline(folder, "report", "out.json").stdout
    assert again.splitlines()[1:] == shown.splitlines()[1:]  # the first line has the time it was made
    assert paceline(folder, "report", "out.json", "--text", "out.txt").stdout == ""
    assert (folder / "out.txt").read_text().splitlines()[1:] == shown.splitlines()[1:]


def test_second_run_is_compared_with_the_first(folder: Path) -> None:
    first = paceline(folder, "call", "operations:fast", "--baseline", "base.json", "--save-baseline", "base.json")
    assert f"base.json yet: --save-baseline {folder / 'base.json'} makes it" in first.stderr
    second = paceline(folder, "call", "operations:fast", "--baseline", "base.json")
    assert "Baseline comparison" in second.stdout
    assert "inconclusive: advice needs 4 more sessions" in " ".join(second.stdout.split())


def test_clean_end_leaves_no_journal(folder: Path) -> None:
    paceline(folder, "call", "operations:fast")
    assert [path.name for path in (folder / ".paceline").iterdir()] == [".gitignore"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_saves_and_shows_and_can_be_resumed(folder: Path, signum: signal.Signals) -> None:
    arguments = ["call", "operations:slow", "-n", "30", "-c", "3,1", "-w", "0", "--json", "out.json"]
    code = folder / "operations.py"
    # Slow enough at the second level that the signal comes in its middle: the 40th call is there.
    code.write_text(code.read_text().replace("_calls == 20", "_calls == 40").replace("(0.005)", "(0.05)"))
    command = [sys.executable, "-m", "paceline.cli.main", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        wait_for(lambda: (folder / "started").exists() or running.poll() is not None)
        running.send_signal(signum)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 2, out + err
    assert "The run was interrupted (KeyboardInterrupt)" in " ".join(out.split())
    assert "--resume goes on" in err
    names = [result["metrics"]["test_name"] for result in json.loads((folder / "out.json").read_text())["results"]]
    assert names == ["operations:slow_concurrency_3", "operations:slow_concurrency_1"]

    (journal,) = (folder / ".paceline").glob("journal-*.jsonl")
    assert "operations:slow_concurrency_3" in paceline(folder, "report", str(journal)).stdout

    code.write_text(code.read_text().replace("(0.05)", "(0.001)"))
    resumed = paceline(folder, *arguments, "--resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "going on after" in resumed.stderr
    first, second = json.loads((folder / "out.json").read_text())["results"]
    assert first["metrics"]["median_time_ms"] > 40  # from before the interrupt
    assert second["metrics"]["median_time_ms"] < 40
    assert not list((folder / ".paceline").glob("journal-*.jsonl"))


def test_interrupt_ends_a_coroutine_that_never_suspends(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "paceline.cli.main",
        "call",
        "operations:never_suspends",
        "-n",
        "500000000",
        "-c",
        "3",
    ]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        wait_for(lambda: (folder / "started").exists() or running.poll() is not None)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 2, out + err
    assert "The run was interrupted" in out


def test_sigterm_ends_a_job_in_the_background(folder: Path) -> None:
    # A shell without job control starts what ends in '&' with SIGINT ignored.
    script = f"""
        {sys.executable} -m paceline.cli.main call operations:slow -n 100000 -q &
        pid=$!
        while [ ! -e started ]; do sleep 0.05; done
        kill -TERM $pid
        wait $pid
    """
    ended = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2, ended.stderr


def test_an_interrupt_before_anything_was_measured_leaves_files_as_they_are(folder: Path) -> None:
    assert paceline(folder, "call", "operations:fast", "--json", "out.json", "-q").returncode == 0
    before = (folder / "out.json").read_bytes()
    ended = paceline(folder, "call", "operations:fast", "--json", "out.json", "--setup", "operations:refuses")
    assert ended.returncode == 3
    assert (folder / "out.json").read_bytes() == before


def test_an_operation_that_changes_the_folder(folder: Path) -> None:
    ended = paceline(folder, "call", "operations:moves", "--json", "out.json", "--save-baseline", "base.json")
    assert ended.returncode == 0, ended.stderr
    assert (folder / "out.json").exists()
    assert (folder / "base.json").exists()
    assert not list((folder / ".paceline").glob("journal-*"))


def test_a_child_that_the_operation_forks_does_not_go_on_measuring(folder: Path) -> None:
    ended = paceline(folder, "call", "operations:forks", "-n", "5", "-w", "0", "--json", "-")
    (result,) = json.loads(ended.stdout)["results"]
    assert (result["metrics"]["iterations"], result["metrics"]["error_count"]) == (5, 0)


def test_resume_that_fails_keeps_the_journal(folder: Path) -> None:
    (folder / ".paceline").mkdir()
    arguments = ["call", "operations:slow", "-n", "30", "-c", "2,1", "-w", "0", "--baseline", "base.json"]
    code = folder / "operations.py"
    code.write_text(code.read_text().replace("_calls == 20", "_calls == 40").replace("(0.005)", "(0.05)"))
    command = [sys.executable, "-m", "paceline.cli.main", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        wait_for(lambda: (folder / "started").exists() or running.poll() is not None)
        running.kill()
    (folder / "base.json").write_text("garbage")
    assert paceline(folder, *arguments, "--resume").returncode == 4
    assert list((folder / ".paceline").glob("journal-*.jsonl"))


def test_closed_streams_are_no_defect(folder: Path) -> None:
    for redirection in ("2>&-", ">&-", "| true"):
        command = f"{sys.executable} -m paceline.cli.main call operations:fast {redirection}"
        ended = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0
        assert "defect" not in ended.stderr
    assert not list((folder / ".paceline").glob("journal-*"))
    full = f"{sys.executable} -m paceline.cli.main call operations:fast > /dev/full"
    ended = subprocess.run(full, shell=True, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 4
    assert "cannot write to stdout" in ended.stderr


def test_read_only_folder_measures_without_a_journal(folder: Path) -> None:
    (folder / ".paceline").write_text("a file where the folder should be")
    ended = paceline(folder, "call", "operations:fast")
    assert ended.returncode == 0
    assert "measuring without a journal" in ended.stderr


def test_reader_that_goes_away_is_no_error(folder: Path) -> None:
    command = f"{sys.executable} -m paceline.cli.main call operations:fast | head -n 1"
    ended = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout.startswith("Paceline performance report")
    assert ended.stderr == ""


@pytest.mark.parametrize("command", [[], ["call"], ["demo"], ["report"]])
def test_help_names_what_there_is(folder: Path, command: list[str]) -> None:
    ended = paceline(folder, *command, "--help")
    assert ended.returncode == 0
    assert "Usage:" in ended.stdout
    assert max(map(len, ended.stdout.splitlines())) <= 80


def test_a_session_goes_into_the_history_with_its_commit_and_a_file_that_is_none_is_left_alone(folder: Path) -> None:
    first = paceline(folder, "call", "operations:fast", "-n", "20", "--history")
    assert first.returncode == 0, first.stderr
    assert "1 session added to the history" in first.stderr
    paceline(folder, "call", "operations:moves", "-n", "20", "--history", "other.db", "-q")
    assert "operations:fast" in paceline(folder, "history", "list").stdout
    assert "operations:moves" in paceline(folder, "history", "list", "--db", "other.db").stdout
    (folder / "notes.txt").write_text("mine")
    refused = paceline(folder, "call", "operations:slow", "-n", "100000", "--history", "notes.txt")
    assert refused.returncode == 4
    assert "notes.txt is no history" in refused.stderr
    assert (folder / "notes.txt").read_text() == "mine"
