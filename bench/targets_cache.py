"""Caches next to redis-benchmark and to redis-py's asyncio client: server and generator on a core each.

Rates are of whole runs of a second and more, interleaved in random order. redis-benchmark comes with Debian's
``redis-tools``.
"""

import asyncio
import random
import re
import shutil
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path

from bench.cache_cpu import SIDES, cpu_us
from bench.figure import Figure
from bench.http_servers import pinned
from bench.pairing import SEED, Spread
from paceline import CacheTarget, ClosedLoop, PerformanceTestFramework, Zipf
from paceline.workload.keys import endless
from tests.functional.valkeys import listening

_SERVER_CORE, _GENERATOR_CORE = 1, 0
_CONNECTIONS = 50
_KEYS = 10_000
_BYTES = 100
_SECONDS = 1.5
_ROUNDS = 9
_REQUESTS = 150_000
_DEEP = 16
_DEEP_REQUESTS = 1_000_000
_DRAWS = 500_000
_RATE = re.compile(r"GET: ([\d.]+) requests per second")

# A user of redis-py has asyncio's own loop unless they change it; uvloop's saves it a fifth of its processor time. It
# parses by hiredis in both, which saves it little: most of its time is its own Python.
_LOOPS = {"asyncio": "on asyncio's loop, hiredis", "uvloop": "on uvloop, hiredis"}

Rate = Callable[[], float]


def cache() -> Iterator[Figure]:
    """Rates of GET, and the cost of drawing a key."""
    if shutil.which("redis-benchmark") is None:
        raise RuntimeError("redis-benchmark is missing: run 'make bench-targets', which says how")
    with ExitStack() as stack:
        with pinned(_SERVER_CORE):
            _, port = stack.enter_context(listening())
        stack.enter_context(pinned(_GENERATOR_CORE))
        _redis_benchmark(port, "set", 200_000, _DEEP)
        single = _rates(
            {
                "paceline": lambda: _paceline(port, 1),
                "redis-benchmark": lambda: _redis_benchmark(port, "get", _REQUESTS, 1),
                **{loop: partial(_redis_py, port, loop) for loop in _LOOPS},
            }
        )
        yield Figure("GET of 100 bytes, 50 connections", _spread(single["paceline"]), "/s")
        yield Figure("the same, redis-benchmark", _spread(single["redis-benchmark"]), "/s")
        for loop, shown in _LOOPS.items():
            yield Figure(f"the same, redis-py's asyncio client {shown}", _spread(single[loop]), "/s")
        yield Figure("to redis-benchmark", _ratio(single, "redis-benchmark"), at_least=1.1)
        for loop, shown in _LOOPS.items():
            yield Figure(f"to redis-py's asyncio client {shown}", _ratio(single, loop), at_least=6)
        yield from _cpu()
        deep = _rates(
            {
                "paceline": lambda: _paceline(port, _DEEP),
                "redis-benchmark": lambda: _redis_benchmark(port, "get", _DEEP_REQUESTS, _DEEP),
            }
        )
        yield Figure("GET of 100 bytes, 50 connections, pipeline 16", _spread(deep["paceline"]), "/s")
        yield Figure("the same, redis-benchmark -P 16", _spread(deep["redis-benchmark"]), "/s")
        yield Figure("to redis-benchmark -P 16", _ratio(deep, "redis-benchmark"), at_least=0.35)
        yield Figure(
            "a key drawn from Zipf(1,000,000)", Spread.of([_draw() for _ in range(_ROUNDS)]), "ns", at_most=200
        )


def _cpu() -> Iterator[Figure]:
    taken = _rates({side: partial(cpu_us, side) for side in SIDES})
    yield Figure("CPU time of a GET, kernel included", _spread(taken[SIDES[0]]), "us")
    for side in SIDES[1:]:
        ratios = [theirs / ours for theirs, ours in zip(taken[side], taken[SIDES[0]], strict=True)]
        yield Figure(f"CPU time of a GET, {side}, to that", _spread(ratios), at_least=6)


def _rates(sides: dict[str, Rate]) -> dict[str, list[float]]:
    order = random.Random(SEED)
    seen: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(_ROUNDS):
        for name in order.sample(list(sides), len(sides)):
            seen[name].append(sides[name]())
    return seen


def _spread(values: list[float]) -> Spread:
    return Spread.of(values)


def _ratio(rates: dict[str, list[float]], other: str) -> Spread:
    return Spread.of([ours / theirs for ours, theirs in zip(rates["paceline"], rates[other], strict=True)])


def _paceline(port: int, depth: int) -> float:
    target = CacheTarget(
        f"redis://127.0.0.1:{port}", "get", keys=_KEYS, value_bytes=_BYTES, pipeline=depth, key_pattern="uniform"
    )
    framework = PerformanceTestFramework()
    result = framework.run_load("get", target, ClosedLoop(_CONNECTIONS, _SECONDS), warmup_s=0.3)
    if result.record.counts.hits != result.record.counts.attempts:
        raise RuntimeError(f"not all were hits: {result.record.counts}")
    return result.record.throughput_per_s


def _redis_benchmark(port: int, command: str, requests: int, depth: int) -> float:
    words = ["redis-benchmark", "-p", str(port), "-c", str(_CONNECTIONS), "-n", str(requests), "-P", str(depth)]
    words += ["-d", str(_BYTES), "-r", str(_KEYS), "-t", command, "-q"]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    match = _RATE.findall(said.replace("\r", "\n"))
    return float(match[-1]) if match else 0.0


def _redis_py(port: int, loop: str) -> float:
    command = [sys.executable, "-m", "bench.targets_cache", str(port), loop]
    ended = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True, check=True)
    return float(ended.stdout)


async def _gets(port: int) -> float:
    import redis.asyncio
    from redis.utils import HIREDIS_AVAILABLE

    client = redis.asyncio.Redis(port=port, max_connections=_CONNECTIONS)
    if not HIREDIS_AVAILABLE:
        raise RuntimeError("redis-py parses in Python: install hiredis, as Paceline has it")
    value = b"x" * _BYTES
    await asyncio.gather(*(client.set(f"peer:{number}", value) for number in range(_CONNECTIONS)))
    end_s = time.perf_counter() + _SECONDS
    done = 0

    async def user(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end_s:
            await client.get(f"peer:{number}")
            done += 1

    begun_s = time.perf_counter()
    await asyncio.gather(*(user(number) for number in range(_CONNECTIONS)))
    took_s = time.perf_counter() - begun_s
    await client.aclose()
    return done / took_s


def _draw() -> float:
    source = endless(Zipf(1_000_000), 1)
    next(source)
    begun_s = time.process_time()
    deque(islice(source, _DRAWS), maxlen=0)
    return (time.process_time() - begun_s) / _DRAWS * 1e9


if __name__ == "__main__":
    import uvloop

    asked_port, asked_loop = int(sys.argv[1]), sys.argv[2]
    print(uvloop.run(_gets(asked_port)) if asked_loop == "uvloop" else asyncio.run(_gets(asked_port)))
