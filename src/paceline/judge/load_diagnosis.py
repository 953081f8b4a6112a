"""Findings about loads: was the load the one that was asked for, and are its latencies the server's?"""

import math
from collections.abc import Callable, Iterator

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, NS_PER_S, counted, format_count, format_ms
from paceline.judge.leg_findings import leg_findings
from paceline.judge.probing import probe_findings
from paceline.judge.stalls import hidden_stall
from paceline.judge.thresholds import PerformanceThreshold
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LoadRecord
from paceline.records.metrics import PerformanceMetrics
from paceline.records.run_record import Execution, RunRecord

_OWN_GENERATOR = frozenset({Execution.CONNECTIONS, Execution.USERS})  # an event loop that runs no code of the target
_BUSY_PERCENT = 90.0  # of a core: beyond that answers queue up in front of the generator
_HALF_BUSY_PERCENT = 50.0
_LAG_SHARE = 0.1  # of the median latency
# What the timers of an idle machine make at p99. A tenth of a median below 2.5 ms would call every generator saturated.
_SHORTEST_LAG_NS = 250_000
_LEAST_ARRIVALS = 100  # for a p99 to be more than the largest value
_LATE_SHARE = 0.01  # from there the p99 of the latency may consist of late arrivals
_LEAST_EVENTS = 5  # one or two are a coincidence, whatever share of a short run they are
_DELIVERED_SHARE = 0.99
_AFTERMATH_SHARE = 0.05  # of the plan's length
_TYPICAL_ATTEMPTS = 2  # how many median service times the last answers may come after the plan
_QUEUED_SHARE = 0.5  # of the time after the plan, spent by the longest waiting in the queue
_CLOSED_SHARE = 0.01
_OUTAGE_SHARE = 0.05  # of the plan's length
_SHORTEST_OUTAGE_S = 0.3
_BUSY_SHARES = (0.90, 1.02)  # of their time connections are busy: 0.96 to 1.0 by measurement, above 1 by no arithmetic
_LEAST_ATTEMPTS = 1_000


def diagnose_load(
    record: RunRecord, metrics: PerformanceMetrics, threshold: PerformanceThreshold | None
) -> tuple[Finding, ...]:
    """Findings about ``record``, where it is of a load, or of a closed loop that stalled."""
    load = record.load
    found = [] if load is None else [finding for check in _CHECKS for finding in check(record, load, metrics)]
    return (*found, *_outage(record), *_coordinated_omission(record, threshold))


def _no_server_asked(_: RunRecord, load: LoadRecord, __: PerformanceMetrics) -> Iterator[Finding]:
    if not load.dry:
        return
    yield Finding(
        code="no-server-asked",
        seen="A dry run: every request was answered at once from the generator's own memory.",
        why="These figures are the generator's own, without kernel and network; they say nothing of a server.",
        advice="To measure the server, leave out --dry (dry=True).",
        serious=True,
    )


def _generator_saturated(record: RunRecord, load: LoadRecord, metrics: PerformanceMetrics) -> Iterator[Finding]:
    if record.definition.execution not in _OWN_GENERATOR or load.dry:
        return  # of a dry run the generator is what is looked at
    # The last stretch may be shorter than a second, and says little.
    whole = load.cpu_percent[: max(int(record.elapsed_ns / NS_PER_S), 1)]
    seen = []
    if (busiest := max(whole, default=0.0)) > _BUSY_PERCENT:
        seen.append(f"used {busiest:.0f} % of a core in its busiest second")
    lag = load.arrivals.generator_lag if load.arrivals else Latency()
    median_ns = metrics.median_time_ms * NS_PER_MS
    if lag.moments.count >= _LEAST_ARRIVALS:
        lag_ns = lag.quantile_ns(0.99)
        if lag_ns > max(_LAG_SHARE * median_ns, _SHORTEST_LAG_NS):
            seen.append(f"noticed due arrivals {_shown(lag_ns)} late (p99; the median latency is {_shown(median_ns)})")
    if seen:
        yield Finding(
            code="generator-saturated",
            seen=f"The load generator {' and '.join(seen)}.",
            why="What it adds itself, by sending and reading late, is in the latencies, and the server may do better.",
            advice="Ask for less load, or give the generator a core that nothing else uses."
            if busiest > _HALF_BUSY_PERCENT
            else "The generator itself was hardly busy: something else had its core. Measure while nothing else runs.",
            serious=True,
        )


