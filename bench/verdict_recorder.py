"""One process of a recorded session: ``python -m bench.verdict_recorder SIZE SECONDS`` calls every workload so long.

Prints the nanoseconds of each call, by workload, as JSON: the raw material that every tool cuts into its own form.
"""

import gc
import json
import sys
import time
from collections.abc import Callable

from tests.quality import workloads

_WARMUP_NS = 20_000_000


def calls_of(operation: Callable[[], object], seconds: float) -> list[int]:
    """Nanoseconds of each call for ``seconds``, after a warm-up."""
    _called_for(operation, _WARMUP_NS)
    gc.collect()
    return _called_for(operation, round(seconds * 1e9))


def _called_for(operation: Callable[[], object], length_ns: int) -> list[int]:
    clock, taken_ns = time.perf_counter_ns, list[int]()
    now_ns = clock()
    end_ns = now_ns + length_ns
    while now_ns < end_ns:
        begun_ns = clock()
        operation()
        now_ns = clock()
        taken_ns.append(now_ns - begun_ns)
    return taken_ns


if __name__ == "__main__":
    size, seconds = sys.argv[1:]
    taken = {name: calls_of(getattr(workloads, f"{name}_{size}"), float(seconds)) for name in workloads.NAMES}
    json.dump(taken, sys.stdout)
