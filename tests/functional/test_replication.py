"""Runs in fresh processes: what comes back, how it is judged, and how it ends when something goes wrong."""

import asyncio
import contextlib
import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from paceline import AsgiTarget, HttpTarget, PerformanceTestFramework, TestResult, TestStatus, TestType
from paceline.campaign import replication
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine.request import LoadNow
from paceline.records.quantities import MEDIAN
from paceline.records.run_record import RunRecord
from paceline.store.journal import read_journal
from tests.functional import commands
from tests.functional.small_server import small_server
from tests.waiting import wait_for

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    threads = set(threading.enumerate())
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert not children()
    wait_for(lambda: all(each.name.startswith("asyncio") for each in set(threading.enumerate()) - threads))
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors + 2  # what an event loop keeps for threads


def children() -> list[psutil.Process]:
    return [each for each in psutil.Process().children(recursive=True) if "engine.replica" in _command(each)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""  # it has just ended


class Watching:
    """Keeps the slices."""

    def __init__(self) -> None:
        self.slices: list[RunRecord] = []

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        pass

    def partial(self, record: RunRecord) -> None:
        self.slices.append(record)


def bench(
    operation: Any, *arguments: Any, framework: PerformanceTestFramework | None = None, **options: Any
) -> TestResult:
    framework = framework or PerformanceTestFramework()
    return framework.run_benchmark("bench", TestType.API_ENDPOINT, operation, *arguments, **options)


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_levels_are_kept_apart_and_counts_are_exact(tmp_path: Path) -> None:
    log = tmp_path / "log"
    calls: list[int] = []

    def write(word: str) -> None:
        with log.open("a") as stream:
            stream.write(f"{word}:{os.getpid()}\n")

    def operation() -> None:
        calls.append(1)
        if len(calls) % 5 == 0:
            raise ValueError("every fifth")

    result = bench(
        operation,
        10,
        5,
        setup=lambda: write("setup"),
        teardown=lambda: write(f"teardown{len(calls)}"),
        runs=3,
        epochs=2,
    )
    record = result.record
    assert [line.split(":")[0] for line in lines(log)] == ["setup", "teardown25"] * 3
    pids = {line.split(":")[1] for line in lines(log)}
    assert len(pids) == 3
    assert str(os.getpid()) not in pids
    assert (record.counts.ok, record.counts.errors) == (48, 12)
    assert record.latency.moments.count == record.latency.histogram.count == 48
    assert record.latency.samples_ns is not None
    assert len(record.latency.samples_ns) == 48
    assert sum(piece.ok + piece.errors for piece in record.series.slices) == 60
    assert [(group.kind, group.count) for group in record.errors] == [("ValueError", 12)]
    assert record.circumstances.warmup_attempts == 15
    assert sum(group.count for group in record.circumstances.warmup_errors) == 3
    assert record.definition.attempts_asked == 60
    assert [len(process.epochs) for process in record.processes] == [2, 2, 2]
    assert [(each.attempts, each.errors) for process in record.processes for each in process.epochs] == [(10, 2)] * 6
    assert [(each.figures.attempts, each.figures.errors) for each in record.processes] == [(20, 4)] * 3
    assert all(process.peak_rss_bytes for process in record.processes)
    assert len({process.hash_seed for process in record.processes}) == 3
    assert record.usage.host.memory_bytes is not None
    assert record.window_ns == record.elapsed_ns > 0
    assert calls == []


def test_hash_seeds_follow_from_the_seed_and_are_those_of_the_processes(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def note() -> None:
        with log.open("a") as stream:
            stream.write(f"{os.environ['PYTHONHASHSEED']}:{hash('some text')}\n")

    seeds = [
        [process.hash_seed for process in bench(note, 1, 0, runs=2, seed=seed).record.processes] for seed in (7, 7, 8)
    ]
    assert seeds[0] == seeds[1] != seeds[2]
    noted = [line.split(":") for line in lines(log)]
    assert [int(seed) for seed, _ in noted] == [*seeds[0], *seeds[1], *seeds[2]]
    assert noted[0] == noted[2]
    assert noted[0][1] != noted[1][1]


def test_without_a_seed_each_session_draws_its_own() -> None:
    first, second = (bench(list, 1, 0, runs=1, epochs=2).record.replication for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.seed != second.seed


def test_what_two_functions_share_they_share_there() -> None:
    state: dict[str, sqlite3.Connection] = {}

    def setup() -> None:
        state["database"] = sqlite3.connect(":memory:")

    def teardown() -> None:
        state["database"].close()

    result = bench(
        lambda: state["database"].execute("select 1").fetchone(),
        5,
        setup=setup,
        teardown=teardown,
        runs=2,
    )
    assert result.record.counts.ok == 10
    assert result.record.circumstances.teardown_error is None
    assert state == {}


def test_an_open_connection_is_named_with_the_remedy() -> None:
    database = sqlite3.connect(":memory:")
    with pytest.raises(ConfigurationError, match=r"operation cannot be handed.*variable 'database'.*setup="):
        bench(lambda: database.execute("select 1"), 5, runs=2)
    database.close()


def test_batches_are_calibrated_once() -> None:
    result = bench(lambda: sum(range(10)), 20, batch="auto", runs=3, epochs=2)
    calls = result.record.definition.calls_per_sample
    assert calls > 1
    assert result.record.counts.ok == 3 * 2 * 20 * calls
    assert result.record.latency.moments.count == 120
    assert result.record.processes[0].figures.p95_ns is None


def test_coroutines_keep_one_loop_through_all_epochs() -> None:
    loops: set[int] = set()

    async def setup() -> None:
        loops.add(id(asyncio.get_running_loop()))

    async def operation() -> None:
        if loops != {id(asyncio.get_running_loop())}:
            raise RuntimeError("another loop")

    assert bench(operation, 5, setup=setup, teardown=setup, runs=2, epochs=3).record.counts.ok == 30


def test_asynchronous_twin() -> None:
    async def work() -> TestResult:
        framework = PerformanceTestFramework()
        return await framework.arun_benchmark("bench", TestType.API_ENDPOINT, lambda: None, 5, runs=2, epochs=2)

    assert asyncio.run(work()).record.counts.ok == 20


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan here")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def test_applications_go_along() -> None:
    assert bench(AsgiTarget(application), 5, runs=2, epochs=2).record.counts.ok == 20


def test_requests_over_connections() -> None:
    with small_server() as url:
        record = bench(HttpTarget(url), 20, runs=2, epochs=3).record
    assert record.counts.ok == 120
    assert record.load is not None
    assert record.load.own_process
    assert record.load.traffic is not None
    assert [(each.code, each.count) for each in record.load.traffic.statuses] == [(200, 120)]
    assert record.load.traffic.first_byte.moments.count == 120


def test_the_first_figure_of_a_session_is_the_median_of_its_processes() -> None:
    record = bench(lambda: None, 50, runs=3).record
    assert record.replication is not None
    medians = sorted(process.figures.median_ns or 0 for process in record.processes)
    assert record.replication.value(MEDIAN) == medians[1]


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        (lambda: sys.exit(0), "setup raised SystemExit: 0"),
        (lambda: os._exit(7), "process 1 of 2 ended with code 7 before its run was over"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "process 1 of 2 was killed by SIGKILL"),
        (lambda: os.environ["NO SUCH"], "setup raised KeyError"),
    ],
)
def test_a_process_that_cannot_begin(setup: Callable[[], Any], said: str) -> None:
    framework = PerformanceTestFramework()
    with pytest.raises(MeasurementError, match=said):
        bench(lambda: None, 5, setup=setup, runs=2, framework=framework)
    assert framework.results == []


def test_what_was_finished_before_a_process_died_is_kept(tmp_path: Path) -> None:
    first = tmp_path / "first"

    def operation() -> None:
        if first.exists():
            os.abort()

    framework = PerformanceTestFramework(journal=tmp_path / "journal")
    with pytest.raises(MeasurementError, match="process 2 of 3 was killed by SIGABRT"):
        bench(operation, 5, 0, teardown=first.touch, runs=3, epochs=2, framework=framework)
    (result,) = framework.results
    assert result.record.counts.ok == 10
    assert len(result.record.processes) == 1
    assert result.status is TestStatus.WARNING
    assert "10 of 30 iterations" in result.findings[0].seen
    (kept,) = read_journal(tmp_path / "journal").results
    assert kept.record == result.record


def test_epochs_of_a_process_that_died_are_kept(tmp_path: Path) -> None:
    calls: list[int] = []

    def operation() -> None:
        calls.append(1)
        if len(calls) == 13:
            os._exit(1)

    framework = PerformanceTestFramework()
    with pytest.raises(MeasurementError, match="process 1 of 2 ended with code 1"):
        bench(operation, 5, 0, runs=2, epochs=3, framework=framework)
    (result,) = framework.results
    assert result.record.counts.ok == 10
    (process,) = result.record.processes
    assert len(process.epochs) == 2
    assert process.peak_rss_bytes is None


def test_an_attempt_that_does_not_return_ends_the_run() -> None:
    calls: list[int] = []

    def operation() -> None:
        calls.append(1)
        if len(calls) == 4:
            threading.Event().wait()

    result = bench(operation, 5, 0, timeout_s=0.2, runs=3, epochs=2)
    assert (result.record.counts.ok, result.record.counts.timeouts) == (3, 1)
    assert "attempt-abandoned" in {finding.code for finding in result.findings}
    assert len(result.record.processes) == 1


def test_a_process_that_no_longer_answers_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "_LONGER_S", 0.5)

    def operation() -> None:
        os.kill(os.getpid(), signal.SIGSTOP)  # all of its threads, the one that watches the limit too

    with pytest.raises(MeasurementError, match=r"gave no sign of life for 0\.6 s and was killed"):
        bench(operation, 5, 0, timeout_s=0.1, runs=2)


