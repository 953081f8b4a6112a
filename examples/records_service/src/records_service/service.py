"""What the service does, whoever asks: records and reports, with the cache in front of the database."""

import asyncio
from datetime import date

from records_service.cache import Cache
from records_service.model import Changes, NewRecord, Page, Record
from records_service.reports import revenue
from records_service.repository import Repository
from records_service.serialisation import record_to_json, report_to_json
from records_service.settings import Settings


class Records:
    """One for each process.

    What takes microseconds is done on the event loop; what may take milliseconds, or wait for a lock, in a thread.

    Args:
        repository: of the records.
        cache: in front of it.
        settings: of this process.
    """

    def __init__(self, repository: Repository, cache: Cache, settings: Settings) -> None:
        self._repository = repository
        self._cache = cache
        self._settings = settings
        self._under_way: dict[str, asyncio.Task[bytes]] = {}

    async def get_json(self, record_id: int) -> bytes:
        """One record as JSON, from the cache where it is there.

        Raises:
            NotFoundError: there is none.
        """
        key = _key(record_id)
        found = await self._cache.get(key)
        if found is None:
            found = record_to_json(self._repository.get(record_id))
            await self._cache.set(key, found, self._settings.record_ttl_s)
        return found

    async def page(self, after: int, limit: int, customer_id: int | None) -> Page:
        """Records behind ``after``."""
        return self._repository.page(after, min(limit, self._settings.most_per_page), customer_id)

    async def search(self, text: str, limit: int) -> tuple[Record, ...]:
        """Records by the words of their notes."""
        return await asyncio.to_thread(self._repository.search, text, min(limit, self._settings.most_per_page))

    async def create(self, record: NewRecord) -> Record:
        """Store a sale."""
        return await asyncio.to_thread(self._repository.create, record)

    async def update(self, record_id: int, version: int, changes: Changes) -> Record:
        """Change a record.

        Raises:
            NotFoundError: there is none.
            ConflictError: it has another version by now.
        """
        record = await asyncio.to_thread(self._repository.update, record_id, version, changes)
        await self._cache.delete(_key(record_id))
        return record

    async def revenue_json(self, first: date, last: date) -> bytes:
        """The revenue report as JSON. Of requests that come while it is computed, none computes it again."""
        key = f"revenue:{self._repository.generation()}:{first}:{last}"
        found = await self._cache.get(key)
        if found is not None:
            return found
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._compute_revenue(key, first, last))
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(task)  # one client that hangs up must not take the report from the others

    async def _compute_revenue(self, key: str, first: date, last: date) -> bytes:
        computed = await asyncio.to_thread(lambda: report_to_json(revenue(self._repository.sales(first, last))))
        await self._cache.set(key, computed, self._settings.report_ttl_s)
        return computed


def _key(record_id: int) -> str:
    return f"record:{record_id}"
