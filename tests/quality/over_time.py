"""Quality gates of the findings over time: how often they are false, how often they find what is there.

    python -m tests.quality over_time

All loads run in virtual time, on services that do nothing but answer after a time that is drawn. In the worlds without
anything to find, latencies and memory wander: noise of the first order, with a time of correlation up to a fortieth of
the run, and up to a third of it where that is only shown, for what wanders so slowly cannot be told from what grows.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from paceline.judge.over_time import diagnose_over_time
from paceline.records.resources import SystemUsage
from paceline.records.run_record import RunRecord
from paceline.workload.models import ConstantRate, Poisson, Stages
from tests.quality.gates import Gate, at_least, at_most, shown
from tests.queues import Answer, Service, Station, m_d_1, m_m_c
from tests.virtual_loads import Answering, open_load, watched

if TYPE_CHECKING:
    import numpy as np

FALSE, FOUND = 0.02, 0.80  # they inform, and fail nothing
_MB = 1_000_000
SOAK_S = 600
SOAK = (8, SOAK_S)  # arrivals a second, seconds
RAMP = Stages([(10, 20), (50, 120)], start=20)
SPIKE = Stages([(20, 40), (0, 120), (10, 120), (0, 40), (30, 40)], start=40)


Draw = Callable[[int], RunRecord]  # of a seed


@dataclass(frozen=True)
class Effort:
    """How long it may take: ``trials`` of each world."""

    trials: int


FULL = Effort(400)


@dataclass(frozen=True)
class World:
    """Loads of one kind.

    Attributes:
        code: of the finding that is looked for.
        name: for the table.
        draw: makes one, given a seed.
        present: whether there is something to find.
        gated: whether the figure must hold.
    """

    code: str
    name: str
    draw: Draw
    present: bool = False
    gated: bool = True


def wander(rng: random.Random, steps: int, correlation: float) -> list[float]:
    """Standard normal noise of the first order."""
    fresh = math.sqrt(1 - correlation**2)
    value, values = rng.gauss(0, 1), []
    for _ in range(steps):
        value = correlation * value + fresh * rng.gauss(0, 1)
        values.append(value)
    return values


def correlated(seconds: float) -> float:
    """From second to second, where the time of correlation is so long."""
    return math.exp(-1 / seconds) if seconds else 0.0


def of_arrivals(seed: int) -> int:
    """The seed of the arrivals in a load of ``seed``.

    Another than that of the services: the same numbers would make long services of long gaps, and hardly any queue.
    """
    return seed + 2**32


def even(seed: int) -> Poisson:
    """A soak."""
    return Poisson(SOAK[0], SOAK[1], seed=of_arrivals(seed))


def wandering(seed: int, seconds: float, spread: float, growth_an_hour: float = 0.0) -> Answering:
    """Answers after lognormal times whose level wanders by ``spread``, and grows by a share of itself an hour."""
    rng = random.Random(seed)
    level = wander(rng, 2 * SOAK_S, correlated(seconds))

    def answer(at_s: float) -> Answer:
        share = spread * level[int(at_s)] + growth_an_hour * at_s / 3_600
        return Answer(at_s + 0.010 * math.exp(share + rng.gauss(0, 0.3)), ok=True)

    return answer


def plain(seed: int, failing: Callable[[random.Random, float], bool] = lambda rng, at_s: False) -> Answering:
    """The same without wandering; fails as it is told."""
    rng = random.Random(seed)
    return lambda at_s: Answer(at_s + 0.010 * math.exp(rng.gauss(0, 0.3)), ok=not failing(rng, at_s))


def memory(values_mb: Sequence[float]) -> SystemUsage:
    """Of a target, one sample a second."""
    return SystemUsage(targets=(watched([_MB * value for value in values_mb], interval_s=1.0),))


@cache
def _quiet() -> RunRecord:
    return open_load(ConstantRate(1, SOAK_S), Service(mean_ms=1.0))


def soaked(
    memory_of: Callable[[random.Random], Sequence[float]],
) -> Draw:
    """A few requests while memory does what it does."""

    def draw(seed: int) -> RunRecord:
        return replace(_quiet(), usage=memory(memory_of(random.Random(seed))))

    return draw


def noisy(
    seconds: float, spread_mb: float = 5.0, an_hour_mb: float = 0.0
) -> Callable[[random.Random], Sequence[float]]:
    """Memory of 200 MB that wanders, and grows."""
    return lambda rng: [
        200 + spread_mb * value + an_hour_mb * second / 3_600
        for second, value in enumerate(wander(rng, SOAK_S, correlated(seconds)))
    ]


def collected(an_hour_mb: float = 0.0) -> Callable[[random.Random], Sequence[float]]:
    """Memory that a collector lets grow by up to 60 MB before it takes it back, every 20 s or so."""

    def of(rng: random.Random) -> Sequence[float]:
        values, garbage, most = [], 0.0, rng.uniform(40, 60)
        for second in range(SOAK_S):
            garbage += rng.uniform(1, 4)
            if garbage > most:
                garbage, most = 0.0, rng.uniform(40, 60)
            values.append(200 + garbage + rng.gauss(0, 1) + an_hour_mb * second / 3_600)
        return values

    return of


def filled(within_s: float) -> Callable[[random.Random], Sequence[float]]:
    """Caches that are two thirds full after so long."""
    return lambda rng: [250 - 50 * math.exp(-second / within_s) + rng.gauss(0, 2) for second in range(SOAK_S)]


def stepped(rng: random.Random) -> Sequence[float]:
    """An allocator that takes 8 MB now and then in the first quarter, and gives back as often in the rest."""
    held, values = 200.0, []
    for second in range(SOAK_S):
        if rng.random() < 1 / 30:
            held += 8 if second < SOAK_S / 4 else rng.choice((-8, 8))
        values.append(held)
    return values


def crept(seconds: float, growth_an_hour: float = 0.0) -> Draw:
    """A soak on a service whose level wanders by 5 %."""
    return lambda seed: open_load(even(seed), wandering(seed, seconds, 0.05, growth_an_hour))


def queued(utilisation: float) -> Draw:
    """A soak on an M/M/1."""
    return lambda seed: open_load(even(seed), m_m_c(1, 1_000 * utilisation / SOAK[0], seed))


def ramped(service: Callable[[int], Answering], cores: float = 1.0, *, at: int | None = None) -> Draw:
    """A ramp, Poisson, on a service whose CPU rises with the rate up to a core."""

    def draw(seed: int) -> RunRecord:
        rng = random.Random(seed)
        rates = [20 + 100 * max(place / 2 - 10, 0) / 50 for place in range(120)]
        full = 100 if at is None else at
        used = [min(100 * cores, 100 * cores * rate / full) + rng.gauss(0, 3) for rate in rates]
        usage = SystemUsage(targets=(watched(cpu_percent=used),), cpu_count=4)
        return open_load(Stages(RAMP.stages, start=RAMP.start, seed=of_arrivals(seed)), service(seed), usage)

    return draw


def clustered(rng_seed: int) -> Answering:
    """2 % of failures on average, in clusters of two seconds or so."""
    rng = random.Random(rng_seed)
    level = wander(rng, 200, correlated(2))
    return plain(rng_seed, lambda own, at_s: own.random() < 0.02 * math.exp(0.7 * level[int(at_s)] - 0.245))


def outage(seed: int) -> Answering:
    """Three seconds in which everything fails, at any time of the ramp but its end."""
    begin_s = random.Random(seed).uniform(0, 50)
    return plain(seed, lambda _, at_s: begin_s <= at_s < begin_s + 3)


def failing_from(per_second: float) -> Callable[[int], Answering]:
    """A rate limit."""
    return lambda seed: Station(Service(mean_ms=5.0, servers=100, errors_above=per_second, seed=seed)).arrive


def spiked(service: Callable[[int], Answering]) -> Draw:
    """A spike, Poisson."""
    return lambda seed: open_load(Stages(SPIKE.stages, start=SPIKE.start, seed=of_arrivals(seed)), service(seed))


def slowed(seed: int) -> Answering:
    """Levels that wander by 10 % with a correlation of three seconds, whatever the load."""
    return wandering(seed, 3, 0.10)


WORLDS = (
    *(
        World("leak", f"memory wanders, correlated over {seconds} s", soaked(noisy(seconds)), gated=seconds <= 15)
        for seconds in (0, 5, 15, 30, 200)
    ),
    World("leak", "a collector's sawtooth", soaked(collected())),
    *(
        World("leak", f"caches fill, by two thirds in {within} s", soaked(filled(within)), gated=False)
        for within in (60, 120)
    ),
    World("leak", "an allocator's steps: a random walk", soaked(stepped), gated=False),
    World("leak", "120 MB an hour, sawtooth", soaked(collected(120)), present=True),
    World("leak", "120 MB an hour, wanders over 5 s", soaked(noisy(5, 5.0, 120)), present=True, gated=False),
    World("leak", "240 MB an hour, wanders over 5 s", soaked(noisy(5, 5.0, 240)), present=True),
    *(
        World("latency-creep", f"wanders by 5 %, over {seconds} s", crept(seconds), gated=seconds <= 15)
        for seconds in (0, 5, 15, 30, 200)
    ),
    *(World("latency-creep", f"M/M/1 at {load:.0%}".replace("%", " %"), queued(load)) for load in (0.5, 0.8, 0.9)),
    World("latency-creep", "doubles in an hour, wanders over 5 s", crept(5, 1.0), present=True, gated=False),
    World("latency-creep", "doubles in half an hour, wanders over 5 s", crept(5, 2.0), present=True),
    World("cpu-saturation", "a full core, answers follow", ramped(plain, at=90)),
    World(
        "cpu-saturation",
        "answers do not follow, half a core",
        ramped(lambda seed: Station(m_d_1(1e3 / 90)).arrive, 0.5, at=90),
    ),
    World(
        "cpu-saturation",
        "full at 90/s of 120/s",
        ramped(lambda seed: Station(m_d_1(1e3 / 90)).arrive, at=90),
        present=True,
    ),
    World("queueing", "latency wanders by 10 %", ramped(slowed)),
    World("queueing", "M/D/1 up to 60 %", ramped(lambda seed: Station(m_d_1(5.0)).arrive)),
    World("queueing", "M/M/1 up to 96 %", ramped(lambda seed: Station(m_m_c(1, 8.0, seed)).arrive), present=True),
    World("error-onset", "2 % fail at any rate", ramped(lambda seed: plain(seed, lambda rng, _: rng.random() < 0.02))),
    World("error-onset", "2 % fail in clusters", ramped(clustered)),
    World("error-onset", "an outage of 3 s", ramped(outage)),
    World("error-onset", "refuses above 80/s", ramped(failing_from(80)), present=True),
    World("recovery", "nothing happens", spiked(plain)),
    World("recovery", "latency wanders by 10 %", spiked(slowed)),
    World("recovery", "M/M/1 at 20 %, 60 % within", spiked(lambda seed: Station(m_m_c(1, 5.0, seed)).arrive)),
    World(
        "recovery",
        "M/M/1 at 40 %, 120 % within",
        spiked(lambda seed: Station(m_m_c(1, 10.0, seed)).arrive),
        present=True,
    ),
)


def told(world: World, seeds: Sequence[int]) -> int:
    """In how many loads of ``world`` its finding was there."""
    hits = 0
    for seed in seeds:
        hits += world.code in {finding.code for finding in diagnose_over_time(world.draw(seed))}
    return hits


def gates(rng: "np.random.Generator", effort: Effort) -> Iterator[Gate]:
    """All of them, in the order of the table."""
    for world in WORLDS:
        seeds = rng.integers(0, 2**31, effort.trials).tolist()
        hits = told(world, seeds)
        name = f"{world.code} {'found' if world.present else 'false'}"
        if not world.gated:
            yield shown(name, world.name, f"{hits:,} of {len(seeds):,} = {hits / len(seeds):.2%}")
        elif world.present:
            yield at_least(name, world.name, hits, len(seeds), FOUND)
        else:
            yield at_most(name, world.name, hits, len(seeds), FALSE)
