"""Quality gates of the duet, simulated: false alarms, coverage, visible changes, arms, and wrong methods.

python -m tests.quality duets
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paceline.judge.change import DUET
from paceline.judge.duet_arms import null_arm_of
from paceline.stats.intervals import binomial_tail, sign_rank
from paceline.stats.power import pairs_needed, smallest_visible_in_pairs
from tests.quality.fast_rule import (
    ALPHA,
    ALPHA_SUITE,
    Rule,
    by_pairs,
    by_pooled_epochs,
    ends,
    found,
    null_values,
    pair_values,
    regressed,
    regressed_in_suite,
    regressed_when_appended,
    regressed_with_looks,
    unchanged,
    without_pairs,
)
from tests.quality.gates import Gate, at_least, at_most, shown, within
from tests.quality.simulated import SHARED, WORLDS, Seen, World, simulate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PAIRS = 20
SUITE = 30
LOOKS = (12, 24, 48)
APPENDED = (20, 40, 60, 80)
QUIET, NOISY = WORLDS[2], WORLDS[3]
MIXED = "a mixed suite"
_CHUNK = 12_000  # duets held in memory at once


@dataclass(frozen=True)
class Effort:
    """How long it may take.

    Attributes:
        trials: of one benchmark, and suites, in each world.
        worlds: of those that cost most.
        visible: duets whose smallest visible change is told.
    """

    trials: int
    worlds: tuple[World, ...]
    visible: int


FULL = Effort(20_000, WORLDS, 400)
FAST = Effort(4_000, (WORLDS[0], NOISY, WORLDS[-1]), 100)


def gates(rng: "np.random.Generator", effort: Effort) -> Iterator[Gate]:
    """All of them, each as it is done."""
    for world in effort.worlds:
        yield false_alarms(world, effort.trials, rng)
    for world in effort.worlds:
        yield false_alarms_with_looks(world, effort.trials, rng)
    for world in effort.worlds:
        yield false_alarms_of_suites((world,), effort.trials, rng)
    if effort is FULL:
        yield false_alarms_of_suites(WORLDS, effort.trials, rng)
        for world in (WORLDS[2], WORLDS[5]):
            yield false_alarms_of_suites_with_looks(world, effort.trials // 4, rng)
    yield from shared_processes(effort, rng)
    yield from appended(effort, rng)
    for world in effort.worlds:
        yield from coverage(world, effort.trials, rng)
    yield from smallest_visible(effort, rng)
    for world in (NOISY, WORLDS[4]):
        yield pairs_that_are_needed(world, effort, rng)
    yield from arms(effort, rng)
    yield from power(effort.trials // 4, rng)
    yield from wrong_methods(effort.trials // 4, rng)


def false_alarms(world: World, trials: int, rng: "np.random.Generator", rule: Rule = by_pairs) -> Gate:
    """One benchmark of unchanged code called slower."""
    hits = sum(int(rule(simulate(world, some, PAIRS, rng)).sum()) for some in _chunks(trials, PAIRS))
    return at_most("false alarm, one benchmark", world.name, hits, trials, ALPHA)


def false_alarms_with_looks(world: World, trials: int, rng: "np.random.Generator") -> Gate:
    """The same, looked at after 12, 24 and 48 pairs."""
    hits = 0
    for some in _chunks(trials, LOOKS[-1]):
        values = pair_values(simulate(world, some, LOOKS[-1], rng))[:, None]
        hits += int(regressed_with_looks(values, LOOKS).sum())
    return at_most("false alarm, looks at 12, 24, 48", world.name, hits, trials, ALPHA)


def false_alarms_of_suites(worlds: tuple[World, ...], suites: int, rng: "np.random.Generator") -> Gate:
    """Any of 30 unchanged benchmarks called slower; they take turns through the worlds."""
    import numpy as np

    hits = 0
    for some in _chunks(suites, PAIRS * SUITE):
        shares = [range(place, SUITE, len(worlds)) for place in range(len(worlds))]
        columns = [
            pair_values(simulate(world, some * len(share), PAIRS, rng, suite=len(share))).reshape(some, -1, PAIRS)
            for world, share in zip(worlds, shares, strict=True)
        ]
        hits += int(regressed_in_suite(np.concatenate(columns, axis=1)).any(axis=1).sum())
    case = worlds[0].name if len(worlds) == 1 else MIXED
    return at_most(f"false alarm in a suite of {SUITE}", case, hits, suites, ALPHA_SUITE)


def false_alarms_of_suites_with_looks(world: World, suites: int, rng: "np.random.Generator") -> Gate:
    """Any of 30, each run on until it is decided."""
    hits = 0
    for some in _chunks(suites, LOOKS[-1] * SUITE):
        values = pair_values(simulate(world, some * SUITE, LOOKS[-1], rng)).reshape(some, SUITE, LOOKS[-1])
        hits += int(regressed_with_looks(values, LOOKS).any(axis=1).sum())
    return at_most(f"false alarm in a suite of {SUITE}, with looks", world.name, hits, suites, ALPHA_SUITE)


def shared_processes(effort: Effort, rng: "np.random.Generator") -> Iterator[Gate]:
    """What the tests of a pair have in common: all of them run in the same processes."""
    for world in SHARED if effort is FULL else SHARED[1:2]:
        yield false_alarms_of_suites((world,), effort.trials // 2, rng)
        suites = effort.trials // 2
        hits = sum(_null_fails(world, SUITE, suites, 0.0, rng))
        yield at_most(f"null arm fails by chance, {SUITE} x {PAIRS} pairs", world.name, hits, suites, ALPHA)
    hits = sum(_null_fails(SHARED[1], SUITE, 400, 0.0, rng, _pooled_signs))
    gate = at_most("null arm fails by chance", SHARED[1].name, hits, 400, ALPHA)
    yield must_fail("signs pooled over tests", gate)


def appended(effort: Effort, rng: "np.random.Generator") -> Iterator[Gate]:
    """Unchanged code called slower by any of four runs of 20 pairs, each going on with those before it."""
    name = "false alarm, any of 4 appended runs"
    for world in (NOISY, WORLDS[5], WORLDS[-1]) if effort is FULL else (NOISY,):
        hits = 0
        for some in _chunks(effort.trials, APPENDED[-1]):
            values = pair_values(simulate(world, some, APPENDED[-1], rng))[:, None]
            hits += int(regressed_when_appended(values, APPENDED).sum())
        yield at_most(name, world.name, hits, effort.trials, 2 * ALPHA)
    if effort is FULL:
        world, suites, hits = WORLDS[5], effort.trials // 10, 0
        for some in _chunks(suites, APPENDED[-1] * SUITE):
            values = pair_values(simulate(world, some * SUITE, APPENDED[-1], rng)).reshape(some, SUITE, APPENDED[-1])
            hits += int(regressed_when_appended(values, APPENDED).any(axis=1).sum())
        yield at_most(f"{name}, suite of {SUITE}", world.name, hits, suites, 2 * ALPHA_SUITE)


def pairs_that_are_needed(world: World, effort: Effort, rng: "np.random.Generator") -> Gate:
    """How often +5 % is found with as many pairs as a duet of 20 says it would take (80 % by definition)."""
    import numpy as np

    shift, least = float(np.log1p(DUET.margin)), float(np.log1p(DUET.min_effect))
    some = pair_values(simulate(world, effort.visible, PAIRS, rng))
    told = [
        pairs_needed(PAIRS, smallest_visible_in_pairs(each.tolist(), ALPHA, least, seed=place), shift)
        for place, each in enumerate(some)
    ]
    needed = int(np.median(told))
    low, high = np.quantile(told, (0.1, 0.9))
    values = pair_values(simulate(world, 2_000, needed, rng, shift))
    case = f"{world.name}: {needed} pairs (80 % of duets say {low:.0f} to {high:.0f})"
    return within("+5 % found with the pairs said to be needed", case, regressed(values, ALPHA).mean(), 0.7, 0.9)


def coverage(world: World, trials: int, rng: "np.random.Generator") -> Iterator[Gate]:
    """How often the interval holds a true change of 5 %, against the confidence it claims."""
    import numpy as np

    shift, leeway = float(np.log1p(0.05)), 0.005
    values = np.concatenate(
        [pair_values(simulate(world, some, PAIRS, rng, shift)) for some in _chunks(trials, PAIRS)], axis=0
    )
    for tail in (ALPHA, ALPHA_SUITE / SUITE):
        low, _, high = ends(values, tail)
        attained = 1 - 2 * binomial_tail(sign_rank(PAIRS, tail) - 1, PAIRS)
        held = float(np.mean((low <= shift) & (shift <= high)))
        yield within(f"coverage of {attained:.2%}", world.name, held, attained - leeway, attained + leeway)


def smallest_visible(effort: Effort, rng: "np.random.Generator") -> Iterator[Gate]:
    """What a duet calls its smallest visible change, against the change that is found in 80 % of runs."""
    import numpy as np

    least = float(np.log1p(DUET.min_effect))
    for world in effort.worlds[1:]:
        for tail in (ALPHA, ALPHA_SUITE / SUITE):
            low, middle, _ = ends(pair_values(simulate(world, _CHUNK, PAIRS, rng)), tail)
            true = max(least, float(np.quantile(np.maximum(-low, least - middle), 0.8)))
            some = pair_values(simulate(world, effort.visible, PAIRS, rng))
            told = [
                smallest_visible_in_pairs(each.tolist(), tail, least, seed=place) for place, each in enumerate(some)
            ]
            name = f"smallest visible / true, level {tail:.2%}"
            yield within(name, f"{world.name}: {true:.1%}", float(np.median(told)) / true, 0.8, 1.2, ".2f")


def arms(effort: Effort, rng: "np.random.Generator") -> Iterator[Gate]:
    """The null arm's own false alarms, what it finds, and what the positive control costs."""
    import numpy as np

    trials = effort.trials
    for suite in (1, 5, SUITE) if effort is FULL else (1, 5):
        suites = trials // 4 if suite == SUITE else trials
        hits = sum(_null_fails(NOISY, suite, suites, 0.0, rng))
        yield at_most(f"null arm fails by chance, {suite} x {PAIRS} pairs", NOISY.name, hits, suites, ALPHA)
    for bias in (0.0025, 0.005, 0.01, 0.02):
        hits = sum(_null_fails(QUIET, SUITE, 200, bias, rng))
        yield shown(f"null arm fails at a bias of {bias:.2%}", f"{SUITE} x {PAIRS}, {QUIET.name}", f"{hits} of 200")
    if effort is FULL:
        yield significant_but_small(50, 200, rng)
    harmless = float(np.log1p(DUET.min_effect)) / 4
    for world in effort.worlds:
        hits = int(by_pairs(simulate(world, trials // 2, PAIRS, rng, harmless)).sum())
        yield at_most("false alarm at a bias the null arm lets pass", world.name, hits, trials // 2, 0.02)
    for world in WORLDS[1:5]:
        seen = simulate(world, trials // 2, PAIRS, rng)
        controls = np.median(seen.planted - seen.base[..., 1::2], axis=-1)
        for name, tail in (("one benchmark", ALPHA), (f"suite of {SUITE}", ALPHA_SUITE / SUITE)):
            proven = unchanged(pair_values(seen), tail)
            lost, strictly = (
                np.mean(~found(controls[proven], level)) if proven.any() else 0.0 for level in (ALPHA, tail)
            )
            text = f"{proven.mean():.1%} proven; taken back {lost:.1%}, by a control held like the suite {strictly:.1%}"
            yield shown(f"'unchanged', {name}", world.name, text)


def significant_but_small(suites: int, benchmarks: int, rng: "np.random.Generator") -> Gate:
    """Why the null arm has a size as well: over many tests a bias shows that makes no alarm."""
    import numpy as np

    world, bias = WORLDS[1], 0.001
    significant = alarms = 0
    for some in _chunks(suites, PAIRS * benchmarks):
        seen = simulate(world, some * benchmarks, PAIRS, rng, bias)
        arms = np.median(pair_values(seen).reshape(some, benchmarks, PAIRS), axis=1)
        significant += sum(null_arm_of(each.tolist(), DUET).p_value <= ALPHA for each in arms)
        alarms += int(by_pairs(seen).sum())
    text = f"significant in {significant} of {suites} suites, {alarms} false alarms of {suites * benchmarks:,}"
    return shown(f"a bias of {bias:.1%}, {benchmarks} x {PAIRS} pairs", world.name, text)


def _null_fails(
    world: World,
    suite: int,
    suites: int,
    bias: float,
    rng: "np.random.Generator",
    values_of: "Callable[[Seen, int], Floats]" = null_values,
) -> Iterator[bool]:
    for some in _chunks(suites, PAIRS * suite):
        values = values_of(simulate(world, some * suite, PAIRS, rng, suite=suite), suite) + bias
        yield from (null_arm_of(each.tolist(), DUET).failed for each in values)


def _pooled_signs(seen: Seen, suite: int) -> "Floats":
    """Wrong: every test of a pair taken for an observation of its own, though all run in the same processes."""
    import numpy as np

    return np.median(seen.null - seen.base[..., 0::2], axis=-1).reshape(-1, suite * PAIRS)


def power(trials: int, rng: "np.random.Generator") -> Iterator[Gate]:
    """What the default duet finds."""
    import numpy as np

    for world in WORLDS[1:5]:
        for shift in (0.03, 0.05):
            values = pair_values(simulate(world, trials, PAIRS, rng, float(np.log1p(shift))))
            alone, strict = (float(regressed(values, tail).mean()) for tail in (ALPHA, ALPHA_SUITE / SUITE))
            yield shown(f"+{shift:.0%} found", world.name, f"{alone:.1%} alone, {strict:.1%} at the suite's strictest")
    for world in (QUIET, WORLDS[-2], WORLDS[-1]):
        yield power_kept(world, trials, rng)


def power_kept(world: World, trials: int, rng: "np.random.Generator", rule: Rule = by_pairs) -> Gate:
    """+5 % at a spread of 3 %, whatever the machine does to both sides."""
    import numpy as np

    hits = int(rule(simulate(world, trials, PAIRS, rng, float(np.log1p(0.05)))).sum())
    return at_least("+5 % found, one benchmark", world.name, hits, trials, 0.80)


def wrong_methods(trials: int, rng: "np.random.Generator") -> Iterator[Gate]:
    """The gates must notice: rules that are wrong break them."""
    for world in (NOISY, WORLDS[4]):
        yield must_fail("epochs pooled", false_alarms(world, trials, rng, by_pooled_epochs))
    drift = next(world for world in WORLDS if world.drift)
    yield must_fail("one side after the other", false_alarms(drift, trials, rng, without_pairs))
    yield must_fail("one side after the other", power_kept(WORLDS[-1], trials, rng, without_pairs))


def must_fail(method: str, gate: Gate) -> Gate:
    """``gate`` of a wrong method: it holds where the figure is broken."""
    return Gate(f"{method}: breaks '{gate.name}'", gate.case, gate.seen, f"not {gate.limit}", gate.holds is False)


def _chunks(count: int, cost: int) -> Iterator[int]:
    """``count`` in parts that fit into memory, where each takes ``cost`` pairs."""
    most = max(1, _CHUNK * PAIRS // cost)
    while count > 0:
        yield min(count, most)
        count -= most
