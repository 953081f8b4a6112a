"""Did the environment move? What slows a third of a suite at once is rarely the change under test."""

import math
from collections.abc import Sequence

from paceline.core.units import counted
from paceline.judge.change import STORED
from paceline.judge.held import Held, Shift

# One-sided, of a test to count as moved: looser than the verdict, for all that one slow machine touches shall count.
MOVED_LEVEL = 0.05
# Of the calibration workload, which stands alone: by chance it moves in one of forty sessions, either way in twenty.
CALIBRATION_LEVEL = 0.025
LEAST_SHARE = 1 / 3
LEAST_TESTS = 3
_ADVICE = "run a duet"


def environment_shift(suite: Sequence[Held]) -> tuple[str, ...]:
    """For each test of ``suite`` why no verdict stands on it because the environment moved; empty where it does not.

    A third of the tests that can be judged (at least three, of two both) that got slower together, or faster, is one
    reason for all of them; the calibration workload, which no change of the code can touch, is another.
    """
    judged = [held for held in suite if held.primary.level is not None and not held.primary.objection]
    enough = max(min(LEAST_TESTS, len(judged)), math.ceil(LEAST_SHARE * len(judged)))
    together = ""
    for word, worse in (("worse", True), ("better", False)):
        moved = sum(_moved(held.primary, MOVED_LEVEL, worse=worse) for held in judged)
        if len(judged) > 1 and moved >= enough:
            tests = counted(len(judged), "test")
            together = f"the environment shifted: {moved} of {tests} are {word} together; {_ADVICE}"
    return tuple(together or _calibration(held) for held in suite)


def _calibration(held: Held) -> str:
    shift = held.calibration
    if shift is None or shift.change is None:
        return ""
    if _moved(shift, CALIBRATION_LEVEL, worse=True) or _moved(shift, CALIBRATION_LEVEL, worse=False):
        return f"the environment shifted: the calibration workload took {100 * shift.change:+.1f} %; {_ADVICE}"
    return ""


def _moved(shift: Shift, level: float, *, worse: bool) -> bool:
    """Whether it moved beyond chance, and by half of what would matter."""
    if (shift.p_worse if worse else shift.p_better) > level or shift.level is None:
        return False
    least = shift.quantity.least_difference
    return abs(shift.level.shift) >= (math.log1p(STORED.min_effect) if least is None else least) / 2
