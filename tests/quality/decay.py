"""Quality gates of naming a decay: how often it is named where there is one, and where there is none.

python -m tests.quality decay

Stored sessions that get slower in small steps are 'no change' to a rule that lets a machine drift
(``docs/decisions/023-two-forecasts.md``). They fail nothing, but they are named. Beside it stands what the prediction
interval of the reference alone, at the same level, would have failed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paceline.judge.change import STORED, Verdict, decide
from paceline.judge.comparison import DECAYED, TAIL, conclude
from tests.quality.gates import Gate, at_least, at_most, shown
from tests.quality.stored_baselines import REFERENCE, WORLDS, World, daily, held_of

if TYPE_CHECKING:
    import numpy as np

    from tests.quality.stored_baselines import Floats

LIMIT, FOUND = 0.01, 0.80
SPREAD = 0.02
# Worlds in which sessions do lead away from the reference for a while, though the code is the same.
_LEADING = ("AR(0.5)", "AR(0.8)", "drift")


@dataclass(frozen=True)
class Effort:
    """How long it may take: ``trials`` of each world."""

    trials: int


FULL = Effort(4_000)


@dataclass(frozen=True)
class Told:
    """What was said of comparisons that may fail a test.

    Attributes:
        gating: how many there were.
        named: as a decay.
        regressed: as a step.
        beyond: those that the level of the reference alone would have failed.
    """

    gating: int
    named: int
    regressed: int
    beyond: int


@dataclass(frozen=True)
class Decay:
    """Slower by ``step`` with each session after the reference; gated where it must be named.

    Attributes:
        step: as a logarithm.
        sessions: after the reference, the candidate among them.
        gated: whether 80 % must be named.
    """

    step: float
    sessions: int
    gated: bool = False

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"+{self.step:.2%} a session, spread {SPREAD:.0%}, the {self.sessions}th after the reference"

    @property
    def world(self) -> World:
        """Its sessions, one a day."""

        def draw(rng: "np.random.Generator", trials: int, sessions: int) -> "Floats":
            import numpy as np

            values = rng.normal(0, SPREAD, (trials, sessions))
            values[:, REFERENCE:] += self.step * np.arange(1, sessions - REFERENCE + 1)
            return values

        return World(self.name, draw, daily(REFERENCE + self.sessions - 1))


DECAYS = (
    Decay(0.0025, 10),
    Decay(0.0025, 20),
    Decay(0.005, 10),
    Decay(0.005, 20, gated=True),
    Decay(0.01, 5),
    Decay(0.01, 10, gated=True),
    Decay(0.01, 20, gated=True),
)


def told(world: World, rng: "np.random.Generator", trials: int) -> Told:
    """What is said of the last session of each of ``trials`` series."""
    gating = named = regressed = beyond = 0
    for row in world.draw(rng, trials, len(world.hours)).tolist():
        held = held_of(row, world.hours)
        (found,) = conclude([held])
        if not found.gates:
            continue
        gating += 1
        named += found.reason == DECAYED
        regressed += found.verdict is Verdict.REGRESSED
        level = held.primary.level
        assert level is not None
        verdict, _ = decide(held.primary.quantity, level.shift, level.interval(TAIL), STORED)
        beyond += verdict is Verdict.REGRESSED
    return Told(gating, named, regressed, beyond)


def gates(rng: "np.random.Generator", effort: Effort) -> Iterator[Gate]:
    """All of them, in the order of the table."""
    for world in WORLDS:
        seen = told(world, rng, effort.trials)
        if not seen.gating:
            continue
        if world.gated and not world.name.startswith(_LEADING):
            yield at_most("named without a decay", world.name, seen.named, seen.gating, LIMIT)
        else:
            yield shown("named without a decay", world.name, f"{seen.named:,} of {seen.gating:,}")
    for decay in DECAYS:
        seen = told(decay.world, rng, effort.trials)
        if decay.gated:
            yield at_least("decay named", decay.name, seen.named, seen.gating, FOUND)
        else:
            yield shown(
                "decay named", decay.name, f"{seen.named:,} of {seen.gating:,} = {seen.named / seen.gating:.2%}"
            )
        beyond = f"{seen.beyond / seen.gating:.2%}; called a step {seen.regressed / seen.gating:.2%}"
        yield shown("the level alone would fail", decay.name, beyond)
