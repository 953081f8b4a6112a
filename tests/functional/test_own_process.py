"""A load in a process of its own: what comes of it, and how it ends when somebody ends it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from paceline import AsgiTarget, ClosedLoop, ConstantRate, HttpTarget, PerformanceTestFramework, WsgiTarget
from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine import child_process, offload, request, runs
from paceline.engine.child_process import Child, Failed
from paceline.engine.probe import Prober
from paceline.engine.request import LoadNow, Run, RunRequest
from paceline.judge.result import TestResult
from paceline.records.run_record import RunRecord, TestType
from paceline.workload.models import FixedIterations, Poisson, Stages, Workload
from tests.functional.small_server import small_server
from tests.waiting import wait_for

pytestmark = pytest.mark.real

LONG = ClosedLoop(2, 600.0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        runs.run(load(found, FixedIterations(1)))  # what is opened once a process is open from now on
        runs.run(replace(load(found, FixedIterations(1)), own_process=False))
        yield found


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    threads, children = set(threading.enumerate()), _children()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert _children() == children
    wait_for(lambda: not _named_ours(set(threading.enumerate()) - threads))
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors


def _named_ours(threads: set[threading.Thread]) -> list[str]:
    return [thread.name for thread in threads if not thread.name.startswith("asyncio")]


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True) if "engine.child" in _command(child)}


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def load(url: str, workload: Workload = LONG, **changes: Any) -> RunRequest:
    return replace(RunRequest("load", TestType.API_ENDPOINT, HttpTarget(url), workload, own_process=True), **changes)


class Watching:
    """Calls ``then`` when it is first shown that there were attempts, or a slice where ``slices``."""

    def __init__(self, then: Callable[[], object], *, slices: bool = False) -> None:
        self._then, self._slices, self.done = then, slices, False

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        assert load is not None
        if attempts and not self._slices:
            self._once()

    def partial(self, record: RunRecord) -> None:
        self._once()

    def _once(self) -> None:
        if not self.done:
            self.done = True
            self._then()


def the_child() -> int:
    (pid,) = _children()
    return pid


def test_result_is_in_kind_that_of_a_run_in_this_process(url: str) -> None:
    asked = load(url, FixedIterations(200, workers=4))
    own, here = runs.run(asked).record, runs.run(replace(asked, own_process=False)).record
    assert own.load is not None
    assert here.load is not None
    assert own.load.own_process
    assert not here.load.own_process
    assert own.definition == here.definition
    assert own.counts == here.counts
    assert own.load.traffic is not None
    assert here.load.traffic is not None
    assert own.load.traffic.statuses == here.load.traffic.statuses
    assert own.load.traffic.received_bytes == here.load.traffic.received_bytes
    assert own.fingerprint.key == here.fingerprint.key


def test_a_servers_random_port_is_no_other_definition(url: str, tmp_path: Path) -> None:
    def result_at(where: str, framework: PerformanceTestFramework) -> TestResult:
        return framework.run_load("items", HttpTarget(f"{where}/items"), FixedIterations(20), warmup_s=0)

    first = PerformanceTestFramework()
    result_at(url, first)
    first.save_baseline(tmp_path / "baseline.json")
    with small_server() as other:
        assert other != url
        second = PerformanceTestFramework()
        second.load_baseline(tmp_path / "baseline.json")
        result = result_at(other, second)
    assert result.record.definition.target == "GET http://127.0.0.1:*/items"
    assert result.comparison is not None
    assert "definition" not in result.comparison.reason, result.comparison.reason


def test_a_killed_child_is_an_error_that_names_the_signal(url: str) -> None:
    with pytest.raises(MeasurementError, match="killed by SIGKILL before it reported"):
        runs.run(load(url), observer=Watching(lambda: os.kill(the_child(), signal.SIGKILL)))


def test_a_child_that_does_not_end_is_killed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "_LONGER_S", 0.5)
    asked = replace(load(url, ClosedLoop(2, 2.0)), target=HttpTarget(url, timeout_s=0.2))
    with pytest.raises(MeasurementError, match=r"did not end by itself within \d+ s and was killed before"):
        raise runs.run(asked, observer=Watching(lambda: os.kill(the_child(), signal.SIGSTOP))).stopped_by or SystemError


def test_a_child_that_does_not_end_when_it_is_told_to_is_killed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        os.kill(the_child(), signal.SIGSTOP)
        raise KeyboardInterrupt

    monkeypatch.setattr(offload, "_ENDING_S", 1.0)
    offloaded = offload._Offloaded(load(url, ClosedLoop(2, 2.0)), SYSTEM_CLOCK, Watching(interrupted))
    with pytest.raises(KeyboardInterrupt):
        offloaded.run()
    assert offloaded._overdue == "1 s of being told to"  # not because of the limit that every load has


def test_what_a_killed_child_had_told_is_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = runs.run(load(url, FixedIterations(10)))
    lines = child_process._START.replace("from paceline.engine.child", "import paceline.engine.session as s; "
                                         "s._SLICE_S = 0.1; from paceline.engine.child")  # fmt: skip
    monkeypatch.setattr(child_process, "_START", lines)
    watching = Watching(lambda: os.kill(the_child(), signal.SIGKILL), slices=True)
    ended = runs.run(load(url), observer=watching)
    assert isinstance(ended.stopped_by, MeasurementError)
    assert "killed by SIGKILL" in str(ended.stopped_by)
    assert ended.record.counts.ok > 0
    assert "SIGKILL" in str(ended.record.circumstances.interruption)


def test_what_cannot_be_handed_over_is_said(url: str) -> None:
    class Local(HttpTarget):
        """Of a function: nothing that another process could import."""

    with pytest.raises(MeasurementError, match="cannot be handed to a process of its own"):
        runs.run(replace(load(url), target=Local(url)))


def test_what_stands_around_a_load_is_called_here(url: str) -> None:
    said: list[str] = []

    async def setup() -> None:
        await asyncio.sleep(0)
        said.append("setup")

    def teardown() -> None:
        said.append("teardown")
        raise LookupError("no such table")

    framework = PerformanceTestFramework()
    result = framework.run_load("load", HttpTarget(url), ClosedLoop(2, 0.1), warmup_s=0, setup=setup, teardown=teardown)
    assert said == ["setup", "teardown"]
    error = result.record.circumstances.teardown_error
    assert error is not None
    assert error.kind == "LookupError"

    async def on_a_loop() -> None:
        await framework.arun_load("a", HttpTarget(url), ClosedLoop(2, 0.1), warmup_s=0, setup=setup)
        framework.run_load("b", HttpTarget(url), ClosedLoop(2, 0.1), warmup_s=0, setup=setup)

    asyncio.run(on_a_loop())
    assert said == ["setup", "teardown", "setup", "setup"]

    def refuses() -> None:
        raise RuntimeError("the database is down")

    with pytest.raises(MeasurementError, match="setup raised RuntimeError: the database is down"):
        framework.run_load("load", HttpTarget(url), LONG, setup=refuses)


@pytest.mark.parametrize("error", [MeasurementError, ConfigurationError])
def test_errors_travel(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    offloaded = offload._Offloaded(load("http://127.0.0.1:1"), SYSTEM_CLOCK, Watching(lambda: None))
    offloaded._take(Failed(error("what was wrong")))  # type: ignore[arg-type]
    with pytest.raises(error, match="what was wrong"):
        offloaded._result(0)


def test_nobody_listens_is_told_from_the_child() -> None:
    with pytest.raises(MeasurementError, match="refused"):
        runs.run(load("http://127.0.0.1:1"))


def test_cancelling_keeps_what_was_measured(url: str) -> None:
    framework = PerformanceTestFramework(observer=Watching(lambda: loop.call_soon_threadsafe(task.cancel)))
    loop = asyncio.new_event_loop()

    async def work() -> None:
        with pytest.raises(asyncio.CancelledError):
            await framework.arun_load("load", HttpTarget(url), LONG, warmup_s=0)

    task = loop.create_task(work())
    loop.run_until_complete(task)
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    (result,) = framework.results
    assert result.record.counts.ok > 0
    assert result.record.circumstances.interruption == "KeyboardInterrupt"


def test_cancelling_at_once_does_not_wait_for_the_end(url: str) -> None:
    async def work() -> None:
        task = asyncio.ensure_future(runs.arun(load(url)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, MeasurementError)):
            raise (await task).stopped_by or AssertionError

    asyncio.run(asyncio.wait_for(work(), 20.0))


INTERRUPTED = """
import os, signal, sys
from paceline import ClosedLoop, HttpTarget, PerformanceTestFramework
from paceline.engine import child_process
child_process._END_S = 600.0  # whoever is to be killed is not waited for first
signal.signal(signal.SIGINT, signal.default_int_handler)
class Watching:
    def progress(self, name, share, attempts, load=None):
        print("running", flush=True)
    def partial(self, record): pass
