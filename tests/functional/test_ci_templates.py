"""The templates in ``ci/``: valid by the schemas of GitHub and GitLab, with no more rights than they need, and run.

Every ``run:`` and script line is executed as a runner would, in a small project of its own, with what the runner sets
in the environment. Not run here, and what stands for it:

====================================  ==============================================================================
not run                               instead
====================================  ==============================================================================
``uses:`` of other people's actions   the list of them (:data:`ACTIONS`); files are where the steps would leave them
``if:`` and triggers                  which steps are run is each test's own choice
the default of ``install``            the environment of these tests
GitHub's API                          a server on loopback that knows one pull request
the doctor on GitLab                  what it wrote with the same options for the action, as a machine that is unfit
====================================  ==============================================================================
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from ruamel.yaml import YAML

import paceline
from tests import junit

pytestmark = pytest.mark.real

CI = Path(__file__).parents[2] / "ci"
ACTION, WORKFLOW, COMMENT = (CI / "github" / f"{name}.yml" for name in ("action", "performance", "comment"))
GITLAB = CI / "gitlab" / "paceline.gitlab-ci.yml"
ACTIONS = {
    "actions/cache/restore@v5",
    "actions/cache/save@v5",
    "actions/checkout@v6",
    "actions/download-artifact@v7",
    "actions/setup-python@v6",
    "actions/upload-artifact@v6",
    "./.github/actions/paceline",
}
FILES = {
    "src/shop.py": "def total():\n    return sum(range(200))\n",
    "tests/perf/test_shop.py": "import shop\n\n\ndef test_total(perf):\n    perf(shop.total)\n",
    "tests/limit/test_limit.py": "def test_limit(perf):\n    perf(int, threshold='p(95)<0ns')\n",
    "tests/unit/test_unit.py": "def test_unit():\n    pass\n",
    "pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n\n[tool.paceline]\niterations = 20\n",
    ".gitignore": "__pycache__/\n.pytest_cache/\n",
}


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


def jobs_of(path: Path) -> dict[str, Any]:
    jobs: dict[str, Any] = read(path)["jobs"]
    return jobs


def steps_of(path: Path) -> list[dict[str, Any]]:
    if path == ACTION:
        steps: list[dict[str, Any]] = read(path)["runs"]["steps"]
        return steps
    return [step for job in jobs_of(path).values() for step in job["steps"]]


class TestAsTheyAreWritten:
    @pytest.mark.parametrize(
        ("path", "schema"),
        [
            (ACTION, ["vendor.github-actions"]),
            (WORKFLOW, ["vendor.github-workflows"]),
            (WORKFLOW, ["custom.github-workflows-require-timeout"]),
            (COMMENT, ["vendor.github-workflows"]),
            (COMMENT, ["custom.github-workflows-require-timeout"]),
            (GITLAB, ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
        ],
    )
    def test_the_schema_holds(self, path: Path, schema: list[str]) -> None:
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *schema, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    @pytest.mark.parametrize("path", [WORKFLOW, COMMENT], ids=lambda path: path.name)
    def test_rights_time_and_company_are_limited(self, path: Path) -> None:
        content = read(path)
        rights = {"contents": "read"} if path == WORKFLOW else {"actions": "read", "pull-requests": "write"}
        assert content["permissions"] == rights
        assert content["concurrency"]["group"]
        assert all(job["timeout-minutes"] <= 30 and "permissions" not in job for job in content["jobs"].values())

    def test_actions_have_a_version_and_are_these(self) -> None:
        used = {step["uses"] for path in (ACTION, WORKFLOW, COMMENT) for step in steps_of(path) if "uses" in step}
        assert used == ACTIONS
        assert all(name.startswith("./") or re.search(r"@v[0-9]", name) for name in used)

    @pytest.mark.parametrize("path", [ACTION, WORKFLOW, COMMENT], ids=lambda path: path.name)
    def test_nothing_that_others_named_becomes_part_of_a_script(self, path: Path) -> None:
        assert [step["run"] for step in steps_of(path) if "${{" in step.get("run", "")] == []
        assert "secrets." not in path.read_text()

    def test_what_has_a_token_runs_no_code_of_a_pull_request(self) -> None:
        used = [step["uses"].partition("@")[0] for step in steps_of(COMMENT) if "uses" in step]
        assert used == ["actions/download-artifact", "actions/setup-python"]
        assert set(read(COMMENT)["on"]) == {"workflow_run"}
        assert read(COMMENT)["on"]["workflow_run"]["workflows"] == [read(WORKFLOW)["name"]]
        assert "pull_request_target" not in WORKFLOW.read_text()

    def test_this_version_is_the_one_they_install(self) -> None:
        wanted = [each for path in CI.rglob("*.yml") for each in re.findall(r"paceline(~=[\d.]+)", path.read_text())]
        assert wanted == [f"~={paceline.__version__.rpartition('.')[0]}.0"] * 5

    @pytest.mark.parametrize("where", ["action", "comment", "gitlab"])
    def test_one_variable_says_what_paceline_is(self, where: str, tmp_path: Path) -> None:
        source = "paceline @ git+https://git.example.org/paceline.git@6e8bc43b1a0b7d1f3c0a5b7ad3be0ee1d4de2f4c"
        (tmp_path / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (tmp_path / "python").chmod(0o755)
        runner = Runner(tmp_path, tmp_path, tmp_path)
        if where == "action":
            done = runner.action("Install", install=read(ACTION)["inputs"]["install"]["default"], paceline=source)
        elif where == "comment":
            (step,) = (each for each in steps_of(COMMENT) if each.get("name") == "Install")
            done = runner.bash(step["run"], PACELINE=source)
        else:
            variables = read(GITLAB)[".paceline"]["variables"] | {"PACELINE": source}
            # GitLab puts variables into each other before the shell sees them.
            variables["PACELINE_INSTALL"] = variables["PACELINE_INSTALL"].replace("$PACELINE", source)
            done = runner.bash(read(GITLAB)[".paceline"]["before_script"][0], **variables)
        assert done.stdout.split("\n").count(source) == 1, "in one piece, whatever is in it"

    def test_workflows_ask_for_the_same_paceline(self) -> None:
        asked = [step["with"]["paceline"] for step in steps_of(WORKFLOW) if "paceline" in step.get("with", {})]
        asked += [step["env"]["PACELINE"] for step in steps_of(COMMENT) if "PACELINE" in step.get("env", {})]
        assert asked == ["${{ vars.PACELINE || 'paceline~=0.1.0' }}"] * 3


@dataclass
class Runner:
    """A machine with a checkout, on which steps are run as GitHub and GitLab do it."""

    project: Path
    temp: Path
    tools: Path
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    pull_request: str = ""
    may_save: str = "false"

    @property
    def out(self) -> Path:
        return self.temp / "performance"

    @property
    def summary(self) -> str:
        return (self.temp / "summary").read_text()

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{self.tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.project / "src"),
            "PYTEST_ADDOPTS": "",
            # Whatever else is installed here would be imported by each process of each side.
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "paceline.pytest_plugin",
            "LC_ALL": "C.UTF-8",
            "CI": "true",
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
        }

    def value(self, text: str) -> str:
        """``text`` with its expressions evaluated: those of the templates, and no others."""
        known = {
            "runner.temp": str(self.temp),
            "github.event.pull_request.number": self.pull_request,
            "github.event_name != 'pull_request' && github.ref_name == inputs.branch": self.may_save,
            **{f"inputs.{name}": value for name, value in self.inputs.items()},
            **{f"steps.measure.outputs.{name}": value for name, value in self.outputs.items()},
        }
        return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: known[found[1]], text)

    def bash(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script], environment)

    def run(self, command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.project,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def step(self, path: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one step; what it says about itself is in :attr:`outputs` afterwards."""
        (step,) = (each for each in steps_of(path) if each.get("name") == name)
        given = {key: self.value(value) for key, value in step.get("env", {}).items()} | environment
        if step.get("shell") == "python":
            return self.run([sys.executable, "-c", step["run"]], given)
        done = self.bash(step["run"], **given)
        if (output := self.temp / "output").exists():
            self.outputs.update(line.partition("=")[::2] for line in output.read_text().splitlines())
        return done

    def action(self, *names: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run steps of the action until one fails; the last one that was run."""
        defaults = {name: str(each.get("default", "")) for name, each in read(ACTION)["inputs"].items()}
        self.inputs = {**defaults, "install": "paceline --version", **inputs}
        self.out.mkdir(exist_ok=True)
        for name in names:
            done = self.step(ACTION, name)
            if done.returncode:
                break
        return done


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose newest commit makes its one benchmark four times slower."""
    folder = tmp_path_factory.mktemp("origin")
    git(folder, "init", "-q", "-b", "main", ".")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "-m", "as it is")
    (folder / "src" / "shop.py").write_text(FILES["src/shop.py"].replace("200", "800"))
    git(folder, "commit", "-q", "-a", "-m", "slower")
    return folder


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands that the install step would have put on the path."""
    folder = tmp_path_factory.mktemp("bin")
    commands = {"paceline": "-m paceline.cli.main", "pytest": "-m pytest", "python": ""}
    for name, words in commands.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def runner_on(origin: Path, tools: Path, folder: Path) -> Runner:
    """On a checkout of two commits, as the workflow asks for."""
    git(folder, "clone", "-q", "--depth", "2", origin.as_uri(), "project")
    (folder / "temp").mkdir()
    return Runner(folder / "project", folder / "temp", tools)


@pytest.fixture(scope="module")
def slower(origin: Path, tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """After the action on a pull request that made it slower, all but the verdict."""
    runner = runner_on(origin, tools, tmp_path_factory.mktemp("pull-request"))
    runner.pull_request = "7"
    steps = ("Install", "Is this machine fit to measure on?", "Measure", "Report")
    done = runner.action(*steps, mode="duet", options="--pairs 7 --epochs 2")
    assert done.returncode == 0, done.stdout + done.stderr
    (runner.temp / "said").write_text(done.stdout)
    return runner


@pytest.fixture
def runner(origin: Path, tools: Path, tmp_path: Path) -> Runner:
    return runner_on(origin, tools, tmp_path)


class TestAction:
    def test_a_pull_request_that_makes_it_slower(self, slower: Runner) -> None:
        assert slower.outputs == {"exit-code": "1"}
        assert slower.step(ACTION, "Verdict").returncode == 1
        assert slower.summary.startswith("### ❌ Performance: 1 of 1 test regressed\n")
        assert "::error file=tests/perf/test_shop.py,title=" in (slower.temp / "said").read_text()
        names = sorted(path.name for path in slower.out.iterdir())
        assert names == ["doctor.json", "duet.json", "duet.md", "duet.xml", "pull-request.txt"]
        junit.validate(slower.out / "duet.xml")

    def test_a_baseline_grows_on_its_branch_alone(self, runner: Runner) -> None:
        def sessions() -> int:
            return len(json.loads((runner.project / ".paceline" / "baseline.json").read_text())["tests"][TEST])

        runner.may_save = "true"
        for number in (1, 2):
            done = runner.action("Measure", "Report", "Verdict", mode="baseline")
            assert done.returncode == 0, done.stdout + done.stderr
            assert sessions() == number
        runner.may_save = "false"
        assert runner.action("Measure", "Report", "Verdict", mode="baseline").returncode == 0
        assert sessions() == 2
        assert "| change of the median | verdict |" in (runner.out / "results.md").read_text()
        junit.validate(runner.out / "results.xml")

    def test_a_broken_limit(self, runner: Runner) -> None:
        done = runner.action("Measure", "Report", mode="limits", tests="tests/limit", options="--perf-quick")
        assert "::error file=tests/limit/test_limit.py,title=" in done.stdout
        assert runner.summary.startswith("### ❌ Performance: 1 of 1 test failed\n")
        assert runner.step(ACTION, "Verdict").returncode == 1

    @pytest.mark.parametrize(
        ("inputs", "code"), [({"mode": "limits", "tests": "tests/unit"}, "5"), ({"mode": "fast"}, "4")]
    )
    def test_nothing_measured_is_no_pass(self, runner: Runner, inputs: dict[str, str], code: str) -> None:
        assert runner.action("Measure", "Report", **inputs).returncode == 0
        assert runner.summary == f"### Performance: nothing was measured (exit code {code})\n"
        assert str(runner.step(ACTION, "Verdict").returncode) == code


TEST = "tests/perf/test_shop.py::test_total"


class TestGitLab:
    def script(self, job: str, part: str) -> str:
        content = read(GITLAB)
        return "\n".join({**content[".paceline"], **content[job]}[part])

    def variables(self, job: str) -> dict[str, str]:
        content = read(GITLAB)
        own = {**content[".paceline"]["variables"], **content[job].get("variables", {})}
        return {**own, "PACELINE_INSTALL": "paceline --version"}

    def test_a_merge_request(self, runner: Runner, slower: Runner, tmp_path: Path) -> None:
        """Of which there is nothing to measure: how long that takes is seen on GitHub."""
        examined = f"cp {slower.out / 'doctor.json'} performance/ && exit 6"
        runner.tools = shutil.copytree(runner.tools, tmp_path / "bin")
        (runner.tools / "paceline").write_text(
            f'#!/bin/sh\n[ "$*" = "doctor --quick --json performance/doctor.json" ] && {examined}\n'
            f'exec {sys.executable} -m paceline.cli.main "$@"\n'
        )
        job = "performance duet"
        given = self.variables(job) | {"PACELINE_TESTS": "tests/unit", "PACELINE_OPTIONS": "--pairs 7"}
        given["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = git(runner.project, "rev-parse", "HEAD^1")
        prepared = runner.bash(self.script(job, "before_script"), **given)
        assert prepared.returncode == 0, prepared.stdout + prepared.stderr
        duet = runner.bash(self.script(job, "script"), **given)
        assert (duet.returncode, duet.stdout) == (4, "")
        assert "no test that measures" in duet.stderr
        made = runner.project / "performance"
        assert runner.bash(self.script(job, "after_script"), **given).returncode == 0
        assert sorted(path.name for path in made.iterdir()) == [".gitignore", "doctor.json"]

        (made / "duet.json").write_bytes((slower.out / "duet.json").read_bytes())
        assert runner.bash(self.script(job, "after_script"), **given).returncode == 0
        assert (made / "duet.md").read_text() == (slower.out / "duet.md").read_text()
        junit.validate(made / "duet.xml")
        assert git(runner.project, "status", "--porcelain") == ""

    @pytest.mark.parametrize("code", range(7))
    def test_every_exit_code_is_the_jobs(self, code: int, tmp_path: Path) -> None:
        """Of commands that only end so: what each code stands for is seen on GitHub, and in test_exit_codes."""
        for name in ("paceline", "pytest"):
            (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
            (tmp_path / name).chmod(0o755)
        runner = Runner(tmp_path, tmp_path, tmp_path)
        for job in ("performance duet", "performance baseline"):
            given = self.variables(job) | {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD^1"}
            assert runner.bash(self.script(job, "script"), **given).returncode == code
            given["PACELINE_INSTALL"] = "true"
            unfit_or_fit = code in {0, 6}
            assert runner.bash(self.script(job, "before_script"), **given).returncode == (0 if unfit_or_fit else code)

    def test_a_baseline(self, runner: Runner) -> None:
        job = "performance baseline"
        (runner.project / "performance").mkdir()
        done = runner.bash(self.script(job, "script"), **self.variables(job))
        assert done.returncode == 0, done.stdout + done.stderr
        assert runner.bash(self.script(job, "after_script"), **self.variables(job)).returncode == 0
        (kept,) = read(GITLAB)[job]["cache"]["paths"]
        assert TEST in (runner.project / kept).read_text()
        junit.validate(runner.project / "performance" / "results.xml")


class Hub(ThreadingHTTPServer):
    """As much of GitHub's API as commenting needs: pull request 7 of ``shop/shop``, and its comments."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hubs)
        self.head = "a" * 40
        self.comments: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str, str | None]] = []

    def answer(self, method: str, path: str, content: Any) -> Any:
        match method, path.removeprefix("/repos/shop/shop"):
            case "GET", "/pulls/7":
                return {"head": {"sha": self.head}}
            case "GET", "/issues/7/comments?per_page=100&page=1":
                return self.comments
            case "GET", "/issues/7/comments?per_page=100&page=2":
                return []
            case "POST", "/issues/7/comments":
                self.comments.append({"id": 100 + len(self.comments), "user": {"type": "Bot"}, **content})
                return self.comments[-1]
            case "PATCH", own if own.startswith("/issues/comments/"):
                (comment,) = (each for each in self.comments if own.endswith(f"/{each['id']}"))
                comment.update(content)
                return comment
        return None


