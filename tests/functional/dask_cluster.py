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
from types import MappingProxyType

import psutil

from paceline.engine.cluster import Cluster
from paceline.engine.connecting import connected
from tests.waiting import wait_for

_START_S = 60.0  # a process of Dask takes two, on a machine that does nothing else
_QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical"}


class DaskCluster:
    """Started by :func:`dask_cluster`.

    Attributes:
        address: of the scheduler.
        scheduler: its process.
        workers: their processes, in the order they were started.
    """

    def __init__(self, folder: Path, scheduler: Sequence[str], worker: Sequence[str]) -> None:
        self._folder = folder
        self._options = tuple(worker)
        self._all: list[subprocess.Popen[bytes]] = []
        file = folder / "scheduler.json"
        place = ("--protocol", "tls") if scheduler else ()
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", *place, "--no-dashboard", "--scheduler-file", str(file),
            *scheduler,
        )  # fmt: skip
        wait_for(lambda: file.exists() and file.read_text().rstrip().endswith("}"), _START_S)
        self.address: str = json.loads(file.read_text())["address"]
        self.workers: list[subprocess.Popen[bytes]] = []

    def add(self, *words: str, path: Path | None = None, open_files: int | None = None) -> int:
        """Start a worker; its pid. Whoever needs it there calls :meth:`wait`.

        Args:
            words: more options.
            path: where its interpreters look for modules first.
            open_files: how many it may have.
        """
        env = {} if path is None else {"PYTHONPATH": os.pathsep.join([str(path), os.environ.get("PYTHONPATH", "")])}
        before = [] if open_files is None else ["sh", "-c", f'ulimit -n {open_files}; exec "$@"', "sh"]
        worker = self._start(
            "worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard",
            "--local-directory", str(self._folder), *self._options, *words,
            env=env, before=before,
        )  # fmt: skip
        self.workers.append(worker)
        return worker.pid

    def wait(self, as_whom: Cluster | None = None) -> dict[str, int]:
        """Wait for all workers that live; their pids by their addresses, in the order that legs are dealt out."""
        client = connected(as_whom or Cluster(self.address))
        pids: dict[str, int] = {}

        def all_are_there() -> bool:
            living = {worker.pid for worker in self.workers if worker.poll() is None}
            client.wait_for_workers(len(living), timeout=_START_S)
            pids.clear()
            pids.update(sorted(client.run(os.getpid, on_error="ignore").items()))
            return set(pids.values()) >= living

        try:
            wait_for(all_are_there, _START_S)
        finally:
            client.close()
        return pids

    def close(self) -> None:
        """End what is left."""
        for process in self._all:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

    def _start(
        self, *words: str, env: Mapping[str, str] = MappingProxyType({}), before: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*before, sys.executable, "-m", "dask", *words],
            env={**os.environ, **_QUIET, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._all.append(process)
        return process


@contextlib.contextmanager
def dask_cluster(
    workers: int, scheduler_options: Sequence[str] = (), worker_options: Sequence[str] = ()
) -> Iterator[DaskCluster]:
    """One with so many workers; options are those that name certificates."""
    with tempfile.TemporaryDirectory(prefix="dask-", ignore_cleanup_errors=True) as folder:
        cluster = DaskCluster(Path(folder), scheduler_options, worker_options)
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
