"""Concurrent attempts next to the plain ways of making as many."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.figure import Figure
from bench.loops import empty
from bench.pairing import Spread, ratios, timed, worked
from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.crew import Crew
from paceline.engine.drive import Load
from paceline.engine.tasks import TasksDrive, loop_factory
from paceline.engine.threads import ThreadsDrive
from paceline.framework import PerformanceTestFramework
from paceline.targets.call import CallTarget

_ATTEMPTS = 100_000
_THREADS = 8
_TASKS = 50
_POOL_PAIRS = 7  # of seconds each, and far from the limit
_TASK_PAIRS = 41

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pool() -> None:
    """Submit each attempt to a pool and wait for all; nothing is timed or written down."""
    with ThreadPoolExecutor(_THREADS) as executor:
        for future in [executor.submit(empty) for _ in range(_ATTEMPTS)]:
            future.result()


def threads() -> None:
    """The same attempts, each timed and recorded."""
    ThreadsDrive(CallTarget(empty), Load(iterations=_ATTEMPTS, workers=_THREADS), SYSTEM_CLOCK, crew=Crew()).run()


def framework() -> None:
    """The same through the front door, with sampler, judge and findings."""
    PerformanceTestFramework().run_concurrent_benchmark("no-op", empty, [_THREADS], _ATTEMPTS)


async def yielding() -> None:
    """Give the loop a turn."""
    await asyncio.sleep(0)


async def bare(operation: Callable[[], Awaitable[None]]) -> None:
    """As many tasks that share the awaits evenly; nothing is timed or written down."""

    async def task() -> None:
        for _ in range(_ATTEMPTS // _TASKS):
            await operation()

    await asyncio.gather(*(task() for _ in range(_TASKS)))


async def driven() -> None:
    """The same awaits, each timed and recorded."""
    await TasksDrive(CallTarget(yielding), Load(iterations=_ATTEMPTS, workers=_TASKS), SYSTEM_CLOCK).run()


def on(make_loop: LoopFactory, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` on a loop of its own."""
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main())


def rates(spread: Spread) -> Spread:
    """Ratios of time as ratios of rate."""
    return Spread(1 / spread.median, 1 / spread.high, 1 / spread.low)


def figures() -> Iterator[Figure]:
    """Rates of 100,000 attempts."""
    drive, whole = ratios(_POOL_PAIRS, timed(pool), timed(threads), timed(framework))
    yield Figure("rate of 8 threads / ThreadPoolExecutor(8)", rates(drive), at_least=3.0)
    yield Figure("rate of run_concurrent_benchmark / ThreadPoolExecutor(8)", rates(whole))
    loops = {"default loop": asyncio.new_event_loop}
    if loop_factory() is not asyncio.new_event_loop:
        loops = {"uvloop": loop_factory(), **loops}
    for name, make_loop in loops.items():
        # From the same operation to the bare sleep: the difference is one coroutine an attempt.
        same, direct = (
            ratios(
                _TASK_PAIRS,
                worked(lambda: on(make_loop, lambda: bare(awaited))),  # noqa: B023  # called before the next round
                worked(lambda: on(make_loop, driven)),  # noqa: B023
            )[0]
            for awaited in (yielding, lambda: asyncio.sleep(0))
        )
        asked = 0.7 if make_loop is loop_factory() else None
        yield Figure(f"rate of 50 workers / 50 bare tasks, {name}", rates(same), at_least=asked)
        yield Figure(f"rate of 50 workers / 50 tasks awaiting sleep(0) itself, {name}", rates(direct))
