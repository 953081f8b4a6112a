"""An HTTP server in a thread that counts what it is asked for, ``/RUN/NUMBER``, and says when it was asked so often."""

import asyncio
import contextlib
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator

from tests.functional.small_server import ANSWER


class Seen:
    """What one run has asked for.

    Attributes:
        numbers: how often each was asked for.
        reached: set when ``least`` requests have come.
    """

    def __init__(self) -> None:
        self.numbers: Counter[int] = Counter()
        self.reached = threading.Event()
        self.least = 1 << 30


class CountingServer:
    """Started by :func:`counting_server`.

    Attributes:
        url: without a path.
    """

    def __init__(self, port: int, runs: dict[str, Seen]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._runs = runs

    def expect(self, run: str, least: int) -> Seen:
        """What ``run`` asks for, whose event is set at so many requests."""
        self._runs[run].least = least
        return self._runs[run]


class _Counting(asyncio.Protocol):
    def __init__(self, runs: dict[str, Seen]) -> None:
        self._runs = runs
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while b"\r\n\r\n" in self._unread:
            head, _, self._unread = self._unread.partition(b"\r\n\r\n")
            _, run, number = head.split(b" ")[1].decode().split("/")
            seen = self._runs[run]
            seen.numbers[int(number)] += 1
            if seen.numbers.total() >= seen.least:
                seen.reached.set()
            self._transport.write(ANSWER)


@contextlib.contextmanager
def counting_server() -> Iterator[CountingServer]:
    """One, for as many runs as like."""
    runs: dict[str, Seen] = defaultdict(Seen)
    port = 0
    loop = asyncio.new_event_loop()
    listening = threading.Event()

    def serve() -> None:
        nonlocal port
        server = loop.run_until_complete(loop.create_server(lambda: _Counting(runs), "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        listening.set()
        loop.run_forever()
        server.close()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    listening.wait(10.0)
    try:
        yield CountingServer(port, runs)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10.0)
