"""The pytest plugin: what it adds to the start of pytest, to a call, and how long a quick suite takes."""

import json
import os
import random
import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.figure import Figure
from bench.imports import python
from bench.pairing import SEED, Spread, repeated, timed

_LOADED = ("-p", "paceline.pytest_plugin")  # no plugin is loaded by its entry point here, see _pytest
_STARTS = 15
_SUITES = 3
_BENCHMARKS = 100
_MS = 1e3

_UNIT_TEST = "def test_it():\n    pass\n"
_QUICK = f"""
import pytest

@pytest.mark.parametrize("n", range({_BENCHMARKS}))
def test_it(perf, n):
    perf(sum, range(n))
"""
# Both sides in one test, in turns: what the fixture adds to each call it makes, and to a measurement of one call.
_BESIDE_THE_LIBRARY = """
import json, time
from paceline import TestType
from paceline.framework import PerformanceTestFramework
from paceline.store.journal import Journal

CALLS, ROUNDS = 20_000, 31

def operation():
    pass

def taking(*arguments):
    pass

def seconds(work):
    begun_s = time.perf_counter()
    work()
    return time.perf_counter() - begun_s

def test_it(perf, tmp_path):
    library = PerformanceTestFramework(journal=Journal(tmp_path / "journal.jsonl"))
    def direct(name, calls):
        return library.run_benchmark(name, TestType.API_ENDPOINT, operation, calls, 0)
    added = {"call": [], "argument": [], "run": []}
    for n in range(-3, ROUNDS):
        alone = seconds(lambda: direct(f"{n}", CALLS))
        fixture = seconds(lambda: perf(operation, name=f"a{n}", iterations=CALLS, warmup_iterations=0))
        partial = seconds(lambda: perf(taking, 1, name=f"b{n}", iterations=CALLS, warmup_iterations=0))
        one = seconds(lambda: direct(f"c{n}", 1))
        run = seconds(lambda: perf(operation, name=f"d{n}", iterations=1, warmup_iterations=0))
        if n >= 0:
            added["call"].append((fixture - alone) / CALLS)
            added["argument"].append((partial - alone) / CALLS)
            added["run"].append(run - one)
    with open("added.json", "w") as file:
        json.dump(added, file)
"""


def figures() -> Iterator[Figure]:
    """Against pytest without the plugin, and against the library."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        without = _pytest(place, _UNIT_TEST, "-p", "no:paceline")
        present = _pytest(place, _UNIT_TEST, *_LOADED)
        yield Figure(
            "plugin present and unused: CPU added to pytest's start", _added_ms(without, present), "ms", at_most=30
        )
        quick = _pytest(place, _QUICK, *_LOADED, "--perf-quick")
        took = repeated(timed(quick), _SUITES)
        yield Figure(f"a suite of {_BENCHMARKS} benchmarks with --perf-quick", took, "s", at_most=15)
        _pytest(place, _BESIDE_THE_LIBRARY, *_LOADED)()
        added = json.loads((place / "added.json").read_text())
    for what, key, unit, per_s, at_most in (
        ("added by perf(operation) to a call of the library's", "call", "us", 1e6, 5),
        ("the same for perf(operation, argument)", "argument", "us", 1e6, 5),
        ("added by perf(operation) to a measurement of the library's", "run", "us", 1e6, None),
    ):
        yield Figure(what, Spread.of(added[key]).per(1 / per_s), unit, at_most=at_most)


def _pytest(folder: Path, source: str, *arguments: str) -> Callable[[], object]:
    """A session over ``source`` alone: no other plugin is loaded."""
    file = folder / f"test_{abs(hash((source, arguments)))}.py"
    file.write_text(source)
    command = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, file.name)
    # Compiled once, as wherever pytest is run twice; where bytecode may not be kept, everything starts slower.
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def session() -> object:
        return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)

    return session


def _added_ms(without: Callable[[], object], present: Callable[[], object]) -> Spread:
    """CPU time, which other programs' turns are not in: starting is one thread that does not wait."""
    order = random.Random(SEED)
    sides: Sequence[Callable[[], object]] = (without, present)
    for side in sides:
        side()
    added = []
    for _ in range(_STARTS):
        taken_s = [0.0, 0.0]
        for place in order.sample((0, 1), 2):
            begun_s = _children_s()
            sides[place]()
            taken_s[place] = _children_s() - begun_s
        added.append((taken_s[1] - taken_s[0]) * _MS)
    return Spread.of(added)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
