# ruff: noqa: T201  # a command: it prints
"""Duets of functions that an edit elsewhere in their module does not touch: how often is it taken for one of theirs?

The base has the module below; the candidate has the same with a few other functions before it, drawn anew in each run.
The compiled functions that are compared are the same on both sides, but lie elsewhere in memory: equal code, as
whoever edits a file has it. ``python -m tests.quality.moved_code`` takes about five minutes.
"""

import argparse
import os
import platform
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from paceline.campaign.duet import DuetPlan, run_duet
from paceline.campaign.lockstep.process import Arm, Item
from paceline.core.clock import SYSTEM_CLOCK
from paceline.judge.change import Change, Verdict
from paceline.judge.duet import judge_duets
from paceline.records.duet import DuetRecord, Side
from paceline.stats.intervals import proportion_interval

MODULE = """
import json, re
from dataclasses import dataclass

@dataclass
class Record:
    id: int
    name: str
    price: float
    tags: tuple

RECORDS = [Record(n, f"record {n}", n * 1.25, ("a", "b", str(n))) for n in range(50)]
WORD = re.compile(r"\\w+")
TEXT = " ".join(f"word{n}" for n in range(60))

def as_dict(record):
    return {"id": record.id, "name": record.name, "price": record.price, "tags": list(record.tags)}

def page():
    return [as_dict(record) for record in RECORDS]

def page_json():
    return json.dumps([as_dict(record) for record in RECORDS[:20]])

def total():
    amount = 0.0
    for record in RECORDS:
        amount += record.price * 1.2 - 0.1
    return amount

def names():
    return ", ".join(f"{record.name}:{record.id:05d}" for record in RECORDS)

def make():
    return [Record(n, "x", 1.0, ()) for n in range(40)]

def ordered():
    return sorted(RECORDS, key=lambda record: -record.price)

def words():
    return {word: len(word) for word in WORD.findall(TEXT)}

def one():
    return as_dict(RECORDS[7])
"""
FUNCTIONS = ("page", "page_json", "total", "names", "make", "ordered", "words", "one")
_MOST_ADDED = 30


def edited(seed: int) -> str:
    """The module with up to thirty functions more at its beginning, which nothing calls."""
    draw = random.Random(seed)
    added = [
        f"def added_{number}(a, b={number}):\n    {'x' * draw.randrange(1, 200)!r}\n"
        f"    return [a + {number}.5, b, {list(range(draw.randrange(1, _MOST_ADDED)))}]\n"
        for number in range(draw.randrange(1, _MOST_ADDED))
    ]
    return "".join(added) + MODULE


def duets(candidate: str, seed: int) -> tuple[DuetRecord, ...]:
    """A duet of each function: the module against ``candidate``, in folders whose names are equally long."""
    items = tuple(Item(name, {"call": f"module:{name}"}) for name in FUNCTIONS)
    with tempfile.TemporaryDirectory(prefix="paceline-moved-") as room:
        for name, text in (("base-1", MODULE), ("base-2", MODULE), ("change", candidate)):
            folder = Path(room, name)
            folder.mkdir()
            (folder / "module.py").write_text(text)

        def arms(number: int) -> Sequence[Arm]:
            sides = (("base", f"base-{number % 2 + 1}"), ("candidate", "change"))
            return [Arm(role, sys.executable, Path(room, name), items) for role, name in sides]

        run = run_duet(DuetPlan(arms, Side("as it was"), Side("moved"), seed=seed), SYSTEM_CLOCK)
    if run.left_out or run.stopped_by is not None:
        raise SystemExit(f"not measured: {run.left_out or run.stopped_by}")
    return run.records


def report(title: str, records: Sequence[DuetRecord]) -> list[str]:
    """How often there was no change and one was seen."""
    changes = [judge_duets([record]).results[0].primary for record in records]
    verdicts = ", ".join(f"{sum(each.verdict is verdict for each in changes)} {verdict.value}" for verdict in Verdict)
    lines = [f"{title}: {verdicts}; median width of the intervals {median(map(_width, changes)):.1%}"]
    for told, hits in (
        ("called regressed", sum(each.verdict is Verdict.REGRESSED for each in changes)),
        ("called improved", sum(each.verdict is Verdict.IMPROVED for each in changes)),
        ("interval leaves out 0", sum(map(_leaves_out_zero, changes))),
    ):
        bound = proportion_interval(hits, len(changes), 0.05).high
        lines.append(
            f"  {told:<24}{hits:3d} of {len(changes):3d} = {hits / len(changes):6.2%}  95 % bound {bound:6.2%}"
        )
    return lines


def _leaves_out_zero(change: Change) -> bool:
    return change.low is not None and change.high is not None and (change.low > 0 or change.high < 0)


def _width(change: Change) -> float:
    return float("inf") if change.low is None or change.high is None else change.high - change.low


def main() -> None:
    """Measure, judge, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.moved_code")
    parser.add_argument("--edits", type=int, default=10, help="edits of the module; eight duets each")
    parser.add_argument("--same", type=int, default=5, help="the same without an edit")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(f"$ python -m tests.quality.moved_code {' '.join(sys.argv[1:])}".rstrip())
    print(f"seed {given.seed}; {os.cpu_count()} cores, {platform.python_implementation()} {platform.python_version()}")
    print(f"{len(FUNCTIONS)} functions; 20 pairs, 8 epochs a duet\n", flush=True)
    for title, wanted, is_edited in (("edited elsewhere", given.edits, True), ("not edited", given.same, False)):
        records: list[DuetRecord] = []
        for number in range(given.seed, given.seed + wanted):
            records += duets(edited(number) if is_edited else MODULE, 1_000 * number + is_edited)
            print(f"{title}: {len(records)} of {wanted * len(FUNCTIONS)} duets", file=sys.stderr)
        if records:
            print("\n".join(report(title, records)), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
