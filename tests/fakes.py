"""Stand-ins for time and for runs: nothing here waits, and every number is chosen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from paceline.core.clock import Clock, ClockQuality
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.recorder import Counts
from paceline.records.run_record import Definition, RunRecord, TestType
from paceline.stats.summary import moments_of

MS = 1_000_000  # in ns
S = 1_000_000_000
LATE_EVENING = datetime(2026, 11, 22, 23, 59, 58, tzinfo=UTC)


class ManualClock:
    """Time that passes when it is told to, and by ``tick_s`` with each reading of ``now_s``."""

    def __init__(self, origin_s: float = 0.0, tick_s: float = 0.0) -> None:
        self._now_s = origin_s
        self._tick_s = tick_s
        self._cpu_s = 0.0
        self._thread_cpu_s = 0.0
        self._wall = LATE_EVENING

    def advance(self, seconds: float, *, cpu_s: float = 0.0) -> None:
        """Let ``seconds`` pass, of which the process and this thread spend ``cpu_s`` on a core."""
        self._now_s += seconds
        self._wall += timedelta(seconds=seconds)
        self._cpu_s += cpu_s
        self._thread_cpu_s += cpu_s

    def now_s(self) -> float:
        reading = self._now_s
        if self._tick_s:
            self.advance(self._tick_s)
        return reading

    def cpu_s(self) -> float:
        return self._cpu_s

    def thread_cpu_s(self) -> float:
        return self._thread_cpu_s

    def utc_now(self) -> datetime:
        return self._wall

    def as_clock(self) -> Clock:
        return Clock(now_s=self.now_s, cpu_s=self.cpu_s, thread_cpu_s=self.thread_cpu_s, utc_now=self.utc_now)


def make_latency(samples_ns: Sequence[int], *, keep_samples: bool = True) -> Latency:
    """The distribution of ``samples_ns``, with or without the raw samples."""
    values = np.array(samples_ns, dtype=np.int64)
    return Latency(
        moments=moments_of(values),
        histogram=Histogram.of(values),
        samples_ns=tuple(samples_ns) if keep_samples else None,
    )


def make_record(
    samples_ns: Sequence[int] = (MS,) * 2_000,
    *,
    keep_samples: bool = True,
    errors_counted: int = 0,
    timeouts: int = 0,
    hits: int = 0,
    misses: int = 0,
    definition: Definition | None = None,
    **changes: Any,
) -> RunRecord:
    """A whole and healthy run of one worker whose attempts took ``samples_ns``, one after the other.

    ``timeouts`` of the samples are timeouts; ``changes`` replace fields of the record.
    """
    definition = definition or Definition(iterations=len(samples_ns) + errors_counted)
    ok = (len(samples_ns) - timeouts) * definition.calls_per_sample
    record = RunRecord(
        name="checkout",
        test_type=TestType.API_ENDPOINT,
        definition=definition,
        started_at="2026-11-22T18:00:00.000000Z",
        elapsed_ns=sum(samples_ns),
        window_ns=sum(samples_ns),
        window_ok=ok,
        counts=Counts(ok=ok, errors=errors_counted, timeouts=timeouts, hits=hits, misses=misses),
        latency=make_latency(samples_ns, keep_samples=keep_samples),
        clock=ClockQuality(resolution_ns=1.0, cost_ns=50.0),
    )
    return replace(record, **changes)