def test_what_is_printed_or_read_disturbs_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def operation() -> None:
        os.write(1, b"printed")
        assert select.select([0], [], [], 0)[0] == [0]  # there is something to be read: the end
        assert sys.stdin.read() == ""

    assert bench(operation, 3, 0, runs=2, epochs=2).record.counts.ok == 12
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "printed" * 12


def test_each_finished_process_is_a_slice() -> None:
    watching = Watching()
    bench(lambda: None, 15, 0, runs=2, epochs=2, framework=PerformanceTestFramework(observer=watching))
    assert [record.counts.ok for record in watching.slices] == [30, 60]
    assert [len(record.processes) for record in watching.slices] == [1, 2]
    assert all(record.circumstances.interruption == "still running" for record in watching.slices)


INTERRUPTED = """
import os, signal, sys, threading
from pathlib import Path
from paceline import PerformanceTestFramework, TestType
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = Path(sys.argv[1])
calls = []
def operation():
    calls.append(1)
    if len(calls) > 10 and (folder / "second").exists():
        print("running", file=sys.stderr, flush=True)
        threading.Event().wait()
def teardown():
    (folder / "second").touch()
    with (folder / "log").open("a") as stream: stream.write("teardown ")
framework = PerformanceTestFramework()
try:
    framework.run_benchmark(
        "bench", TestType.API_ENDPOINT, operation, 10, 0, teardown=teardown, runs=3, epochs=2
    )
except KeyboardInterrupt:
    (record,) = [result.record for result in framework.results]
    print(record.counts.ok, [len(each.epochs) for each in record.processes], record.circumstances.interruption)
"""


