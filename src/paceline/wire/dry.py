"""Connections to nobody: each request is answered at once, from memory.

What is left is all that a generator does itself: its loop, its schedule, requests, framing, what it records and tells.
What is missing is the kernel, encryption and the network, which are most of what a real request costs.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from paceline.wire.connection import Connection
from paceline.wire.dial import Connectable, Dialer
from paceline.wire.endpoint import Endpoint
from paceline.wire.tally import Tally

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
_KEPT = _HEAD + b"\r\n"
_CLOSED = _HEAD + b"Connection: close\r\n\r\n"
_BODY = b"ok"


class DryTransport(asyncio.Transport):
    """Takes requests, and has each answered in the next turn of the loop.

    Args:
        protocol: what the answers are for.
        head: of every answer.
    """

    def __init__(self, protocol: asyncio.BufferedProtocol, head: bytes) -> None:
        super().__init__()
        self._protocol = protocol
        self._head = head
        self._answer = head + _BODY
        self._closed = False
        self._soon = asyncio.get_running_loop().call_soon

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """A whole request."""
        # As a server would: the answer to HEAD has no body.
        self._soon(self._receive, self._head if bytes(data[:5]) == b"HEAD " else self._answer)

    def _receive(self, answer: bytes) -> None:
        if self._closed:
            return
        nbytes = len(answer)
        buffer = cast("memoryview", self._protocol.get_buffer(nbytes))
        buffer[:nbytes] = answer
        self._protocol.buffer_updated(nbytes)

    def get_write_buffer_size(self) -> int:
        """Nothing ever waits to be sent."""
        return 0

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._closed

    def abort(self) -> None:
        """Close it; what is under way is not answered any more."""
        if not self._closed:
            self._closed = True
            self._soon(self._protocol.connection_lost, None)

    close = abort


class DryDialer(Dialer):
    """Opens such connections.

    Args:
        endpoint: where requests would go.
        tally: counts.
        now_s: the clock.
        keep_alive: whether connections stay open after an answer.
    """

    def __init__(self, endpoint: Endpoint, tally: Tally, now_s: Callable[[], float], *, keep_alive: bool) -> None:
        super().__init__(endpoint, None, 1.0, tally, now_s)
        self._head = _KEPT if keep_alive else _CLOSED

    async def open(self, connection: Connectable, *, again: bool = False) -> None:
        """Nobody has to be asked."""
        assert isinstance(connection, Connection)
        connection.connection_made(DryTransport(connection, self._head))
        self.tally.opened(again=again)

    async def resolve(self) -> None:
        """The host need not exist."""