class Hubs(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers["Authorization"]))
        data = self.rfile.read(int(self.headers["Content-Length"] or 0))
        answer = self.server.answer(self.command, self.path, json.loads(data or b"null"))
        self.send_response(404 if answer is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    do_POST = do_PATCH = do_GET  # noqa: N815  # http.server finds them by these names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestComment:
    def comment(self, runner: Runner, hub: Hub, out: Path) -> subprocess.CompletedProcess[str]:
        return runner.step(
            COMMENT,
            "Comment",
            OUT=str(out),
            HEAD="a" * 40,
            RUN="https://example.org/runs/1",
            TOKEN="t0ken",
            GITHUB_API_URL=f"http://127.0.0.1:{hub.server_port}",
            GITHUB_REPOSITORY="shop/shop",
        )

    @pytest.fixture(autouse=True)
    def expressions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What GitHub says of the run is given by :meth:`comment`."""
        monkeypatch.setattr(Runner, "value", lambda self, text: text)

    def test_it_is_made_once_and_then_changed(self, slower: Runner, hub: Hub) -> None:
        hub.comments.append({"id": 1, "user": {"type": "User"}, "body": "<!-- paceline --> not a bot's"})
        done = slower.step(COMMENT, "Render", OUT=str(slower.out))
        assert done.returncode == 0, done.stderr
        for _ in range(2):
            done = self.comment(slower, hub, slower.out)
            assert done.returncode == 0, done.stderr
        assert [each["id"] for each in hub.comments] == [1, 101]
        assert hub.comments[1]["body"].startswith("<!-- paceline -->\n### ❌ Performance: 1 of 1 test regressed\n")
        assert {token for _, _, token in hub.asked} == {"Bearer t0ken"}

    @pytest.mark.parametrize("number", ["", "0", "-1", "7; echo", "7\n8", "../7", "\u0667", "7" * 30, "8"])
    def test_a_number_that_is_none_or_somebody_elses_is_refused(
        self, slower: Runner, hub: Hub, tmp_path: Path, number: str
    ) -> None:
        (tmp_path / "pull-request.txt").write_text(number)
        assert self.comment(slower, hub, tmp_path).returncode != 0
        assert hub.comments == []
        assert {path for _, path, _ in hub.asked} <= {"/repos/shop/shop/pulls/8"}

    def test_a_run_of_another_commit_says_nothing(self, slower: Runner, hub: Hub) -> None:
        hub.head = "b" * 40
        done = self.comment(slower, hub, slower.out)
        assert "not of the head of pull request 7" in done.stderr
        assert hub.comments == []

    def test_what_is_no_duet_is_not_shown(self, slower: Runner, tmp_path: Path) -> None:
        (tmp_path / "duet.json").write_text("[click](https://example.org)")
        assert slower.step(COMMENT, "Render", OUT=str(tmp_path)).returncode == 4
