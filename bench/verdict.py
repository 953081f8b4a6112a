"""Verdicts next to peers': ``make bench-verdict`` for ten minutes, ``ARGS=--quick`` two, ``ARGS=--minutes=60`` an hour.

Rounds of five parts in random order: three recorded sessions (the base, the base once more, the same work with 5 %
more of it), a duet of equal code, a duet with 5 % more work. Every rule is asked twice a round: is the base slower
than itself, is the slower one slower? The peers and the stored baseline judge the recorded sessions, the duet its own
pairs. As in the other benches a figure is only printed; what breaks is an error.
"""

import json
import os
import platform
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

from bench.figure import HEADINGS, Figure, row
from bench.pairing import SEED, Spread
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.units import counted
from paceline.judge.change import Verdict
from paceline.judge.comparison import compare
from paceline.judge.duet import judge_duets
from paceline.records.baseline import BaselineSession, session_of
from paceline.records.duet import DuetRecord
from paceline.records.run_record import Definition, RunRecord
from paceline.stats.intervals import proportion_interval
from tests.fakes import make_record
from tests.quality.real_duets import duets_of
from tests.quality.workloads import NAMES

_ROOT = Path(__file__).parents[1]
_PEERS = _ROOT / ".venv-peers" / "bin" / "python"
_BASE, _SLOWER = 100, 105
_PROCESSES = 5  # of a recorded session
_SECONDS = 0.22  # of calls of a workload in a process: two values of pyperf's, twenty samples of asv's
_LIMIT_S = 120.0  # of a process
_TAIL = 0.05  # beyond the bound of a proportion

Session = dict[str, list[list[int]]]
"""Nanoseconds of each call, by workload and process."""


