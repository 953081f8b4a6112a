"""Services whose answers are known: queues as pure logic, and what theory says of them.

A FIFO queue needs no simulation of events: an answer's moment follows from its arrival, the moments at which the
servers become free, and the service times drawn (Lindley's recursion). :mod:`tests.functional.queue_server` puts the
same logic behind a socket.
"""

import heapq
import math
import random
from dataclasses import asdict, dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

_MS_PER_S = 1_000.0
_BURST_S = 0.1  # of arrivals above the limit that errors leave alone: Poisson arrivals at half of it are none


@dataclass(frozen=True)
class Service:
    """What a service does with a request: it waits, queues, is served, and is answered.

    Attributes:
        servers: that work at once; the queue before them is first in, first out.
        mean_ms: of the time with a server.
        constant: whether that is the same for all; else exponential.
        before_ms: that every request takes in parallel before it queues.
        creep_ms_per_s: what ``before_ms`` grows by, from the first arrival on.
        freeze_at_s, freeze_s: when, from the first arrival on, and for how long no service begins.
        errors_above: arrivals a second beyond which each further one is refused at once; 0 refuses none.
        dies_after: requests from which on all are refused; 0 never.
        leak_bytes: that stay in memory of each request that is not refused. For a server; it changes no time.
        seed: of the service times.
    """

    servers: int = 1
    mean_ms: float = 1.0
    constant: bool = False
    before_ms: float = 0.0
    creep_ms_per_s: float = 0.0
    freeze_at_s: float = 0.0
    freeze_s: float = 0.0
    errors_above: float = 0.0
    dies_after: int = 0
    leak_bytes: int = 0
    seed: int = 0

    @property
    def query(self) -> str:
        """As the query of a URL."""
        plain = {name: int(value) if isinstance(value, bool) else value for name, value in asdict(self).items()}
        return urlencode(plain)

    @classmethod
    def of(cls, query: str) -> "Service":
        """The service of :attr:`query`; what is left out has its default."""
        kinds = {name: type(value) for name, value in asdict(cls()).items()}
        values = {name: kinds[name](float(text)) for name, text in parse_qsl(query)}
        return cls(**values)

    @property
    def most_per_s(self) -> float:
        """Capacity: requests a second at which all servers are busy."""
        return self.servers * _MS_PER_S / self.mean_ms if self.mean_ms else math.inf


def m_m_c(servers: int, mean_ms: float, seed: int = 0) -> Service:
    """Exponential service times; with Poisson arrivals M/M/c."""
    return Service(servers=servers, mean_ms=mean_ms, seed=seed)


def m_d_1(mean_ms: float) -> Service:
    """Constant service times; with Poisson arrivals M/D/1."""
    return Service(mean_ms=mean_ms, constant=True)


def saturating(per_second: float, answer_ms: float) -> Service:
    """Answers within little more than ``answer_ms``, and ``per_second`` at most."""
    return Service(mean_ms=_MS_PER_S / per_second, constant=True, before_ms=answer_ms)


def locked(outside_ms: float, lock_ms: float, seed: int = 0) -> Service:
    """Works in parallel, and then under one lock."""
    return Service(mean_ms=lock_ms, before_ms=outside_ms, seed=seed)


class Answer(NamedTuple):
    """When a request is answered, and whether ok."""

    due_s: float
    ok: bool


