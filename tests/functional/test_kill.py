"""``kill -9`` at 50 seeded points between, before and in the middle of the calls that write.

Each point: what was reported finished is in the journal, baseline and results file are old or new and load,
and the next run, in the folder as it was left, goes on after the last whole result.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from paceline.store.baselines import load_baseline
from paceline.store.codec import read_results
from paceline.store.journal import JournalContent, read_journal
from tests.functional.killable import NAMES

POINTS = 50
SEED = 20261122
AT_ONCE = 2
MODES = ("before", "after", "middle")

pytestmark = pytest.mark.real


class Killable:
    """One process that has everything imported and forks a child for each run."""

    def __init__(self) -> None:
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(
            [sys.executable, str(root / "tests" / "functional" / "killable.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path]), "OPENBLAS_NUM_THREADS": "1"},
        )

    def run(self, folder: Path, kill_at: int | None = None, mode: str = "") -> int:
        """The exit status of one run in ``folder``, negative for a signal."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        print(json.dumps({"folder": str(folder), "kill_at": kill_at, "mode": mode}), file=stdin, flush=True)
        status = json.loads(stdout.readline())["status"]
        assert isinstance(status, int)
        return status

    def close(self) -> None:
        self._process.communicate()


@dataclass
class Said:
    """What a run said before it ended."""

    metrics: dict[str, Any] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    last: dict[str, Any] = field(default_factory=lambda: {"saved": 0, "exported": 0, "sliced": 0})


def said_in(folder: Path) -> Said:
    said = Said()
    path = folder / "said.jsonl"
    for line in path.read_text().splitlines():
        facts = json.loads(line)
        if "finished" in facts:
            said.metrics[facts["finished"]] = facts["metrics"]
            said.calls[facts["finished"]] = facts["calls"]
        else:
            said.last.update(facts)
    return said


@dataclass(frozen=True)
class Killed:
    """A run that was killed, and the one after it.

    Attributes:
        left: copy of the folder as the killed run left it.
        folder: the same after the next run.
        kill_at: number of the call.
        status: exit status of the killed run, and of the next.
    """

    left: Path
    folder: Path
    kill_at: int
    status: tuple[int, int]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Killed]]:
    """A run killed at each point and a run after it, two at a time."""
    folder = tmp_path_factory.mktemp("killed")
    servers = [Killable() for _ in range(AT_ONCE)]
    try:
        (folder / "whole").mkdir()
        assert servers[0].run(folder / "whole") == 0
        total = said_in(folder / "whole").last["calls"]
        free: Queue[Killable] = Queue()
        for server in servers:
            free.put(server)

        def kill(point: int) -> Killed:
            # One point in each fiftieth of the calls, so that no stretch is left out.
            chance = random.Random(SEED + point)
            kill_at = chance.randint(total * point // POINTS + 1, total * (point + 1) // POINTS)
            mode = chance.choice(MODES)
            path = folder / str(point)
            path.mkdir()
            server = free.get()
            try:
                killed = server.run(path, kill_at, mode)
                left = shutil.copytree(path, folder / f"{point}-left")
                (path / "said.jsonl").unlink()
                return Killed(left, path, kill_at, (killed, server.run(path)))
            finally:
                free.put(server)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield list(pool.map(kill, range(POINTS)))
    finally:
        for server in servers:
            server.close()


@pytest.mark.parametrize("point", range(POINTS))
def test_killed(runs: list[Killed], point: int) -> None:
    run = runs[point]
    killed, resumed = run.status
    assert killed == -signal.SIGKILL, f"call {run.kill_at} was never reached"
    said = said_in(run.left)
    finished = names_in_journal(run.left, said)
    saved = baseline_size(run.left)
    assert saved in (said.last["saved"], said.last["saved"] + 1), "the baseline is neither old nor new"
    exported = results_size(run.left)
    assert exported in (said.last["exported"], said.last["exported"] + 1), "the results file is neither old nor new"

    assert resumed == 0, "the next run was disturbed by what the killed one left"
    said = said_in(run.folder)
    assert said.calls == {name: 0 if name in finished else 4 for name in NAMES}, "measured again, or not at all"
    content = read_journal(run.folder / "journal.jsonl")
    assert [result.metrics.test_name for result in content.results] == list(NAMES)
    assert baseline_size(run.folder) == len(NAMES)
    assert results_size(run.folder) == len(NAMES)
    kept = {path.name for path in run.folder.iterdir() if not path.name.startswith(".paceline-")}
    assert kept == {"journal.jsonl", "journal.jsonl.slice", "baseline.json", "results.json", "said.jsonl"}


def names_in_journal(folder: Path, said: Said) -> list[str]:
    """The names of the results in the journal, each of which was checked against what was said of it."""
    try:
        content = read_journal(folder / "journal.jsonl")
    except (FileNotFoundError, ValueError):
        assert not said.metrics, "the journal is lost"
        return []
    names = [result.metrics.test_name for result in content.results]
    reported = list(said.metrics)
    assert names[: len(reported)] == reported, "a result that was reported finished is lost"
    assert names == list(NAMES[: len(names)])
    assert len(names) <= len(reported) + 1
    for result in content.results[: len(reported)]:
        assert result.metrics.to_dict() == said.metrics[result.metrics.test_name]
    check_slice(content, said)
    return names


def check_slice(content: JournalContent, said: Said) -> None:
    """The slice after the latest result, once it was reported, is there; half a slice never is."""
    assert all("slice" not in notice for notice in content.notices)
    if said.last["sliced"] == len(content.results) > 0:
        assert content.unfinished is not None
        assert content.unfinished.record.started_at == f"slice {said.last['sliced']}"


def baseline_size(folder: Path) -> int:
    try:
        return len(load_baseline(folder / "baseline.json"))
    except FileNotFoundError:
        return 0


def results_size(folder: Path) -> int:
    try:
        return len(read_results(folder / "results.json"))
    except FileNotFoundError:
        return 0
