"""One HTTP/1.1 connection: bytes out, answers in.

Four fifths of what a request costs is the kernel's; this is the rest, run once for every request of a load. All
connections of a loop share one receive buffer: an answer is looked at and done with before the next one is read,
and a buffer each would cost two page faults a request. Framing is llhttp's (through httptools), which sees every
byte; ours is only what it leaves to its caller: answers to HEAD, bodies that end with the connection, heads
without end. An answer that comes again byte for byte is not parsed again (docs/decisions/040).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from paceline.wire import framing
from paceline.wire.failure import CLOSED, MALFORMED, STATUS, WireError, broken_off
from paceline.wire.familiar import LOOK_EVERY, Familiar
from paceline.wire.request import Prepared
from paceline.wire.tally import Tally

BUFFER_BYTES = 65_536
MOST_KEPT_BYTES = 100_000_000
_TAKEN_AT_ONCE = 16_384  # bytes that any socket takes
_FIRST_INTERIM = 100
_FIRST_FINAL = 200
_FIRST_ERROR = 400
_ERRORS = range(_FIRST_ERROR, 600)
_TLS_ALERT = 0x15


class Peer(Protocol):
    """Who uses a connection; told how each exchange ends, exactly once."""

    def answered(self, end_s: float, first_s: float | None) -> None:
        """A whole answer came, of a status below 400; ``first_s`` if its first byte came in an earlier read."""

    def failed(self, failure: WireError, first_s: float | None) -> None:
        """No such answer came. Whether the connection can go on being used is ``connection.usable``."""

    def lost(self, *, resend: bool) -> None:
        """The server closed the connection: idle, or (``resend``) before it can have seen the request."""


class Connection(asyncio.BufferedProtocol):
    """One connection, one exchange at a time.

    Args:
        peer: who uses it.
        tally: counts what goes over it.
        now_s: the clock.
        buffer: to receive into, shared by all connections of the loop.

    Attributes:
        usable: whether another request can be sent.
        status: of the latest answer.
        kept: the bytes of the latest answer, if they are to be kept; None before it came.
    """

    __slots__ = (
        "_answers",
        "_at_start",
        "_begins_with",
        "_buffer",
        "_early",
        "_familiar",
        "_first_s",
        "_head",
        "_head_done",
        "_keep_alive",
        "_keeps",
        "_now_s",
        "_parser",
        "_request",
        "_reused",
        "_take",
        "_tally",
        "_transport",
        "_until_close",
        "get_buffer",
        "kept",
        "peer",
        "status",
        "usable",
    )

    def __init__(
        self,
        peer: Peer,
        tally: Tally,
        now_s: Callable[[], float],
        buffer: memoryview,
        *,
        keeps: bool = False,
        familiar: Familiar | None = None,
    ) -> None:
        self.peer = peer
        self.kept: bytes | bytearray | None = None
        self._keeps = keeps
        self.status = 0
        self.usable = False
        self._tally = tally
        self._now_s = now_s
        self._buffer = buffer
        self._begins_with: Callable[[bytes], bool] = cast("bytearray", buffer.obj).startswith
        self._familiar = familiar or Familiar()
        self._at_start = False
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        # What looks at received bytes: for nearly all requests, the parser itself.
        self._take: Callable[[memoryview], object] = self._parser.feed_data
        # Called by the event loop for each read. A look-up in C costs a third of a method that returns an attribute.
        self.get_buffer = defaultdict(lambda: buffer).__getitem__  # type: ignore[method-assign,assignment]
        self._request: Prepared | None = None
        self._reused = False
        self._begin()

    def _begin(self) -> None:
        self._answers = 0
        self._early = False
        self._first_s: float | None = None
        self._head = b""
        self._head_done = False
        self._until_close = False
        self._keep_alive = True

    # Sending.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def send(self, request: Prepared) -> None:
        """Send a request; :attr:`peer` is told how it ended, never before this has returned."""
        self._request = request
        data = request.data
        nbytes = len(data)
        self._tally.sent_bytes += nbytes
        if request.is_head:
            self._take = self._take_head
            self._at_start = False  # the same bytes may be the half of an answer to GET, and the whole of one to HEAD
        assert self._transport is not None
        self._transport.write(data)
        # What the socket does not take at once stays with the transport for a while.
        self._early = nbytes > _TAKEN_AT_ONCE

    # Receiving.

    def buffer_updated(self, nbytes: int) -> None:
        """Called by the event loop: so many bytes have come."""
        # Fetched, then called: Python 3.11 looks up "self._now_s()" anew each time where that is no method.
        clock, take = self._now_s, self._take
        now_s = clock()
        if self._request is None:
            self._unasked()
            return
        tally = self._tally
        tally.received_bytes += nbytes
        if self._at_start and self._first_s is None and not self._early:
            familiar = self._familiar
            known = familiar.answer
            begins_with = self._begins_with
            if nbytes == len(known) and begins_with(known):
                self._request = None
                familiar.look_at = LOOK_EVERY
                self.kept = known
                self.status = status = familiar.status
                tally.statuses[status] += 1
                self.peer.answered(now_s, None)
                return
        chunk = self._buffer[:nbytes]
        if self._keeps:
            if self._first_s is None:
                self.kept = bytearray(chunk)
            else:
                self._keep(chunk)
        try:
            take(chunk)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._malformed(self._why(error))
            return
        except WireError as error:
            self._malformed(error.message)
            return
        if self._answers == 1:
            self._complete(now_s, nbytes)
        elif not self._answers:
            self._incomplete(nbytes, now_s)
        else:
            self._malformed("more than one answer came to one request")

    def on_message_complete(self) -> None:
        """Called by the parser at the end of each answer, also of interim ones. At 101 it stops by itself."""
        status = self._parser.get_status_code()
        if _FIRST_INTERIM <= status < _FIRST_FINAL and not self._answers:
            return
        self.status = status
        self._keep_alive = self._parser.should_keep_alive()
        self._answers += 1

    def _complete(self, now_s: float, nbytes: int) -> None:
        if not self._reused:
            self._reused = True
            if not self._head_done and not framing.begins_like_http(self._head + bytes(self._buffer[: framing.ENOUGH])):
                self._malformed("it does not begin with HTTP/1")
                return
        if self._early:
            self._early = False
            if self._is_sending():
                if self.status < _FIRST_ERROR:
                    self._malformed("the server answered before the request was complete")
                    return
                self._keep_alive = False  # the rest of this request would go before the next one
        first_s = self._first_s
        self._request = None
        self._answers = 0
        if first_s is not None:
            self._first_s = None
            self._head = b""
            self._head_done = False
            self._at_start = False
        else:
            # After another answer than the known one it is not certain where the parser stands.
            familiar = self._familiar
            familiar.unknown += 1
            maybe = nbytes == len(familiar.answer) or familiar.unknown >= familiar.look_at
            self._at_start = maybe and self._is_known(nbytes)
        status = self.status
        if not self._keep_alive:
            self._tally.closed_by_server += 1
            self.abort()
        if _FIRST_FINAL <= status < _FIRST_ERROR:
            self._tally.statuses[status] += 1
            self.peer.answered(now_s, first_s)
        else:
            self._not_ok(status, first_s)

    def _is_known(self, nbytes: int) -> bool:
        """Whether the answer that was parsed is the known one, or is so from now on."""
        familiar = self._familiar
        known = familiar.answer
        if nbytes == len(known) and self._begins_with(known):
            return True
        return familiar.unknown >= familiar.look_at and familiar.look(self._buffer[:nbytes], self.status)

    def _parse_anew(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._take = self._parser.feed_data

    def _not_ok(self, status: int, first_s: float | None) -> None:
        if status in _ERRORS:
            self._tally.statuses[status] += 1
            self.peer.failed(WireError(STATUS, f"HTTP {status}"), first_s)
        else:
            self.abort()
            self.peer.failed(WireError(MALFORMED, f"{status} is no status of an HTTP answer"), first_s)

    def _incomplete(self, nbytes: int, now_s: float) -> None:
        """The answer goes on in a later read: its head is watched for what the parser does not tell."""
        if self._first_s is None:
            self._first_s = now_s
        if self.kept is not None and len(self.kept) > MOST_KEPT_BYTES:
            self._malformed(f"the answer is longer than {MOST_KEPT_BYTES:,} bytes")
            return
        if self._head_done or (self._request is not None and self._request.is_head):
            return
        self._head = framing.without_interim(self._head + bytes(self._buffer[:nbytes]))
        end = self._head.find(framing.END_OF_HEAD)
        if not framing.begins_like_http(self._head):
            self._malformed("it does not begin with HTTP/1")
        elif end >= 0:
            self._head_done = True
            self._until_close = not framing.has_length(self._head[:end])
            self._head = b""
        elif len(self._head) > framing.MOST_HEAD_BYTES:
            self._malformed(framing.TOO_LONG)

    def _keep(self, chunk: memoryview) -> None:
        assert isinstance(self.kept, bytearray)
        self.kept += chunk

    def _take_head(self, chunk: memoryview) -> None:
        """An answer to HEAD ends with its head, whatever that says of a body."""
        came = self._head + bytes(chunk)
        if not framing.begins_like_http(came):
            raise WireError(MALFORMED, self._why("it does not begin with HTTP/1"))
        answer = framing.answer_to_head(came)
        if answer is None:
            self._head = came
            return
        self._parse_anew()
        self._parser.feed_data(answer)
        if not self._answers:
            self.on_message_complete()  # a length is named, but no body follows
        self._parse_anew()

    # Ends.

    def _unasked(self) -> None:
        """Bytes came that no request asked for; what follows could be taken for the next answer."""
        if not self.usable:
            return  # TLS hands out what it had decrypted before it was told to stop
        self._tally.closed_by_server += 1
        self.abort()
        self.peer.lost(resend=False)

    def _malformed(self, why: str) -> None:
        first_s = self._first_s
        self._request = None
        self.abort()
        self.peer.failed(WireError(MALFORMED, f"the answer is no valid HTTP/1.1: {why}"), first_s)

    def _why(self, error: Exception | str) -> str:
        if isinstance(error, httptools.HttpParserUpgrade):
            return "it switched protocols"
        if self._first_s is None and self._buffer[0] == _TLS_ALERT:
            return "the server speaks TLS on this port; should the address begin with https://?"
        return f"{error}"

    def _is_sending(self) -> bool:
        """Whether some of a request is still to be sent."""
        assert self._transport is not None
        return bool(self._transport.get_write_buffer_size())

    def eof_received(self) -> bool:
        """Called by the event loop: the server sends no more.

        The transport would send the rest of a request first, which a server that has closed may never take.
        """
        if self._transport is not None:
            if self._is_sending():
                self._until_close = False
            self._transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        was_ours = not self.usable and self._request is None
        request, self._request = self._request, None
        self.usable = False
        parser_seen = self._first_s is not None
        if was_ours:
            return
        self._tally.closed_by_server += 1
        if request is None:
            self.peer.lost(resend=False)
        elif not parser_seen and self._reused and request.repeatable:
            self.peer.lost(resend=True)
        elif self._until_close and exc is None:
            self._until_closed()
        elif exc is None:
            when = "in the middle of its answer" if parser_seen else "without an answer"
            self.peer.failed(WireError(CLOSED, f"the server closed the connection {when}"), self._first_s)
        else:
            when = "in the middle of its answer" if parser_seen else "before it answered"
            self.peer.failed(broken_off(exc, when), self._first_s)

    def _until_closed(self) -> None:
        """An answer without a length ends with its connection."""
        status = self.status = self._parser.get_status_code()
        if _FIRST_FINAL <= status < _FIRST_ERROR:
            self._tally.statuses[status] += 1
            self.peer.answered(self._now_s(), self._first_s)
        else:
            self._not_ok(status, self._first_s)

    def abort(self) -> None:
        """Close it, whatever is under way; nobody is told."""
        self.usable = False
        self._request = None
        if self._transport is not None:
            self._transport.abort()
