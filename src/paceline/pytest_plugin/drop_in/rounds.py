"""How many rounds of how many calls: pytest-benchmark's calibration, without the calls.

A generator asks for a round of so many calls and is told how long it took; who makes the calls, and whether they are
awaited, is not its business.
"""

import math
from collections.abc import Callable, Generator
from statistics import NormalDist

from paceline.pytest_plugin.drop_in.options import Asked

Rounds = Generator[int, float, None]

_STEPS = 100  # of the timer are looked at
_READINGS = 10
_ROUGHLY = 5  # steps of the timer from which on the number of calls is estimated rather than tried
# Arguments of every call of a round are made before it begins: so many at once, not millions.
MOST_PREPARED = 10_000


class Taken:
    """What the rounds took.

    Attributes:
        calls: in a round.
        durations_s: of the measured rounds, each for all of its calls.
        warmup_calls: made before, with those of the calibration.
        is_calibrated: whether calls and rounds were found rather than given.
    """

    def __init__(self) -> None:
        self.calls = 1
        self.durations_s: list[float] = []
        self.warmup_calls = 0
        self.is_calibrated = False


def timer_step_s(timer: Callable[[], float], now_s: Callable[[], float]) -> float:
    """The smallest step that ``timer`` makes, looked for during a second at most.

    Args:
        timer: whose steps they are; it may count what it likes.
        now_s: a real clock, for the end of the search.
    """
    deadline_s, least, seen = now_s() + 1.0, math.inf, 0
    previous = timer()
    while seen < _STEPS and now_s() < deadline_s:
        for _ in range(_READINGS):
            before, after = timer(), timer()
            step = after - before
            if step > 0:
                break
        else:
            step = after - previous  # a timer so coarse that neighbouring readings are equal
            if step <= 0:
                continue
        least, seen, previous = min(least, step), seen + 1, timer()
    return least if math.isfinite(least) else 0.0


def calibrated(
    asked: Asked, step_s: float, now_s: Callable[[], float], taken: Taken, most_calls: int | None = None
) -> Rounds:
    """Rounds as ``asked``: their calls are found out first.

    Args:
        asked: for how long.
        step_s: of the timer.
        now_s: a real clock, for the length of the warm-up.
        taken: is told what the rounds took.
        most_calls: in a round.
    """
    taken.is_calibrated = True
    duration_s = yield from _calls_found(asked, step_s, now_s, taken, most_calls)
    most = max(math.ceil(asked.max_time / duration_s) if duration_s > 0 else 1, asked.min_rounds)
    if asked.warmup:
        for _ in range(min(most, max(1, asked.warmup_iterations // taken.calls))):
            yield taken.calls
            taken.warmup_calls += taken.calls
    if asked.precision is None:
        for _ in range(most):
            taken.durations_s.append((yield taken.calls))
    else:
        yield from _until_precise(asked, asked.precision, most, taken)


def counted(rounds: int, calls: int, warmup_rounds: int, taken: Taken) -> Rounds:
    """So many rounds of so many calls."""
    taken.calls = calls
    for _ in range(warmup_rounds):
        yield calls
        taken.warmup_calls += calls
    for _ in range(rounds):
        taken.durations_s.append((yield calls))


def _calls_found(
    asked: Asked, step_s: float, now_s: Callable[[], float], taken: Taken, most_calls: int | None
) -> Generator[int, float, float]:
    """Find ``taken.calls``, and say how long a round of them takes."""
    least_s = max(asked.min_time, step_s * asked.calibration_precision)
    roughly_s = least_s * _ROUGHLY / asked.calibration_precision
    while True:
        duration_s = yield taken.calls
        taken.warmup_calls += taken.calls
        if asked.warmup:
            began_s, made = now_s(), 0
            while made < asked.warmup_iterations and now_s() - began_s < asked.max_time:
                duration_s = min(duration_s, (yield taken.calls))
                made += taken.calls
            taken.warmup_calls += made
        if duration_s >= least_s or (most_calls is not None and taken.calls >= most_calls):
            return duration_s
        if duration_s >= roughly_s:
            calls = math.ceil(least_s * taken.calls / duration_s)
            if calls == taken.calls:
                return duration_s
        else:
            calls = taken.calls * 10
        taken.calls = calls if most_calls is None else min(calls, most_calls)


def _until_precise(asked: Asked, precision: float, most: int, taken: Taken) -> Rounds:
    """Until the interval of the mean (of a normal distribution) is narrow enough; Welford's sums."""
    z = NormalDist().inv_cdf(0.5 + asked.confidence / 2)
    mean = squares = 0.0
    for count in range(1, most + 1):
        duration_s = yield taken.calls
        taken.durations_s.append(duration_s)
        before = duration_s - mean
        mean += before / count
        squares += before * (duration_s - mean)
        if count >= max(asked.min_rounds, 2) and mean > 0:
            margin = z * math.sqrt(squares / (count - 1) / count) / mean
            if margin <= precision:
                return
