"""The expensive report, in async tests: on the event loop that the test itself runs on."""

import asyncio
from datetime import date

import pytest

from paceline.pytest_plugin import Perf
from records_service.cache import MemoryCache
from records_service.repository import Repository
from records_service.service import Records
from records_service.settings import Settings

pytestmark = pytest.mark.anyio

QUARTER = date(2026, 1, 1), date(2026, 3, 31)


class Asking:
    """A service whose cache is empty before each attempt."""

    def __init__(self, repository: Repository, settings: Settings) -> None:
        self._cache = MemoryCache()
        self._records = Records(repository, self._cache, settings)

    async def empty(self) -> None:
        await self._cache.close()

    async def once(self) -> None:
        await self._records.revenue_json(*QUARTER)

    async def by_20_clients(self) -> None:
        await asyncio.gather(*(self._records.revenue_json(*QUARTER) for _ in range(20)))


@pytest.fixture
def asking(repository: Repository, settings: Settings) -> Asking:
    return Asking(repository, settings)


async def test_report_that_is_not_cached(perf: Perf, asking: Asking) -> None:
    await perf.arun(asking.once, setup_each=asking.empty)


async def test_report_that_20_clients_want_at_once(perf: Perf, asking: Asking) -> None:
    """One computes it: it should cost little more than for one of them."""
    await perf.arun(asking.by_20_clients, setup_each=asking.empty)


async def test_report_from_the_cache(perf: Perf, asking: Asking) -> None:
    await perf.arun(asking.once, iterations=500)
