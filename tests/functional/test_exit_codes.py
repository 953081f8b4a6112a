"""Every exit code of every command, by the real command in a process of its own.

0 held · 1 slower, a limit broken, or every attempt failed · 2 interrupted · 3 could not run · 4 wrong use · 5 nothing
measured · 6 no verdict; the first that applies of 4, 3, 2, 1, 6, 5, 0. Where each is tested:

===========  =======  =====================================================================================
command      code     test
===========  =======  =====================================================================================
call         01356    test_cli::test_exit_codes
call         2        test_cli::test_interrupt_saves_and_shows_and_can_be_resumed
call         4        test_cli::test_wrong_use_is_a_sentence_and_code_4
http         0134     test_cli_http::test_exit_codes
http         2        test_cli_http::test_ctrl_c_shows_what_was_measured
http         5        test_exit_codes::test_http_at_which_nobody_arrives
http         16       test_exit_codes::test_http_that_supports_no_verdict
run          013456   test_exit_codes::test_run
run          2        test_exit_codes::test_an_interrupt_goes_before_a_broken_limit
duet         0        test_duet::test_a_committed_improvement_is_found
duet         1        test_duet::test_an_uncommitted_change_is_the_candidate
duet         2        test_duet::test_however_it_ends_nothing_is_left
duet         3        test_duet::test_a_call_that_does_not_return_runs_into_the_limit
duet         4        test_duet::test_what_cannot_be_compared_is_said_before_it_is
duet         5        test_duet::test_a_function_that_one_side_lacks_or_that_fails_there_is_named_and_left_out
duet         6        test_duet::test_a_candidate_that_raises_is_left_out_and_gives_away_no_credential
compare      01       test_cli_compare::test_verdicts_and_exit_codes
compare      4        test_cli_compare::test_bad_files_are_a_sentence
compare      5        test_exit_codes::test_files
compare      6        test_cli_compare::test_what_is_advice_fails_nothing
doctor       06       test_doctor::test_verdict_file_and_exit_code_agree
doctor       2        test_doctor::test_an_interrupt_ends_it_and_its_children
doctor       4        test_doctor::test_what_is_wrong_is_said_before_anything_is_measured
baseline     04       test_exit_codes::test_files
history      04       test_exit_codes::test_files
report       04       test_exit_codes::test_files
demo         2        test_exit_codes::test_an_interrupted_demo
demo         3        test_exit_codes::test_a_demo_whose_cache_does_not_start
demo         4        test_exit_codes::test_files
paceline     04       test_exit_codes::test_files
pytest       0123456  test_exit_codes::test_pytest
===========  =======  =====================================================================================

A command that measures nothing (compare, baseline, history, report) cannot be unable to run: what is wrong with its
files is code 4. ``paceline demo`` is no gate: with its limits and its comparison it ends as ``call`` does, and where a
busy machine allows no verdict, with 0 (test_demo_tour).
"""

import ast
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests import junit
from tests.functional.commands import paceline
from tests.functional.plugin_runs import pytest_m
from tests.functional.small_server import small_server
from tests.waiting import wait_for

pytestmark = pytest.mark.real

