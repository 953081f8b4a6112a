"""Records of runs one after the other, or side by side, merged into one: counts, moments and histograms exactly."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain, zip_longest

from paceline.records.cache import caches_merged
from paceline.records.database_merging import databases_merged
from paceline.records.error_log import MOST_GROUPS, OTHER_KIND, ErrorGroup
from paceline.records.histogram import Histogram
from paceline.records.latency import Latency
from paceline.records.load import Arrivals, LoadRecord, Part, Probe, StatusCount, Traffic
from paceline.records.recorder import SAMPLE_LIMIT, Counts
from paceline.records.repeats import Repetition
from paceline.records.replication import Figures
from paceline.records.run_record import Circumstances, Collections, RunRecord
from paceline.records.time_series import TimeSeries
from paceline.records.usage_merging import usages_merged
from paceline.stats.summary import Moments


def figures_of(record: RunRecord) -> Figures:
    """What ``record`` came to."""
    counts, latency = record.counts, record.latency
    calls = record.definition.calls_per_sample
    median_ns = mean_ns = p95_ns = p99_ns = None
    if latency.moments.count:
        median_ns, mean_ns = latency.quantile_ns(0.5) / calls, latency.moments.mean / calls
        if calls == 1:  # percentiles of batch means are no percentiles of calls
            p95_ns, p99_ns = latency.quantile_ns(0.95), latency.quantile_ns(0.99)
    return Figures(
        attempts=counts.attempts,
        errors=counts.errors + counts.timeouts,
        throughput_per_s=record.throughput_per_s,
        median_ns=median_ns,
        mean_ns=mean_ns,
        p95_ns=p95_ns,
        p99_ns=p99_ns,
    )


def epochs_merged(epochs: Sequence[RunRecord]) -> RunRecord:
    """The epochs of one process, in order, as one record.

    What was before the first window (warm-up, handshakes) is in the record of each epoch and counts once.
    """
    last = epochs[-1]
    circumstances = replace(
        last.circumstances, own_cpu_s=_sum_of_known([each.circumstances.own_cpu_s for each in epochs])
    )
    merged = _merged(epochs, circumstances)
    if merged.database is not None and last.database is not None:
        merged = replace(merged, database=replace(merged.database, connecting=last.database.connecting))
    if merged.load is None or merged.load.traffic is None:
        return merged
    assert last.load is not None
    before = last.load.traffic
    assert before is not None
    traffic = replace(merged.load.traffic, dns=before.dns, connect=before.connect, tls=before.tls)
    return replace(merged, load=replace(merged.load, traffic=traffic))


def processes_merged(processes: Sequence[RunRecord]) -> RunRecord:
    """One record each of several processes, in order, as one record."""
    return _merged(processes, _around_merged([each.circumstances for each in processes]))


def repeats_merged(runs: Sequence[RunRecord], broken_off: str = "") -> RunRecord:
    """The repeats of one level, in the order they were made, as one record.

    What was before each window (warm-up, handshakes) happened in each of them.

    Args:
        runs: the repeats; one that was cut off has no ``repetition``, and is in the sums only.
        broken_off: why there are no more, where they are fewer than were asked for.
    """
    repetitions = [each.repetition for each in runs if each.repetition is not None]
    kept = sorted(chain.from_iterable(each.repeats for each in repetitions), key=lambda repeat: repeat.place)
    around = _around_merged([each.circumstances for each in runs])
    if len(kept) < runs[0].definition.repeats:
        around = replace(around, interruption=around.interruption or broken_off)
    return replace(
        _merged(runs, around),
        usage=usages_merged([(each.usage, each.elapsed_ns) for each in runs]),
        repetition=Repetition(repetitions[0].seed, tuple(kept)) if repetitions else None,
    )


def _around_merged(around: Sequence[Circumstances]) -> Circumstances:
    return replace(
        around[0],
        interruption=next((each.interruption for each in around if each.interruption is not None), None),
        abandoned_workers=sum(each.abandoned_workers for each in around),
        warmup_attempts=sum(each.warmup_attempts for each in around),
        warmup_errors=_errors_merged([each.warmup_errors for each in around]),
        teardown_error=next((each.teardown_error for each in around if each.teardown_error is not None), None),
        own_cpu_s=_sum_of_known([each.own_cpu_s for each in around]),
    )


def legs_merged(legs: Sequence[RunRecord]) -> RunRecord:
    """What several processes saw of one load that they made at the same time, as if one had seen it all."""
    merged = processes_merged(legs)
    loads = [each.load for each in legs if each.load is not None]
    database = merged.database
    if database is not None:  # each has connections of its own
        database = replace(database, pool=sum(each.database.pool for each in legs if each.database is not None))
    return replace(
        merged,
        database=database,
        elapsed_ns=max(each.elapsed_ns for each in legs),
        window_ns=max(each.window_ns for each in legs),
        series=reduce(TimeSeries.merge, (each.series for each in legs)).bounded(),
        load=_side_by_side(loads) if loads else None,
    )


def _side_by_side(loads: Sequence[LoadRecord]) -> LoadRecord:
    merged = _load_merged(loads)
    every = [each.arrivals for each in loads if each.arrivals is not None]
    traffic = merged.traffic
    if traffic is not None:
        traffic = replace(traffic, connections=sum(each.traffic.connections for each in loads if each.traffic))
    return replace(
        merged,
        cpu_percent=tuple(max(second) for second in zip_longest(*(each.cpu_percent for each in loads), fillvalue=0.0)),
        arrivals=_arrivals_merged(every) if every else None,
        traffic=traffic,
    )


def _arrivals_merged(parts: Sequence[Arrivals]) -> Arrivals:
    return Arrivals(
        planned=sum(each.planned for each in parts),
        late=sum(each.late for each in parts),
        lag=_latency_merged([each.lag for each in parts]),
        generator_lag=_latency_merged([each.generator_lag for each in parts]),
        connection_wait=_latency_merged([each.connection_wait for each in parts]),
        service=_latency_merged([each.service for each in parts]),
    )


def _merged(records: Sequence[RunRecord], circumstances: Circumstances) -> RunRecord:
    collections = [each.collections for each in records]
    loads = [each.load for each in records if each.load is not None]
    caches = [each.cache for each in records if each.cache is not None]
    databases = [each.database for each in records if each.database is not None]
    return replace(
        records[0],
        elapsed_ns=sum(each.elapsed_ns for each in records),
        window_ns=sum(each.window_ns for each in records),
        window_ok=sum(each.window_ok for each in records),
        counts=reduce(Counts.merge, (each.counts for each in records)),
        latency=_latency_merged([each.latency for each in records]),
        series=_one_after_the_other(records),
        errors=_errors_merged([each.errors for each in records]),
        collections=Collections(
            count=sum(each.count for each in collections),
            total_ns=sum(each.total_ns for each in collections),
            longest_ns=max(each.longest_ns for each in collections),
        ),
        circumstances=circumstances,
        load=_load_merged(loads) if loads else None,
        database=databases_merged(databases) if databases else None,
        cache=caches_merged(caches) if caches else None,
    )


def _latency_merged(parts: Sequence[Latency]) -> Latency:
    moments = reduce(Moments.merge, (each.moments for each in parts), Moments())
    samples = [each.samples_ns for each in parts if each.samples_ns is not None]
    kept = len(samples) == len(parts) and moments.count <= SAMPLE_LIMIT
    return Latency(
        moments=moments,
        histogram=Histogram.merged(each.histogram for each in parts),
        samples_ns=tuple(chain.from_iterable(samples)) if kept else None,
        dropped=sum(each.dropped for each in parts),
    )


def _one_after_the_other(records: Sequence[RunRecord]) -> TimeSeries:
    """Each series where the one before it ended, on the border of an interval; what lay between them is left out."""
    joined = TimeSeries()
    passed_ns = 0
    for record in records:
        series = record.series
        while series.interval_ns < joined.interval_ns:
            series = series.coarser()
        while joined.interval_ns < series.interval_ns:
            joined = joined.coarser()
        after = max(-(-passed_ns // joined.interval_ns), joined.slices[-1].position + 1 if joined.slices else 0)
        later = tuple(replace(piece, position=piece.position + after) for piece in series.slices)
        joined = TimeSeries(joined.interval_ns, (*joined.slices, *later)).bounded()
        passed_ns += record.elapsed_ns
    return joined


def _errors_merged(logs: Sequence[Sequence[ErrorGroup]]) -> tuple[ErrorGroup, ...]:
    """As if one log had seen them all: by kind and message, the first traceback of each, in bounded memory."""
    merged: dict[tuple[str, str], ErrorGroup] = {}
    for group in chain.from_iterable(logs):
        key = (group.kind, group.message)
        if key not in merged and len(merged) >= MOST_GROUPS:
            key = (OTHER_KIND, f"errors beyond the first {MOST_GROUPS} kinds")
        seen = merged.get(key) or ErrorGroup(*key, count=0, traceback=group.traceback)
        merged[key] = replace(seen, count=seen.count + group.count)
    return tuple(sorted(merged.values(), key=lambda group: -group.count))


def _sum_of_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _load_merged(loads: Sequence[LoadRecord]) -> LoadRecord:
    """Without arrivals: what has them is not replicated, but see :func:`legs_merged`."""
    traffic = [each.traffic for each in loads if each.traffic is not None]
    iterations = [each.iterations for each in loads if each.iterations is not None]
    probes = [each.probe for each in loads if each.probe is not None]
    parts: dict[str, Part] = {}
    for part in chain.from_iterable(each.parts for each in loads):
        earlier = parts.get(part.name)
        parts[part.name] = part if earlier is None else _part_merged(earlier, part)
    return replace(
        loads[0],
        cpu_percent=tuple(chain.from_iterable(each.cpu_percent for each in loads)),
        traffic=_traffic_merged(traffic) if traffic else None,
        parts=tuple(parts.values()),
        iterations=sum(iterations) if iterations else None,
        probe=_probes_merged(probes) if probes else None,
    )


def _probes_merged(probes: Sequence[Probe]) -> Probe:
    return replace(
        probes[0],
        counts=reduce(Counts.merge, (each.counts for each in probes)),
        latency=_latency_merged([each.latency for each in probes]),
        service=_latency_merged([each.service for each in probes]),
        generator_lag=_latency_merged([each.generator_lag for each in probes]),
    )


def _part_merged(one: Part, other: Part) -> Part:
    services = [each.service for each in (one, other) if each.service is not None]
    return Part(
        one.name,
        one.counts.merge(other.counts),
        _latency_merged([one.latency, other.latency]),
        _latency_merged(services) if services else None,
    )


def _traffic_merged(parts: Sequence[Traffic]) -> Traffic:
    statuses: dict[int, int] = {}
    for status in chain.from_iterable(each.statuses for each in parts):
        statuses[status.code] = statuses.get(status.code, 0) + status.count
    return Traffic(
        sent_bytes=sum(each.sent_bytes for each in parts),
        received_bytes=sum(each.received_bytes for each in parts),
        statuses=tuple(StatusCount(code, count) for code, count in sorted(statuses.items())),
        connections=max(each.connections for each in parts),
        reconnects=sum(each.reconnects for each in parts),
        closed_by_server=sum(each.closed_by_server for each in parts),
        resent=sum(each.resent for each in parts),
        dns=_latency_merged([each.dns for each in parts]),
        connect=_latency_merged([each.connect for each in parts]),
        tls=_latency_merged([each.tls for each in parts]),
        first_byte=_latency_merged([each.first_byte for each in parts]),
    )
