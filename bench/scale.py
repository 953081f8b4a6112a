"""How far it goes: several processes, a cluster, a thousand legs to follow. ``python -m bench.scale [SECTION ...]``.

``processes`` makes dry runs: the real generator, answered from memory, because two cores have no room for a server. One
process, two, and two on a Dask cluster of this machine take turns in random order with one loop that does nothing but
count, and two: what two cores of this machine are to one. Ratios are formed within each round.
``fleet`` lets the driver's real code follow legs that are not there, in virtual time: what it takes is CPU time.
"""

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.figure import HEADINGS, Figure, row
from bench.pairing import SEED, Spread
from bench.scale_fleet import CLOSED, OPEN, Followed
from paceline.engine.child_process import usable_cores
from paceline.engine.cluster import Cluster
from paceline.engine.request import RunRequest
from paceline.engine.runs import run
from paceline.records.run_record import TestType
from paceline.targets.http import HttpTarget
from paceline.workload.models import ClosedLoop

_USERS = 50  # of each process
_WINDOW_S, _WARMUP_S = 2.0, 0.3
_ROUNDS = 7
_SIZES = (100, 250, 500, 1_000)
_FLEET_S = 15
_REPEATS = 3  # of the smallest and the largest fleet
_MB, _KB, _MS = 1e6, 1e3, 1e6
_LOOP = """
import os, sys, time
core, lasts_s = int(sys.argv[1]), float(sys.argv[2])
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, [core])
counted, until_s = 0, time.perf_counter() + lasts_s
while time.perf_counter() < until_s:
    for number in range(1000):
        counted += 1
print(counted / lasts_s)
"""


@dataclass(frozen=True)
class _Made:
    per_second: float
    cpu_us: float  # of the generators, a request
    skews_ms: tuple[float, ...]


def _make(processes: int, cluster: Cluster | None = None) -> _Made:
    request = RunRequest(
        "dry",
        TestType.API_ENDPOINT,
        HttpTarget("http://localhost/", dry=True),
        ClosedLoop(_USERS * processes, _WINDOW_S),
        warmup_s=_WARMUP_S,
        own_process=True,
        processes=processes,
        cluster=cluster,
    )
    record = run(request).record
    legs = () if record.load is None else record.load.legs
    cpu_us = 1e6 * (record.circumstances.own_cpu_s or 0.0) / record.counts.attempts
    return _Made(
        record.throughput_per_s, cpu_us, tuple(leg.start_skew_ns / _MS for leg in legs if leg.start_skew_ns is not None)
    )


def _count(loops: int) -> _Made:
    commands = [[sys.executable, "-c", _LOOP, str(core), str(_WINDOW_S)] for core in usable_cores()[:loops]]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    return _Made(sum(float(process.communicate()[0]) for process in running), 0.0, ())


def processes() -> Iterator[Figure]:
    """One process, two, and two of a Dask cluster, in turn."""
    sides: dict[str, Callable[[], _Made]] = {
        "one": lambda: _make(1),
        "two": lambda: _make(2),
        "one loop": lambda: _count(1),
        "two loops": lambda: _count(2),
    }
    try:
        from distributed import LocalCluster
    except ImportError:
        print("no Dask here: pip install 'paceline[cluster]' for the figures of a cluster", file=sys.stderr)
        yield from _processes(sides)
        return
    settings: dict[str, object] = {"dashboard_address": ":0", "silence_logs": 50}
    made = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **settings)  # type: ignore[no-untyped-call]  # of Dask
    with made as cluster:
        sides["dask"] = lambda: _make(2, Cluster(cluster.scheduler_address))
        yield from _processes(sides)


def _processes(sides: dict[str, Callable[[], _Made]]) -> Iterator[Figure]:
    order = random.Random(SEED)
    rounds = [{side: sides[side]() for side in order.sample(list(sides), len(sides))} for _ in range(_ROUNDS)]

    def ratio(name: str, one: str, other: str, at_least: float | None = None) -> Figure:
        pairs = [(made[one].per_second, made[other].per_second) for made in rounds]
        return Figure(name, Spread.of([a / b for a, b in pairs]), at_least=at_least)

    yield ratio("dry rate of two processes / one", "two", "one", 1.8)
    yield ratio("  two loops that count / one: what this machine's second core adds", "two loops", "one loop")
    costs = [made["two"].cpu_us / made["one"].cpu_us for made in rounds]
    yield Figure("  CPU time a request of two processes / one: where others take turns, too", Spread.of(costs))
    yield Figure("  CPU time a request of one process", Spread.of([made["one"].cpu_us for made in rounds]), "us")
    yield Figure("  one process", Spread.of([made["one"].per_second for made in rounds]), "/s")
    yield _skew("start skew of two processes, the most of all rounds", [made["two"] for made in rounds])
    if "dask" in sides:
        yield ratio("dry rate of two legs on a Dask LocalCluster / two processes", "dask", "two", 0.95)
        yield _skew("start skew of two legs on it, the most of all rounds", [made["dask"] for made in rounds])


