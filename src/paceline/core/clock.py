"""The clock. No other module imports ``time``; whoever needs time is handed a :class:`Clock`.

A reading is a float of seconds from ``time.perf_counter``, not an integer of nanoseconds: producing the
float is about 15 ns cheaper, and inside a timing loop that is 10 % of the loop. A double resolves 1 ns for
the first 97 days of uptime (2**-30 s below 2**23 s) and 4 ns in the first year, less than a reading costs.
Readings become integer nanoseconds the moment they leave the loop (``records.recorder``).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from paceline.core.units import NS_PER_S


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from. Tests hand over their own.

    Attributes:
        now_s: seconds on a clock that only goes forward; the origin means nothing.
        cpu_s: CPU seconds this process has used, user and system, all threads.
        thread_cpu_s: CPU seconds the calling thread has used.
        utc_now: the wall clock, for time stamps in files only.
    """

    now_s: Callable[[], float] = time.perf_counter
    cpu_s: Callable[[], float] = time.process_time
    thread_cpu_s: Callable[[], float] = time.thread_time
    utc_now: Callable[[], datetime] = _utc_now


SYSTEM_CLOCK = Clock()


@dataclass(frozen=True, slots=True)
class ClockQuality:
    """What a clock can see.

    Attributes:
        resolution_ns: smallest step between two different readings.
        cost_ns: time one reading takes (median).
    """

    resolution_ns: float
    cost_ns: float

    @property
    def grain_ns(self) -> float:
        """The larger of both: nothing shorter can be told apart."""
        return max(self.resolution_ns, self.cost_ns)


def measure_clock(now_s: Callable[[], float], readings: int = 400) -> ClockQuality:
    """Measure step and cost of ``now_s`` from ``readings`` consecutive readings (well under a millisecond).

    The cost is the median step over all pairs, which on a coarse clock is 0; the resolution is the smallest
    step that is not 0.
    """
    stamps = [now_s() for _ in range(readings)]
    steps = sorted(later - earlier for earlier, later in pairwise(stamps))
    positive = [step for step in steps if step > 0]
    resolution_s = positive[0] if positive else 0.0
    return ClockQuality(resolution_ns=resolution_s * NS_PER_S, cost_ns=max(steps[len(steps) // 2], 0.0) * NS_PER_S)


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and a ``Z``, as it stands in files."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
