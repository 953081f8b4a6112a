"""Duets of a suite: the real command on a real repository, its tests walked by pytest on both sides."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from paceline.campaign.lockstep.pairs import Plan, run_pair
from paceline.campaign.lockstep.process import Arm, Guest
from paceline.core.clock import SYSTEM_CLOCK
from tests.functional import commands
from tests.functional.repository import FAST, SLOW, Repository

pytestmark = pytest.mark.real

# Every entry point of a plugin here would start in each of the processes.
BARE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "paceline.pytest_plugin"}
PAIRS = ("--pairs", "7", "--epochs", "2", "--seed", "3")

SUITE = """\
import asyncio, os, socket, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import pytest
import goods as prices
from paceline import AsgiTarget, ClosedLoop, HttpTarget, SqlTarget

class Dear:
    \"\"\"An object without an id of its own.\"\"\"

@pytest.fixture(scope="module")
def several():
    yield [3, 2, 1]

def test_total(perf):
    perf(prices.total)

def test_looks_at_its_result(perf, several):
    result = perf(sorted, several, threshold="p(95)<1ns", iterations=7)
    assert (result.metrics.iterations, result.status.name) == (7, "FAILED")

def test_coroutine(perf):
    async def operation():
        return prices.total()
    perf(operation)

def test_on_a_running_loop(perf):
    async def operation():
        await asyncio.sleep(0)
    async def main():
        await perf.arun(operation)
    asyncio.run(main())

@pytest.mark.parametrize("dear", [Dear(), Dear()])
def test_named_by_position(perf, dear):
    perf(prices.total, setup_each=lambda: None)

def test_benchmark(benchmark):
    assert benchmark(prices.total) > 0

def test_pedantic(benchmark):
    torn = []
    benchmark.pedantic(sorted, setup=lambda: (([2, 1],), {}), teardown=torn.append, rounds=3)
    assert torn.count([2, 1]) == len(torn) > 3

def test_what_it_starts_imports_the_copy(perf):
    code = "import goods; print(goods.__file__)"
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert started.strip() == prices.__file__
    perf(prices.total)

class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        prices.total()
        self.send_response(404 if self.path == "/nowhere" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

@pytest.fixture(scope="module")
def url():
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()

def test_server(perf, url):
    perf(HttpTarget(url))

def test_server_fails(perf, url):
    perf(HttpTarget(url + "/nowhere"))

def test_silent_server(perf):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        perf(HttpTarget(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.1))

async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})

def test_application(perf):
    perf(AsgiTarget(application))

def test_database(perf):
    perf(SqlTarget("sqlite://", "select 1"))

def test_load(perf):
    perf.run_load("load", prices.total, ClosedLoop(1, 0.1))

def test_nothing(perf):
    pass

def test_several(perf, benchmark):
    perf(len, "")
    perf(prices.total)
    for text in ("", "x"):
        perf(len, text, name="length")
    benchmark(len, "")

def test_more_on_one_side(perf):
    perf(prices.total)
    if prices.VERSION == 2:
        perf(prices.total)

def test_now_this_now_that(perf):
    perf(prices.total)
    if int(os.environ["PYTHONHASHSEED"]) % 2:  # the same on all sides of a pair
        perf(prices.total)

def test_second_raises(perf):
    perf(prices.total)
    perf(prices.dear, name="dear")

def test_measures_what_measures(perf):
    perf(lambda: perf(prices.total))

def test_fails_afterwards(perf):
    perf(prices.total)
    assert prices.VERSION == 1

def test_raises(perf):
    perf(prices.dear)

def test_skipped_by_the_candidate(perf):
    if prices.VERSION == 2:
        pytest.skip("not any more")
    perf(prices.total)

def test_teardown_fails(perf, request):
    request.addfinalizer(lambda: 1 / 0)
    perf(prices.total)

