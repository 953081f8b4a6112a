import asyncio
import logging
from datetime import date

import pytest

from records_service import service
from records_service.cache import MemoryCache, ValkeyCache, cache_from
from records_service.database import Database
from records_service.dataset import sales
from records_service.model import Changes
from records_service.reports import Line, revenue
from records_service.repository import Repository
from records_service.service import Records
from records_service.settings import Settings

pytestmark = pytest.mark.anyio


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def test_entries_end_with_their_time() -> None:
    clock = Clock()
    cache = MemoryCache(clock=clock)
    await cache.set("a", b"1", ttl_s=10)
    clock.now_s = 9.9
    assert await cache.get("a") == b"1"
    clock.now_s = 10
    assert await cache.get("a") is None


async def test_what_was_used_longest_ago_goes_first() -> None:
    cache = MemoryCache(most=2)
    for key in "ab":
        await cache.set(key, key.encode(), 10)
    await cache.get("a")
    await cache.set("c", b"c", 10)
    assert [await cache.get(key) for key in "abc"] == [b"a", None, b"c"]


async def test_without_its_cache_a_service_is_slow_and_not_down(caplog: pytest.LogCaptureFixture) -> None:
    cache = ValkeyCache("unix:///nowhere/valkey.sock")
    with caplog.at_level(logging.WARNING):
        await cache.set("a", b"1", 10)
        assert await cache.get("a") is None
        await cache.delete("a")
    await cache.close()
    assert len(caplog.records) == 3


async def test_no_cache_by_that_name() -> None:
    assert isinstance(cache_from("memory:"), MemoryCache)
    with pytest.raises(ValueError, match="'memcached://x' is no cache"):
        cache_from("memcached://x")


async def test_a_change_is_seen_at_once(settings: Settings) -> None:
    database = Database(settings.database)
    repository = Repository(database)
    repository.create_many(sales(10))
    records = Records(repository, MemoryCache(), settings)
    days = date(2025, 1, 1), date(2026, 12, 31)
    before, report = await records.get_json(1), await records.revenue_json(*days)
    assert await records.get_json(1) == before
    await records.update(1, 1, Changes(quantity=1_000))
    assert await records.get_json(1) != before
    assert await records.revenue_json(*days) != report
    database.close()


async def test_many_ask_for_a_report_and_one_computes_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []

    def counting(sold: list[object]) -> tuple[Line, ...]:
        computed.append(len(sold))
        return revenue(sold)  # type: ignore[arg-type]  # sales

    monkeypatch.setattr(service, "revenue", counting)
    database = Database(settings.database)
    repository = Repository(database)
    repository.create_many(sales(10))
    records = Records(repository, MemoryCache(), settings)
    days = date(2025, 1, 1), date(2026, 12, 31)
    answers = await asyncio.gather(*(records.revenue_json(*days) for _ in range(20)))
    assert computed == [10]
    assert len(set(answers)) == 1
    database.close()
