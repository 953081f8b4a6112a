"""A real MariaDB server on a Unix socket, from Debian, gone when the test is."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_for

_AS_ROOT = "nobody"


@contextmanager
def mariadb() -> Iterator[str]:
    """Its URL for SQLAlchemy. Skips the test where there is none."""
    server, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if server is None or install is None:
        pytest.skip("there is no mariadbd on this machine: apt-get install mariadb-server-core")
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam(_AS_ROOT)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="paceline-my-"))
    try:
        if who:
            os.chown(folder, who["user"], who["group"])
        data, socket = folder / "data", folder / "s"
        plain = ["--no-defaults", f"--datadir={data}"]
        made = subprocess.run(
            [install, *plain, "--auth-root-authentication-method=normal", "--skip-test-db"],
            cwd=folder, capture_output=True, text=True, check=False, **who,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr + made.stdout
        command = [
            server, *plain, f"--socket={socket}", "--skip-networking", f"--pid-file={folder / 'pid'}",
            f"--log-error={folder / 'log'}", "--innodb-lock-wait-timeout=1", "--skip-log-bin",
        ]  # fmt: skip
        running = subprocess.Popen(command, cwd=folder, **who)
        try:
            wait_for(lambda: socket.exists() or running.poll() is not None)
            assert running.poll() is None, (folder / "log").read_text()
            yield f"mysql+pymysql://root@localhost/test?unix_socket={socket}"
        finally:
            running.terminate()
            try:
                running.wait(timeout=20)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
    finally:
        shutil.rmtree(folder)