SCENARIOS = """
import asyncio, pathlib
from paceline import ClosedLoop, Scenario

async def visit(user):
    await user.client.get("/", name="front")

async def fails(user):
    await user.client.get("/missing-host", expect=500)

async def idles(user):
    await asyncio.sleep(0.01)

async def goes_out(user):
    await user.client.get("/outage/30/1")

async def lasts(user):
    await user.client.get("/")
    pathlib.Path("started").touch()

def scenario(run, url="{url}", name=None):
    return Scenario(run, url, workload=ClosedLoop(2, 0.2), warmup_s=0.0, name=name or run.__name__)

visiting, failing, idling, going_out, lasting = map(scenario, (visit, fails, idles, goes_out, lasts))
nobody = scenario(visit, "http://127.0.0.1:1/", "nobody")
"""
TESTS = {
    "test_holds.py": "def test_it(perf):\n    perf(int, threshold='p(95)<1s')\n",
    "test_breaks.py": "def test_it(perf):\n    perf(int, threshold='p(95)<0ns')\n",
    "test_stops.py": "def test_it(perf):\n    perf(int)\n\ndef test_more():\n    raise KeyboardInterrupt\n",
    "test_plain.py": "def test_it():\n    pass\n",
    "test_doubts.py": "import gc, sys\n\ndef test_it(perf):\n    sys.setprofile(lambda *_: None)\n    perf(int)\n",
    "crash/conftest.py": "def pytest_collection_finish(session):\n    1 / 0\n",
    "crash/test_it.py": "def test_it(perf):\n    perf(int)\n",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    (tmp_path / "shop.py").write_text(SCENARIOS.replace("{url}", url))
    return tmp_path


def test_the_table_above_leads_to_tests() -> None:
    assert __doc__ is not None
    rows = re.findall(r"^\w+ +[0-6]+ +(\w+)::(\w+)$", __doc__, re.MULTILINE)
    assert len(rows) > 20
    for module, name in rows:
        tree = ast.parse((Path(__file__).parent / f"{module}.py").read_text())
        assert name in {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}, (module, name)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["-s", "visit", "-t", "p(50)<10s"]),
        (1, ["-s", "visit", "-t", "p(50)<1ns"]),
        (1, ["-s", "fails"]),
        (3, ["-s", "nobody"]),
        (4, ["-s", "unknown"]),
        (4, ["-s", "visit", "-t", "p(50)<"]),
        (5, ["-s", "idles"]),
        (6, ["-s", "goes_out", "-d", "2s", "-t", "p(50)<10s"]),
    ],
)
def test_run(folder: Path, code: int, arguments: list[str]) -> None:
    ended = paceline(folder, "run", "shop.py", *arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_interrupt_goes_before_a_broken_limit(folder: Path) -> None:
    arguments = ["run", "shop.py", "-s", "lasts", "-d", "600s", "-t", "p(50)<1ns", "--no-probe"]
    command = [sys.executable, "-m", "paceline.cli.main", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        wait_for(lambda: (folder / "started").exists() or running.poll() is not None)
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 2, out + err
    assert "✗" in out


@pytest.mark.parametrize(("limit", "code"), [("p(50)<10s", 6), ("p(50)<1ns", 1)])
def test_http_that_supports_no_verdict(tmp_path: Path, limit: str, code: int) -> None:
    """What is broken is broken, whatever else is in doubt."""
    with small_server() as url:  # it goes out once
        ended = paceline(
            tmp_path, "http", f"{url}/outage/50/1", "-d", "2s", "-w", "0", "-c", "2", "-t", limit, "--no-probe"
        )
    assert "[outage]" in ended.stdout
    assert ended.returncode == code, ended.stdout + ended.stderr


def test_http_at_which_nobody_arrives(tmp_path: Path, url: str) -> None:
    """By this seed: one is to be expected, and there are none in two of five such loads."""
    load = ("--rate", "10", "--poisson", "--seed", "0", "-d", "100ms", "-w", "0", "--no-probe")
    ended = paceline(tmp_path, "http", url, *load, "-t", "p(50)<10s")
    assert ended.returncode == 5, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_interrupted_demo(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "paceline.cli.main", "demo"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        wait_for(lambda: any(tmp_path.glob(".paceline/journal-*")) or running.poll() is not None)
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 2, out + err
    assert "Traceback" not in err


def test_a_demo_whose_cache_does_not_start(tmp_path: Path) -> None:
    """Valkey wants 32 descriptors for itself and one for a client, and ends where it cannot have them."""
    command = ["sh", "-c", 'ulimit -n 32; exec "$0" -m paceline.cli.main demo', sys.executable]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "Your current 'ulimit -n' of 32 is not enough" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.glob("paceline-demo/*"))


def test_files(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / f"{name}.py").write_text("def work():\n    return 1\n")
        saved = ("--json", f"{name}.json", "--save-baseline", f"{name}-baseline.json")
        assert paceline(tmp_path, "call", f"{name}.py:work", *saved, "-q").returncode == 0
    for code, arguments in (
        (5, "compare one.json other.json"),
        (0, "compare one.json one.json"),
        (4, "compare one.json missing.json"),
        (0, "baseline list one-baseline.json"),
        (0, "baseline show one-baseline.json one.py:work"),
        (4, "baseline list missing.json"),
        (0, "history import one.json"),
        (0, "history list"),
        (4, "history trend nothing"),
        (0, "report one.json --markdown one.md --junit one.xml --csv one.csv"),
        (4, "report one.json --markdown one.out --junit one.out"),
        (4, "report shop.py"),
        (4, "demo -o one.json"),
        (4, "demo --nothing"),
        (0, "--help"),
        (4, ""),
        (4, "frobnicate"),
    ):
        ended = paceline(tmp_path, *arguments.split())
        assert ended.returncode == code, (arguments, ended.stdout, ended.stderr)
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["test_holds.py", "--perf-only"]),
        (1, ["test_breaks.py"]),
        (2, ["test_stops.py"]),
        (3, ["crash"]),
        (4, ["test_holds.py", "--perf-quick", "--perf-save-baseline=base.json"]),
        (4, ["test_holds.py", "--perf-json=no/such/folder/out.json"]),
        (5, ["test_plain.py", "--perf-only"]),
        (0, ["test_doubts.py"]),
        (6, ["test_doubts.py", "--perf-strict"]),
        (1, ["test_doubts.py", "test_breaks.py", "--perf-strict"]),
    ],
)
def test_pytest(tmp_path: Path, code: int, arguments: list[str]) -> None:
    for name, content in TESTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    ended = pytest_m(tmp_path, "-p", "no:cacheprovider", "--rootdir=.", *arguments)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert not (tmp_path / "out.json").exists()


def test_junit_of_the_real_commands_is_valid(tmp_path: Path) -> None:
    (tmp_path / "test_<&>.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.parametrize('value', ['<&\"]]>', '\\x00'], ids=['<&\"]]>', '\\x00'])\n"
        "def test_it(perf, value):\n    perf(int, threshold='p(95)<0ns')\n\n"
        "def test_slower(perf):\n    perf.run_duet('slower', lambda: sum(range(200)), lambda: sum(range(800)))\n"
    )
    ended = pytest_m(tmp_path, "--perf-quick", "--perf-junit=out.xml")
    assert ended.returncode == 1, ended.stdout
    junit.validate(tmp_path / "out.xml")
    suites = ET.parse(tmp_path / "out.xml").getroot()
    assert [suite.get("failures") for suite in suites] == ["1", "1", "1"], ended.stdout
    assert suites[2].get("name") == "slower"

    (tmp_path / "shop.py").write_text("def work():\n    return 1\n")
    assert paceline(tmp_path, "call", "shop.py:work", "-t", "p(50)<0ns", "--junit", "call.xml", "-q").returncode == 1
    junit.validate(tmp_path / "call.xml")
