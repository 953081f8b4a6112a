"""Loads on services whose truth is known, in virtual time: the record that a generator without any lag would make."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from paceline.core.units import NS_PER_S
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.load import LoadRecord, Stretch
from paceline.records.recorder import Counts
from paceline.records.resources import ResourceSeries, ResourceUsage, SystemUsage
from paceline.records.run_record import RunRecord
from paceline.records.time_series import FINEST_INTERVAL_NS, TimeSeries, TimeSlice
from paceline.workload.arrivals import arrivals
from paceline.workload.models import OpenLoop, Stages
from tests.fakes import make_arrivals, make_load
from tests.queues import Answer, Service, Station

if TYPE_CHECKING:
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

Answering = Callable[[float], Answer]  # when a request that arrives now is answered


def open_load(workload: OpenLoop, service: Service | Answering, usage: SystemUsage | None = None) -> RunRecord:
    """The record of ``workload`` on ``service``."""
    answer = Station(service).arrive if isinstance(service, Service) else service
    starts_s = np.fromiter(arrivals(workload), float)
    answers = [answer(at_s) for at_s in starts_s.tolist()]
    ends_s, ok = np.array([due_s for due_s, _ in answers]), np.array([is_ok for _, is_ok in answers], dtype=bool)
    durations_ns = np.rint((ends_s - starts_s) * NS_PER_S).astype(np.int64)
    series = _series(np.rint(ends_s * NS_PER_S).astype(np.int64), durations_ns, ok)
    latency = Latency.of(durations_ns[ok])
    counts = Counts(ok=int(ok.sum()), errors=int((~ok).sum()))
    stretches: tuple[Stretch, ...] = ()
    if isinstance(workload, Stages):
        stretches = tuple(Stretch(ramp.duration_s, ramp.level, ramp.target) for ramp in workload.ramps())
    seen = replace(make_arrivals((), service_ns=()), planned=len(answers), service=latency)
    elapsed_ns = round(max(workload.duration_s, float(ends_s.max(initial=0.0))) * NS_PER_S)
    record = make_load((), LoadRecord(arrivals=seen, stretches=stretches), duration_s=workload.duration_s)
    return replace(
        record,
        elapsed_ns=elapsed_ns,
        window_ns=elapsed_ns,
        window_ok=counts.ok,
        counts=counts,
        latency=latency,
        series=series,
        usage=usage or SystemUsage(),
    )


def _series(ends_ns: "IntArray", durations_ns: "IntArray", ok: "NDArray[np.bool_]") -> TimeSeries:
    """As a recorder would keep it, made at once at the interval that it has in the end."""
    interval_ns = (
        TimeSeries(slices=(TimeSlice(int(ends_ns.max(initial=0)) // FINEST_INTERVAL_NS),)).bounded().interval_ns
    )
    order = np.argsort(ends_ns, kind="stable")
    positions = ends_ns[order] // interval_ns
    begins = np.flatnonzero(np.diff(positions, prepend=-1))
    slices = []
    for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(positions)], strict=True):
        piece = order[begin:end]
        answered = int(ok[piece].sum())
        slices.append(
            TimeSlice(
                position=int(positions[begin]),
                ok=answered,
                errors=len(piece) - answered,
                histogram=Histogram.of(durations_ns[piece][ok[piece]]),
            )
        )
    return TimeSeries(interval_ns, tuple(slices))


def watched(
    memory_bytes: Sequence[float] = (),
    cpu_percent: Sequence[float] = (),
    *,
    interval_s: float = 0.5,
    pid: int | None = 4711,
    subject: str = "target",
) -> ResourceUsage:
    """A process of which so much was seen, evenly spaced from the opening of the window on."""
    count = max(len(memory_bytes), len(cpu_percent))
    return ResourceUsage(
        subject,
        pid,
        series=ResourceSeries(
            offset_ms=tuple(1e3 * interval_s * place for place in range(count)),
            cpu_percent=tuple(cpu_percent) or (None,) * count,
            memory_bytes=tuple(round(held) for held in memory_bytes) or (None,) * count,
            disk_read_bytes=(None,) * count,
            disk_write_bytes=(None,) * count,
        ),
    )
