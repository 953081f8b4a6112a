"""Every finding about caches from both sides of its border."""

from dataclasses import replace

import pytest

from paceline.core.findings import Finding
from paceline.judge.diagnosis import diagnose
from paceline.records.cache import CacheRecord, CacheServer, Loads
from paceline.records.load import LoadRecord, Traffic
from paceline.records.metrics import metrics_of
from paceline.records.run_record import RunRecord
from tests.fakes import MS, make_latency, make_load, make_record

SERVER = CacheServer(
    name="valkey 9.1.2",
    policy="allkeys-lru",
    evicted=0,
    expired=0,
    commands=2_000,
    memory_before_bytes=3_000_000,
    memory_after_bytes=4_000_000,
    most_memory_bytes=4_194_304,
    keys_before=1_000,
    keys_after=1_000,
)
LOADS = Loads(make_latency((MS,) * 10), 0, 1, "paceline:x:1")


def cached(hits: int = 1_900, misses: int = 100, *, loads: Loads | None = None, **server: object) -> RunRecord:
    record = make_record(hits=hits, misses=misses)
    seen = replace(SERVER, **server)  # type: ignore[arg-type]  # fields by name
    return replace(record, cache=CacheRecord(loads=loads, server=seen))


def _found(record: RunRecord, code: str) -> Finding | None:
    return next((each for each in diagnose(record, metrics_of(record), None) if each.code == code), None)


def test_a_healthy_cache_has_none() -> None:
    record = cached(loads=LOADS)
    assert diagnose(record, metrics_of(record), None) == ()
    assert diagnose(replace(record, cache=CacheRecord()), metrics_of(record), None) == ()


@pytest.mark.parametrize(("evicted", "seen"), [(0, None), (1, "evicted 1 key in"), (2_500, "evicted 2,500 keys in")])
def test_evictions(evicted: int, seen: str | None) -> None:
    finding = _found(cached(evicted=evicted), "evictions")
    assert (finding is None) == (seen is None)
    if finding is not None and seen is not None:
        assert seen in finding.seen
        assert "4.2 MB (allkeys-lru)" in finding.seen
        assert not finding.serious


@pytest.mark.parametrize(
    ("commands", "loads", "found"),
    [
        (22_000, None, True),  # of its own: 2,000 attempts
        (2_999, None, False),
        (3_000, None, True),
        (3_000, LOADS, False),  # ten SETs of what was loaded are its own
    ],
)
def test_others_on_the_same_server(commands: int, loads: Loads | None, *, found: bool) -> None:
    finding = _found(cached(commands=commands, loads=loads), "shared-cache")
    assert (finding is not None) == found
    if finding is not None and commands == 22_000:
        assert finding.seen.startswith("20,000 of the 22,000 commands that the server processed in the window (90.9 %)")
        assert not finding.serious


def test_a_few_others_of_many_and_a_server_that_began_anew_are_nobody() -> None:
    assert _found(cached(commands=3_000, restarted=True), "shared-cache") is None
    busy = replace(cached(commands=102_000), counts=replace(make_record().counts, ok=100_000))
    assert _found(busy, "shared-cache") is None


def test_greetings_of_connections_are_its_own() -> None:
    load = LoadRecord(traffic=Traffic(connections=300, reconnects=100))
    assert _found(replace(cached(commands=3_100), load=load), "shared-cache") is None


@pytest.mark.parametrize(("kept", "found"), [(None, False), (1.0, False), (0.99, False), (0.98, True), (0.0, True)])
def test_keys_that_were_put_in_and_are_gone(kept: float | None, *, found: bool) -> None:
    finding = _found(replace(cached(), cache=CacheRecord(kept=kept)), "prefill-lost")
    assert (finding is not None) == found


@pytest.mark.parametrize(
    ("expired", "hits", "misses", "found"),
    [
        (500, 1_900, 100, True),
        (0, 1_900, 100, False),
        (500, 1_981, 19, False),  # hardly a miss
        (500, 79, 20, False),  # hardly a read
    ],
)
def test_keys_that_expired_in_the_window(expired: int, hits: int, misses: int, *, found: bool) -> None:
    finding = _found(cached(hits, misses, expired=expired), "expired-keys")
    assert (finding is not None) == found
    if finding is not None:
        assert finding.seen == "500 keys expired in the window, and 5.0 % of the reads missed."


def test_a_stampede_names_how_many_and_of_what() -> None:
    finding = _found(cached(loads=replace(LOADS, overlapping=6, most_at_once=4)), "cache-stampede")
    assert finding is not None
    assert finding.seen == (
        "6 of 10 loads began while the same key was being loaded already; up to 4 at once (of paceline:x:1)."
    )
    assert "1 ms of the loader's time" in finding.why


@pytest.mark.parametrize(
    ("misses", "hits", "before", "after", "is_cold"),
    [
        (100, 1_900, 1_000, 1_101, True),
        (100, 1_900, 1_000, 1_100, False),  # hardly more
        (19, 1_981, 0, 1_000, False),  # hardly a miss
        (20, 1_980, 0, 1_000, True),
        (20, 79, 0, 20, False),  # hardly a read
    ],
)
def test_a_cold_cache(misses: int, hits: int, before: int, after: int, *, is_cold: bool) -> None:
    record = cached(hits, misses, keys_before=before, keys_after=after)
    assert (_found(record, "cold-cache") is not None) == is_cold


@pytest.mark.parametrize(
    ("hits", "misses", "found"), [(0, 100, True), (1, 1_000, False), (0, 99, False), (0, 0, False)]
)
def test_no_hits(hits: int, misses: int, *, found: bool) -> None:
    finding = _found(cached(hits, misses), "no-hits")
    assert (finding is not None) == found
    assert finding is None or finding.serious


def test_a_server_that_started_anew_is_serious_and_no_cold_cache() -> None:
    record = cached(restarted=True, keys_before=0)
    finding = _found(record, "cache-restarted")
    assert finding is not None
    assert finding.serious
    assert _found(record, "cold-cache") is None


def test_all_that_is_in_flight_in_pipelines_is_busy() -> None:
    """Little's law counts what can be under way, not connections."""
    record = make_load((16 * MS,) * 2_000, users=10)
    piped = replace(record, elapsed_ns=record.elapsed_ns // 16, cache=CacheRecord(pipeline=16))
    piped = replace(piped, definition=replace(piped.definition, duration_s=piped.elapsed_ns / 1e9))
    assert _found(piped, "littles-law") is None
    assert _found(replace(piped, cache=None), "littles-law") is not None
