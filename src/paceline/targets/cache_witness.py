"""What a cache adds to the record of a run: the server's counters around the window, and what was loaded."""

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


class CacheWitness:
    """Sees a window from the server's side. Implements ``Witness``.

    Args:
        keeper: asks the server.
        depth: of the pipeline.
        loads: of targets that load what is missing.
        deletes: whether the load itself deletes keys.
    """

    def __init__(self, keeper: Keeper, depth: int, loads: LoadLog | None, *, deletes: bool = False) -> None:
        self._keeper = keeper
        self._depth = depth
        self._loads = loads
        self._deletes = deletes
        self._kept: float | None = None
        self._before: Snapshot | None = None
        self._server: CacheServer | None = None

    async def begin(self) -> None:
        """A window opens."""
        self._server = None
        self._kept = None if self._deletes else await _beside_the_loop(self._keeper.kept)
        self._before = await _beside_the_loop(self._keeper.snapshot)
        if self._loads is not None:
            self._loads.begin()

    def fold(self) -> None:
        """Now and then."""
        if self._loads is not None:
            self._loads.fold()

    async def end(self) -> None:
        """The window is over."""
        after = await _beside_the_loop(self._keeper.snapshot)
        if self._before is not None and after is not None:
            self._server = between(self._before, after)

    def noted(self, record: RunRecord) -> RunRecord:
        """With what was seen so far."""
        cache = replace(
            record.cache or CacheRecord(),
            loads=None if self._loads is None else self._loads.seen,
            server=self._server,
            prefilled=self._keeper.prefill / self._keeper.keys.count,
            kept=self._kept,
            pipeline=self._depth,
        )
        return replace(record, cache=cache)


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