class Station:
    """One service at work.

    Args:
        service: what it does.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._free_s = [0.0] * service.servers  # a heap
        self._uniform = random.Random(service.seed)
        self._begun_s: float | None = None
        self._arrived = 0
        self._tokens, self._counted_s = 0.0, 0.0

    def arrive(self, now_s: float) -> Answer:
        """Take a request at ``now_s``; moments must not descend."""
        service = self._service
        if self._begun_s is None:
            self._begun_s = self._counted_s = now_s
            self._tokens = service.errors_above * _BURST_S
        self._arrived += 1
        if self._is_refused(now_s):
            return Answer(now_s, ok=False)
        passed_s = now_s - self._begun_s
        queued_s = now_s + (service.before_ms + service.creep_ms_per_s * passed_s) / _MS_PER_S
        begins_s = max(queued_s, heapq.heappop(self._free_s))
        thaws_s = self._begun_s + service.freeze_at_s + service.freeze_s
        if thaws_s - service.freeze_s <= begins_s < thaws_s:
            begins_s = thaws_s
        due_s = begins_s + self._service_s()
        heapq.heappush(self._free_s, due_s)
        return Answer(due_s, ok=True)

    def _is_refused(self, now_s: float) -> bool:
        service = self._service
        if service.dies_after and self._arrived > service.dies_after:
            return True
        if not service.errors_above:
            return False
        earned = (now_s - self._counted_s) * service.errors_above
        self._tokens, self._counted_s = min(self._tokens + earned, service.errors_above * _BURST_S), now_s
        if self._tokens < 1:
            return True
        self._tokens -= 1
        return False

    def _service_s(self) -> float:
        mean_s = self._service.mean_ms / _MS_PER_S
        return mean_s if self._service.constant or not mean_s else self._uniform.expovariate(1 / mean_s)


def waits_probability(servers: int, load: float) -> float:
    """Erlang's C: the share of Poisson arrivals that find all servers busy; ``load`` is rate x mean service time."""
    idle = 1.0
    for server in range(1, servers):
        idle = idle * server / load + 1
    # idle is sum(load**k / k!, k < servers) / (load**(servers - 1) / (servers - 1)!)
    busy = load / (servers - load)
    return busy / (busy + idle)


def mean_response_ms(service: Service, per_second: float) -> float:
    """Mean of an M/M/c or M/D/1 at ``per_second``; infinite at its capacity and beyond.

    Sources: Erlang (1917) for M/M/c; Pollaczek and Khinchine for M/D/1, S + rho S / (2 (1 - rho)). See Kleinrock,
    Queueing Systems I (1975), sections 3.5 and 5.6.
    """
    load = per_second * service.mean_ms / _MS_PER_S
    if load >= service.servers:
        return math.inf
    if not service.constant:
        waiting_ms = waits_probability(service.servers, load) * service.mean_ms / (service.servers - load)
    else:
        if service.servers > 1:
            raise NotImplementedError("no closed form for M/D/c")
        waiting_ms = service.mean_ms * load / (2 * (1 - load))
    return service.before_ms + waiting_ms + service.mean_ms


def response_quantile_ms(service: Service, per_second: float, q: float) -> float:
    """Quantile of an M/M/c at ``per_second``, by bisection of its distribution (Kleinrock I, section 3.5)."""
    if service.constant:
        raise NotImplementedError("no closed form for constant service times")
    load = per_second * service.mean_ms / _MS_PER_S
    if load >= service.servers:
        return math.inf
    waits, spare = waits_probability(service.servers, load), service.servers - 1 - load

    def beyond(services: float) -> float:
        more = services if abs(spare) < 1e-9 else (1 - math.exp(-spare * services)) / spare
        return math.exp(-services) * (1 + waits * more)

    low, high = 0.0, 1.0
    while beyond(high) > 1 - q:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if beyond(middle) > 1 - q else (low, middle)
    return service.before_ms + low * service.mean_ms


def capacity_per_s(service: Service, q: float, limit_ms: float) -> float:
    """The highest rate of Poisson arrivals at which quantile ``q`` of an M/M/c keeps ``limit_ms``; 0 if none."""
    low, high = 0.0, service.most_per_s
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if response_quantile_ms(service, middle, q) <= limit_ms else (low, middle)
    return low


def locked_throughput_per_s(service: Service, users: int) -> float:
    """Of so many users, none of whom thinks, on :func:`locked`: mean-value analysis.

    Exact for an exponential time under the lock, whatever the time outside is (Reiser & Lavenberg, J. ACM 27 (1980)
    313).
    """
    queued = per_ms = 0.0
    for present in range(1, users + 1):
        response_ms = service.mean_ms * (1 + queued)
        per_ms = present / (service.before_ms + response_ms)
        queued = per_ms * response_ms
    return per_ms * _MS_PER_S
