"""What timing a call costs, next to the loop that everybody writes."""

import time
from collections.abc import Callable, Iterator
from itertools import repeat

from bench.figure import Figure
from bench.pairing import ratios, worked
from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.caller import CallerDrive
from paceline.engine.drive import Load
from paceline.engine.loops import time_calls
from paceline.records.error_log import ErrorLog
from paceline.records.stamps import Stamps
from paceline.targets.call import CallTarget

_STRETCH = 4_096  # attempts that CallerDrive makes between two folds
_STRETCHES = 4
_PAIRS = 200


def empty() -> None:
    """The cheapest operation there is: all that is seen is the loop."""


def returning() -> dict[str, int]:
    """Return a value that is made anew and thrown away."""
    return {}


def microsecond() -> int:
    """Take about 1 us."""
    return sum(range(64))


def naive(operation: Callable[[], object], attempts: int) -> list[float]:
    """The loop to beat, with every name local: its fastest form."""
    now_s = time.perf_counter
    times_ms: list[float] = []
    failures: list[Exception] = []
    append = times_ms.append
    for _ in range(attempts):
        try:
            start = now_s()
            operation()
            append((now_s() - start) * 1000)
        except Exception as error:  # noqa: BLE001  # as in the loop that everybody writes
            failures.append(error)
    return times_ms


def paceline(operation: Callable[[], object]) -> None:
    """The bare loop as ``CallerDrive`` calls it, without what it does between stretches."""
    for _ in range(_STRETCHES):
        time_calls(operation, repeat(None, _STRETCH), SYSTEM_CLOCK.now_s, Stamps(), ErrorLog())


def whole(operation: Callable[[], object]) -> None:
    """A measured window with everything: stretches, checkpoints, folding into the record."""
    load = Load(iterations=_STRETCHES * _STRETCH, expected_s=1e-7)
    CallerDrive(CallTarget(operation), load, SYSTEM_CLOCK).run()


def figures() -> Iterator[Figure]:
    """Timing loop and measured window against the naive loop, for three operations."""
    for what, operation in (
        ("empty function", empty),
        ("function that returns a value", returning),
        ("1 us function", microsecond),
    ):
        loop, window = ratios(
            _PAIRS,
            worked(lambda: naive(operation, _STRETCHES * _STRETCH)),  # noqa: B023  # called before the next round
            worked(lambda: paceline(operation)),  # noqa: B023
            worked(lambda: whole(operation)),  # noqa: B023
        )
        yield Figure(f"timing loop / naive loop, {what}", loop, at_most=1.0)
        yield Figure(f"whole window with folding / naive loop, {what}", window)
