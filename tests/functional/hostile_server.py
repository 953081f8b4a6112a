"""A server that does what servers must not do, chosen by the path of a request. Run as a process of its own.

It prints its ports as JSON, ``{"http": ..., "mortal": ..., "deaf": ...}``, and ends with its standard input:
``http`` misbehaves as the path says, ``mortal`` dies after some answers and comes back, ``abrupt`` closes whatever it
accepts.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable

ANSWERS_OF_A_LIFE = 150
DEATH_S = 0.2
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HEADER = b"X-More: " + b"m" * 8_000 + b"\r\n"
HEADERS_BYTES = 100_000_000
WAITED_FOR: list[asyncio.Event] = []
Misbehaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]  # whether to go on


def says(data: bytes, *, goes_on: bool = True) -> Misbehaviour:
    """Answers with these bytes in one piece."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        return goes_on

    return answer


def stalls(data: bytes) -> Misbehaviour:
    """Says so much and then nothing for ever."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await reader.read(-1)
        return False

    return answer


def trickles(data: bytes, pause_s: float) -> Misbehaviour:
    """Answers byte by byte."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(pause_s)  # how slow it is, is the misbehaviour
        return True

    return answer


def turns_away(data: bytes) -> Misbehaviour:
    """Says so much and reads nothing more, so that a large request is never whole."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        never = asyncio.Event()
        WAITED_FOR.append(never)  # else nothing would hold the task, and the garbage collector would take it
        await never.wait()
        return False

    return answer


def resets(data: bytes) -> Misbehaviour:
    """Says so much and breaks off."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(data)
        await writer.drain()
        plain = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    return answer


async def headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """A head of 100 MB."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for _ in range(HEADERS_BYTES // len(HEADER)):
        writer.write(HEADER)
        await writer.drain()
    writer.write(b"Content-Length: 0\r\n\r\n")
    return True


MISBEHAVIOURS: dict[str, Misbehaviour] = {
    "ok": says(OK),
    "silent": stalls(b""),
    "half-head": stalls(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "half-body": stalls(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "half-chunk": stalls(CHUNKED + b"5\r\nha"),
    "slow-bytes": trickles(OK, 0.05),
    "single-bytes": trickles(OK, 0.0),
    "garbage": says(b"\x00\xff\x80 what is this\r\n\r\n"),
    "headers": headers,
    "length-short": says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nmore than two"),
    "length-long": says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nless", goes_on=False),
    "length-twice": says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
    "chunk-no-hex": says(CHUNKED + b"xyz\r\nok\r\n0\r\n\r\n"),
    "chunk-negative": says(CHUNKED + b"-2\r\nok\r\n0\r\n\r\n"),
    "chunk-long": says(CHUNKED + b"2\r\nokay\r\n0\r\n\r\n"),
    "chunk-huge": says(CHUNKED + b"F" * 20 + b"\r\nok\r\n0\r\n\r\n"),
    "chunk-unended": says(CHUNKED + b"2\r\nok\r\n", goes_on=False),
    "close-announced": says(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", goes_on=False),
    "close-silent": says(OK, goes_on=False),
    "until-close": says(b"HTTP/1.1 200 OK\r\n\r\nall of it", goes_on=False),
    "reset": resets(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    "early-ok": turns_away(OK),
    "early-reset": resets(OK),
    "switching": says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    "status-999": says(b"HTTP/1.1 999 Oh\r\nContent-Length: 0\r\n\r\n"),
    "status-503": says(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"),
    "interim": says(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK),
    "no-content": says(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "not-modified": says(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
    "head": says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    "two-answers": says(OK + OK),
}


async def hostile(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Do what the path says, request after request. Bodies of requests are never read."""
    try:
        goes_on = True
        while goes_on:
            head = await reader.readuntil(b"\r\n\r\n")
            goes_on = await MISBEHAVIOURS[head.split(b" ", 2)[1].decode().strip("/")](reader, writer)
        writer.close()
    except (OSError, EOFError, asyncio.LimitOverrunError):
        writer.transport.abort()


async def abrupt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and closes."""
    writer.close()


class Mortal:
    """Answers, dies with all its connections, comes back at the same port, and lives."""

    def __init__(self) -> None:
        self.port = 0
        self._answers = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def live(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError, EOFError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                self._answers += 1
                if self._answers == ANSWERS_OF_A_LIFE:
                    self._die()
                writer.write(OK)
        writer.transport.abort()
        self._writers.discard(writer)

    def _die(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        loop = asyncio.get_running_loop()
        loop.call_later(DEATH_S, lambda: setattr(self, "_reborn", loop.create_task(self.live())))


async def main() -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)  # a large body stays with the client
    listening.bind(("127.0.0.1", 0))
    server = await asyncio.start_server(hostile, sock=listening)
    closing = await asyncio.start_server(abrupt, "127.0.0.1", 0)
    mortal = Mortal()
    await mortal.live()
    ports = {
        "http": server.sockets[0].getsockname()[1],
        "abrupt": closing.sockets[0].getsockname()[1],
        "mortal": mortal.port,
    }
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    sys.stderr.flush()
    os._exit(0)  # in the middle of whatever is going on: asyncio would complain about each connection


if __name__ == "__main__":
    asyncio.run(main())
