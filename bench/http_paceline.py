"""Paceline's side: each function makes one run; ``main`` is a process of its own that makes one and prints it."""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import psutil

from paceline import ClosedLoop, ConstantRate, HttpTarget, PerformanceTestFramework
from paceline.campaign.load import load_request
from paceline.judge.result import TestResult
from paceline.scenario.files import FileScenario

_NS_PER_US = 1_000
_US_PER_S = 1e6


def closed(url: str, connections: int, duration_s: float, warmup_s: float, ca_file: str | None = None) -> TestResult:
    """All connections ask again as soon as they were answered."""
    target = HttpTarget(url, connections=connections, ca_file=ca_file)
    return PerformanceTestFramework().run_load("closed", target, ClosedLoop(connections, duration_s), warmup_s=warmup_s)


def awaited(url: str, connections: int, duration_s: float, warmup_s: float) -> TestResult:
    """The same by users that await each answer, as ``paceline run`` makes it."""
    os.environ["BENCH_URL"] = url
    target = FileScenario(str(Path(__file__).with_name("http_scenario.py")), "ask")
    workload = ClosedLoop(connections, duration_s)
    request = load_request("awaited", target, workload, {}, warmup_s=warmup_s, own_process=True)
    return PerformanceTestFramework().run(request)


def opened(url: str, connections: int, duration_s: float, warmup_s: float, per_second: float) -> TestResult:
    """Requests at constant rate, whatever becomes of them."""
    target = HttpTarget(url, connections=connections)
    workload = ConstantRate(per_second, duration_s)
    return PerformanceTestFramework().run_load("opened", target, workload, warmup_s=warmup_s)


def counted(url: str, connections: int, duration_s: float, per_second: float) -> TestResult:
    """The same with nothing before and beside it, so that the server sees these requests only."""
    target = HttpTarget(url, connections=connections)
    workload = ConstantRate(per_second, duration_s)
    return PerformanceTestFramework().run_load("counted", target, workload, warmup_s=0.0, probe=False)


LOADS: dict[str, Callable[..., TestResult]] = {
    "closed": closed,
    "awaited": awaited,
    "opened": opened,
    "counted": counted,
}


def told(result: TestResult) -> dict[str, object]:
    """The figures of one run that benches look at: the fields of ``bench.http_generators.Told``."""
    record, metrics = result.record, result.metrics
    assert record.load is not None
    load, arrivals = record.load, record.load.arrivals
    lags = {} if arrivals is None else {"lag": arrivals.lag, "generator_lag": arrivals.generator_lag}
    return {
        "rate": metrics.throughput_ops_per_sec,
        "attempts": record.counts.attempts,
        "not_ok": record.counts.attempts - record.counts.ok,
        "p99_ms": metrics.p99_time_ms,
        "cpu_us": mean(load.cpu_percent) / 100 / metrics.attempts_per_sec * _US_PER_S,
        "lags_us": {
            f"{name}_p{100 * q:g}": lag.quantile_ns(q) / _NS_PER_US for name, lag in lags.items() for q in (0.5, 0.99)
        },
        "findings": [finding.code for finding in result.findings],
    }


def main() -> None:
    """Make the run that the command line names: a load, its keyword arguments as JSON, and the generator's core."""
    load, arguments, core = sys.argv[1:]
    generator = int(core)
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {generator})
    threading.Thread(target=_give_a_core, args=(generator,), daemon=True).start()
    print(json.dumps(told(LOADS[load](**json.loads(arguments)))))


def _give_a_core(core: int) -> None:
    """Move the load's process to its core when it is there; the probe stays with the parent."""
    while not (children := psutil.Process().children()):
        time.sleep(0.01)
    os.sched_setaffinity(children[0].pid, {core})