framework = PerformanceTestFramework(observer=Watching())
try:
    framework.run_load("load", HttpTarget(sys.argv[1]), ClosedLoop(2, 600.0), warmup_s=0, probe=False)
except KeyboardInterrupt:
    print("interrupted", [result.record.counts.ok > 0 for result in framework.results], flush=True)
"""


AGAIN = """
from paceline.engine.child_process import Child
def stop(child, stop=Child.stop):
    stop(child)
    Child.stop = lambda child: None
    signal.raise_signal(signal.SIGINT)
Child.stop = stop
"""


@contextlib.contextmanager
def _program(url: str, more: str = "") -> Iterator[subprocess.Popen[str]]:
    before, after = INTERRUPTED.split("signal.signal(", 1)
    with subprocess.Popen(
        [sys.executable, "-c", f"{before}{more}signal.signal({after}", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # or a test that fails would wait for it


def test_ctrl_c_keeps_what_was_measured(url: str) -> None:
    with _program(url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of its processes
        out, err = process.communicate(timeout=60.0)
    assert out.endswith("interrupted [True]\n")
    assert err == ""


def test_ctrl_c_while_it_connects_ends_without_a_traceback() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        deaf = f"https://127.0.0.1:{listening.getsockname()[1]}"  # never answers the handshake
        with _program(deaf) as process:
            connection, _ = listening.accept()
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=60.0)
            connection.close()
    assert out == "interrupted []\n"
    assert err == ""


@pytest.mark.parametrize("more", ["", AGAIN], ids=["later", "while the first is dealt with"])
def test_asking_twice_does_not_wait(url: str, more: str) -> None:
    with _program(f"{url}/never", more) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        (child,) = psutil.Process(process.pid).children()
        child.suspend()  # it does not hear the first
        process.send_signal(signal.SIGINT)
        if not more:
            wait_for(lambda: not _stdin_of(process.pid, child.pid))
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60.0)
    assert out.endswith("interrupted []\n")
    assert err == ""
    assert not child.is_running()


def _stdin_of(parent: int, child: int) -> bool:
    """Whether the parent still holds the other end of its child's standard input."""
    pipe = Path(f"/proc/{child}/fd/0").readlink()
    held = []
    for each in Path(f"/proc/{parent}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            held.append(each.readlink())
    return pipe in held


def test_the_child_of_a_killed_parent_ends(url: str) -> None:
    with _program(url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        (child,) = psutil.Process(process.pid).children()
        process.kill()
        wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_child_without_an_order_ends() -> None:
    child = Child()
    assert child.end() == 0


def test_messages_survive_an_interrupt(url: str) -> None:
    child = Child()
    child.order(replace(load(url, FixedIterations(50)), own_process=False))
    real = os.read
    reads = 0

    def read(descriptor: int, length: int) -> bytes:
        nonlocal reads
        reads += 1
        if reads % 2:
            raise KeyboardInterrupt
        return real(descriptor, min(length, 7))

    ended: Run | None = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "read", read)
        while ended is None:
            try:
                for message in child.messages():
                    ended = message if isinstance(message, Run) else None
            except KeyboardInterrupt:
                continue
    assert child.end() == 0
    assert ended.record.counts.ok == 50


def test_a_probe_sees_the_same_server(url: str) -> None:
    prober = Prober(load(f"{url}/slow", ClosedLoop(2, 5.0), probe_per_second=100.0))
    prober.open(2_000.0)
    prober.close()
    prober.end()
    result = runs.run(load(url, ClosedLoop(2, 0.6), probe_per_second=100.0, warmup_s=0.2)).record
    assert result.load is not None
    seen = result.load.probe
    assert seen is not None
    assert seen.per_second == 100.0
    assert seen.counts.errors == 0
    assert seen.latency.moments.count == seen.counts.attempts


def test_a_probe_that_was_never_opened_saw_nothing(url: str) -> None:
    prober = Prober(load(url, ClosedLoop(2, 5.0), probe_per_second=10.0))
    prober.close()
    assert prober.end() is None


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"ok"]


