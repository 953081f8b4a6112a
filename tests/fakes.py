"""Stand-ins for time and for runs: nothing here waits, and every number is chosen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from paceline.core.clock import Clock, ClockQuality
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LoadRecord
from paceline.records.recorder import Counts
from paceline.records.run_record import Definition, Execution, RunRecord, TestType
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


def make_load(
    samples_ns: Sequence[int] = (MS,) * 2_000,
    load: LoadRecord | None = None,
    *,
    users: int = 10,
    dropped: int = 0,
    plan: str | None = None,
    think_time_s: float | None = 0.0,
    execution: Execution = Execution.CONNECTIONS,
    **changes: Any,
) -> RunRecord:
    """A whole and healthy load over ``users`` connections that were busy all the time.

    With ``load.arrivals`` it is an open loop whose arrivals were sent when due, over as long a time.
    """
    load = load or LoadRecord(cpu_percent=(40.0, 50.0))
    elapsed_ns = -(-sum(samples_ns) // users)
    open_loop = load.arrivals is not None
    duration_s = changes.pop("duration_s", None) or max(elapsed_ns, 1) / S
    if plan is None:
        plan = f"{len(samples_ns) / duration_s:,.0f}/s" if open_loop else f"{users} users"
        plan += f" for {duration_s:,.9g} s"
    definition = Definition(
        iterations=None,
        duration_s=duration_s,
        warmup_iterations=0,
        workers=users,
        execution=execution,
        plan=plan,
        open_loop=open_loop,
        warmup_s=1.0,
        target="GET http://localhost:8000/records/7",
        think_time_s=think_time_s,
    )
    record = make_record(
        samples_ns, keep_samples=False, definition=definition, elapsed_ns=elapsed_ns, window_ns=elapsed_ns, load=load
    )
    return replace(
        record,
        **{
            "counts": replace(record.counts, dropped=dropped),
            "latency": replace(record.latency, dropped=dropped),
            **changes,
        },
    )


def make_arrivals(
    generator_ns: Sequence[int] = (50_000,) * 2_000,
    waits_ns: Sequence[int] | None = None,
    service_ns: Sequence[int] = (MS,) * 2_000,
    *,
    planned: int | None = None,
    late: int | None = None,
) -> Arrivals:
    """Arrivals that were noticed and sent so late, each; late are those more than 1 ms behind."""
    waits = waits_ns if waits_ns is not None else (0,) * len(generator_ns)
    lags = [one + other for one, other in zip(generator_ns, waits, strict=True)]
    return Arrivals(
        planned=len(lags) if planned is None else planned,
        late=sum(lag > MS for lag in lags) if late is None else late,
        lag=make_latency(lags, keep_samples=False),
        generator_lag=make_latency(generator_ns, keep_samples=False),
        connection_wait=make_latency(waits, keep_samples=False),
        service=make_latency(service_ns, keep_samples=False),
    )
