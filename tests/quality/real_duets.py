# ruff: noqa: T201  # a command: it prints
"""Duets of functions whose difference is known, on this machine: how often the rule is wrong, how often it finds.

``python -m tests.quality.real_duets`` takes about forty minutes; ``--equal 8 --five 8 --three 8`` a minute.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from paceline.campaign.duet import DuetPlan, run_duet
from paceline.campaign.lockstep.process import Arm, Item
from paceline.core.clock import SYSTEM_CLOCK
from paceline.judge.change import Verdict
from paceline.judge.duet import judge_duets
from paceline.records.duet import DuetRecord, Side
from paceline.stats.intervals import proportion_interval
from tests.quality import workloads

_ROOT = Path(__file__).parents[2]
_FILE = "tests/quality/workloads.py"
_BASE = 100
_SUITE = 30


def duets_of(size: int, wanted: int, seed: int, tell: Callable[[str], None]) -> list[DuetRecord]:
    """At least ``wanted`` duets of functions of ``size`` parts against those of a hundred, all workloads in turn."""
    records: list[DuetRecord] = []
    while len(records) < wanted:
        run = run_duet(
            DuetPlan(_arms(size), Side(f"{_BASE} parts"), Side(f"{size} parts"), seed=seed + len(records)),
            SYSTEM_CLOCK,
        )
        if run.left_out or run.stopped_by is not None:
            raise SystemExit(f"not measured: {run.left_out or run.stopped_by}")
        records += run.records
        tell(f"{size - _BASE:+d} %: {len(records)} of {wanted} duets")
    return records


def _arms(size: int) -> Callable[[int], Sequence[Arm]]:
    def arm(role: str, parts: int) -> Arm:
        items = tuple(Item(name, {"call": f"{_FILE}:{name}_{parts}"}) for name in workloads.NAMES)
        return Arm(role, sys.executable, _ROOT, items)

    return lambda _: (arm("base", _BASE), arm("candidate", size), arm("control", _BASE))


@dataclass(frozen=True)
class _Gate:
    """A figure of VERDICT's table."""

    title: str
    limit: float | None  # None: shown
    is_least: bool  # else a most

    def line(self, hits: int, trials: int) -> str:
        bounds = proportion_interval(hits, trials, 0.05)
        bound = bounds.low if self.is_least else bounds.high
        seen = f"{self.title:<52} {hits:4d} of {trials:4d} = {hits / trials:6.2%}  95 % bound {bound:6.2%}"
        if self.limit is None:
            return seen
        holds = bound >= self.limit if self.is_least else bound <= self.limit
        sign = ">=" if self.is_least else "<="
        return f"{seen}  asked {sign} {self.limit:.0%}: {'holds' if holds else 'DOES NOT HOLD'}"


def _told(records: Sequence[DuetRecord], verdict: Verdict, level: float) -> int:
    return sum(judge_duets([record], alpha=level).results[0].verdict is verdict for record in records)


def report(size: int, records: Sequence[DuetRecord]) -> list[str]:
    """The lines of the table for the duets of one size."""
    count = len(records)
    results = [judge_duets([record]).results[0] for record in records]
    lines = [
        f"{size - _BASE:+d} %: "
        + ", ".join(f"{sum(each.verdict is verdict for each in results)} {verdict.value}" for verdict in Verdict)
        + f"; median smallest visible change {_median_visible(results):.1%}"
    ]
    suite_level = 0.05 / _SUITE
    if size == _BASE:
        for verdict in (Verdict.REGRESSED, Verdict.IMPROVED):
            hits = _told(records, verdict, 0.01)
            lines.append(_Gate(f"equal code called {verdict.value}", 0.01, is_least=False).line(hits, count))
        control = sum(each.planted is not None and each.planted.verdict is Verdict.REGRESSED for each in results)
        lines.append(f"  the planted control of +5 % was found in {control} of {count}")
    else:
        limit = 0.95 if size - _BASE >= 5 else 0.80
        for level, name in ((0.01, "alone"), (suite_level, f"in a suite of {_SUITE}")):
            hits = _told(records, Verdict.REGRESSED, level)
            gate = _Gate(f"{size - _BASE:+d} % found, {name}", limit if level > suite_level else None, is_least=True)
            lines.append(gate.line(hits, count))
    for name in workloads.NAMES:
        own = [each for each in results if each.record.name == name]
        told = ", ".join(
            f"{sum(each.verdict is verdict for each in own)} {verdict.value}"
            for verdict in Verdict
            if any(each.verdict is verdict for each in own)
        )
        estimates = [each.primary.estimate for each in own if each.primary.estimate is not None]
        lines.append(f"  {name:<10} {told}; median estimate {median(estimates):+.1%}")
    return lines


def _median_visible(results: Sequence[object]) -> float:
    return median(each.primary.minimum_detectable or float("inf") for each in results)  # type: ignore[attr-defined]


def main() -> None:
    """Measure, judge, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.real_duets")
    parser.add_argument("--equal", type=int, default=304, help="duets of equal code")
    parser.add_argument("--five", type=int, default=304, help="duets with 5 %% more work")
    parser.add_argument("--three", type=int, default=96, help="duets with 3 %% more work")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"$ python -m tests.quality.real_duets {' '.join(sys.argv[1:])}".rstrip())
    print(f"seed {given.seed}; {os.cpu_count()} cores, {platform.python_implementation()} {platform.python_version()}")
    print(f"{len(workloads.NAMES)} workloads; 20 pairs, 8 epochs a duet\n", flush=True)
    for size, wanted in ((100, given.equal), (105, given.five), (103, given.three)):
        if wanted:
            records = duets_of(size, wanted, given.seed + 1000 * size, lambda text: print(text, file=sys.stderr))
            print("\n".join(report(size, records)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
