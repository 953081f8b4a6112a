"""Interleaved pairs: what a shared machine does to one side it soon does to the other, so ratios travel."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

SEED = 20_240_229  # of the order within pairs; fixed, so that two runs of the bench differ by the machine only

Run = Callable[[], float]
"""Does the work once and returns the seconds that count, so that preparation stays outside."""


@dataclass(frozen=True)
class Spread:
    """Median and 5th to 95th percentile of repeated measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """The spread of at least one value (nearest ranks: there are seldom enough repeats to interpolate)."""
        ordered = sorted(values)
        low, median, high = (ordered[round(q * (len(ordered) - 1))] for q in (0.05, 0.5, 0.95))
        return cls(median, low, high)

    def per(self, amount: float) -> "Spread":
        """The same in units of ``amount``."""
        return Spread(self.median / amount, self.low / amount, self.high / amount)


def timed(work: Callable[[], object]) -> Run:
    """A run that takes the wall time of all of ``work``."""

    def run() -> float:
        begun_s = time.perf_counter()
        work()
        return time.perf_counter() - begun_s

    return run


def worked(work: Callable[[], object]) -> Run:
    """A run that takes the CPU time of ``work``, which must be one thread that never waits.

    On an idle machine that is its wall time; on a shared one it is still that, without the turns of others.
    """

    def run() -> float:
        begun_s = time.process_time()
        work()
        return time.process_time() - begun_s

    return run


def repeated(run: Run, repeats: int) -> Spread:
    """Seconds of ``run``, after one unmeasured."""
    run()
    return Spread.of([run() for _ in range(repeats)])


def ratios(pairs: int, reference: Run, *measured: Run) -> list[Spread]:
    """Time of each of ``measured`` relative to the time of ``reference`` in the same round.

    Every round runs each of them once, in random order: neither side always follows the other, nor meets a
    periodic disturbance at always the same point. The ratio is taken within the round, the median over rounds.
    """
    order = random.Random(SEED)
    runs = [reference, *measured]
    for run in runs:
        run()  # unmeasured: imports, adaptive bytecode, allocator
    rounds = []
    for _ in range(pairs):
        taken_s = [0.0] * len(runs)
        for place in order.sample(range(len(runs)), len(runs)):
            taken_s[place] = runs[place]()
        rounds.append(taken_s)
    return [Spread.of([taken_s[place] / taken_s[0] for taken_s in rounds]) for place in range(1, len(runs))]
