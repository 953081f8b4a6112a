"""The duet's rule over whole arrays of duets; ``test_duets`` shows that ``judge.duet`` says the same of each.

And two wrong rules, to show that the gates notice.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from paceline.judge.change import DUET
from paceline.stats.intervals import binomial_tail, sign_rank
from tests.quality.simulated import PLANTED, Seen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

ALPHA, ALPHA_SUITE = 0.01, 0.05
Rule = Callable[[Seen], "Flags"]


def pair_values(seen: Seen) -> "Floats":
    """trials x pairs: the median over epochs of candidate against base."""
    import numpy as np

    return np.median(seen.candidate - seen.base, axis=-1)


def ends(values: "Floats", tail: float) -> "tuple[Floats, Floats, Floats]":
    """Lower end, median and upper end of the interval over the last axis."""
    import numpy as np

    rank, count = sign_rank(values.shape[-1], tail), values.shape[-1]
    if not rank:
        nothing = np.full(values.shape[:-1], np.inf)
        return -nothing, np.median(values, axis=-1), nothing
    ordered = np.sort(values, axis=-1)
    return ordered[..., rank - 1], np.median(ordered, axis=-1), ordered[..., count - rank]


def regressed(values: "Floats", tail: float) -> "Flags":
    """Whether each is called slower at one level for all."""
    import numpy as np

    low, middle, _ = ends(values, tail)
    return np.asarray(np.logical_and(low > 0, middle >= np.log1p(DUET.min_effect)), dtype=bool)


def unchanged(values: "Floats", tail: float) -> "Flags":
    """Whether each is proven unchanged."""
    import numpy as np

    low, middle, high = ends(values, tail)
    least, margin = np.log1p(DUET.min_effect), np.log1p(DUET.margin)
    moved = ((low > 0) & (middle >= least)) | ((high < 0) & (middle <= -least))
    return np.asarray(np.logical_and((low >= -margin) & (high <= margin), ~moved), dtype=bool)


def found(controls: "Floats", tail: float) -> "Flags":
    """Whether each planted change is found: at least half of it, whatever matters to the user."""
    import numpy as np

    low, middle, _ = ends(controls, tail)
    return np.asarray(np.logical_and(low > 0, middle >= np.log1p(PLANTED / 2)), dtype=bool)


def null_values(seen: Seen, suite: int) -> "Floats":
    """sessions x pairs: the base against itself, the median over the ``suite`` tests of each pair."""
    import numpy as np

    values = np.median(seen.null - seen.base[..., 0::2], axis=-1)
    return np.asarray(np.median(values.reshape(-1, suite, values.shape[-1]), axis=1))


def sign_p_values(values: "Floats") -> "Floats":
    """One-sided, of 'the median is at most 0', over the last axis."""
    import numpy as np

    count = values.shape[-1]
    table = np.array([binomial_tail(hits, count) for hits in range(count + 1)])
    return np.asarray(table[np.sum(values <= 0, axis=-1)])


def holm(p_values: "Floats", alpha: float) -> "Floats":
    """The level of each test of a suite, over the last axis."""
    import numpy as np

    count = p_values.shape[-1]
    order = np.argsort(p_values, axis=-1)
    ordered = np.take_along_axis(p_values, order, axis=-1)
    steps = alpha / (count - np.arange(count))
    passed = np.minimum.accumulate(ordered <= steps, axis=-1)
    stopped = np.minimum(passed.sum(axis=-1, keepdims=True), count - 1)
    levels = np.empty_like(p_values)
    np.put_along_axis(levels, order, steps[np.minimum(np.arange(count), stopped)], axis=-1)
    return levels


def regressed_in_suite(values: "Floats") -> "Flags":
    """suites x benchmarks: whether each of a suite is called slower; ``values`` has the pairs last."""
    import numpy as np

    p_values = sign_p_values(values)
    level = np.minimum(ALPHA, holm(p_values, ALPHA_SUITE))
    return np.asarray(
        np.logical_and(p_values <= level, np.median(values, axis=-1) >= np.log1p(DUET.min_effect)), dtype=bool
    )


def regressed_with_looks(values: "Floats", looks: Sequence[int]) -> "Flags":
    """suites x benchmarks, each run on until it is decided at the strictest level of its suite.

    The order is that of a session: the looks are taken one by one at the level that is known then; Holm's levels of the
    finished suite say at which of the looks taken something was proven.
    """
    import numpy as np

    share, strictest = len(looks), min(ALPHA, ALPHA_SUITE / values.shape[1])
    taken, running = [], np.ones(values.shape[:2], dtype=bool)
    for look in looks:
        taken.append(running)
        running = running & ~_decided(values[..., :look], np.float64(strictest / share))
    worse, better = (
        np.minimum.reduce(
            [
                np.where(was, share * sign_p_values(sign * values[..., :look]), 1.0)
                for look, was in zip(looks, taken, strict=True)
            ]
        )
        for sign in (1, -1)
    )
    slow, fast = (np.minimum(ALPHA, holm(p, ALPHA_SUITE)) / share for p in (worse, better))
    open_still, found = np.ones(values.shape[:2], dtype=bool), np.zeros(values.shape[:2], dtype=bool)
    for look, was in zip(looks, taken, strict=True):
        part = values[..., :look]
        middle = np.median(part, axis=-1)
        tail = np.where(middle > 0, slow, fast)
        found |= open_still & was & (sign_p_values(part) <= tail) & (middle >= np.log1p(DUET.min_effect))
        open_still &= ~(was & _decided(part, tail))
    return found


def regressed_when_appended(values: "Floats", ends_of_runs: Sequence[int]) -> "Flags":
    """suites x benchmarks: whether any run said slower, each going on with the pairs of those before it.

    The first run spends the whole level, the k-th one after it 1 / 2**k. Holm's levels are those of the last run: more
    looks make p-values smaller and levels looser, so that what an earlier run found is among what the last one finds.
    """
    import numpy as np

    parts = [2**run for run in range(len(ends_of_runs))]
    worse, better = (
        np.minimum.reduce(
            [part * sign_p_values(sign * values[..., :end]) for part, end in zip(parts, ends_of_runs, strict=True)]
        )
        for sign in (1, -1)
    )
    slow, fast = (np.minimum(ALPHA, holm(p, ALPHA_SUITE)) for p in (worse, better))
    is_open, slower = np.ones(values.shape[:2], dtype=bool), np.zeros(values.shape[:2], dtype=bool)
    for part, end in zip(parts, ends_of_runs, strict=True):
        seen = values[..., :end]
        middle = np.median(seen, axis=-1)
        tail = np.where(middle > 0, slow, fast) / part
        slower |= is_open & (sign_p_values(seen) <= tail) & (middle >= np.log1p(DUET.min_effect))
        is_open &= ~_decided(seen, tail)
    return slower


def _decided(values: "Floats", tails: "Floats | np.float64") -> "Flags":
    """Whether each is slower, faster or unchanged at its own level."""
    import numpy as np

    tails = np.broadcast_to(tails, values.shape[:-1])
    decided = np.zeros(values.shape[:-1], dtype=bool)
    for tail in np.unique(tails):
        at = tails == tail
        decided[at] = regressed(values[at], tail) | regressed(-values[at], tail) | unchanged(values[at], tail)
    return decided


def by_pairs(seen: Seen) -> "Flags":
    """The rule: one value a pair."""
    return regressed(pair_values(seen), ALPHA)


def by_pooled_epochs(seen: Seen) -> "Flags":
    """Wrong: every epoch taken for an observation of its own, as rules on samples do."""
    differences = seen.candidate - seen.base
    return regressed(differences.reshape(len(differences), -1), ALPHA)


def without_pairs(seen: Seen) -> "Flags":
    """Wrong: the first half of the session runs the base alone, the second half the candidate."""
    import numpy as np

    half = seen.base.shape[1] // 2
    base = np.median(seen.base[:, :half], axis=-1)
    candidate = np.median(seen.candidate[:, half:], axis=-1)
    return regressed(candidate - base, ALPHA)
