"""One connection in the Redis protocol (RESP2): commands out, replies in, as many in flight as its users have.

The model is :mod:`paceline.wire.connection`: all connections of a loop share one receive buffer, the clock is read
once for what one read brings. Replies are parsed by hiredis; they come in the order of the commands, which is all the
bookkeeping there is.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, Protocol, cast

from paceline.core.errors import ConfigurationError
from paceline.wire.failure import CLOSED, MALFORMED, WireError, broken_off
from paceline.wire.known_reply import LOOK_EVERY, KnownReply
from paceline.wire.tally import Tally

INSTALL_HINT = "pip install 'paceline[cache]'"
# A server's own limit of a value (proto-max-bulk-len) is 512 MB: what goes on beyond it is no reply.
MOST_REPLY_BYTES = 600_000_000
_TLS_ALERT = 0x15
_HTTP = b"HTTP/"

Reply = Any  # bytes, int, None, a list of replies, or a ReplyError


class Asker(Protocol):
    """Who sends a command; told how it ended, exactly once, never before ``submit`` has returned.

    Attributes:
        start_s: when the command was written; set by the connection.
    """

    start_s: float

    def replied(self, reply: Reply, end_s: float) -> None:
        """A whole reply came; an error of the server is one, too."""

    def failed(self, failure: WireError) -> None:
        """No reply will come. The connection is not usable any more."""


class RespConnection(asyncio.BufferedProtocol):
    """One connection.

    Args:
        tally: counts what goes over it.
        now_s: the clock.
        buffer: to receive into, shared by all connections of the loop.
        known: the reply that is known, likewise.

    Attributes:
        is_reading: whether replies are being handed out: what is submitted meanwhile goes out in one piece afterwards.
        usable: whether another command can be sent.

    Raises:
        ConfigurationError: the package that parses replies is not installed.
    """

    __slots__ = (
        "_batch",
        "_begins_with",
        "_buffer",
        "_feed",
        "_gets",
        "_has_more",
        "_known",
        "_now_s",
        "_pending_bytes",
        "_protocol_error",
        "_tally",
        "_transport",
        "_unsent",
        "_waiting",
        "get_buffer",
        "is_reading",
        "usable",
    )

    def __init__(
        self, tally: Tally, now_s: Callable[[], float], buffer: memoryview, known: KnownReply | None = None
    ) -> None:
        reader, self._protocol_error = reader_of_replies()
        self._feed = reader.feed
        self._gets = reader.gets
        self._has_more = reader.has_data
        self.usable = False
        self._tally = tally
        self._now_s = now_s
        self._buffer = buffer
        self._begins_with: Callable[[bytes], bool] = cast("bytearray", buffer.obj).startswith
        self._known = known or KnownReply()
        self._transport: asyncio.Transport | None = None
        # Called by the event loop for each read. A look-up in C costs a third of a method that returns an attribute.
        self.get_buffer = defaultdict(lambda: buffer).__getitem__  # type: ignore[method-assign,assignment]
        self._waiting: deque[Asker] = deque()  # for replies, in the order of their commands
        self._unsent: list[Asker] = []
        self._batch: list[bytes] = []
        self.is_reading = False
        self._pending_bytes = 0

    # Sending.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def submit(self, asker: Asker, command: bytes) -> None:
        """Send a command with the next :meth:`flush`, which follows by itself while replies are being read."""
        self._unsent.append(asker)
        self._batch.append(command)

    def flush(self) -> None:
        """Send what was submitted. It starts now."""
        batch, unsent = self._batch, self._unsent
        if not batch or self._transport is None:
            return
        if len(batch) == 1:
            data, asker = batch.pop(), unsent.pop()
            self._waiting.append(asker)
            clock = self._now_s
            asker.start_s = clock()
        else:
            data = b"".join(batch)
            self._waiting.extend(unsent)
            now_s = self._now_s()
            for asker in unsent:
                asker.start_s = now_s
            self._batch, self._unsent = [], []
        self._tally.sent_bytes += len(data)
        self._transport.write(data)

    # Receiving.

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the event loop: so many bytes have come."""
        # Fetched, then called: Python 3.11 looks up "self._now_s()" anew each time where that is no method.
        clock, known, begins_with, waiting = self._now_s, self._known, self._begins_with, self._waiting
        now_s = clock()
        if not self.usable:
            return  # TLS hands out what it had decrypted before it was told to stop
        self._tally.received_bytes += nbytes
        self.is_reading = True
        try:
            if nbytes == known.nbytes and waiting and not self._pending_bytes and begins_with(known.data):
                known.look_at = LOOK_EVERY
                waiting.popleft().replied(known.reply, now_s)
            elif nbytes > known.nbytes > 0 and (count := self._all_known(nbytes)):
                reply = known.reply
                for _ in range(count):
                    waiting.popleft().replied(reply, now_s)
            else:
                self._parse(nbytes, now_s)
        finally:
            self.is_reading = False
        if self._batch:
            self.flush()

    def _all_known(self, nbytes: int) -> int:
        """How many replies a read is that brought nothing but the known one; 0 where it did not."""
        known = self._known
        count, rest = divmod(nbytes, known.nbytes)
        if rest or self._pending_bytes or count > len(self._waiting) or not self._begins_with(known.data * count):
            return 0
        known.look_at = LOOK_EVERY
        return count

    def _parse(self, nbytes: int, now_s: float) -> None:
        gets, waiting, known = self._gets, self._waiting, self._known
        reply: Reply = False
        try:
            self._feed(self._buffer, 0, nbytes)
            for taken in range(len(waiting)):
                reply = gets()
                if reply is False:
                    self._incomplete(nbytes, taken)
                    return
                waiting.popleft().replied(reply, now_s)
            self._pending_bytes = 0
            if self._has_more():
                self._unasked()
                return
        except self._protocol_error as error:
            self._malformed(self._why(error))
            return
        known.unknown += 1
        if known.unknown >= known.look_at:
            known.look(self._buffer[:nbytes], reply)

    def _incomplete(self, nbytes: int, taken: int) -> None:
        # Of a read that ended other replies only a part is of this one.
        self._pending_bytes = nbytes if taken else self._pending_bytes + nbytes
        if self._pending_bytes > MOST_REPLY_BYTES:
            self._malformed(f"it goes on for more than {MOST_REPLY_BYTES:,} bytes")

    def _unasked(self) -> None:
        if self._waiting or self._unsent:
            self._malformed("more replies came than commands were sent")
            return
        # Nobody is told: the next command finds the connection gone. What came may be a farewell, or garbage.
        self._gets()
        self._tally.closed_by_server += 1
        self.abort()

    # Ends.

    def _why(self, error: Exception) -> str:
        begin = bytes(self._buffer[:5])
        if begin[0] == _TLS_ALERT:
            return "the server speaks TLS on this port; should the address begin with rediss://?"
        if begin == _HTTP:
            return "it is an HTTP server's"
        return f"{error}"

    def _malformed(self, why: str) -> None:
        self._end(WireError(MALFORMED, f"the reply is no valid RESP: {why}"))

    def eof_received(self) -> bool:
        """Called by the event loop: the server sends no more; what is unsent would never be answered."""
        if self._transport is not None:
            self._transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        if not self.usable:
            return
        self._tally.closed_by_server += 1
        when = "in the middle of a reply" if self._pending_bytes else "before it replied"
        failure = WireError(CLOSED, f"the server closed the connection {when}") if exc is None else None
        self._end(failure or broken_off(exc or OSError(), when))

    def _end(self, failure: WireError) -> None:
        for asker in self.give_up():
            asker.failed(failure)

    def expired(self, before_s: float) -> int:
        """How many commands that were sent by ``before_s`` still have no reply; they are the first of all."""
        count = 0
        for asker in self._waiting:
            if asker.start_s > before_s:
                break
            count += 1
        return count

    def give_up(self) -> tuple[Asker, ...]:
        """Close it; who was still waiting, in order of their commands, and is not told."""
        now_s = self._now_s()
        for asker in self._unsent:
            asker.start_s = now_s
        askers = (*self._waiting, *self._unsent)
        self.abort()
        return askers

    def abort(self) -> None:
        """Close it, whatever is under way; nobody is told."""
        self.usable = False
        self._waiting.clear()
        self._unsent = []
        self._batch = []
        if self._transport is not None:
            self._transport.abort()


def reader_of_replies() -> tuple[Any, type[Exception]]:
    """A parser of replies, and what it raises at what is none.

    Raises:
        ConfigurationError: its package is not installed.
    """
    try:
        import hiredis
    except ImportError as error:
        raise ConfigurationError(f"a cache is measured through the package hiredis: {INSTALL_HINT}") from error
    return hiredis.Reader(), hiredis.ProtocolError


def packed(*words: str | bytes | int) -> bytes:
    """A command as it is sent."""
    encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)
