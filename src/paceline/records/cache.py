"""What a run says about a cache: hits and misses apart, what was loaded, and what the server counted meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from paceline.records.latency import Latency


@dataclass(frozen=True)
class Loads:
    """What a loader was called for, where the cache did not have it.

    Attributes:
        latency: of the loader alone.
        overlapping: loads that began while another load of the same key was under way: work done in vain.
        most_at_once: the most loads of one key that were under way together.
        busiest_key: the key of which that was.
    """

    latency: Latency = field(default_factory=Latency)
    overlapping: int = 0
    most_at_once: int = 0
    busiest_key: str = ""


@dataclass(frozen=True, slots=True)
class CacheServer:
    """What the server counted, by its INFO right before and right after the window; of all its clients.

    Attributes:
        name: and version, as ``valkey 9.1.2``.
        policy: what it evicts when its memory is full, as ``allkeys-lru``; empty where it does not tell.
        evicted: keys removed to make room.
        expired: keys whose time to live ended.
        commands: that it processed.
        memory_before_bytes: in use when the window opened.
        memory_after_bytes: in use when it was over.
        most_memory_bytes: its limit (``maxmemory``); 0 for none.
        keys_before: in the database when the window opened, of everybody.
        keys_after: when it was over.
        restarted: whether it is another process than before the window; counts are those since it started.
    """

    name: str
    policy: str
    evicted: int
    expired: int
    commands: int
    memory_before_bytes: int
    memory_after_bytes: int
    most_memory_bytes: int
    keys_before: int
    keys_after: int
    restarted: bool = False


@dataclass(frozen=True)
class CacheRecord:
    """What a cache adds to a run's record.

    Attributes:
        hit: latency of the attempts that were hits.
        miss: of those that were misses, with whatever was done about it.
        loads: of attempts that load what is missing.
        server: None where it did not tell, or nobody asked.
        prefilled: share of the keys that was put in before the run, in [0, 1]; None where nobody was to.
        kept: share of them that were there when the window opened, by a sample of up to 1,000; None where nobody
            looked.
        pipeline: commands in flight on each connection.
    """

    hit: Latency = field(default_factory=Latency)
    miss: Latency = field(default_factory=Latency)
    loads: Loads | None = None
    server: CacheServer | None = None
    prefilled: float | None = None
    kept: float | None = None
    pipeline: int = 1


def caches_merged(records: Sequence[CacheRecord]) -> CacheRecord:
    """Of windows that came one after the other, in order."""
    loads = [each.loads for each in records if each.loads is not None]
    servers = [each.server for each in records if each.server is not None]
    return CacheRecord(
        hit=reduce(Latency.merge, [each.hit for each in records]),
        miss=reduce(Latency.merge, [each.miss for each in records]),
        loads=_loads_merged(loads) if loads else None,
        server=_servers_merged(servers) if servers else None,
        prefilled=records[0].prefilled,
        kept=min((each.kept for each in records if each.kept is not None), default=None),
        pipeline=records[0].pipeline,
    )


def _loads_merged(parts: Sequence[Loads]) -> Loads:
    busiest = max(parts, key=lambda each: each.most_at_once)
    return Loads(
        latency=reduce(Latency.merge, [each.latency for each in parts]),
        overlapping=sum(each.overlapping for each in parts),
        most_at_once=busiest.most_at_once,
        busiest_key=busiest.busiest_key,
    )


def _servers_merged(parts: Sequence[CacheServer]) -> CacheServer:
    last = parts[-1]
    return replace(
        parts[0],
        evicted=sum(each.evicted for each in parts),
        expired=sum(each.expired for each in parts),
        commands=sum(each.commands for each in parts),
        memory_after_bytes=last.memory_after_bytes,
        keys_after=last.keys_after,
        restarted=any(each.restarted for each in parts),
    )
