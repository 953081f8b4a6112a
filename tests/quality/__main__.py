# ruff: noqa: T201  # a command: it prints
"""The quality gates, whole: each room's module in turn, or those that are named.

    python -m tests.quality [MODULE ...] [--seed 20261122] [--keep]

With ``--keep`` what is printed of a module goes to ``tests/quality/results/MODULE.txt`` as well, to be committed.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from tests.quality.gates import Gate, failed, table

if TYPE_CHECKING:
    import numpy as np

# Each has ``gates(rng, FULL)``, an iterator of Gate, and ``FULL``.
MODULES = ("duets", "stored_baselines", "decay", "change_points", "scalability", "capacity", "over_time")
SEED = 20261122
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """0 where every gate holds."""
    import numpy as np

    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="MODULE")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--keep", action="store_true", help=f"write {RESULTS.relative_to(Path.cwd())}/MODULE.txt")
    asked = parser.parse_args()
    broken: list[Gate] = []
    for name in asked.modules:
        module = import_module(f"tests.quality.{name}")
        run = cast("Callable[[np.random.Generator, object], Iterator[Gate]]", module.gates)
        began = time.monotonic()
        found = list(run(np.random.default_rng(asked.seed), module.FULL))
        took = f"{time.monotonic() - began:.0f} s"
        text = f"{_head(name, asked.seed, took)}\n\n{table(found)}\n\n{_sum(found)}\n"
        print(text, flush=True)
        if asked.keep:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{name}.txt").write_text(text)
        broken += failed(found)
    return 1 if broken else 0


def _head(name: str, seed: int, took: str) -> str:
    machine = f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    return f"python -m tests.quality {name} --seed {seed}\n{machine}, {took}"


def _sum(found: list[Gate]) -> str:
    judged = [gate for gate in found if gate.holds is not None]
    return f"{len(judged) - len(failed(found))} of {len(judged)} gates hold"


if __name__ == "__main__":
    sys.exit(main())
