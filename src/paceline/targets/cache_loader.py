"""What is called for a key that the cache does not have."""

import asyncio
import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.core.units import NS_PER_S
from paceline.records.cache import Loads
from paceline.records.distribution import Distribution
from paceline.targets.call import returns_awaitable

Loader = Callable[[str], Any]
_MOST_THREADS = 256


def checked_loader(loader: object) -> None:
    """That ``loader`` can be called with the name of a key.

    Raises:
        ConfigurationError: it cannot.
    """
    if not callable(loader):
        raise ConfigurationError(f"loader must be a function of a key, not {loader!r}")
    try:
        inspect.signature(loader).bind("key")
    except TypeError as error:
        raise ConfigurationError(f"loader is called with the name of a key, and with nothing else: {error}") from error
    except ValueError:
        return  # some builtins tell no signature


class LoadLog:
    """Times loads, and counts who loads the same key at the same time. Loads may be made in several threads."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = Lock()
        self._under_way: dict[str, int] = {}
        self.begin()

    def begin(self) -> None:
        """A window begins: what was seen before is forgotten."""
        with self._lock:
            self._latency = Distribution()
            self._took_ns: list[int] = []
            self._overlapping = 0
            self._most_at_once, self._busiest_key = 0, ""

    @contextmanager
    def load(self, key: str) -> Iterator[None]:
        """Around the loading of ``key``."""
        with self._lock:
            at_once = self._under_way[key] = self._under_way.get(key, 0) + 1
            self._overlapping += at_once > 1
            if at_once > self._most_at_once:
                self._most_at_once, self._busiest_key = at_once, key
        start_s = self._now_s()
        try:
            yield
        finally:
            took_ns = max(round((self._now_s() - start_s) * NS_PER_S), 0)
            with self._lock:
                self._took_ns.append(took_ns)
                if left := self._under_way[key] - 1:
                    self._under_way[key] = left
                else:
                    del self._under_way[key]

    def fold(self) -> None:
        """Take up what was timed."""
        import numpy as np

        with self._lock:
            if self._took_ns:
                self._latency.add(np.array(self._took_ns, dtype=np.int64))
                self._took_ns = []

    @property
    def seen(self) -> Loads:
        """Since :meth:`begin`."""
        self.fold()
        with self._lock:
            return Loads(self._latency.latency, self._overlapping, self._most_at_once, self._busiest_key)


class Fetcher:
    """Calls the loader on an event loop.

    Args:
        loader: a coroutine function; or a function, which is called in threads.
        log: takes down what it does.
    """

    def __init__(self, loader: Loader, log: LoadLog) -> None:
        self._loader = loader
        self._is_async = returns_awaitable(partial(loader, ""))
        self._threads: ThreadPoolExecutor | None = None
        self.log = log

    def open(self, lanes: int) -> None:
        """So many may load at once."""
        if not self._is_async:
            self._threads = ThreadPoolExecutor(min(lanes, _MOST_THREADS), "paceline-loader")

    async def load(self, key: str) -> bytes:
        """What the loader returns for ``key``, as it is stored.

        Raises:
            BaseException: whatever the loader raises.
            TypeError: it returned something else than text, bytes or a number.
        """
        if self._is_async:
            with self.log.load(key):
                value = await self._loader(key)
        else:
            value = await asyncio.get_running_loop().run_in_executor(self._threads, self._load_here, key)
        return stored(value)

    def _load_here(self, key: str) -> object:
        # Timed in the thread: waiting for one is not the loader's, and one that nobody waits for any more still loads.
        with self.log.load(key):
            return self._loader(key)

    def close(self) -> None:
        """Call nobody any more; what a thread is in the middle of ends by itself."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def stored(value: object) -> bytes:
    """What a loader returned, as a cache takes it.

    Raises:
        TypeError: it is something else than text, bytes or a number.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value).encode()
    raise TypeError(f"the loader returned {type(value).__name__}, which no cache can store: return text or bytes")
