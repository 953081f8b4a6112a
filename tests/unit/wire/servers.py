"""Servers on loopback, in the loop of the test; and what a test left behind."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvloop

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
DEADLINE_S = 30.0  # never reached, unless something hangs
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def run_on(loop: str, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` on a new loop of this kind; it must leave no task and no socket behind."""

    async def within_limits() -> None:
        tasks, sockets = len(asyncio.all_tasks()), open_sockets()
        async with asyncio.timeout(DEADLINE_S):
            await main()
            # What was aborted is closed within the next iterations of the loop.
            await until(lambda: len(asyncio.all_tasks()) <= tasks and open_sockets() <= sockets)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(within_limits())


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go on until it is so."""
    while not condition():  # noqa: ASYNC110  # nothing tells when the system has closed a socket
        await asyncio.sleep(0)


def open_sockets() -> int:
    """How many sockets this process has."""
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            found += str(entry.readlink()).startswith("socket:")
    return found


@asynccontextmanager
async def serving(
    handler: Handler, host: str = "127.0.0.1", unix: str | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A server for the time of the block; its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task: Any = asyncio.current_task()
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            return
        finally:
            writer.transport.abort()

    if unix is not None:
        server = await asyncio.start_unix_server(each, unix, ssl=tls)
    else:
        server = await asyncio.start_server(each, host, 0, ssl=tls, backlog=1_000)
    try:
        yield 0 if unix is not None else server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


def answering(answer: bytes = ANSWER, *, times: int = 1_000_000) -> Handler:
    """Answers so many requests without a body, then closes without a word."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything, says nothing."""
    while await reader.read(65_536):
        continue


@contextmanager
def refusing() -> Iterator[int]:
    """A port that nobody listens on, for the time of the block."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def full() -> Iterator[int]:
    """A port whose queue of connections is full: it neither accepts nor refuses."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.0)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield listening.getsockname()[1]