@dataclass
class Round:
    """What was measured together."""

    sessions: dict[str, Session] = field(default_factory=dict)
    times: dict[str, str] = field(default_factory=dict)
    duets: dict[int, Sequence[DuetRecord]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """What a rule said in one round.

    Attributes:
        false: workloads of which it called equal code slower.
        found: those whose 5 % more it found.
    """

    false: Sequence[str]
    found: Sequence[str]


def recorded(size: int) -> Session:
    """One session: fresh processes, one after the other."""
    session: Session = {name: [] for name in NAMES}
    for _ in range(_PROCESSES):
        done = subprocess.run(
            [sys.executable, "-m", "bench.verdict_recorder", str(size), str(_SECONDS)],
            cwd=_ROOT,
            stdout=subprocess.PIPE,
            timeout=_LIMIT_S,
            check=True,
        )
        for name, calls in json.loads(done.stdout).items():
            session[name].append(calls)
    return session


def measured(order: random.Random) -> Round:
    """One round."""
    made = Round()

    def record(role: str, size: int) -> None:
        made.times[role] = utc_text(SYSTEM_CLOCK.utc_now())
        made.sessions[role] = recorded(size)

    def duet(size: int) -> None:
        made.duets[size] = duets_of(size, len(NAMES), order.getrandbits(32), lambda _: None)

    parts: dict[str, Callable[[], None]] = {
        "base": lambda: record("base", _BASE),
        "again": lambda: record("again", _BASE),
        "slower": lambda: record("slower", _SLOWER),
        "duet of equal code": lambda: duet(_BASE),
        "duet": lambda: duet(_SLOWER),
    }
    for part in order.sample(list(parts), len(parts)):
        begun_s = time.monotonic()
        parts[part]()
        made.seconds[part] = time.monotonic() - begun_s
    return made


def rounds_within(budget_s: float) -> list[Round]:
    """As many as fit, at least one."""
    order, rounds, begun_s, longest_s = random.Random(SEED), list[Round](), time.monotonic(), 0.0
    while not rounds or time.monotonic() - begun_s + longest_s <= budget_s:
        rounds.append(measured(order))
        longest_s = max(longest_s, sum(rounds[-1].seconds.values()))
        left_s = max(0.0, budget_s - (time.monotonic() - begun_s))
        print(f"round {len(rounds)} took {longest_s:.0f} s at most; {left_s:.0f} s left", file=sys.stderr, flush=True)
    return rounds


def peers(rounds: Sequence[Round]) -> dict[str, list[Told]]:
    """What each rule of the peers says."""
    candidates = [(each, role) for each in rounds for role in ("again", "slower")]
    told: list[dict[str, list[str]]] = asked_peers(
        [(each.sessions["base"], each.sessions[role]) for each, role in candidates]
    )["told"]
    return {
        rule: [Told(equal[rule], slower[rule]) for equal, slower in zip(told[0::2], told[1::2], strict=True)]
        for rule in told[0]
    }


def asked_peers(pairs: Sequence[tuple[Session, Session]]) -> dict[str, Any]:
    """Versions of the peers, and for each pair of sessions what they say."""
    # As a module: by path, this folder would come first, and its ``http`` before the standard library's.
    done = subprocess.run(
        [_PEERS, "-m", "bench.verdict_peers"],
        cwd=_ROOT,
        input=json.dumps(pairs),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def duet(rounds: Sequence[Round], *, together: bool) -> list[Told]:
    """What the duet says, all of a round judged as the suite they are or each by itself."""
    return [Told(*(_slower(each.duets[size], together=together) for size in (_BASE, _SLOWER))) for each in rounds]


def _slower(records: Sequence[DuetRecord], *, together: bool) -> list[str]:
    suites = [list(records)] if together else [[record] for record in records]
    return [result.record.name for suite in suites for result in judge_duets(suite).regressed]


def stored(rounds: Sequence[Round]) -> tuple[list[Told], bool]:
    """What the stored baseline says of each round, the rounds before it being its sessions; whether it may gate."""
    baseline: dict[str, list[BaselineSession]] = {name: [] for name in NAMES}
    told, gates = [], False
    for each in rounds:
        slower: dict[str, list[str]] = {"again": [], "slower": []}
        for role, names in slower.items():
            for name in NAMES:
                comparison = compare(_record(each, role, name), baseline[name])
                gates = gates or (comparison is not None and comparison.gates)
                if comparison is not None and comparison.verdict is Verdict.REGRESSED:
                    names.append(name)
        for name in NAMES:
            record = _record(each, "base", name)
            baseline[name].append(session_of(record, record.started_at, record.started_at))
        told.append(Told(slower["again"], slower["slower"]))
    return told, gates


def _record(made: Round, role: str, name: str) -> RunRecord:
    calls = [call_ns for process in made.sessions[role][name] for call_ns in process]
    asked = Definition(iterations=None, duration_s=_PROCESSES * _SECONDS, runs=_PROCESSES)
    return make_record(calls, name=name, definition=asked, started_at=made.times[role])


_COLUMNS = ("rule", "false alarms, of benchmarks", "sessions with one", "+5 % found")
_WIDTHS = (42, 31, 31, 31)


def line(cells: Sequence[str]) -> str:
    """One aligned line of the table."""
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def cells(rule: str, told: Sequence[Told]) -> tuple[str, ...]:
    """A rule's line: each rate with its count and its bound, the upper of what should be none, the lower of all."""
    trials = len(told) * len(NAMES)
    return (
        rule,
        _rate(sum(len(each.false) for each in told), trials, least=False),
        _rate(sum(bool(each.false) for each in told), len(told), least=False),
        _rate(sum(len(each.found) for each in told), trials, least=True),
    )


def _rate(hits: int, trials: int, *, least: bool) -> str:
    bounds = proportion_interval(hits, trials, _TAIL)
    bound = f">= {bounds.low:.1%}" if least else f"<= {bounds.high:.1%}"
    return f"{hits}/{trials} = {hits / trials:.1%} ({bound})"


def spreads(rounds: Sequence[Round]) -> list[Figure]:
    """What there was to be told: the change that each way of measuring saw, of every workload in every round."""
    figures: dict[str, Callable[[list[int]], float]] = {"mean": fmean, "median": median, "min": min}
    lines = []
    for candidate, what in (("again", "equal code"), ("slower", "5 % more work")):
        for figure, reduced in figures.items():
            changes = [
                100 * (reduced(_calls(each, candidate, name)) / reduced(_calls(each, "base", name)) - 1)
                for each in rounds
                for name in NAMES
            ]
            lines.append(Figure(f"session to session, {what}: {figure} of calls", Spread.of(changes), "%"))
        size = _BASE if candidate == "again" else _SLOWER
        estimates = [
            judge_duets([record]).results[0].primary.estimate for each in rounds for record in each.duets[size]
        ]
        told = [100 * estimate for estimate in estimates if estimate is not None]
        lines.append(Figure(f"duet, {what}: estimate", Spread.of(told), "%"))
    return lines


def _calls(made: Round, role: str, name: str) -> list[int]:
    return [call_ns for process in made.sessions[role][name] for call_ns in process]


def report(rounds: Sequence[Round]) -> list[str]:
    """Both tables, and what they cost."""
    lines = ["", line(_COLUMNS)]
    lines += [line(cells(rule, told)) for rule, told in peers(rounds).items()]
    lines.append(line(cells("Paceline duet, each by itself", duet(rounds, together=False))))
    lines.append(line(cells(f"Paceline duet, as a suite of {len(NAMES)}", duet(rounds, together=True))))
    advised, gates = stored(rounds)
    name = "Paceline stored baseline"
    lines.append(line(cells(name, advised) if gates else (f"{name}: advisory, no gate", "", "", "")))
    lines += ["", row(HEADINGS), *(row(figure.cells()) for figure in spreads(rounds))]
    sessions = [each.seconds[role] for each in rounds for role in ("base", "again", "slower")]
    duets = [each.seconds[part] for each in rounds for part in ("duet", "duet of equal code")]
    lines.append(row(Figure(f"time of a recorded session of {len(NAMES)}", Spread.of(sessions), "s").cells()))
    lines.append(row(Figure(f"time of a duet of {len(NAMES)}, both sides", Spread.of(duets), "s").cells()))
    return lines


def main(arguments: Sequence[str]) -> int:
    """Measure, let everybody judge, print."""
    asked = re.fullmatch(r"--quick|--minutes=(\d{1,4})|", " ".join(arguments))
    if asked is None:
        print("usage: python -m bench.verdict [--quick | --minutes=N]", file=sys.stderr)
        return 2
    minutes = int(asked[1] or (2 if asked[0] else 10))
    if not _PEERS.exists():
        print(f"there is no {_PEERS}: 'make bench-verdict' makes it", file=sys.stderr)
        return 1
    print(f"$ python -m bench.verdict {' '.join(arguments)}".rstrip())
    print(f"seed {SEED}; {os.cpu_count()} cores, {platform.python_implementation()} {platform.python_version()}")
    print(", ".join(f"{name} {number}" for name, number in asked_peers([])["versions"].items()), flush=True)
    rounds = rounds_within(60.0 * minutes)
    print(
        f"{counted(len(rounds), 'round')} of {len(NAMES)} workloads; "
        f"a session is {_PROCESSES} processes of {_SECONDS:g} s a workload, a duet the default of 20 pairs; "
        "bounds one-sided, 95 %"
    )
    print("\n".join(report(rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
