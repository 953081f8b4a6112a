"""A small HTTP server in a process of its own: answers 100 bytes; ``/slow`` late, ``/never`` not at all.

``/work/N`` counts to N before it answers, ``/fails/N`` refuses every N-th time it is asked, ``/outage/N/S`` for S
seconds from the N-th time on.

Prints its port, and ends with its standard input.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator

BODY = b"x" * 100
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + BODY
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\n" + BODY


class SmallServer(asyncio.Protocol):
    asked = 0  # for what fails, over all connections
    out_until_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while b"\r\n\r\n" in self._unread:
            head, _, self._unread = self._unread.partition(b"\r\n\r\n")
            path = head.split(b" ")[1]
            if path == b"/slow":
                asyncio.get_running_loop().call_later(0.02, self._answer)
            elif path.startswith(b"/work/"):
                sum(range(int(path.removeprefix(b"/work/"))))
                self._answer()
            elif path.startswith(b"/fails/"):
                SmallServer.asked += 1
                refused = SmallServer.asked % int(path.removeprefix(b"/fails/")) == 0
                self._answer(REFUSAL if refused else ANSWER)
            elif path.startswith(b"/outage/"):
                now_s = asyncio.get_running_loop().time()
                SmallServer.asked += 1
                nth, length_s = path.removeprefix(b"/outage/").split(b"/")
                if SmallServer.asked == int(nth):
                    SmallServer.out_until_s = now_s + float(length_s)
                self._answer(REFUSAL if now_s < SmallServer.out_until_s else ANSWER)
            elif path != b"/never":
                self._answer()

    def _answer(self, answer: bytes = ANSWER) -> None:
        self._transport.write(answer)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(SmallServer, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def small_server() -> Iterator[str]:
    """Its URL, without a path."""
    with small_server_process() as (url, _):
        yield url


@contextlib.contextmanager
def small_server_process() -> Iterator[tuple[str, int]]:
    """Its URL, without a path, and its pid."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid
        finally:
            process.stdin.close()
            process.wait(20.0)


if __name__ == "__main__":
    asyncio.run(serve())
