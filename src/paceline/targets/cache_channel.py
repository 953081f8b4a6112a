"""A connection to a cache for as long as a run goes on, whatever becomes of it meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from paceline.wire.failure import CLOSED, WireError
from paceline.wire.resp import Asker, RespConnection


class Attempt(Asker, Protocol):
    """Who sends commands over a channel."""

    def failed(self, failure: WireError, *, pause: bool = False) -> None:
        """No reply will come; ``pause``: there is no connection, so do not try again at once."""

    def expired(self, message: str) -> None:
        """No reply came within the limit."""


class Channel:
    """One connection, opened again when it is lost, and the commands that wait for it.

    Args:
        dial: opens a connection; told whether it is in place of one that was lost.
        deep: whether several commands are in flight on it.

    Attributes:
        connection: the latest; None before the first, and while another is being opened.
    """

    def __init__(self, dial: Callable[[bool], Awaitable[RespConnection]], *, deep: bool) -> None:
        self._dial = dial
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[tuple[Attempt, bytes]] = []
        self._was_open = False
        self._is_deep = deep
        self._flush_is_due = False
        self.connection: RespConnection | None = None

    def flush(self) -> None:
        """Send what was submitted: at once, or together with what follows in this turn of the loop."""
        if not self._is_deep:
            assert self.connection is not None
            self.connection.flush()
        elif not self._flush_is_due:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_is_due = False
        if self.connection is not None and self.connection.usable:
            self.connection.flush()

    def send(self, lane: Attempt, command: bytes) -> None:
        """Send a command of an attempt that has begun already."""
        if self.connection is not None and self.connection.usable:
            self.connection.submit(lane, command)
            self.flush()
        else:
            self.wait(lane, command)

    def wait(self, lane: Attempt, command: bytes) -> None:
        """Send it as soon as there is a connection."""
        self._waiting.append((lane, command))
        if self._connecting is None:
            self.connection = None
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self.open()
        except WireError as failure:
            self._connecting = None
            waiting, self._waiting = self._waiting, []
            for lane, _ in waiting:
                lane.failed(failure, pause=True)
            return
        self._connecting = None
        waiting, self._waiting = self._waiting, []
        for lane, command in waiting:
            self.send(lane, command)

    async def open(self) -> None:
        """Open the connection.

        Raises:
            WireError: there is none; its kind says why.
        """
        self.connection = await self._dial(self._was_open)
        self._was_open = True

    def sweep(self, now_s: float, limit_s: float) -> None:
        """End what has exceeded its limit: its reply may still come, so the connection cannot be used any more."""
        connection = self.connection
        late = connection.expired(now_s - limit_s) if connection is not None else 0
        if connection is None or not late:
            return
        for place, attempt in enumerate(_attempts(connection)):
            if place < late:
                attempt.expired(f"no whole reply within {limit_s:g} s")
            else:
                message = "given up with an earlier command of its connection that got no reply in time"
                attempt.failed(WireError(CLOSED, message))

    def give_up(self, limit_s: float) -> None:
        """What is still under way counts as a timeout."""
        waiting, self._waiting = self._waiting, []
        sent = [] if self.connection is None else _attempts(self.connection)
        for attempt in (*sent, *(attempt for attempt, _ in waiting)):
            attempt.expired(f"no whole reply within {limit_s:g} s")

    def drop(self) -> "asyncio.Task[None] | None":
        """Close it, tell nobody; what was opening it, which still has to end."""
        connecting, self._connecting = self._connecting, None
        self._waiting = []
        if connecting is not None:
            connecting.cancel()
        if self.connection is not None:
            self.connection.abort()
            self.connection = None
        return connecting


def _attempts(connection: RespConnection) -> list[Attempt]:
    """Close it; who was waiting for a reply. After its greeting only attempts are."""
    return [cast("Attempt", asker) for asker in connection.give_up()]
