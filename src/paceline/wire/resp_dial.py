"""Opening connections to a cache: connect, then log in and choose the database, each failure named."""

import asyncio
from collections.abc import Callable

from paceline.wire.cache_address import CacheAddress
from paceline.wire.dial import Dialer
from paceline.wire.failure import TIMEOUT, WireError
from paceline.wire.known_reply import KnownReply
from paceline.wire.resp import Reply, RespConnection
from paceline.wire.resp_error import failure_of_reply


async def dial_cache(
    dialer: Dialer,
    address: CacheAddress,
    now_s: Callable[[], float],
    *,
    known: KnownReply | None = None,
    again: bool = False,
) -> RespConnection:
    """A connection that is ready for commands.

    Args:
        dialer: opens it.
        address: the server.
        now_s: the clock.
        known: the reply that all connections of the loop know.
        again: whether it is in place of one that was lost.

    Raises:
        WireError: there is none, or the server lets nobody in.
    """
    connection = RespConnection(dialer.tally, now_s, dialer.buffer, known)
    await dialer.open(connection, again=again)
    greeting = _Greeting(len(address.greeting))
    try:
        for command in address.greeting:
            connection.submit(greeting, command)
        connection.flush()
        async with asyncio.timeout(dialer.connect_timeout_s):
            await greeting.ended
    except TimeoutError as error:
        connection.abort()
        raise WireError(
            TIMEOUT, f"{address.text} did not reply to a PING within {dialer.connect_timeout_s:g} s"
        ) from error
    except BaseException:
        connection.abort()
        raise
    return connection


class _Greeting:
    """Takes the replies to what a connection begins with."""

    def __init__(self, commands: int) -> None:
        self.start_s = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = commands

    def replied(self, reply: Reply, end_s: float) -> None:
        """From the connection."""
        del end_s
        self._left -= 1
        if isinstance(reply, Exception):
            self.failed(failure_of_reply(reply))
        elif not self._left and not self.ended.done():
            self.ended.set_result(None)

    def failed(self, failure: WireError) -> None:
        """From the connection."""
        if not self.ended.done():
            self.ended.set_exception(failure)
