"""A load held against the independent probe beside it: the server was the same for both."""

import math
from collections.abc import Iterator

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, format_ms
from paceline.records.latency import Latency
from paceline.records.load import LoadRecord, Probe
from paceline.records.metrics import PerformanceMetrics
from paceline.records.run_record import RunRecord

_LEAST_PROBES = 200
_SLOWER, _SLOWER_NS = 1.5, 100_000
_LONGER, _LONGER_NS = 2.0, 1_000_000


def probe_findings(record: RunRecord, load: LoadRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    """Where load and probe saw different things."""
    probe = load.probe
    if probe is None or probe.latency.moments.count < _LEAST_PROBES:
        return
    compared = _compared(record, load, probe)
    if compared is None:
        return
    sent = f" to {probe.part}" if probe.part else ""
    # Its service time, not its response time: its own lag would hide what the generator adds.
    slower = [q for q in (0.5, 0.99) if _surely_above(compared, probe.service, q, _SLOWER, _SLOWER_NS)]
    if slower:
        told = " and ".join(
            f"p{100 * q:g} {_shown(compared.quantile_ns(q))} to the probe's {_shown(probe.service.quantile_ns(q))}"
            for q in slower
        )
        yield Finding(
            code="probe-disagrees",
            seen=f"The load reads slower than an independent probe{sent} of the same server: {told}.",
            why="The server was the same for both: the generator made the difference.",
            advice="Ask for less load, or give the generator a core of its own.",
            serious=True,
        )
    if load.arrivals is None and _surely_above(probe.latency, compared, 0.99, _LONGER, _LONGER_NS):
        yield Finding(
            code="probe-waits-longer",
            seen=f"A probe{sent} that arrives by the clock waited longer than the load: p99 "
            f"{_shown(probe.latency.quantile_ns(0.99))} to {_shown(compared.quantile_ns(0.99))}.",
            why="A closed loop sends nothing while the server stalls; who arrives in that time waits, and only the "
            "probe did.",
            advice="Measure with a rate of arrivals: ConstantRate, on the command line --rate.",
        )


def _compared(record: RunRecord, load: LoadRecord, probe: Probe) -> Latency | None:
    """What of the load is held against the probe: its service times, of the requests that the probe sent, too.

    The probe has many connections for its few requests: where arrivals queue for one, it does not.
    """
    if probe.part and load.parts:
        part = next((part for part in load.parts if part.name == probe.part), None)
        return None if part is None else part.service or part.latency
    return load.arrivals.service if load.arrivals else record.latency


def _surely_above(one: Latency, other: Latency, q: float, factor: float, margin_ns: float) -> bool:
    """Whether quantile ``q`` of ``one`` is above ``factor`` times the other's, chance taken into account.

    Each is held at one standard error of its rank to its disadvantage. With 200 samples of a long-tailed server
    (lognormal, sigma 1) the bare p99 of a probe is 1.5 times too low in one of twelve runs; so it is in one of a
    hundred, and an honest factor of three is still seen in nine of ten.
    """
    high, low = other.quantile_ns(_rank(other, q, 1)), one.quantile_ns(_rank(one, q, -1))
    return math.isfinite(low) and low > factor * high + margin_ns


def _rank(latency: Latency, q: float, errors: int) -> float:
    return min(max(q + errors * math.sqrt(q * (1 - q) / max(latency.moments.count, 1)), 0.0), 1.0)


def _shown(nanoseconds: float) -> str:
    return format_ms(nanoseconds / NS_PER_MS)
