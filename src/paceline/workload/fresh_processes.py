"""How often a benchmark is begun anew: in how many fresh processes, and how many windows each of them measures."""

import random
from dataclasses import dataclass

from paceline.core.errors import ConfigurationError
from paceline.workload.models import MOST_SEED, whole_number

MOST_RUNS = 10_000
MOST_EPOCHS = 10_000
_MOST_HASH_SEED = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class FreshProcesses:
    """Fresh interpreters, one after the other, each with a hash seed of its own.

    Attributes:
        runs: how many.
        epochs: measured windows in each, after one setup and one warm-up.
        seed: that the hash seeds are drawn from; None: drawn anew for each session, so that no choice of ours is in
            all of them.

    Raises:
        ConfigurationError: a value is out of range; the message names it.
    """

    runs: int = 1
    epochs: int = 1
    seed: int | None = None

    def __post_init__(self) -> None:
        whole_number("runs", self.runs, at_least=1, at_most=MOST_RUNS)
        whole_number("epochs", self.epochs, at_least=1, at_most=MOST_EPOCHS)
        if self.seed is not None:
            whole_number("seed", self.seed, at_least=0, at_most=MOST_SEED)


def fresh_processes(runs: int, epochs: int, seed: int | None = None) -> FreshProcesses | None:
    """What is asked for; None where one run of one epoch needs no process but the caller's.

    Raises:
        ConfigurationError: a value is out of range, or there is a seed and nothing to draw from it.
    """
    asked = FreshProcesses(runs, epochs, seed)
    if (asked.runs, asked.epochs) != (1, 1):
        return asked
    if asked.seed is not None:
        raise ConfigurationError(
            "seed is what hash seeds of fresh processes are drawn from: ask for runs or epochs too"
        )
    return None


def hash_seeds(seed: int, runs: int) -> tuple[int, ...]:
    """A ``PYTHONHASHSEED`` for each process; never 0, which would switch the hashing of texts to its fixed form."""
    draw = random.Random(seed)  # noqa: S311  # to be drawn again, not to be kept secret
    return tuple(draw.randint(1, _MOST_HASH_SEED) for _ in range(runs))
