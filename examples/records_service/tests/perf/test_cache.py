"""The cache, in this process and in a Valkey: hits, misses, and what it saves in front of the database."""

from random import Random

import pytest

from paceline import Outcome, TestType
from paceline.pytest_plugin import Perf
from records_service.cache import Cache, cache_from
from records_service.repository import Repository
from records_service.serialisation import record_to_json

KIND = TestType.CACHE_OPERATION
VALUE = b"x" * 400  # as long as a record
RECORDS = 20_000


class Lookup:
    """Looks keys up in a cache that is opened and closed on the event loop of the run: connections belong to one."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url = url
        self._prefix = prefix
        self._random = Random(1)
        self.cache: Cache

    async def open(self) -> None:
        self.cache = cache_from(self._url)
        for number in range(100):
            await self.cache.set(f"{self._prefix}:{number}", VALUE, 60)

    async def close(self) -> None:
        for number in range(100):
            await self.cache.delete(f"{self._prefix}:{number}")
        await self.cache.close()

    async def present(self) -> Outcome:
        found = await self.cache.get(f"{self._prefix}:{self._random.randrange(100)}")
        return Outcome.hit() if found else Outcome.miss()

    async def absent(self) -> Outcome:
        found = await self.cache.get(f"{self._prefix}:none")
        return Outcome.hit() if found else Outcome.miss()


class Through(Lookup):
    """Records through the cache; a few of them are asked for most of the time."""

    def __init__(self, url: str, repository: Repository) -> None:
        super().__init__(url, "through")
        self._repository = repository

    async def record(self) -> Outcome:
        number = 1 + min(int(self._random.expovariate(1 / 40)), RECORDS - 1)
        key = f"{self._prefix}:{number}"
        if await self.cache.get(key) is not None:
            return Outcome.hit()
        await self.cache.set(key, record_to_json(self._repository.get(number)), 60)
        return Outcome.miss()


@pytest.fixture(params=["memory", "valkey"])
def cache_url(request: pytest.FixtureRequest) -> str:
    return "memory:" if request.param == "memory" else str(request.getfixturevalue("valkey_url"))


def test_hit(perf: Perf, cache_url: str) -> None:
    lookup = Lookup(cache_url, "hit")
    result = perf(lookup.present, setup=lookup.open, teardown=lookup.close, iterations=500, test_type=KIND)
    assert result.metrics.hit_rate == 1


def test_miss(perf: Perf, cache_url: str) -> None:
    lookup = Lookup(cache_url, "miss")
    result = perf(lookup.absent, setup=lookup.open, teardown=lookup.close, iterations=500, test_type=KIND)
    assert result.metrics.hit_rate == 0


@pytest.mark.perf(threshold=["hit_rate>=0.8", "error_rate<=0"], iterations=1_000)
def test_records_through_the_cache(perf: Perf, cache_url: str, repository: Repository) -> None:
    through = Through(cache_url, repository)
    perf(through.record, setup=through.open, teardown=through.close, test_type=KIND)