def test_no_benchmark():
    assert prices.total()
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Version 2 is slower, breaks a test, and adds a function that a new file of tests is about."""
    shop = Repository(tmp_path_factory.mktemp("suite"))
    shop.write(
        {
            "src/goods.py": FAST + "VERSION = 1\ndef dear():\n    pass\n",
            "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "-x --strict-markers"\n',
            "tests/perf/test_prices.py": "def test_old(perf):\n    raise ValueError\n",
        }
    )
    shop.commit()
    shop.write(
        {
            "src/goods.py": SLOW
            + "VERSION = 2\ndef dear():\n    raise LookupError('sold out')\ndef new():\n    pass\n",
            "tests/conftest.py": "import pytest\n@pytest.fixture\ndef twice():\n    return 2\n",
            "tests/perf/test_prices.py": SUITE,
            "tests/perf/test_new.py": "from goods import new\ndef test_new(perf, twice):\n    perf(new)\n",
            "tests/perf/test_helped.py": "import helpers\ndef test_helped(perf):\n    perf(helpers.fast)\n",
            "tests/helpers.py": "def fast():\n    pass\n",
            "tests/perf/conftest.py": "import sys, pathlib\nsys.path.append(str(pathlib.Path(__file__).parents[1]))\n",
            "tests/perf/test_garbage.py": "def test_(perf):\n    ]\n",
        }
    )
    return shop


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, shop: Repository) -> dict[str, str]:
    """The environment of a project that is installed as one works on it: by an entry of the path."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(shop.root / 'src')!r})\n")
    return {**BARE, "PYTHONPATH": str(site)}


class Seen:
    """What a duet of the suite came to."""

    def __init__(self, done: subprocess.CompletedProcess[str], file: Path) -> None:
        self.done, self.file = done, file
        self.duets: dict[str, Any] = json.loads(file.read_text())["duets"]

    @property
    def compared(self) -> dict[str, Any]:
        """Records by the last part of their names."""
        return {record["name"].rpartition("::")[2]: record for record in self.duets["records"]}

    @property
    def left_out(self) -> dict[str, str]:
        """Reasons, likewise."""
        return {name.rpartition("::")[2]: reason for name, reason in self.duets["left_out"].items()}


@pytest.fixture(scope="module")
def seen(shop: Repository, installed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Seen:
    out = tmp_path_factory.mktemp("out") / "duet.json"
    files = ("--json", str(out), "--markdown", str(out.with_suffix(".md")), "--junit", str(out.with_suffix(".xml")))
    done = shop.duet("main", *PAIRS, *files, "--", "tests/perf", environment=installed)
    assert done.returncode == 6, done.stdout + done.stderr  # the candidate breaks tests
    return Seen(done, out)


def test_all_that_tests_measure_is_compared(seen: Seen) -> None:
    assert sorted(seen.compared) == [
        "test_application",
        "test_benchmark",
        "test_coroutine",
        "test_database",
        "test_looks_at_its_result",
        "test_named_by_position[dear0]",
        "test_named_by_position[dear1]",
        "test_on_a_running_loop",
        "test_pedantic",
        "test_server",
        "test_several",
        "test_several#2",
        "test_several#3",
        "test_several#length",
        "test_several#length#2",
        "test_teardown_fails",
        "test_total",
        "test_what_it_starts_imports_the_copy",
    ]
    assert {len(record["pairs"]) for record in seen.compared.values()} == {7}
    assert {record["metadata"]["pytest"] for record in seen.compared.values()} == {"tests/perf"}


def test_each_side_measured_its_own_code(seen: Seen) -> None:
    """800 terms for 200 are never as fast, and what a busy machine makes slow is an epoch here and there."""
    for name in ("test_total", "test_benchmark", "test_coroutine", "test_several#2"):
        pairs = [
            (min(pair["base"]["epoch_ns"]), min(pair["candidate"]["epoch_ns"])) for pair in seen.compared[name]["pairs"]
        ]
        assert min(candidate for _, candidate in pairs) > 1.5 * min(base for base, _ in pairs), name
        assert sum(candidate > base for base, candidate in pairs) >= len(pairs) - 1, name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test_load", "both sides: it is skipped: a duet of a suite compares calls one after the other"),
        ("test_nothing", "both sides: it measured nothing"),
        (
            "test_more_on_one_side",
            "base has come to its end, candidate tests/perf/test_prices.py::test_more_on_one_side#2",
        ),
        (
            "test_now_this_now_that",
            "it does not measure the same in each pair: tests/perf/test_prices.py::test_now_this_now_that",
        ),
        (
            "test_second_raises",
            "candidate: LookupError: sold out (in tests/perf/test_prices.py::test_second_raises#dear)",
        ),
        ("test_measures_what_measures", "both sides: Failed: it measures while it measures"),
        ("test_fails_afterwards", "candidate: it fails: assert 2 == 1"),
        ("test_server_fails", "both sides: MeasurementError: HTTP 404"),
        ("test_silent_server", "both sides: MeasurementError: no whole answer within 0.1 s [timeout]"),
        ("test_raises", "candidate: LookupError: sold out"),
        ("test_skipped_by_the_candidate", "candidate: it is skipped: not any more"),
        ("test_new", "only candidate has it, base and control has not: it cannot be collected: "),
        ("test_helped", "No module named 'helpers'; --tests PATH takes along what tests import"),
        ("tests/perf/test_garbage.py", "base and candidate and control: it cannot be collected: "),
    ],
)
def test_what_cannot_be_compared_is_named(seen: Seen, name: str, reason: str) -> None:
    assert reason in seen.left_out[name]