@contextlib.contextmanager
def interrupted(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The program above, when its second process hangs in its eleventh call."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "running\n"
            yield process
        finally:
            process.kill()


def test_ctrl_c_keeps_what_was_measured_and_tears_down(tmp_path: Path) -> None:
    with interrupted(tmp_path) as process:
        grandchildren = psutil.Process(process.pid).children()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of its processes
        out, err = process.communicate(timeout=20.0)
    # The attempt under way is none of an interrupted run, as in the caller's process.
    assert out == "30 [2, 2] KeyboardInterrupt\n"
    assert err == ""
    assert lines(tmp_path / "log") == ["teardown", "teardown"]
    assert not any(each.is_running() for each in grandchildren)


def test_the_process_of_a_killed_parent_ends(tmp_path: Path) -> None:
    with interrupted(tmp_path) as process:
        (child,) = psutil.Process(process.pid).children()
        process.kill()
        wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert lines(tmp_path / "log") == ["teardown", "teardown"]


def test_asking_twice_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def operation() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.write(2, b".")
        threading.Event().wait()

    async def work() -> None:
        framework = PerformanceTestFramework()
        task = asyncio.ensure_future(framework.arun_benchmark("bench", TestType.API_ENDPOINT, operation, 5, 0, runs=2))
        await asyncio.to_thread(wait_for, lambda: any(_ignores_interrupts(each) for each in children()))
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(wait_for, lambda: not children())

    asyncio.run(work())


def _ignores_interrupts(process: psutil.Process) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(mask, 16) >> (signal.SIGINT - 1) & 1)


