"""What a duet sees, simulated: process effects, epochs, and a machine that changes under both sides.

Everything is the log of a time. An epoch's is the sum of

- what its process brings along (layout, hash seed): drawn once a process; two of a pair differ by ``spread``,
- the machine's state at that moment: a drift over the session, a ramp in each pair, an autocorrelated wander,
- its own noise, with spikes where the world has them,
- on the candidate's side the true change.

Both processes of a pair walk through the same stretch of time, epoch beside epoch in ABBA or BAAB order.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from paceline.records.duet import DuetRecord, Epochs, Pair, Side, Subject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EPOCHS = 8
PLANTED = 0.05
_BASE_NS = 10_000.0
Law = Literal["normal", "heavy", "skewed"]


@dataclass(frozen=True)
class World:
    """A kind of machine and benchmark.

    Attributes:
        name: for the table.
        spread: standard deviation of what two processes of a pair differ by.
        law: how what a process brings along is distributed; heavy is Student's t with 3 degrees of freedom, skewed is
            exponential.
        epoch_noise: standard deviation of an epoch.
        spikes: share of processes and of epochs that something held up, by 30 % on average.
        drift: over the whole session, as log ratio.
        ramp: over each pair: caches fill, the clock falls.
        wander: standard deviation of an AR(0.9) state of the machine, epoch by epoch.
        shared: part of the variance of what a process brings along that all tests of a suite have in common: they run
            in the same processes.
    """

    name: str
    spread: float
    law: Law = "normal"
    epoch_noise: float = 0.01
    spikes: float = 0.0
    drift: float = 0.0
    ramp: float = 0.0
    wander: float = 0.0
    shared: float = 0.0


WORLDS = (
    *(World(f"spread {spread:.0%}".replace("%", " %"), spread) for spread in (0.0, 0.01, 0.03, 0.05, 0.10, 0.15)),
    World("heavy tails, 5 %", 0.05, law="heavy"),
    World("skewed, 5 %", 0.05, law="skewed"),
    World("spikes in 10 %", 0.03, spikes=0.10),
    World("drift of 30 %", 0.03, drift=0.30),
    World("ramp of 20 %", 0.03, ramp=0.20),
    World("AR(0.9) of 10 %", 0.03, wander=0.10),
)
SHARED = tuple(
    World(f"spread 5 %, {shared:.0%} shared".replace("0%", "0 %"), 0.05, shared=shared) for shared in (0.3, 0.5, 1.0)
)


@dataclass(frozen=True)
class Seen:
    """Logs of times, of shape trials x pairs x epochs; the arms have half of the epochs."""

    base: "Floats"
    candidate: "Floats"
    null: "Floats"
    planted: "Floats"


def simulate(
    world: World, trials: int, pairs: int, rng: "np.random.Generator", shift: float = 0.0, *, suite: int = 1
) -> Seen:
    """``trials`` duets of ``pairs`` pairs in ``world``, the candidate's times longer by exp(``shift``).

    Each ``suite`` of them, one after the other, are tests of the same processes.
    """
    import numpy as np

    state = _machine(world, trials, pairs, rng)
    # Slots of four: ABBA gives the base the first and the last, BAAB the two in the middle.
    is_abba = rng.random((trials, pairs, EPOCHS // 2)) < 0.5
    first, second, third, fourth = (state[..., place::4] for place in range(4))
    base = _woven(np.where(is_abba, first, second), np.where(is_abba, fourth, third))
    candidate = _woven(np.where(is_abba, second, first), np.where(is_abba, third, fourth))
    base_process, candidate_process, third_process = (_process(world, trials, pairs, rng, suite) for _ in range(3))
    return Seen(
        base=base + base_process + _epochs(world, base.shape, rng),
        candidate=candidate + candidate_process + _epochs(world, base.shape, rng) + shift,
        null=candidate[..., 0::2] + third_process + _epochs(world, base[..., 0::2].shape, rng),
        planted=candidate[..., 1::2]
        + third_process
        + _epochs(world, base[..., 0::2].shape, rng)
        + float(np.log1p(PLANTED)),
    )


def _woven(even: "Floats", odd: "Floats") -> "Floats":
    import numpy as np

    return np.stack((even, odd), axis=-1).reshape((*even.shape[:-1], -1))


def _machine(world: World, trials: int, pairs: int, rng: "np.random.Generator") -> "Floats":
    import numpy as np

    slots = 2 * EPOCHS
    state = world.ramp * np.linspace(0, 1, slots) + world.drift * np.linspace(0, 1, pairs * slots).reshape(pairs, slots)
    whole = np.broadcast_to(state, (trials, pairs, slots))
    if not world.wander:
        return whole
    stays = 0.9
    steps = rng.normal(0, world.wander * float(np.sqrt(1 - stays**2)), (pairs * slots, trials))
    steps[0] = rng.normal(0, world.wander, trials)
    for place in range(1, len(steps)):
        steps[place] += stays * steps[place - 1]
    return whole + steps.T.reshape(trials, pairs, slots)


def _process(world: World, trials: int, pairs: int, rng: "np.random.Generator", suite: int) -> "Floats":
    import numpy as np

    effects = _effects(world, (trials, pairs, 1), rng)
    if world.shared:
        common = np.repeat(_effects(world, (trials // suite, pairs, 1), rng), suite, axis=0)
        effects = np.sqrt(1 - world.shared) * effects + np.sqrt(world.shared) * common
    return effects + _spikes(world, effects.shape, rng)


def _effects(world: World, shape: tuple[int, ...], rng: "np.random.Generator") -> "Floats":
    sd = world.spread / math.sqrt(2)
    if world.law == "normal":
        return rng.normal(0, sd, shape)
    if world.law == "heavy":
        return rng.standard_t(3, shape) * (sd / math.sqrt(3))
    return rng.exponential(sd, shape)


def _epochs(world: World, shape: tuple[int, ...], rng: "np.random.Generator") -> "Floats":
    return rng.normal(0, world.epoch_noise, shape) + _spikes(world, shape, rng)


def _spikes(world: World, shape: tuple[int, ...], rng: "np.random.Generator") -> "Floats | float":
    return (rng.random(shape) < world.spikes) * rng.exponential(0.3, shape) if world.spikes else 0.0


def as_record(seen: Seen, trial: int, looks: tuple[int, ...] = (20,), *, arms: bool = True) -> DuetRecord:
    """One trial as the record that a campaign would have written."""
    import numpy as np

    def side(logs: "Floats") -> Epochs:
        times_ns = tuple(float(each) for each in _BASE_NS * np.exp(logs))
        return Epochs(times_ns, mean_ns=float(np.mean(times_ns)), calls=100 * len(times_ns))

    pairs = tuple(
        Pair(
            number=number,
            seed=number,
            calls_per_epoch=100,
            base=side(seen.base[trial, number]),
            candidate=side(seen.candidate[trial, number]),
            null=side(seen.null[trial, number]) if arms else None,
            planted=side(seen.planted[trial, number]) if arms else None,
        )
        for number in range(seen.base.shape[1])
    )
    return DuetRecord(
        name=f"simulated {trial}",
        started_at="2026-11-22T00:00:00Z",
        subject=Subject.CALL,
        base=Side("base"),
        candidate=Side("candidate"),
        pairs=pairs,
        looks=looks,
        seed=trial,
        planted_effect=PLANTED,
    )
