"""The example ``records_service`` as its user has it: copied out, a repository of its own, run by the real commands."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tests.functional import commands

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "records_service"
LEFT_OVERS = (".paceline", ".venv", "results", "__pycache__", ".pytest_cache", "*.egg-info", "*.sqlite3*")
PYTEST = ("pytest", "-q", "-p", "no:cacheprovider")


class Project:
    """The copy. Its limits on times are loosened: how fast this machine is just now is no matter of its tests."""

    def __init__(self, root: Path) -> None:
        self.root = root / "records_service"
        shutil.copytree(EXAMPLE, self.root, ignore=shutil.ignore_patterns(*LEFT_OVERS))
        self.loosen("pyproject.toml", r"<(\d+)(ms|us)", r"<\g<1>0000\2")
        self.loosen("pyproject.toml", "throughput>=200", "throughput>=1")
        self.loosen("tests/perf/scenarios.py", r"max_p95_ms=(\d+)", r"max_p95_ms=\g<1>0000")
        (self.root / "results").mkdir()
        self.git("init", "-q", "-b", "main", ".")
        self.commit()

    @property
    def environment(self) -> dict[str, str]:
        """As ``pip install -e .`` would have it; without the plugins of this project's own environment."""
        plugins = "paceline.pytest_plugin,anyio.pytest_plugin"
        path = os.pathsep.join(filter(None, (str(self.root / "src"), os.environ.get("PYTHONPATH"))))
        return {**os.environ, "PYTHONPATH": path, "PYTEST_PLUGINS": plugins, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

    def loosen(self, name: str, limit: str, by: str) -> None:
        path = self.root / name
        text, found = re.subn(limit, by, path.read_text())
        assert found, limit
        path.write_text(text)

    def git(self, *words: str) -> None:
        identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *words], cwd=self.root, check=True)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "as it is")

    def run(self, *words: str, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return commands.python_m(self.root, *words, env={**self.environment, **(more or {})}, timeout_s=120.0)

    def paceline(self, *words: str, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return self.run("paceline.cli.main", *words, more=more)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("example"))


@pytest.fixture(scope="module")
def measured(project: Project) -> Mapping[str, Any]:
    """The results of its performance suite, by test."""
    ended = project.run(*PYTEST, "tests/perf", "--perf-quick", "--perf-json", "results/quick.json")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    results = json.loads((project.root / "results" / "quick.json").read_text())["results"]
    return {each["metrics"]["test_name"].removeprefix("tests/perf/"): each for each in results}


def test_its_unit_tests_pass(project: Project) -> None:
    ended = project.run(*PYTEST, "tests/unit")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_of_its_performance_tests_measures(project: Project, measured: Mapping[str, Any]) -> None:
    listed = project.run(*PYTEST, "tests/perf", "--collect-only").stdout.splitlines()
    assert sorted(measured) == sorted(line.removeprefix("tests/perf/") for line in listed if "::" in line)
    assert {each["metrics"]["error_rate"] for each in measured.values()} == {0}
    assert all(each["threshold"] for each in measured.values())


def test_the_measured_things_are_what_they_are_called(measured: Mapping[str, Any]) -> None:
    for cache in ("memory", "valkey"):
        assert measured[f"test_cache.py::test_hit[{cache}]"]["metrics"]["hit_rate"] == 1
        assert measured[f"test_cache.py::test_miss[{cache}]"]["metrics"]["hit_rate"] == 0
        assert measured[f"test_cache.py::test_records_through_the_cache[{cache}]"]["metrics"]["hit_rate"] >= 0.8
    reads = measured["test_served.py::test_reads_at_100_a_second"]["record"]
    assert (reads["counts"]["ok"], reads["definition"]["open_loop"]) == (100, True)
    assert [part["name"] for part in reads["load"]["parts"]] == ["record", "page", "search", "report"]
    assert reads["usage"]["targets"]  # the server's own CPU and memory
    writes = measured["test_served.py::test_writes_at_20_a_second"]["record"]
    assert [each["code"] for each in writes["load"]["traffic"]["statuses"]] == [201]


def test_its_scenarios_run_against_the_served_api(project: Project) -> None:
    database = ("records_service", "--database", str(project.root / "results" / "served.sqlite3"))
    assert project.run(*database, "fill", "2000").returncode == 0
    token = project.run(*database, "token", "scenarios", "--write").stdout.strip()
    command = [sys.executable, "-m", *database, "serve", "--port", "0"]
    with subprocess.Popen(command, env=project.environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            told = {"RECORDS_URL": f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}"}
            options = ("-d", "500ms", "--json", "results/scenarios.json")
            ended = project.paceline("run", "tests/perf/scenarios.py", *options, more={**told, "RECORDS_TOKEN": token})
        finally:
            server.terminate()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    results = json.loads((project.root / "results" / "scenarios.json").read_text())["results"]
    made = {part["name"]: part["counts"]["ok"] for each in results for part in each["record"]["load"]["parts"]}
    assert min(made.pop(name) for name in ("GET /records", "GET /records/{id}", "GET /records/search")) > 0
    assert min(made.pop(name) for name in ("POST /records", "PATCH /records/{id}")) > 0
    assert token not in ended.stdout + (project.root / "results" / "scenarios.json").read_text()


@pytest.fixture
def changed(project: Project) -> Iterator[None]:
    """One commit more, with both changes of ``regressions/``."""
    patches = [str(path) for path in sorted((project.root / "regressions").glob("*.patch"))]
    assert len(patches) == 2
    project.git("apply", *patches)
    project.commit()
    yield
    project.git("apply", "-R", *patches)
    project.commit()


@pytest.mark.usefixtures("changed")
def test_a_change_that_its_unit_tests_do_not_see_is_found(project: Project) -> None:
    unit = project.run(*PYTEST, "tests/unit")
    assert unit.returncode == 0, unit.stdout
    tests = [f"tests/perf/test_functions.py::test_{name}" for name in ("record_to_json", "page_of_50_to_json")]
    options = ("--pairs", "7", "--epochs", "2", "--seed", "3", "--json", "results/duet.json")
    ended = project.paceline("duet", "HEAD~1", *options, "--", *tests)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    duets = json.loads((project.root / "results" / "duet.json").read_text())["duets"]
    assert {each["name"]: each["verdict"] for each in duets["verdicts"]} == dict.fromkeys(tests, "regressed")
    assert duets["left_out"] == {}


def test_its_reports_are_whole_and_name_no_machine(measured: Mapping[str, Any]) -> None:
    reports = {path.name: path.read_text() for path in (EXAMPLE / "reports").iterdir()}
    readme = (EXAMPLE / "README.md").read_text()
    assert sorted(reports) == sorted(set(re.findall(r"`reports/([\w.]+)`", readme)))
    for quoted in re.findall(r"```text\n(.*?)\n```", readme, re.DOTALL):
        assert any(quoted in text for text in reports.values()), (
            f"README.md quotes what no file of reports/ holds (any more): copy it anew from there\n{quoted}"
        )
    for name, text in reports.items():
        assert text.strip(), name
        for place in (Path.home(), ROOT, Path(tempfile.gettempdir()), Path(sys.prefix)):
            assert f"{place}/" not in text, (name, place)
    cases = ET.fromstring(reports["junit.xml"]).iter("testcase")
    assert len(list(cases)) == len(measured)


def test_its_workflow_is_valid_and_its_action_the_one_that_ci_offers() -> None:
    workflow = EXAMPLE / ".github" / "workflows" / "performance.yml"
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(workflow)]
    done = subprocess.run(checker, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    own = EXAMPLE / ".github" / "actions" / "paceline" / "action.yml"
    assert own.read_bytes() == (ROOT / "ci" / "github" / "action.yml").read_bytes()
