"""Findings about caches: is it the cache that was measured, and does it do what it is there for?"""

from collections.abc import Callable, Iterator

from paceline.core.findings import Finding
from paceline.core.units import NS_PER_MS, counted, format_megabytes, format_ms, format_percent
from paceline.records.cache import CacheRecord
from paceline.records.run_record import RunRecord

_GROWN = 1.1  # times as many keys after the window as before
_KEPT = 0.99  # of what was put in: fewer are gone
_LEAST_MISSES = 0.01  # of the reads
_LEAST_READS = 100
_OTHERS = 0.05  # of the server's commands, from which on others matter
_LEAST_OTHERS = 1_000  # a monitor that asks every now and then is nobody
_COMMANDS_A_CONNECTION = 3  # AUTH, SELECT, PING


def diagnose_cache(record: RunRecord) -> Iterator[Finding]:
    """Findings about ``record``, where it has hits and misses."""
    if record.cache is not None:
        for check in _CHECKS:
            yield from check(record, record.cache)


def _restarted(_: RunRecord, cache: CacheRecord) -> Iterator[Finding]:
    if cache.server is not None and cache.server.restarted:
        yield Finding(
            code="cache-restarted",
            seen="The server that was measured at the end is not the process that was there at the beginning.",
            why="What it held is gone, unless it keeps its data on a disk: hits turned into misses on the way.",
            advice="Look at the server's log for what ended it, and measure again.",
            serious=True,
        )


def _shared(record: RunRecord, cache: CacheRecord) -> Iterator[Finding]:
    server, traffic = cache.server, None if record.load is None else record.load.traffic
    if server is None or server.restarted:
        return
    own = record.counts.attempts
    if cache.loads is not None:
        own += cache.loads.latency.moments.count  # each was stored
    if traffic is not None:
        own += _COMMANDS_A_CONNECTION * (traffic.connections + traffic.reconnects)
    others = server.commands - own
    if others < max(_LEAST_OTHERS, _OTHERS * server.commands):
        return
    yield Finding(
        code="shared-cache",
        seen=f"{others:,} of the {counted(server.commands, 'command')} that the server processed in the window "
        f"({format_percent(others / server.commands)}) were not of this load: others use it, too.",
        why="It processes one after the other: latencies hold what this load waited for theirs, and evictions, memory "
        "and the number of keys are everybody's.",
        advice="Measure a server that nobody else uses, or take the figures as those under this company.",
    )


def _evictions(_: RunRecord, cache: CacheRecord) -> Iterator[Finding]:
    server = cache.server
    if server is None or not server.evicted:
        return
    yield Finding(
        code="evictions",
        seen=f"The server evicted {counted(server.evicted, 'key')} in the window: its memory is at the limit of "
        f"{format_megabytes(server.most_memory_bytes)} ({server.policy}).",
        why="Finding keys to remove is part of the latencies, and the hit rate is that of a cache that is too small "
        "for these keys.",
        advice="If production is to hold them all, raise maxmemory or use fewer or smaller values; if it evicts too, "
        "this is how it does.",
    )


def _lost(_: RunRecord, cache: CacheRecord) -> Iterator[Finding]:
    if cache.kept is None or cache.kept >= _KEPT:
        return
    yield Finding(
        code="prefill-lost",
        seen=f"Of the keys that were put in before the run, {format_percent(cache.kept)} were still there when the "
        "window opened (by a sample of up to 1,000).",
        why="The others are misses from the first read on: the hit rate is not that of the prefill that was asked for.",
        advice="If they were evicted, raise maxmemory or use fewer or smaller values; if they expired, use a time to "
        "live that is longer than filling and warming up.",
    )


def _expired(record: RunRecord, cache: CacheRecord) -> Iterator[Finding]:
    server, counts = cache.server, record.counts
    reads = counts.hits + counts.misses
    if server is None or not server.expired or reads < _LEAST_READS or counts.misses < _LEAST_MISSES * reads:
        return
    yield Finding(
        code="expired-keys",
        seen=f"{counted(server.expired, 'key')} expired in the window, and {format_percent(counts.misses / reads)} of "
        "the reads missed.",
        why="The hit rate falls with the time that has passed since they were stored: it is that of this duration.",
        advice="Use a longer time to live (ttl_s, --ttl), or none; keep it if production's expire like this.",
    )


def _stampede(_: RunRecord, cache: CacheRecord) -> Iterator[Finding]:
    loads = cache.loads
    if loads is None or not loads.overlapping:
        return
    every = loads.latency.moments.count
    median = format_ms(loads.latency.quantile_ns(0.5) / NS_PER_MS)
    yield Finding(
        code="cache-stampede",
        seen=f"{loads.overlapping:,} of {counted(every, 'load')} began while the same key was being loaded already; "
        f"up to {loads.most_at_once} at once (of {loads.busiest_key}).",
        why=f"Each did again what another was doing: {median} of the loader's time (median), just when a popular "
        "key is missing and the source behind the cache is under most load.",
        advice="Let one caller load a key while the others wait for it (a lock or a future a key), or renew keys "
        "before they expire.",
    )


def _cold(record: RunRecord, cache: CacheRecord) -> Iterator[Finding]:
    server, counts = cache.server, record.counts
    reads = counts.hits + counts.misses
    if server is None or reads < _LEAST_READS or counts.misses < _LEAST_MISSES * reads or server.restarted:
        return
    if server.keys_after <= _GROWN * server.keys_before:
        return
    yield Finding(
        code="cold-cache",
        seen=f"The cache was still filling: {server.keys_before:,} keys when the window opened, "
        f"{server.keys_after:,} when it was over.",
        why="The hit rate is one of the way there, lower than it will be; the latencies are of more misses.",
        advice="Fill it beforehand (prefill, --prefill), or warm up for longer; keep it so if it is a cold start that "
        "you want to know.",
    )


def _never_hit(record: RunRecord, _: CacheRecord) -> Iterator[Finding]:
    counts = record.counts
    if counts.hits or counts.misses < _LEAST_READS:
        return
    yield Finding(
        code="no-hits",
        seen=f"None of {counted(counts.misses, 'read')} found its key.",
        why="Every latency is that of a miss: nothing was read from the cache.",
        advice="Fill it beforehand (prefill, --prefill); if it was filled, look whether keys expired or were evicted.",
        serious=True,
    )


_CHECKS: tuple[Callable[[RunRecord, CacheRecord], Iterator[Finding]], ...] = (
    _restarted,
    _shared,
    _evictions,
    _lost,
    _expired,
    _stampede,
    _cold,
    _never_hit,
)
