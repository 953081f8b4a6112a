"""Loads of several processes, parts of which are killed or frozen at moments that a seed draws.

Whatever happens: no request is made twice, none is claimed that the server has not seen, and what is missing is said.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.functional import fault_driver
from tests.functional.counting_server import CountingServer, Seen, counting_server
from tests.functional.dask_cluster import DaskCluster, dask_cluster, generators
from tests.waiting import wait_for

pytestmark = pytest.mark.real

SEED = 9
PER_SECOND, LASTS_S = 200, 2.0
PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server() as found:
        yield found


@dataclass
class Fault:
    """A load, and what was done to it.

    Attributes:
        driver: its process.
        seen: what the server was asked for.
        planned: how often it should have been.
        code: it ended with.
        result: what it wrote, if anything.
    """

    driver: subprocess.Popen[str]
    seen: Seen
    planned: int
    code: int = 0
    said: str = ""
    result: Any = None

    @property
    def findings(self) -> dict[str, Any]:
        return {finding["code"]: finding for finding in self.result["findings"]}

    @property
    def legs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.result["record"]["load"]["legs"]
        return found

    def legs_here(self) -> list[int]:
        return sorted(generators(self.driver.pid))


def struck(
    server: CountingServer,
    name: str,
    folder: Path,
    strike: Callable[[Fault], object],
    *words: str,
    lasts_s: float = LASTS_S,
    after_s: float = 0.2,
) -> Fault:
    """A load that is struck at a moment of the 1.3 s from ``after_s`` on, by its own time, and what became of it."""
    moment_s = after_s + random.Random(f"{SEED} {name}").uniform(0, 1.3)
    seen = server.expect(name, round(PER_SECOND * moment_s))
    file = folder / f"{name}.json"
    driver = subprocess.Popen(
        [
            sys.executable, "-m", fault_driver.__name__, "http", f"{server.url}/{name}/{{{{n}}}}", "-q",
            "--rate", f"{PER_SECOND}/s", "-d", f"{lasts_s}s", "-c", "4", "-w", "0", "--processes", "2",
            "-t", "error_rate<=100%", "--no-probe", "--json", str(file), *words,
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    fault = Fault(driver, seen, round(PER_SECOND * lasts_s))
    try:
        assert seen.reached.wait(PATIENCE_S), f"{name}: {seen.numbers.total()} requests, {driver.poll()}"
        strike(fault)
        fault.said, _ = driver.communicate(timeout=PATIENCE_S)
    finally:
        if driver.poll() is None:
            driver.kill()
    fault.code = driver.returncode
    if file.exists():
        (fault.result,) = json.loads(file.read_text())["results"]
    assert max(seen.numbers.values()) == 1, f"{name}: a request was made twice"
    return fault


def process(pid: int, number: signal.Signals) -> Callable[[Fault], object]:
    """Strikes the process ``pid``."""
    return lambda _: os.kill(pid, number)


def legs_of(worker: int) -> Callable[[Fault], object]:
    """Kills what makes a load below the process ``worker``."""

    def kill(_: Fault) -> None:
        for pid in generators(worker):
            os.kill(pid, signal.SIGKILL)

    return kill


def no_process(pids: Iterable[int]) -> bool:
    return not any(psutil.pid_exists(pid) for pid in pids)


def check_missed(fault: Fault, name: str, *, lost: int = 1, tolerated: bool = False) -> None:
    """Its result says what is missing, and claims no more than the server has seen."""
    assert fault.result is not None, f"{name}: {fault.code} {fault.said}"
    attempts = sum(fault.result["record"]["counts"][end] for end in ("ok", "errors", "timeouts"))
    assert attempts <= fault.seen.numbers.total() <= fault.planned
    assert sum(bool(leg["lost"]) for leg in fault.legs) == lost, f"{name}: {fault.legs}"
    finding = fault.findings["legs-lost"]
    assert f"{lost} of the 2 processes that made the load came to no end" in finding["seen"]
    assert "% of the load was not made" in finding["seen"]
    assert finding["serious"] is not tolerated
    in_doubt = any(finding["serious"] for finding in fault.findings.values())  # a busy machine may add to that
    assert fault.code == (6 if in_doubt else 0), f"{name}: {fault.code} {fault.said}"
    for leg in fault.legs:
        assert leg["delivered"] == 1.0 if not leg["lost"] else leg["delivered"] < 1.0


def test_processes_of_this_machine(server: CountingServer, tmp_path: Path) -> None:
    def one_leg(number: signal.Signals, place: int) -> Callable[[Fault], object]:
        return lambda fault: os.kill(fault.legs_here()[place], number)

    def missed(name: str, strike: Callable[[Fault], object]) -> None:
        tolerated = name.endswith("6")
        words = ("--tolerate-loss", "1") if tolerated else ()
        check_missed(struck(server, name, tmp_path, strike, *words), name, tolerated=tolerated)

    def orphaned(name: str) -> None:
        left: list[int] = []

        def kill(fault: Fault) -> None:
            left.extend(fault.legs_here())
            fault.driver.kill()

        fault = struck(server, name, tmp_path, kill, lasts_s=600.0 if name.endswith("0") else LASTS_S)
        assert fault.result is None
        assert len(left) == 2
        wait_for(partial(no_process, left))

    with ThreadPoolExecutor(3) as together:
        runs = [
            *(together.submit(missed, f"killed{i}", one_leg(signal.SIGKILL, i % 2)) for i in range(7)),
            *(together.submit(missed, f"frozen{i}", one_leg(signal.SIGSTOP, i % 2)) for i in range(2)),
            *(together.submit(orphaned, f"orphaned{i}") for i in range(3)),
        ]
        for run in runs:
            run.result()


def test_machines_of_a_cluster(server: CountingServer, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="a cluster needs the extra 'cluster'")

    def missed(cluster: DaskCluster, name: str, strike: Callable[[Fault], object], *words: str, lost: int = 1) -> Fault:
        fault = struck(server, name, tmp_path, strike, "--cluster", cluster.address, *words)
        check_missed(fault, name, lost=lost, tolerated="--tolerate-loss" in words)
        return fault

    def workers_stay() -> None:
        with dask_cluster(workers=2) as cluster:
            first, second = cluster.wait().values()
            missed(cluster, "leg0", legs_of(first))
            missed(cluster, "leg1", legs_of(second), "--tolerate-loss", "1")
            orphans: set[int] = set()

            def kill_the_driver(fault: Fault) -> None:
                orphans.update(generators(first), generators(second))
                fault.driver.kill()

            alone = struck(server, "driver", tmp_path, kill_the_driver, "--cluster", cluster.address, lasts_s=600.0)
            assert alone.result is None
            assert len(orphans) == 2
            wait_for(partial(no_process, orphans))
            fault = struck(
                server, "scheduler", tmp_path, lambda _: cluster.scheduler.kill(), "--cluster", cluster.address,
                lasts_s=6.0, after_s=2.5,
            )  # fmt: skip
            check_missed(fault, "scheduler", lost=2)
            # What both had told by then is kept.
            assert all(leg["counts"]["ok"] for leg in fault.legs)
            assert all(leg["lost"].startswith("was lost with") for leg in fault.legs)

    def workers_freeze() -> None:
        with dask_cluster(workers=2) as cluster:
            for turn in range(2):
                pid = list(cluster.wait().values())[turn]
                fault = missed(cluster, f"ice{turn}", process(pid, signal.SIGSTOP))
                legs = generators(pid)
                os.kill(pid, signal.SIGCONT)
                assert "said nothing" in fault.legs[turn]["lost"]
                wait_for(partial(no_process, legs))  # thawed, it finds that nobody asks any more

    def workers_go() -> None:
        with dask_cluster(workers=3) as cluster:
            for turn in range(2):
                pid = list(cluster.wait().values())[turn]
                fault = missed(cluster, f"gone{turn}", process(pid, signal.SIGKILL))
                assert "lost with its worker" in fault.legs[turn]["lost"]

    with ThreadPoolExecutor(3) as together:
        for run in [together.submit(each) for each in (workers_stay, workers_freeze, workers_go)]:
            run.result()
