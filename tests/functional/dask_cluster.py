"""A Dask cluster of real processes on this machine: a scheduler, and workers that can be odd, frozen or killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import distributed
import psutil

from tests.waiting import wait_for

_QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical"}


class DaskCluster:
    """Started by :func:`dask_cluster`.

    Attributes:
        address: of the scheduler.
        scheduler: its process.
        workers: their processes, in the order they were started.
    """

    def __init__(self, folder: Path, security: Sequence[str] = ()) -> None:
        self._folder = folder
        self._security = tuple(security)
        self._all: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler", "--host", _host(security), "--port", "0", "--no-dashboard", "--scheduler-file", str(file)
        )
        wait_for(lambda: file.exists() and file.read_text().rstrip().endswith("}"))
        self.address: str = json.loads(file.read_text())["address"]
        self.workers: list[subprocess.Popen[bytes]] = []

    def add(self, *words: str, env: Mapping[str, str] | None = None, open_files: int | None = None) -> int:
        """Start a worker; its pid. Whoever needs it waits with :meth:`client`."""
        before = [] if open_files is None else ["sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh"]
        worker = self._start(
            "worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard",
            "--local-directory", str(self._folder), *words, env=env, before=before,
        )  # fmt: skip
        self.workers.append(worker)
        return worker.pid

    @contextlib.contextmanager
    def client(self, security: Any = None) -> Iterator[Any]:
        """A client, once all workers that live are there."""
        with distributed.Client(  # type: ignore[no-untyped-call]  # of Dask
            self.address, security=security, set_as_default=False
        ) as client:
            client.wait_for_workers(sum(worker.poll() is None for worker in self.workers), timeout=30)
            yield client

    def pids(self, security: Any = None) -> dict[str, int]:
        """Of its workers, by their addresses in the order that legs are dealt out."""
        with self.client(security) as client:
            return dict(sorted(client.run(os.getpid, on_error="ignore").items()))

    def close(self) -> None:
        """End what is left."""
        for process in self._all:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

    def _start(
        self, *words: str, env: Mapping[str, str] | None = None, before: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "dask", *words, *self._security],
            env={**os.environ, **_QUIET, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._all.append(process)
        return process


def _host(security: Sequence[str]) -> str:
    return "tls://127.0.0.1" if security else "tcp://127.0.0.1"


@contextlib.contextmanager
def dask_cluster(workers: int, security: Sequence[str] = ()) -> Iterator[DaskCluster]:
    """One with so many workers; ``security`` are options that name its certificates."""
    with tempfile.TemporaryDirectory(prefix="dask-", ignore_cleanup_errors=True) as folder:
        cluster = DaskCluster(Path(folder), security)
        try:
            for _ in range(workers):
                cluster.add()
            yield cluster
        finally:
            cluster.close()


def generators(pid: int | None = None) -> set[int]:
    """Processes of legs, wherever in the tree below ``pid``, or this process, they live."""
    found = set()
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "engine.child" in " ".join(process.cmdline()):
                found.add(process.pid)
    return found
