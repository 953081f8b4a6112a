from dataclasses import replace

from paceline.judge.result import judge
from paceline.records.cache import CacheRecord, CacheServer, Loads, caches_merged
from paceline.report.cache_text import cache_lines
from tests.fakes import MS, make_latency, make_record

SERVER = CacheServer("valkey 9.1.2", "allkeys-lru", 5, 3, 2_000, 3_000_000, 4_100_000, 8_000_000, 900, 950)
CACHE = CacheRecord(
    hit=make_latency((MS // 10,) * 900),
    miss=make_latency((5 * MS,) * 100),
    loads=Loads(make_latency((4 * MS,) * 100), 7, 3, "k"),
    server=SERVER,
)


def lines(cache: CacheRecord | None, hits: int = 900, misses: int = 100) -> list[str]:
    return list(cache_lines(judge(make_record(hits=hits, misses=misses, cache=cache))))


def test_all_that_there_is() -> None:
    assert lines(CACHE) == [
        "hit rate      90.0 % of 1,000 reads; 95 % interval 88.0 % to 91.8 %",
        "hits          median 100 us, p95 100 us, p99 100 us, max 100 us",
        "misses        median 5 ms, p95 5 ms, p99 5 ms, max 5 ms",
        "loader        100 loads: median 4 ms, p95 4 ms, p99 4 ms, max 4 ms; 7 while the",
        "              same key was being loaded",
        "speed-up      a hit is 40 times as fast as the loader (medians)",
        "server        valkey 9.1.2: 3.0 MB before, 4.1 MB after of 8.0 MB, allkeys-lru;",
        "              5 evicted, 3 expired; 900 keys before, 950 after",
    ]


def test_what_is_missing_is_left_out() -> None:
    assert lines(None, 0, 0) == []
    assert lines(None, 3, 0) == ["hit rate      100 % of 3 reads; 95 % interval 29.2 % to 100 %"]
    assert lines(CacheRecord(loads=Loads()), 0, 0) == ["loader        was not called"]
    restarted = CacheRecord(server=replace(SERVER, restarted=True, most_memory_bytes=0, policy=""))
    assert " ".join(lines(restarted, 0, 0)).endswith("started anew in between")
    assert "no limit" in " ".join(lines(restarted, 0, 0))


def test_windows_merge() -> None:
    later = replace(
        CACHE,
        loads=Loads(make_latency((MS,) * 10), 1, 9, "other"),
        server=replace(SERVER, memory_after_bytes=7, keys_after=8, restarted=True),
    )
    merged = caches_merged([CACHE, later])
    assert (merged.hit.moments.count, merged.miss.moments.count) == (1_800, 200)
    assert merged.loads is not None
    assert (merged.loads.latency.moments.count, merged.loads.overlapping) == (110, 8)
    assert (merged.loads.most_at_once, merged.loads.busiest_key) == (9, "other")
    assert merged.server == replace(
        SERVER,
        evicted=10,
        expired=6,
        commands=4_000,
        memory_after_bytes=7,
        keys_after=8,
        restarted=True,
    )
    assert caches_merged([CacheRecord()]) == CacheRecord(
        hit=caches_merged([CacheRecord()]).hit, miss=caches_merged([CacheRecord()]).miss
    )