async def coroutine() -> None:
    await asyncio.sleep(0)


OPERATIONS: dict[str, Callable[[str], Any]] = {
    "http": HttpTarget,
    "asgi": lambda _: AsgiTarget(asgi),
    "wsgi": lambda _: WsgiTarget(wsgi),
    "coroutine": lambda _: coroutine,
    "function": lambda _: lambda: None,
}
WORKLOADS: dict[str, Workload] = {
    "iterations": FixedIterations(50, workers=2),
    "closed": ClosedLoop(2, 0.1),
    "thinking": ClosedLoop(2, 0.1, think_time_s=0.01),
    "constant": ConstantRate(500, 0.1),
    "poisson": Poisson(500, 0.1),
    "ramp": Stages([(0.1, 1_000)]),
    "users": Stages([(0.0, 2), (0.1, 2)], of="users"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_takes_every_load(url: str, operation: str) -> None:
    framework = PerformanceTestFramework()
    for name, workload in WORKLOADS.items():
        result = framework.run_load(name, OPERATIONS[operation](url), workload, warmup_s=0)
        counts = result.record.counts
        assert counts.ok == counts.attempts, name
        assert counts.ok > 0, name
        if name in {"iterations", "constant", "ramp"}:
            assert counts.ok == 50, name

    async def on_a_loop() -> None:
        for name in ("constant", "thinking", "closed"):
            again = await framework.arun_load(f"a {name}", OPERATIONS[operation](url), WORKLOADS[name], warmup_s=0.01)
            assert again.record.counts.ok > 0

    asyncio.run(on_a_loop())


@pytest.mark.parametrize("operation", ["http", "asgi", "wsgi"])
def test_benchmarks_take_targets(url: str, operation: str) -> None:
    framework = PerformanceTestFramework()
    result = framework.run_benchmark("one", TestType.API_ENDPOINT, OPERATIONS[operation](url), 20, 3)
    assert result.record.counts.ok == 20
    levels = framework.run_concurrent_benchmark("several", OPERATIONS[operation](url), [1, 3], 30)
    assert [(level.record.counts.ok, level.record.definition.workers) for level in levels] == [(30, 1), (30, 3)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"workload": 10}, "workload must be"),
        ({"warmup_s": -1}, "warmup_s must be"),
        ({"probe": True}, "there can be no probe beside this load"),
        ({"probe": True, "operation": coroutine}, "probe is for HttpTarget and Scenario"),
        ({"operation": 7}, "operation must be callable"),
        ({"operation": HttpTarget}, "operation"),
        ({"test_name": ""}, "test_name must be"),
        ({"threshold": "p(95)<1s"}, "threshold"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], said: str) -> None:
    given = {"test_name": "load", "operation": HttpTarget("http://127.0.0.1:1"), "workload": ClosedLoop(1, 1.0)}
    framework = PerformanceTestFramework()
    with pytest.raises(ConfigurationError, match=said):
        framework.run_load(**{**given, **arguments})
    assert framework.results == []
    with pytest.raises(ConfigurationError, match="timeout_s is the target's own"):
        framework.run_benchmark("x", TestType.API_ENDPOINT, given["operation"], timeout_s=1.0)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="batch is for callables"):
        framework.run_benchmark("x", TestType.API_ENDPOINT, given["operation"], batch=7)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="setup_each is for callables"):
        framework.run_benchmark("x", TestType.API_ENDPOINT, given["operation"], setup_each=print)  # type: ignore[arg-type]
