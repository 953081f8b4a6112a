"""Scalability: the law that runs at several levels of concurrency follow, or why it is not told."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from paceline.stats.scalability_fit import BENDS_P_VALUE, law_of
from paceline.stats.scalability_law import Law, LevelRun, Misfit

LEAST_LEVELS = 6
ANOTHER_LAW = "another-law"
ANOTHER_P_VALUE = 0.001
FAR_OFF = 0.05  # of what the law says: a level further off, and not by chance, follows another one
LEAST_PER_WORKER = 100  # attempts in a run: with fewer, start and drain weigh more on high levels than on low ones


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not said.

    Attributes:
        code: ``few-levels``, ``few-iterations``, ``no-throughput``, ``another-law``, ``linear`` or
            ``no-peak``.
        reason: a sentence.
        remedy: what would help, a sentence.
    """

    code: str
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Scaling:
    """What runs at several levels say.

    Attributes:
        law: None where it cannot be fitted; ``refusal`` says why.
        refusal: also where it is fitted and has no peak.
    """

    law: Law | None
    refusal: Refusal | None


def scaling_of(runs: Sequence[LevelRun]) -> Scaling:
    """Fit the law to ``runs``, several of a level where there are repeats."""
    refusal = _refused(runs)
    if refusal is not None:
        return Scaling(None, refusal)
    law = law_of(runs)
    misfit = law.misfit
    if misfit is not None and misfit.p_value < ANOTHER_P_VALUE and abs(misfit.off) >= FAR_OFF:
        return Scaling(replace(law, peak=None, limit_per_s=None), _another_law(misfit))
    return Scaling(law, _without_peak(law) if law.peak is None else None)


def _refused(runs: Sequence[LevelRun]) -> Refusal | None:
    levels = sorted({run.workers for run in runs})
    if len(levels) < LEAST_LEVELS:
        return Refusal(
            "few-levels",
            f"{len(levels)} levels were measured; three parameters with their intervals take {LEAST_LEVELS}.",
            f"Measure {LEAST_LEVELS} levels or more, such as 1, 2, 4, 8, 16, 32.",
        )
    silent = next((run for run in runs if not 0 < run.per_s < math.inf), None)
    if silent is not None:
        return Refusal(
            "no-throughput",
            f"With {silent.workers:,} at once a run had no attempt that was ok: there is no logarithm of nothing.",
            "Find out why attempts fail there, or leave that level out.",
        )
    short = min(runs, key=lambda run: run.attempts / run.workers)
    needed = LEAST_PER_WORKER * short.workers
    if short.attempts < needed:
        longer = f"Runs {needed / short.attempts:.2g} times as long" if short.attempts else "Longer runs"
        return Refusal(
            "few-iterations",
            f"With {short.workers:,} at once a run had {short.attempts / short.workers:.3g} attempts a worker; below "
            f"{LEAST_PER_WORKER} starting and stopping look like bad scaling.",
            f"{longer}, or {LEAST_PER_WORKER * max(levels):,} iterations and more.",
        )
    return None


def _another_law(misfit: Misfit) -> Refusal:
    side = "above" if misfit.off > 0 else "below"
    return Refusal(
        ANOTHER_LAW,
        f"The law does not describe these levels: with {misfit.workers:,} at once throughput is "
        f"{100 * abs(misfit.off):.0f} % {side} it, which is more than runs of one level differ "
        f"(p = {misfit.p_value:.2g}); no peak is predicted.",
        "Go by the levels themselves; a hard limit, such as a pool's size, bends sharper than the law can.",
    )


def _without_peak(law: Law) -> Refusal:
    if law.bends_p_value >= BENDS_P_VALUE:
        return Refusal(
            "linear",
            "Linear so far, as far as these runs tell: contention and coherency are not told from 0, and no peak is "
            "predicted.",
            "Measure higher levels; where runs of one level differ much, more or longer ones.",
        )
    return Refusal(
        "no-peak",
        "Throughput bends, but coherency is not told clearly enough from 0: no peak is predicted.",
        "Measure higher levels, or more repeats.",
    )