# The command.

OPERATIONS = """
import os, pathlib, sys
def fast(): return 1
def connects(): pathlib.Path("log").open("a").write(f"setup:{os.getpid()} ")
def prints(): print("noise")
def dies():
    pathlib.Path("log").open("a").write("call ")
    if len(pathlib.Path("log").read_text().split()) == 7: os._exit(9)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "operations.py").write_text(OPERATIONS)
    (tmp_path / "sub" / "apart.py").write_text(OPERATIONS)
    return tmp_path


def paceline(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return commands.paceline(folder, "call", *arguments)


@pytest.mark.parametrize("module", ["operations", "operations.py", "sub/apart.py"])
def test_command(folder: Path, module: str) -> None:
    ended = paceline(
        folder, f"{module}:prints", "-n", "50", "--runs", "2", "--epochs", "3", "--seed", "5", "--setup",
        f"{module}:connects", "--json", "-",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    (result,) = json.loads(ended.stdout)["results"]
    replicated = result["record"]["replication"]
    assert (replicated["runs"], replicated["epochs"], replicated["seed"]) == (2, 3, 5)
    assert result["metrics"]["iterations"] == 300
    assert len(set(lines(folder / "log"))) == 2


def test_command_shows_the_levels(folder: Path) -> None:
    ended = paceline(folder, "operations:fast", "-n", "20", "--runs", "2", "--epochs", "2")
    assert ended.returncode == 0
    assert "2 fresh ones, 2 epochs each" in ended.stdout
    assert "between processes" in ended.stdout


def test_levels_of_concurrency_and_durations(folder: Path) -> None:
    ended = paceline(folder, "operations:fast", "-c", "1,2", "-d", "50ms", "--runs", "2", "--json", "-")
    assert ended.returncode == 0, ended.stderr
    for result in json.loads(ended.stdout)["results"]:
        record = result["record"]
        assert [len(process["epochs"]) for process in record["replication"]["processes"]] == [1, 1]
        assert (record["definition"]["duration_s"], record["definition"]["runs"]) == (0.05, 2)
        assert record["counts"]["ok"] == sum(each["figures"]["attempts"] for each in record["replication"]["processes"])


def test_a_run_that_was_cut_off_is_resumed_as_a_whole(folder: Path) -> None:
    arguments = ["operations:dies", "-n", "5", "-w", "0", "--runs", "2", "--json", "out.json"]
    ended = paceline(folder, *arguments)
    assert ended.returncode == 3
    assert "process 2 of 2 ended with code 9 before its run was over" in ended.stderr
    assert "5 of 10 iterations" in ended.stdout
    ended = paceline(folder, *arguments, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert "going on after 0 finished results" in ended.stderr
    (result,) = json.loads((folder / "out.json").read_text())["results"]
    assert result["metrics"]["iterations"] == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "0"], "runs must be"),
        (["--epochs", "-1"], "epochs must be"),
        (["--seed", "3"], "ask for runs or epochs"),
        (["--runs", "2", "--seed", "-1"], "seed must be"),
        (["--runs", "2", "--setup", "operations:nothing"], "operations has no 'nothing'"),
    ],
)
def test_wrong_options(folder: Path, arguments: list[str], said: str) -> None:
    ended = paceline(folder, "operations:fast", *arguments)
    assert ended.returncode == 4
    assert said in ended.stderr
