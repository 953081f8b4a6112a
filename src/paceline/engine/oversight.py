"""What the legs of a load have in common is seen to once: on an event loop and a thread of its own, for one run.

The loop stays, for what is opened on it is asked and closed on it too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from paceline.records.run_record import RunRecord
from paceline.targets.witness import Overseer


class Oversight:
    """An overseer's work, called from any thread.

    Args:
        overseer: who does it; None where there is nothing in common.
    """

    def __init__(self, overseer: Overseer | None) -> None:
        self._overseer = overseer
        self._thread = ThreadPoolExecutor(1, "paceline-overseer")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_set_up = False
        self._is_open = False

    def set_up(self) -> None:
        """Before there is a leg.

        Raises:
            ConfigurationError, MeasurementError: the load cannot be made.
        """
        if self._overseer is not None:
            self._called(self._overseer.set_up)
            self._is_set_up = True

    def begin(self) -> None:
        """All legs are warm."""
        if self._overseer is not None:
            self._called(self._overseer.begin)
            self._is_open = True

    def end(self) -> None:
        """All legs have come to their end."""
        if self._overseer is not None and self._is_open:
            self._is_open = False
            self._called(self._overseer.end)

    def close(self) -> None:
        """Leave nothing behind, whatever has happened."""
        try:
            if self._overseer is not None and self._is_set_up:
                self._is_set_up = False
                self._called(self._overseer.tear_down)
        finally:
            if self._loop is not None:
                self._thread.submit(self._loop.close)
                self._loop = None
            self._thread.shutdown()

    def noted(self, record: RunRecord) -> RunRecord:
        """``record`` with what was seen."""
        return record if self._overseer is None else self._overseer.noted(record)

    def _called(self, function: Callable[[], Awaitable[None] | None]) -> None:
        self._thread.submit(self._run, function).result()

    def _run(self, function: Callable[[], Awaitable[None] | None]) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self._loop.run_until_complete(_awaited(function))


async def _awaited(function: Callable[[], Awaitable[None] | None]) -> None:
    returned = function()
    if returned is not None:
        await returned
