"""How much of a core a busy process really gets: a loop that reads the clock, and notes when it could not."""

import os
from collections.abc import Callable, Sequence

from paceline.core.units import NS_PER_S
from paceline.records.doctor import CoreWatch

GAP_S = 20e-6  # a timer interrupt takes 1 to 5 us, a switch to another process and back more than this
_ONE_IN = 1_000  # moments, of which one waits as long as is told
_MOST_READINGS = 50_000_000  # a clock that stands still must not hold us for ever


def watch_cores(cores: Sequence[int], now_s: Callable[[], float], for_s: float) -> tuple[CoreWatch, ...]:
    """Each of ``cores`` for ``for_s`` seconds; wherever the system likes, where there are none to choose from.

    The calling thread may run on the same cores afterwards as before.
    """
    if not cores:
        return (watch(None, now_s, for_s),)
    before = os.sched_getaffinity(0)
    try:
        watched = []
        for core in cores:
            os.sched_setaffinity(0, [core])
            watched.append(watch(core, now_s, for_s))
    finally:
        os.sched_setaffinity(0, before)
    return tuple(watched)


def watch(core: int | None, now_s: Callable[[], float], for_s: float) -> CoreWatch:
    """The core that the calling thread runs on, called ``core``."""
    gaps_s: list[float] = []
    backwards, reading = 0, 0
    start_s = last_s = now_s()
    end_s = start_s + for_s
    for reading in range(1, _MOST_READINGS):  # noqa: B007  # how many there were
        at_s = now_s()
        step_s = at_s - last_s
        if step_s > GAP_S:
            gaps_s.append(step_s)
        elif step_s < 0:
            backwards += 1
        last_s = at_s
        if at_s >= end_s:
            break
    gaps_ns = [round(gap_s * NS_PER_S) for gap_s in gaps_s]
    elapsed_ns = max(round((last_s - start_s) * NS_PER_S), 0)
    return CoreWatch(
        core=core,
        elapsed_ns=elapsed_ns,
        readings=reading,
        backwards=backwards,
        gaps=len(gaps_ns),
        lost_ns=sum(gaps_ns),
        longest_ns=max(gaps_ns, default=0),
        wait_p999_ns=round(wait_at_one_in(_ONE_IN, gaps_ns, elapsed_ns)),
    )


def wait_at_one_in(moments: int, gaps: Sequence[float], elapsed: float) -> float:
    """The wait that one of so many moments has at least, in the unit of ``gaps``.

    Whoever comes within a gap of length g waits for what is left of it: more than w if it was in the first g - w. So
    w solves sum(max(g - w, 0)) = elapsed / moments. 0 where the gaps together are shorter than that.
    """
    wanted = elapsed / moments
    excess, longest = 0.0, sorted(gaps, reverse=True)
    for place, gap in enumerate(longest):
        # With w between this gap and the next one, the excess of the longer ones is their sum less place * w.
        excess += gap
        following = longest[place + 1] if place + 1 < len(longest) else 0.0
        wait = (excess - wanted) / (place + 1)
        if wait >= following:
            return wait
    return 0.0
