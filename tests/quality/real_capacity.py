# ruff: noqa: T201  # a command: it prints
"""The search for the highest load on queues behind a real socket: ten searches, each to be within 5 % of theory.

``python -m tests.quality.real_capacity`` takes half an hour. The server computes the moment of each answer when its
request arrives and burns no CPU (:mod:`tests.functional.queue_server`), so that a queue of any speed is there on a
machine of two cores; its own lateness is told beside what was found.
"""

import argparse
import os
import platform
import sys

from paceline.framework import PerformanceTestFramework
from paceline.judge.capacity import Answer, CapacityResult
from paceline.judge.thresholds import PerformanceThreshold
from paceline.targets.http import HttpTarget
from tests.functional.queue_server import queue_server
from tests.queues import capacity_per_s, m_m_c

WITHIN = 0.05


def line(seed: int, truth: float, result: CapacityResult) -> tuple[str, bool]:
    """What there is to say of one search, and whether it is near enough."""
    if result.answer is not Answer.INTERVAL or result.capacity is None:
        why = f"{result.record.ended.value}; {result.record.why}".rstrip("; ")
        return f"seed {seed}: no interval, {result.answer.value} {result.capacity}: {why}", False
    off = result.capacity / truth - 1
    low, high = result.low or 0.0, result.high or 0.0
    holds = "holds" if low <= truth <= high else "does not hold"
    told = f"seed {seed}: {result.capacity:.1f}/s ({low:.1f} to {high:.1f}), {off:+.2%}; the interval {holds} theory; "
    return f"{told}{len(result.record.probes)} probes in {result.record.elapsed_s:.0f} s", abs(off) <= WITHIN


def main() -> int:
    """Search, compare, print; 0 where all are within 5 % of theory."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.real_capacity")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--mean-ms", type=float, default=4.0, help="of a service time")
    parser.add_argument("--limit-ms", type=float, default=60.0, help="of the percentile")
    parser.add_argument("--percentile", type=float, default=95.0)
    parser.add_argument("--budget", type=float, default=300.0, help="seconds, of a search")
    given = parser.parse_args()
    print(f"$ python -m tests.quality.real_capacity {' '.join(sys.argv[1:])}".rstrip())
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{os.cpu_count()} CPUs, Python {platform.python_version()}, load average {load}", flush=True)
    near = 0
    with queue_server() as server:
        for seed in range(1, given.runs + 1):
            service = m_m_c(given.servers, given.mean_ms, seed=seed)
            truth = capacity_per_s(service, given.percentile / 100, given.limit_ms)
            limit = PerformanceThreshold(expressions=[f"p({given.percentile:g})<{given.limit_ms:g}"])
            result = PerformanceTestFramework().find_capacity(
                "queue", HttpTarget(server.url(service)), limit, budget_s=given.budget, seed=seed
            )
            told, is_near = line(seed, truth, result)
            late = server.report(service)
            print(f"{told}; server late {late.late_mean_ms:.2f} ms mean, {late.late_p99_ms:.1f} p99", flush=True)
            near += is_near
    print(f"theory {truth:.1f}/s: {near} of {given.runs} within {WITHIN:.0%}")
    return 0 if near == given.runs else 1


if __name__ == "__main__":
    sys.exit(main())
