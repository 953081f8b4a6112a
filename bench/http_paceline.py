"""Paceline's side: each function makes one run; ``main`` is a process of its own that makes one and prints it."""

import json
import sys
from collections.abc import Callable
from statistics import mean

from paceline import ClosedLoop, ConstantRate, HttpTarget, PerformanceTestFramework, Scenario, User
from paceline.judge.result import TestResult

_NS_PER_US = 1_000
_US_PER_S = 1e6


def closed(url: str, connections: int, duration_s: float, warmup_s: float, ca_file: str | None = None) -> TestResult:
    """All connections ask again as soon as they were answered."""
    target = HttpTarget(url, connections=connections, ca_file=ca_file)
    return PerformanceTestFramework().run_load("closed", target, ClosedLoop(connections, duration_s), warmup_s=warmup_s)


async def ask(user: User) -> None:
    """What each user of the scenario does, again and again."""
    await user.client.get("/")


def awaited(url: str, connections: int, duration_s: float, warmup_s: float) -> TestResult:
    """The same by users that await each answer."""
    scenario = Scenario(run=ask, url=url)
    workload = ClosedLoop(connections, duration_s)
    return PerformanceTestFramework().run_load("awaited", scenario, workload, warmup_s=warmup_s)


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
    """Make the run that the command line names: a load and its keyword arguments as JSON."""
    load, arguments = sys.argv[1:]
    print(json.dumps(told(LOADS[load](**json.loads(arguments)))))
