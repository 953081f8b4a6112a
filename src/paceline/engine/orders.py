"""What the process of a load hears after the order itself: when to start, or, by a closed pipe, to end."""

import asyncio
import os
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError

_MOMENT = struct.Struct("<d")
_SPIN_S = 0.002  # the timers of an event loop tick in milliseconds


def start_order(at_s: float) -> bytes:
    """To a child that is ready: open the window when the clock, which all processes share, reads ``at_s``."""
    return _MOMENT.pack(at_s)


class Orders:
    """Hears them.

    Args:
        descriptor: to read from.
        clock: the one the parent reads too.
    """

    def __init__(self, descriptor: int, clock: Clock) -> None:
        self._descriptor = descriptor
        self._clock = clock
        self._start: asyncio.Future[float] | None = None
        self._told = threading.Event()
        self._told_at_s: float | None = None

    @contextmanager
    def heard(self, stop: Callable[[], None]) -> Iterator[None]:
        """Listen on the running loop; ``stop`` is called once, when the pipe has been closed."""
        loop = asyncio.get_running_loop()
        self._start = loop.create_future()

        def hear() -> None:
            at_s = self._next()
            if at_s is None:
                loop.remove_reader(self._descriptor)  # a closed pipe can be read for ever
                stop()
            elif self._start is not None and not self._start.done():
                self._start.set_result(at_s)

        loop.add_reader(self._descriptor, hear)
        try:
            yield
        finally:
            loop.remove_reader(self._descriptor)

    async def start(self) -> None:
        """Wait for the moment to start; returns within microseconds of it."""
        assert self._start is not None
        at_s = await self._start
        if (left_s := self._left_s(at_s)) > 0:
            await asyncio.sleep(left_s)
        self._spin(at_s)

    def hear_beside(self, stop: Callable[[], None]) -> None:
        """Listen in a thread, where no loop runs; ``stop`` is called there, once, when the pipe has been closed."""

        def hear() -> None:
            while (at_s := self._next()) is not None:
                self._told_at_s = at_s
                self._told.set()
            stop()
            self._told.set()

        threading.Thread(target=hear, name="paceline-orders", daemon=True).start()

    def wait_for_start(self) -> None:
        """:meth:`start` for :meth:`hear_beside`.

        Raises:
            MeasurementError: the pipe was closed before.
        """
        self._told.wait()
        at_s = self._told_at_s
        if at_s is None:
            raise MeasurementError("the load was stopped before it had begun")
        if (left_s := self._left_s(at_s)) > 0:
            threading.Event().wait(left_s)
        self._spin(at_s)

    def _next(self) -> float | None:
        """When to start; None at the end."""
        data = os.read(self._descriptor, _MOMENT.size)  # a pipe writes so few bytes at once or not at all
        return _MOMENT.unpack(data)[0] if data else None

    def _left_s(self, at_s: float) -> float:
        return at_s - self._clock.now_s() - _SPIN_S

    def _spin(self, at_s: float) -> None:
        now_s = self._clock.now_s
        while now_s() < at_s:
            pass
