"""What the process of a load hears after the order itself: when to start, or, by a closed pipe, to end."""

import asyncio
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from paceline.core.clock import Clock

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

    @contextmanager
    def heard(self, stop: Callable[[], None]) -> Iterator[None]:
        """Listen on the running loop; ``stop`` is called once, when the pipe has been closed."""
        loop = asyncio.get_running_loop()
        self._start = loop.create_future()

        def hear() -> None:
            data = os.read(self._descriptor, _MOMENT.size)  # a pipe writes so few bytes at once or not at all
            if not data:
                loop.remove_reader(self._descriptor)  # a closed pipe can be read for ever
                stop()
            elif self._start is not None and not self._start.done():
                self._start.set_result(_MOMENT.unpack(data)[0])

        loop.add_reader(self._descriptor, hear)
        try:
            yield
        finally:
            loop.remove_reader(self._descriptor)

    async def start(self) -> None:
        """Wait for the moment to start; returns within microseconds of it."""
        assert self._start is not None
        at_s = await self._start
        now_s = self._clock.now_s
        if (left_s := at_s - now_s() - _SPIN_S) > 0:
            await asyncio.sleep(left_s)
        while now_s() < at_s:
            pass
