"""Connections of one run, as many as are asked for: free ones at the price of a list's, and a fair wait for the others.

Who has waited longest gets what is given back: were it put on the list, the thread that gave it back would mostly have
taken it again before another wakes up.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from paceline.core.errors import AttemptFailed
from paceline.targets.sql.failures import POOL

PAUSE_S = 0.1  # of an attempt that could not connect: nobody knocks 10,000 times a second on a closed door
_OPEN_ONE = object()  # given to a waiter instead of a connection: there may be another


def exhausted(size: int, timeout_s: float) -> AttemptFailed:
    """Nobody gave a connection back in time."""
    return AttemptFailed(POOL, f"none of {size} connections was free within {timeout_s:g} s")


class _Waiter:
    def __init__(self) -> None:
        self.served = threading.Event()
        self.given: Any = None


class Pool:
    """Connections for threads.

    A connection is taken by ``free.pop()``, which threads can do at once; only who finds none calls :meth:`wait`.

    Args:
        open_one: opens one.
        size: the most there may be.
        timeout_s: how long to wait for one.

    Attributes:
        free: those that nobody uses.
        opened: how many there are, those being opened included.
    """

    def __init__(self, open_one: Callable[[], Any], size: int, timeout_s: float) -> None:
        self._open = open_one
        self._size = size
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._waiters: deque[_Waiter] = deque()
        self.free: list[Any] = []
        self.opened = 0

    def wait(self) -> Any:  # noqa: ANN401  # of any driver
        """A connection when there is one; another is opened where there may be more.

        Raises:
            AttemptFailed: there was none in time, or none can be opened.
        """
        waiter = _Waiter()
        with self._lock:
            self._waiters.append(waiter)
        self._serve()
        if not waiter.served.wait(self._timeout_s):
            with self._lock:
                if not waiter.served.is_set():
                    self._waiters.remove(waiter)
                    raise exhausted(self._size, self._timeout_s)
        return self._another() if waiter.given is _OPEN_ONE else waiter.given

    def _serve(self) -> None:
        """Give those who wait what there is."""
        with self._lock:
            while self._waiters:
                if self.opened < self._size:
                    self.opened += 1
                    given = _OPEN_ONE
                else:
                    try:
                        given = self.free.pop()
                    except IndexError:
                        return
                waiter = self._waiters.popleft()
                waiter.given = given
                waiter.served.set()

    def _another(self) -> Any:  # noqa: ANN401  # of any driver
        try:
            return self._open()
        except BaseException:
            threading.Event().wait(PAUSE_S)
            self.lost()
            raise

    def give_back(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        """It is free."""
        self.free.append(connection)
        if self._waiters:
            self._serve()

    def lost(self) -> None:
        """There is one less."""
        with self._lock:
            self.opened -= 1
        self._serve()


class AsyncPool:
    """Connections for tasks of one event loop; arguments and attributes are those of :class:`Pool`."""

    def __init__(self, open_one: Callable[[], Any], size: int, timeout_s: float) -> None:
        self._open = open_one
        self._size = size
        self._timeout_s = timeout_s
        self._waiters: deque[asyncio.Future[Any]] = deque()
        self.free: list[Any] = []
        self.opened = 0

    async def wait(self) -> Any:  # noqa: ANN401  # of any driver
        """A connection when there is one; another is opened where there may be more.

        Raises:
            AttemptFailed: there was none in time, or none can be opened.
        """
        if self.opened < self._size:
            self.opened += 1
            return await self._another()
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(self._timeout_s):
                given = await waiter
        except BaseException as stop:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif waiter.done() and not waiter.cancelled():
                self._pass_on(waiter.result())  # it was served just now, and is no longer there to take it
            if isinstance(stop, TimeoutError):
                raise exhausted(self._size, self._timeout_s) from None
            raise
        return await self._another() if given is _OPEN_ONE else given

    def _pass_on(self, given: Any) -> None:  # noqa: ANN401  # of any driver
        if given is _OPEN_ONE:
            self.lost()
        else:
            self.give_back(given)

    async def _another(self) -> Any:  # noqa: ANN401  # of any driver
        try:
            return await self._open()
        except BaseException as error:
            if isinstance(error, Exception):
                await asyncio.sleep(PAUSE_S)
            self.lost()
            raise

    def give_back(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        """It is free."""
        if not self._served(connection):
            self.free.append(connection)

    def lost(self) -> None:
        """There is one less."""
        self.opened -= 1
        if self._served(_OPEN_ONE):
            self.opened += 1

    def _served(self, what: Any) -> bool:  # noqa: ANN401  # of any driver
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(what)
                return True
        return False
