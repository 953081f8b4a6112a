"""One connection of a virtual user, opened again when it is lost."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from paceline.scenario.answer import Answer, Owner, sets_cookies
from paceline.scenario.exchange import CANCELLED, Exchange
from paceline.wire.connection import Connection
from paceline.wire.dial import Dialer
from paceline.wire.failure import STATUS, TIMEOUT, WireError


class Holder(Owner, Protocol):
    """The client that a line belongs to, as far as the line knows it.

    Attributes:
        dialer: opens connections.
        now_s: the clock.
        idle: lines on which nothing is under way.
        unreported: attempts that are to be reported.
        waited: set when an answer came.
        done: a future that has ended.
    """

    dialer: Dialer
    now_s: Callable[[], float]
    idle: "list[Line]"
    unreported: list[Exchange]
    waited: bool
    done: "asyncio.Future[None]"

    def came(self, line: "Line", exchange: Exchange, status: int, raw: bytes | bytearray) -> None:
        """An answer came about which something is special."""

    def broke(self, line: "Line", exchange: Exchange) -> None:
        """There is no answer; the exchange says why."""


class Line:
    """A connection and what is under way on it. Implements ``Peer`` for the wire."""

    __slots__ = ("_connecting", "_harmless", "_was_open", "client", "connection", "exchange")

    def __init__(self, client: Holder) -> None:
        self.client = client
        self._connecting: asyncio.Task[None] | None = None
        self._was_open = False
        self._harmless: bytes | None = None  # an answer that is known to the connection, and sets no cookies
        self.connection: Connection | None = None
        self.exchange: Exchange | None = None

    def send(self, exchange: Exchange) -> None:
        """Send the request under way; over a new connection where there is none."""
        connection = self.connection
        if connection is not None and connection.usable:
            connection.send(exchange.request)
        else:
            self.connect()

    def connect(self) -> None:
        """Open a connection and send the request under way over it."""
        self.connection = None
        self._connecting = asyncio.get_running_loop().create_task(self._dial())

    async def _dial(self) -> None:
        try:
            await self.open()
        except WireError as failure:
            self._connecting = None
            if self.exchange is not None:
                self.exchange.closed_door = True
            self._fail(failure)
            return
        self._connecting = None
        if self.exchange is not None and self.connection is not None:
            self.connection.send(self.exchange.request)

    async def open(self) -> None:
        """Open the connection.

        Raises:
            WireError: there is none; its kind says why.
        """
        self.connection = await self.client.dialer.dial(self, keeps=True, again=self._was_open)
        self._was_open = True

    # From the wire.

    def answered(self, end_s: float, first_s: float | None) -> None:
        """A whole answer came."""
        exchange, connection = self.exchange, self.connection
        assert exchange is not None
        assert connection is not None
        assert connection.kept is not None
        exchange.end_s = end_s
        raw = connection.kept
        client = self.client
        if raw is not self._harmless:
            if sets_cookies(raw):
                exchange.special = True
            elif isinstance(raw, bytes):
                self._harmless = raw
        if exchange.special:
            exchange.first_s = first_s
            client.came(self, exchange, connection.status, raw)
            return
        # The same in brief, for nearly all requests.
        if first_s is not None:
            exchange.first_s = first_s
            exchange.special = True
        self.exchange = None
        client.idle.append(self)
        client.waited = True
        if client.recording:
            client.unreported.append(exchange)
        duration_s = end_s - exchange.start_s
        exchange.came(Answer(client, exchange.request, connection.status, raw, duration_s), client.done)

    def failed(self, failure: WireError, first_s: float | None) -> None:
        """A status of 400 and above, which is an answer all the same, or no answer."""
        if failure.kind == STATUS and self.exchange is not None:
            self.exchange.special = True
            self.answered(self.client.now_s(), first_s)
        else:
            self._fail(failure, first_s)

    def lost(self, *, resend: bool) -> None:
        """The server closed the connection."""
        if resend:
            self.client.dialer.tally.resent += 1
            self.connect()
        else:
            self.connection = None

    # Ends.

    def expire(self, limit_s: float, message: str | None = None) -> None:
        """The request under way has exceeded its limit."""
        exchange = self.exchange
        assert exchange is not None
        self.drop()
        end_s = max(self.client.now_s(), exchange.start_s + limit_s)
        self._fail(WireError(TIMEOUT, message or f"no whole answer within {limit_s:g} s"), end_s=end_s)

    def cancelled(self, exchange: Exchange) -> None:
        """From the exchange: nobody waits for it any longer."""
        if self.exchange is exchange:
            self.drop()
            self._fail(WireError(CANCELLED, "the user function did not wait for the answer"))

    def _fail(self, failure: WireError, first_s: float | None = None, *, end_s: float | None = None) -> None:
        exchange = self.exchange
        if exchange is not None:
            exchange.end_s = self.client.now_s() if end_s is None else end_s
            exchange.first_s = first_s
            exchange.fail(failure.kind, failure.message)
            self.client.broke(self, exchange)

    def drop(self) -> None:
        """Close the connection."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if self.connection is not None:
            self.connection.abort()
            self.connection = None

    async def close(self) -> None:
        """Nothing is left of it, and nobody is told."""
        exchange, self.exchange = self.exchange, None
        connecting = self._connecting
        self.drop()
        if exchange is not None:
            exchange.cancel()
        if connecting is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await connecting
