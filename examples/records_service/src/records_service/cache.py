"""One small interface, two caches: Valkey (or Redis) for many processes, a dictionary for one."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

_LOG = logging.getLogger(__name__)
_MOST_ENTRIES = 10_000
_WAIT_S = 0.5  # a cache that takes longer than the database is none


class Cache(Protocol):
    """Bytes by key, for a while. What it cannot do it leaves undone: a service without its cache is slow, not down."""

    async def get(self, key: str) -> bytes | None:
        """What is stored; None where nothing is."""

    async def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store it for ``ttl_s`` seconds."""

    async def delete(self, key: str) -> None:
        """Forget it."""

    async def close(self) -> None:
        """Close its connections."""


class MemoryCache:
    """In this process: the entries used last, at most ``most`` of them.

    Args:
        most: entries.
        clock: seconds that only grow.
    """

    def __init__(self, most: int = _MOST_ENTRIES, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._most = most
        self._clock = clock

    async def get(self, key: str) -> bytes | None:
        """What is stored; None where nothing is."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        until_s, value = entry
        if self._clock() >= until_s:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value

    async def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store it for ``ttl_s`` seconds."""
        self._entries[key] = self._clock() + ttl_s, value
        self._entries.move_to_end(key)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)

    async def delete(self, key: str) -> None:
        """Forget it."""
        self._entries.pop(key, None)

    async def close(self) -> None:
        """Forget everything."""
        self._entries.clear()


class ValkeyCache:
    """In a Valkey or Redis. Connections are made as they are needed, on the event loop that uses them first.

    Args:
        url: ``valkey://``, ``redis://`` or ``unix://``.
        prefix: of all keys.
    """

    def __init__(self, url: str, prefix: str = "records:") -> None:
        self._client: Valkey = Valkey.from_url(url, socket_timeout=_WAIT_S, socket_connect_timeout=_WAIT_S)
        self._prefix = prefix

    async def get(self, key: str) -> bytes | None:
        """What is stored; None where nothing is, or where the server does not answer."""
        try:
            found: bytes | None = await self._client.get(self._prefix + key)
        except ValkeyError as error:
            _LOG.warning("the cache did not answer: %s", error)
            return None
        return found

    async def set(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store it for ``ttl_s`` seconds."""
        try:
            await self._client.set(self._prefix + key, value, px=max(1, round(ttl_s * 1_000)))
        except ValkeyError as error:
            _LOG.warning("%s was not cached: %s", key, error)

    async def delete(self, key: str) -> None:
        """Forget it. What a cache that is away cannot forget it serves until its time is over; hence the short one."""
        try:
            await self._client.unlink(self._prefix + key)
        except ValkeyError as error:
            _LOG.warning("%s was not forgotten: %s", key, error)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def cache_from(url: str) -> Cache:
    """The cache that ``url`` names.

    Raises:
        ValueError: it names none.
    """
    if url == "memory:":
        return MemoryCache()
    if url.startswith(("valkey://", "valkeys://", "redis://", "rediss://", "unix://")):
        return ValkeyCache(url)
    raise ValueError(f"{url!r} is no cache: use memory:, valkey://HOST:PORT/0 or unix:///PATH")