def _arrivals_dropped(record: RunRecord, load: LoadRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    dropped = record.counts.dropped
    if load.arrivals is None or not dropped:
        return
    yield Finding(
        code="arrivals-dropped",
        seen=f"{dropped:,} of {counted(load.arrivals.planned, 'arrival')} "
        f"({_percent(dropped, load.arrivals.planned)}) were dropped: max_in_flight was reached.",
        why="The users with the longest wait were not sent. In percentiles they count as infinite; mean and maximum "
        "do not know of them.",
        advice="Leave out max_in_flight, so that arrivals wait and are timed; or ask for a rate that is kept.",
        serious=True,
    )


def _arrivals_late(_: RunRecord, load: LoadRecord, __: PerformanceMetrics) -> Iterator[Finding]:
    arrivals = load.arrivals
    if arrivals is None or arrivals.late < max(_LATE_SHARE * arrivals.lag.moments.count, _LEAST_EVENTS):
        return
    generator, wait = arrivals.generator_lag.moments.total, arrivals.connection_wait.moments.total
    for_a_connection = wait >= generator
    yield Finding(
        code="arrivals-late",
        seen=f"{arrivals.late:,} of {counted(arrivals.lag.moments.count, 'arrival')} were sent more than 1 ms late "
        f"(p99 {_shown(arrivals.lag.quantile_ns(0.99))}); {_percent(wait, generator + wait)} of all lateness was "
        f"waiting for a free connection, {_percent(generator, generator + wait)} the generator's own.",
        why="They are timed from when they were due, so the wait is in their latency, as it would be for users.",
        advice="More connections, if the server can serve more at once; if it cannot, this is how it answers that rate."
        if for_a_connection
        else "Give the generator a core of its own, or ask for a lower rate.",
    )


def _not_delivered(record: RunRecord, load: LoadRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    arrivals, duration_s = load.arrivals, record.definition.duration_s
    if arrivals is None or duration_s is None or record.circumstances.interruption is not None:
        return
    # In a scenario an arrival is one way through it, of several attempts.
    begun = record.counts.attempts if load.iterations is None else load.iterations
    accounted = begun + record.counts.dropped
    # What a leg that was lost did not make is told of it: it was no queue that kept it from being sent.
    planned = arrivals.planned - sum(round((leg.planned or 0) * (1 - leg.delivered)) for leg in load.legs if leg.lost)
    after_ns = record.elapsed_ns - duration_s * NS_PER_S
    if accounted < _DELIVERED_SHARE * planned:
        seen = f"{accounted:,} of {counted(planned, 'planned arrival')} were sent or dropped."
    elif _queue_grew(record, arrivals, after_ns, duration_s * NS_PER_S):
        seen = (
            f"The last attempt ended {_shown(after_ns)} after the plan of {format_count(duration_s)} s; "
            f"arrivals waited up to {_shown(_longest_wait_ns(record, arrivals))} for a free connection."
        )
    else:
        return
    yield Finding(
        code="load-not-delivered",
        seen=seen,
        why="The rate asked for was never reached: the queue grew for as long as the load went on, and the latencies "
        "show how long that was.",
        advice="Ask for a lower rate; or for more connections, if the server still had room.",
        serious=True,
    )


def _longest_wait_ns(record: RunRecord, arrivals: Arrivals) -> float:
    # Connections of a database's are the target's own: waiting for one is within the attempt, and so in its service.
    pooled_ns = 0 if record.database is None else record.database.waiting.moments.maximum or 0
    return max(arrivals.connection_wait.moments.maximum or 0, pooled_ns)


def _queue_grew(record: RunRecord, arrivals: Arrivals, after_ns: float, duration_ns: float) -> bool:
    """Whether the attempts after the plan's end were a queue, not the usual length of an attempt or one straggler.

    A server that keeps up has answered everything about one service time after the last arrival. An attempt that
    hangs ends late too, but nobody waits behind it for a connection; a pause in mid-load made some wait, but the
    queue is gone before the end. What is left is a queue that was still there when the plan ended.
    """
    median_ns = arrivals.service.quantile_ns(0.5)
    if record.database is not None and record.database.waiting.moments.count:
        median_ns = max(median_ns - record.database.waiting.quantile_ns(0.5), 0.0)
    usual_ns = 0.0 if math.isnan(median_ns) else _TYPICAL_ATTEMPTS * median_ns
    waited_ns = _longest_wait_ns(record, arrivals)
    return after_ns > _AFTERMATH_SHARE * duration_ns + usual_ns and waited_ns > _QUEUED_SHARE * after_ns


def _outage(record: RunRecord) -> Iterator[Finding]:
    """A stretch without one ok attempt. A closed loop hardly tries meanwhile: its error rate stays small.

    Threads and tasks that call something stand still with it and have no load of their own; an operation of somebody's
    own that fails has no server to blame.
    """
    if record.load is None and record.database is None:
        return
    series, duration_s = record.series, record.definition.duration_s
    if duration_s is None or not record.counts.ok:
        return
    longest, length, begin = (0, 0), 0, 0
    planned = -(-duration_s * NS_PER_S // series.interval_ns)
    for piece in series.slices:
        if piece.position >= planned:
            break  # what is given up after the load's end has been waiting for long
        if piece.ok:
            length = 0
        elif piece.errors or piece.timeouts:  # what was dropped never was an attempt
            begin = begin if length else piece.position
            length = piece.position - begin + 1
            longest = max(longest, (length, begin))
    length_s, begin_s = (value * series.interval_ns / NS_PER_S for value in longest)
    if length_s < max(_OUTAGE_SHARE * duration_s, _SHORTEST_OUTAGE_S):
        return
    yield Finding(
        code="outage",
        seen=f"For {length_s:.3g} s, from {begin_s:.3g} s on, no attempt was ok: all failed.",
        why="Users who wait for their answers hardly try while nobody answers, so the error rate says less than the "
        "clock: the service was away for so long.",
        advice="Look at the first error and at the service's log of that moment; a rate of arrivals (ConstantRate, "
        "--rate) counts everybody who would have come.",
        serious=True,
    )


def _server_closes(record: RunRecord, load: LoadRecord, _: PerformanceMetrics) -> Iterator[Finding]:
    closed = load.traffic.closed_by_server if load.traffic else 0
    attempts = record.counts.attempts
    if closed < _LEAST_EVENTS or not closed > _CLOSED_SHARE * attempts:
        return
    yield Finding(
        code="server-closes-connections",
        seen=f"The server closed {counted(closed, 'connection')} in {counted(attempts, 'attempt')}.",
        why="Each had to be opened again: new handshakes are in the latencies.",
        advice="If clients in production keep connections alive, look at the server's keep-alive limits.",
    )


def _littles_law(record: RunRecord, load: LoadRecord, __: PerformanceMetrics) -> Iterator[Finding]:
    definition, counts = record.definition, record.counts
    duration_s = definition.duration_s
    if duration_s is None or definition.think_time_s != 0:
        return  # a number of requests ends with connections that have none left; stages and thinkers rest by plan
    if definition.open_loop or definition.execution is not Execution.CONNECTIONS or load.dry:
        return
    if counts.errors or counts.timeouts or counts.attempts < _LEAST_ATTEMPTS or not record.elapsed_ns:
        return  # a connection rests after an error
    busy = record.latency.moments.total / (record.elapsed_ns * record.at_once)
    least, most = _BUSY_SHARES
    # Where the last attempts dragged on, the connections that had ended theirs stood idle by rights.
    dragged_on = record.elapsed_ns * least > duration_s * NS_PER_S
    if busy > most:
        why = "No connection can be busy for longer than the run: this is an error of the bookkeeping, and a bug."
        advice = "Please report it, with the results file."
    elif busy < least and not dragged_on and record.circumstances.interruption is None:
        why = "Between two requests connections waited for the generator, which is not in the latencies."
        advice = "Believe latencies rather than throughput; more connections would load the server fully."
    else:
        return
    yield Finding(
        code="littles-law",
        seen=f"Rate x mean latency / connections is {busy:.2f}, where about 1 is to be expected.",
        why=why,
        advice=advice,
        serious=busy > most,
    )


def _coordinated_omission(record: RunRecord, threshold: PerformanceThreshold | None) -> Iterator[Finding]:
    definition = record.definition
    if definition.open_loop or definition.duration_s is None or (record.load is not None and record.load.dry):
        return  # a dry run has no users who could arrive
    stall = hidden_stall(record.latency, record.at_once, record.elapsed_ns)
    if stall is None:
        return
    # Limits that hold only because nobody arrived meanwhile.
    misleading = [
        limit.source
        for limit in (threshold.limits() if threshold else ())
        if (percentile := limit.metric.percentile) is not None
        and record.latency.quantile_ns(percentile / 100) <= limit.bound * NS_PER_MS
        and 1 - percentile / 100 < stall.share_waiting(limit.bound * NS_PER_MS)
    ]
    longest, p99, beyond = (_shown(ns) for ns in (record.latency.moments.maximum, stall.p99_ns, stall.beyond_ns))
    yield Finding(
        code="coordinated-omission",
        seen=f"The longest attempt took {longest}, the p99 is {p99}: at {100 * stall.share:.3g} % of all moments a "
        f"user who arrived would have waited more than {beyond}.",
        why="A closed loop sends nothing while it waits, so a stall of the server is a few slow attempts among many "
        "fast ones, and percentiles hardly show it."
        + (f" {' and '.join(misleading)} would not hold for users who arrive by themselves." if misleading else ""),
        advice="Measure with a rate of arrivals: ConstantRate, on the command line --rate.",
        serious=bool(misleading),
    )


def _shown(nanoseconds: float) -> str:
    return format_ms(nanoseconds / NS_PER_MS)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %" if whole else "0 %"


_Check = Callable[[RunRecord, LoadRecord, PerformanceMetrics], Iterator[Finding]]
_CHECKS: tuple[_Check, ...] = (
    _no_server_asked,
    leg_findings,
    _generator_saturated,
    _arrivals_dropped,
    _arrivals_late,
    _not_delivered,
    _server_closes,
    _littles_law,
    probe_findings,
)