def test_the_candidates_troubles_are_an_exit_code_and_no_copys_path_is_told(seen: Seen) -> None:
    assert "paceline-duet-" not in seen.done.stdout
    assert "cannot import name 'new'" in seen.left_out["test_new"]
    assert any("teardown failed" in notice for notice in seen.duets["notices"])


def test_it_is_written_in_other_forms_as_report_writes_it(shop: Repository, seen: Seen, tmp_path: Path) -> None:
    for suffix, option in ((".md", "--markdown"), (".xml", "--junit")):
        out = tmp_path / f"again{suffix}"
        assert commands.paceline(tmp_path, "report", str(seen.file), option, str(out)).returncode == 0
        assert out.read_text() == seen.file.with_suffix(suffix).read_text()


def test_pairs_are_gone_on_with(shop: Repository, installed: dict[str, str], seen: Seen) -> None:
    words = ("--append", str(seen.file), "--", "tests/perf")
    done = shop.duet("main", *PAIRS, *words, "-k", "test_total", environment=installed)
    assert done.returncode == 4
    assert "'pytest': 'tests/perf'" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("main", "--", "tests/nowhere"), "names no tests that are there"),
        (("--", "tests/perf"), "tests/perf is no revision to compare with: name one before it"),
        (("main", "--call", "prices:total", "--", "tests/perf"), "--call is for functions"),
        (("main", "--", "tests/perf", "--no-such-option"), "unrecognized arguments: --no-such-option"),
        (
            ("main", "--", "tests/perf/test_prices.py", "-k", "test_no_benchmark"),
            "pytest selected no test that measures",
        ),
    ],
)
def test_wrong_words_are_told(shop: Repository, installed: dict[str, str], words: tuple[str, ...], told: str) -> None:
    done = shop.duet(*words, environment=installed)
    assert done.returncode == 4, done.stdout + done.stderr
    assert told in " ".join(done.stderr.split())


def test_an_interpreter_without_paceline_is_told(shop: Repository, tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    bare.chmod(0o755)
    done = shop.duet("--base-python", str(bare), *PAIRS, "--", "tests/perf", environment=BARE)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "has no Paceline that can take part in a duet of a suite" in " ".join(done.stderr.split())


def test_of_what_a_test_measures_only_what_still_needs_pairs_is_measured(tmp_path: Path) -> None:
    """As an adaptive duet does when one is decided and another is not."""
    (tmp_path / "test_two.py").write_text("def test_it(perf):\n    perf(int)\n    perf(int)\n    perf(int)\n")
    guest = Guest("paceline.pytest_plugin.lockstep:serve", ("test_two.py",))
    arms = [Arm(role, sys.executable, tmp_path, (), environment=BARE, guest=guest) for role in ("base", "candidate")]
    seen = run_pair(arms, 0, 1, Plan(epochs=2), {}, (), SYSTEM_CLOCK, is_wanted=lambda name: name.endswith("#2"))
    measured = seen.tests["test_two.py::test_it"]
    assert isinstance(measured, Mapping)
    assert {name.rpartition("::")[2]: pair is not None for name, pair in measured.items()} == {
        "test_it": False,
        "test_it#2": True,
        "test_it#3": False,
    }
