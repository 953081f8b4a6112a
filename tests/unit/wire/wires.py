"""A connection without a network: what it sends is kept, what it receives is chosen, cut where a test likes."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from paceline.wire.connection import BUFFER_BYTES, Connection
from paceline.wire.failure import WireError
from paceline.wire.request import Prepared
from paceline.wire.tally import Tally
from tests.fakes import ManualClock

GET = Prepared(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", 0, is_head=False, repeatable=True)
HEAD = Prepared(b"HEAD / HTTP/1.1\r\nHost: here\r\n\r\n", 0, is_head=True, repeatable=True)
# More than any socket takes at once.
POST = Prepared(
    b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000,
    0,
    is_head=False,
    repeatable=False,
)
OK = "ok"
LOST = "lost"
RESEND = "resend"
End = Literal["stays", "closes", "resets"]


class FakeTransport(asyncio.Transport):
    """Takes everything; ``unsent`` bytes of it stay with it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.unsent = 0
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.aborted = True


class FakePeer:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.messages: list[str] = []
        self.first_s: float | None = None
        self.end_s: float | None = None

    def answered(self, end_s: float, first_s: float | None) -> None:
        self.told.append(OK)
        self.end_s, self.first_s = end_s, first_s

    def failed(self, failure: WireError, first_s: float | None) -> None:
        self.told.append(failure.kind)
        self.messages.append(failure.message)
        self.first_s = first_s

    def lost(self, *, resend: bool) -> None:
        self.told.append(RESEND if resend else LOST)


@dataclass(frozen=True)
class Verdict:
    """What became of one exchange."""

    told: tuple[str, ...]
    status: int
    usable: bool
    statuses: tuple[tuple[int, int], ...]
    received_bytes: int


class Wire:
    """One connection between a fake peer and a fake transport."""

    def __init__(self, *, keeps: bool = False) -> None:
        self.clock = ManualClock(origin_s=100.0, tick_s=0.001)
        self.peer = FakePeer()
        self.tally = Tally()
        self.transport = FakeTransport()
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self.connection = Connection(self.peer, self.tally, self.clock.now_s, self._buffer, keeps=keeps)
        self.connection.connection_made(self.transport)

    def send(self, request: Prepared = GET) -> None:
        self.connection.send(request)

    def receive(self, *pieces: bytes) -> None:
        """One read each; after an abort no more, as of a transport."""
        for piece in pieces:
            for start in range(0, len(piece), BUFFER_BYTES):
                part = piece[start : start + BUFFER_BYTES]
                if self.transport.aborted:
                    return
                memoryview(self.connection.get_buffer(-1))[: len(part)] = part
                self.connection.buffer_updated(len(part))

    def end(self, end: End) -> None:
        """The server closes, or breaks off; whatever it does, an aborted transport is lost."""
        if self.transport.aborted:
            self.connection.connection_lost(None)
        elif end == "closes":
            self.connection.eof_received()
            self.connection.connection_lost(None)
        elif end == "resets":
            self.connection.connection_lost(ConnectionResetError())

    def verdict(self) -> Verdict:
        return Verdict(
            told=tuple(self.peer.told),
            status=self.connection.status,
            usable=self.connection.usable,
            statuses=tuple(sorted(self.tally.statuses.items())),
            received_bytes=self.tally.received_bytes,
        )


def exchange(pieces: Iterable[bytes], request: Prepared = GET, end: End = "stays") -> Verdict:
    """Send ``request`` over a new connection and receive ``pieces``, one read each."""
    wire = Wire()
    wire.send(request)
    wire.receive(*pieces)
    wire.end(end)
    return wire.verdict()


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """``data`` in pieces."""
    edges = [0, *sorted(places), len(data)]
    return [data[left:right] for left, right in pairwise(edges) if left < right]


def every_cut(data: bytes, *, pairs_up_to: int = 130) -> Iterator[list[bytes]]:
    """``data`` cut at every place, and at every two places if it is short; and byte by byte."""
    for place in range(1, len(data)):
        yield cut(data, [place])
    if len(data) <= pairs_up_to:
        for first in range(1, len(data)):
            for second in range(first + 1, len(data)):
                yield cut(data, [first, second])
    yield [data[place : place + 1] for place in range(len(data))]
