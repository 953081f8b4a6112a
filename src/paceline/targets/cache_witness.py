"""What a cache adds to the record of a run: the server's counters around the window, and what was loaded.

Of a load that several processes make, each knows what it loaded itself; the server is asked once, by who drives them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from paceline.records.cache import CacheRecord, CacheServer
from paceline.records.run_record import RunRecord
from paceline.targets.cache_keeper import Keeper
from paceline.targets.cache_loader import LoadLog
from paceline.targets.cache_snapshot import Snapshot, between

_T = TypeVar("_T")


class ServerWitness:
    """Sees a window from the server's side. Implements ``Overseer``; the keeper prepares the server before it.

    Args:
        keeper: asks the server.
        deletes: whether the load itself deletes keys.
    """

    def __init__(self, keeper: Keeper, *, deletes: bool = False) -> None:
        self._keeper = keeper
        self._deletes = deletes
        self._kept: float | None = None
        self._before: Snapshot | None = None
        self._server: CacheServer | None = None

    def set_up(self) -> None:
        """The keeper has done that."""

    def tear_down(self) -> None:
        """The keeper will do that."""

    async def begin(self) -> None:
        """A window opens."""
        self._server = None
        self._kept = None if self._deletes else await _beside_the_loop(self._keeper.kept)
        self._before = await _beside_the_loop(self._keeper.snapshot)

    def fold(self) -> None:
        """Nothing is written down on the way."""

    async def end(self) -> None:
        """The window is over."""
        after = await _beside_the_loop(self._keeper.snapshot)
        if self._before is not None and after is not None:
            self._server = between(self._before, after)

    def noted(self, record: RunRecord) -> RunRecord:
        """With what the server said."""
        cache = replace(
            record.cache or CacheRecord(),
            server=self._server,
            prefilled=self._keeper.prefill / self._keeper.keys.count,
            kept=self._kept,
        )
        return replace(record, cache=cache)


class CacheWitness:
    """Sees a window from where its commands are sent. Implements ``Witness``.

    Args:
        server: asks the server; None where somebody else does.
        depth: of the pipeline.
        loads: of targets that load what is missing.
    """

    def __init__(self, server: ServerWitness | None, depth: int, loads: LoadLog | None) -> None:
        self._server = server
        self._depth = depth
        self._loads = loads

    async def begin(self) -> None:
        """A window opens."""
        if self._server is not None:
            await self._server.begin()
        if self._loads is not None:
            self._loads.begin()

    def fold(self) -> None:
        """Now and then."""
        if self._loads is not None:
            self._loads.fold()

    async def end(self) -> None:
        """The window is over."""
        if self._server is not None:
            await self._server.end()

    def noted(self, record: RunRecord) -> RunRecord:
        """With what was seen so far."""
        loads = None if self._loads is None else self._loads.seen
        cache = replace(record.cache or CacheRecord(), loads=loads, pipeline=self._depth)
        record = replace(record, cache=cache)
        return record if self._server is None else self._server.noted(record)


async def _beside_the_loop(ask: Callable[[], _T | None]) -> _T | None:
    try:
        return await asyncio.to_thread(ask)
    except asyncio.CancelledError:
        # Heard by whoever awaits next, the drive or the winding up: either keeps what was measured.
        task = asyncio.current_task()
        assert task is not None
        task.uncancel()
        task.cancel()
        return None