def _skew(name: str, rounds: Sequence[_Made]) -> Figure:
    every = [abs(skew_ms) for made in rounds for skew_ms in made.skews_ms]
    spread = Spread.of(every)
    return Figure(name, Spread(max(every), spread.low, spread.high), "ms", at_most=10)


def fleet() -> Iterator[Figure]:
    """Following legs that run at full speed."""
    followed = {size: _followed(size, CLOSED, _REPEATS if size in (_SIZES[0], _SIZES[-1]) else 1) for size in _SIZES}
    for size, each in followed.items():
        most = {_SIZES[0]: 1.0, _SIZES[-1]: 20.0}.get(size)
        busy = Spread.of([one.cpu_us * size / 1e4 for one in each])
        yield Figure(f"driver's CPU with {size:,} legs, closed loops of 20,000/s each", busy, "% core", at_most=most)
        yield Figure("  a leg", Spread.of([one.cpu_us for one in each]), "us/s")
    few, many = followed[_SIZES[0]], followed[_SIZES[-1]]
    ends = f"{_SIZES[-1]:,} / among {_SIZES[0]:,}: 1 is linear"
    ratios = [most.cpu_us / least.cpu_us for most, least in zip(many, few, strict=True)]
    yield Figure(f"cost of a leg among {ends}", Spread.of(ratios), at_most=1.1)
    calls_of_few, calls_of_many = (_followed(size, CLOSED, 1, "calls")[0].calls for size in (_SIZES[0], _SIZES[-1]))
    yield Figure("  in calls of functions", _one(calls_of_many / calls_of_few))
    yield Figure(f"driver's memory with {_SIZES[-1]:,} legs", _one(many[0].most_rss_bytes / _MB), "MB", at_most=500)
    grown = Spread.of([(each.rss_bytes - each.own_rss_bytes) / _SIZES[-1] / _KB for each in many])
    yield Figure("  of which following takes, a leg", grown, "kB")
    yield Figure("told by a leg, closed loop of 20,000/s", _one(many[0].told_bytes / _KB), "kB/s", at_most=50)
    (steady,) = _followed(_SIZES[-1], OPEN, 1)
    yield Figure(
        f"driver's CPU with {_SIZES[-1]:,} legs, 1,000,000 arrivals/s together", _one(steady.cpu_us * _SIZES[-1] / 1e4),
        "% core", at_most=20,
    )  # fmt: skip
    (fast,) = _followed(50, OPEN, 1)
    yield Figure("told by a leg, open loop of 20,000/s", _one(fast.told_bytes / _KB), "kB/s", at_most=50)


def _one(value: float) -> Spread:
    return Spread(value, value, value)


def _followed(legs: int, kind: str, repeats: int, *words: str) -> list[Followed]:
    """In a process each, whose memory is the driver's alone."""
    command = [sys.executable, "-m", "bench.scale_fleet", str(legs), str(_FLEET_S), kind, *words]
    said = [subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(repeats)]
    return [Followed(**json.loads(each)) for each in said]


SECTIONS: dict[str, Callable[[], Iterator[Figure]]] = {"processes": processes, "fleet": fleet}


def figures() -> Iterator[Figure]:
    """All of them."""
    for section in SECTIONS.values():
        yield from section()


def main(names: Sequence[str]) -> int:
    """Take the sections called ``names``, or all."""
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        print(f"there is no section {', '.join(unknown)}: choose from {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    print(row(HEADINGS))
    short = []
    for name in names or SECTIONS:
        for figure in SECTIONS[name]():
            print(row(figure.cells()), flush=True)
            if figure.verdict == "FALLS SHORT":
                short.append(figure.name.strip())
    print(f"\n{len(short)} fall short: {'; '.join(short)}" if short else "\nAll that was asked for holds.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
