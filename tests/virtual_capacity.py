"""Services in virtual time, for the search that drives real loads as well: no probe takes any time.

A service is a function from arrivals a second and a number of requests to the seconds that each takes, beginning
with an empty queue. What theory says of queues is in :mod:`tests.queues`.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from paceline.campaign.capacity_plan import Asked, SearchPlan, World
from paceline.records.capacity import CapacityProbe, Of, Reading, SlaLimit
from tests.queues import Service

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_MS_PER_S = 1e3
_PARTS = 4
Responses = Callable[[float, int], "Floats"]


class VirtualTime:
    """A clock that only probes and pauses move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Wait."""
        self.now += seconds


def queue(service: Service, rng: "np.random.Generator", *, is_poisson: bool = True) -> Responses:
    """Servers, service times and a line before them, by Lindley's recursion; of one server in bulk."""
    import numpy as np

    mean_s = service.mean_ms / _MS_PER_S

    def responses(per_second: float, count: int) -> "Floats":
        gaps = rng.exponential(1 / per_second, count) if is_poisson else np.full(count, 1 / per_second)
        services = np.full(count, mean_s) if service.constant else rng.exponential(mean_s, count)
        if service.servers == 1:
            steps = np.concatenate(([0.0], np.cumsum(services[:-1] - gaps[1:])))
            return np.asarray(steps - np.minimum.accumulate(steps) + services)
        arrivals, free_at, ends = np.cumsum(gaps), [0.0] * service.servers, np.empty(count)
        for place, (at, lasts) in enumerate(zip(arrivals.tolist(), services.tolist(), strict=True)):
            ends[place] = max(free_at[0], at) + lasts
            heapq.heapreplace(free_at, ends[place])
        return ends - arrivals

    return responses


def latency_limit(percentile: float, limit_ms: float) -> SlaLimit:
    """A limit on a percentile of the response."""
    text = f"p({percentile:g})<{limit_ms:g}"
    return SlaLimit(text, f"p{percentile:g} latency < {limit_ms:g} ms", "ms", "<", limit_ms, percentile, is_smooth=True)


ERROR_LIMIT = SlaLimit("error_rate<1%", "error rate < 1 %", "share", "<", 0.01)


def world_of(
    responses: Responses,
    limits: Sequence[SlaLimit],
    errors: Callable[[float], float] = lambda _: 0.0,
    changed: Callable[[Asked, CapacityProbe, VirtualTime], CapacityProbe] = lambda _, probe, __: probe,
) -> World:
    """A service as the world of a search.

    Args:
        responses: how long its requests take.
        limits: what is read of each probe.
        errors: share of the requests that fail at a load.
        changed: makes another probe of it, for what is no queue.
    """
    import numpy as np

    time = VirtualTime()

    def reading(limit: SlaLimit, took_ms: "Floats", failed: float) -> Reading:
        if limit.percentile is None:
            return Reading(failed, failed < limit.bound)
        value, *parts = (
            float(np.percentile(each, limit.percentile)) for each in (took_ms, *np.array_split(took_ms, _PARTS))
        )
        return Reading(value, value < limit.bound, tuple(parts))

    def measure(asked: Asked) -> CapacityProbe:
        lasts_s = asked.settle_s + asked.length_s
        time.pass_by(lasts_s)
        took_ms = responses(asked.load, max(round(asked.load * lasts_s), 2 * _PARTS)) * _MS_PER_S
        answered = 1 - (failed := errors(asked.load))
        ends_s = lasts_s + float(took_ms[-1]) / _MS_PER_S  # one that has fallen behind answers on
        judged = took_ms[round(len(took_ms) * asked.settle_s / lasts_s) :]
        probe = CapacityProbe(
            asked.load, asked.phase, 0.0, asked.length_s, asked.settle_s, 0.0,
            delivered_per_s=asked.load * answered * lasts_s / ends_s, attempts=len(judged), failed_share=failed,
            readings=tuple(reading(limit, judged, failed) for limit in limits),
        )  # fmt: skip
        return changed(asked, probe, time)

    return World(measure, time, time.pass_by)


def plan(limits: Sequence[SlaLimit], *, seed: int = 1, budget_s: float = 300.0, **changes: object) -> SearchPlan:
    """A search from 10/s to 100,000/s."""
    made = SearchPlan("x", Of.RATE, tuple(limits), 10.0, 100_000.0, budget_s, seed=seed)
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of it
