# ruff: noqa: T201  # a command: it prints
"""The search for the highest load on queues behind a real socket: ten searches, each to be within 5 % of theory.

``python -m tests.quality.real_capacity`` takes at most 20 minutes: a search has two. The server computes the moment of
each answer when its request arrives and burns no CPU (:mod:`tests.functional.queue_server`), so that a queue of any
speed is there on a machine of two cores; its own lateness is told beside what was found, and the machine's load.

Each line is printed, and with ``--lines FILE`` appended to FILE, the moment its search is over. ``--first 4`` goes on
with the fourth seed, where one was cut off. A search that cannot be made is a line too, and not near.
"""

import argparse
import math
import os
import platform
import sys
from pathlib import Path

from paceline.core.errors import PacelineError
from paceline.framework import PerformanceTestFramework
from paceline.judge.capacity import Answer, CapacityResult
from paceline.judge.capacity_findings import load_text
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.capacity import Phase
from paceline.targets.http import HttpTarget
from tests.functional.queue_server import QueueServer, queue_server
from tests.queues import Service, capacity_per_s, m_m_c

WITHIN = 0.05


class Tally:
    """What came of the searches so far; says each line as it comes."""

    def __init__(self, lines: Path | None) -> None:
        self._lines = lines
        self.made = self.near = self.answers = self.held = 0

    def say(self, line: str) -> None:
        """Print it, and append it to the file."""
        print(line, flush=True)
        if self._lines is not None:
            with self._lines.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def add(self, seed: int, truth: float, result: CapacityResult) -> str:
        """Count a search; what there is to say of it."""
        self.made += 1
        record = result.record
        if result.answer is not Answer.INTERVAL or result.capacity is None:
            bounds = " to ".join(load_text(record, end) for end in (result.low, result.high) if end is not None)
            told = (
                f"seed {seed}: no interval, {result.answer.value} {bounds}: {record.ended.value} {record.why}".rstrip()
            )
        else:
            off = result.capacity / truth - 1
            low, high = result.low or 0.0, result.high or math.inf
            holds = low <= truth <= high
            self.answers += 1
            self.held += holds
            self.near += abs(off) <= WITHIN
            told = (
                f"seed {seed}: {result.capacity:.1f}/s ({low:.1f} to {high:.1f}), {off:+.2%}; the interval "
                f"{'holds' if holds else 'does not hold'} theory; {record.ended.value}"
            )
        return f"{told}; {_probes(result)}"


def _probes(result: CapacityResult) -> str:
    record = result.record
    unsound = [probe for probe in record.probes if probe.limited_by is not None]
    told = ", ".join(
        f"{len(probes)} {phase.value} in {sum(probe.took_s for probe in probes):.0f} s"
        for phase in Phase
        if (probes := [probe for probe in record.probes if probe.phase is phase])
    )
    why = f", {len(unsound)} of them the generator's ({unsound[-1].why})" if unsound else ""
    codes = ", ".join(finding.code for finding in result.findings)
    return f"{told}{why}; {record.elapsed_s:.0f} s in all; findings: {codes or 'none'}"


def _searched(server: QueueServer, service: Service, given: argparse.Namespace, seed: int) -> CapacityResult:
    limit = PerformanceThreshold(expressions=[f"p({given.percentile:g})<{given.limit_ms:g}"])
    return PerformanceTestFramework().find_capacity(
        "queue", HttpTarget(server.url(service)), limit, budget_s=given.budget, seed=seed
    )


def _load() -> str:
    return ", ".join(f"{each:.1f}" for each in os.getloadavg())


def main() -> int:
    """Search, compare, print; 0 where all are within 5 % of theory."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.real_capacity")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="seed of the first run")
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--mean-ms", type=float, default=1.0, help="of a service time")
    parser.add_argument("--limit-ms", type=float, default=15.0, help="of the percentile")
    parser.add_argument("--percentile", type=float, default=95.0)
    parser.add_argument("--budget", type=float, default=120.0, help="seconds, of a search")
    parser.add_argument("--lines", type=Path, help="append what is printed to this file, too")
    given = parser.parse_args()
    tally = Tally(given.lines)
    tally.say(f"$ python -m tests.quality.real_capacity {' '.join(sys.argv[1:])}".rstrip())
    truth = capacity_per_s(m_m_c(given.servers, given.mean_ms), given.percentile / 100, given.limit_ms)
    tally.say(
        f"{os.cpu_count()} CPUs, Python {platform.python_version()}, load average {_load()}; theory {truth:.1f}/s for "
        f"p({given.percentile:g})<{given.limit_ms:g} ms, {given.servers} x {given.mean_ms:g} ms"
    )
    with queue_server() as server:
        for seed in range(given.first, given.first + given.runs):
            service = m_m_c(given.servers, given.mean_ms, seed=seed)
            try:
                told = tally.add(seed, truth, _searched(server, service, given, seed))
                late = server.report(service)
            except (PacelineError, OSError) as error:
                tally.made += 1
                tally.say(f"seed {seed}: {type(error).__name__}: {error}")
                continue
            lateness = f"server late {late.late_mean_ms:.2f} ms mean, {late.late_p99_ms:.1f} p99"
            tally.say(f"{told}; {lateness}; load average {_load()}")
    tally.say(
        f"theory {truth:.1f}/s: {tally.near} of {tally.made} within {WITHIN:.0%}; {tally.held} of {tally.answers} "
        "intervals hold it"
    )
    return 0 if tally.near == given.runs else 1


if __name__ == "__main__":
    sys.exit(main())
