"""Servers that answer commands as no cache must, each on a Unix socket of its own, in a thread."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Answer = Callable[[bytes, int], bytes | None]  # to the n-th command of a connection; None closes it
GREETINGS = {b"PING": b"+PONG\r\n", b"INFO": b"-ERR unknown command\r\n"}


def replies(answer: Answer) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Greets as it should; then ``answer`` says what it says to each command."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            while (head := await reader.readline()).startswith(b"*"):
                words = []
                for _ in range(int(head[1:])):
                    length = int((await reader.readline())[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                if words[0] in GREETINGS:
                    said: bytes | None = GREETINGS[words[0]]
                else:
                    said = answer(words[0], number)
                    number += 1
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()

    return serve


@contextmanager
def hostile(folder: Path, answer: Answer) -> Iterator[str]:
    """The URL of such a server."""
    path = folder / "s"
    loop = asyncio.new_event_loop()
    listener = loop.run_until_complete(asyncio.start_unix_server(replies(answer), path))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"unix://{path}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listener.close()
        loop.run_until_complete(end_all(asyncio.all_tasks(loop)))
        loop.close()


async def end_all(tasks: set["asyncio.Task[object]"]) -> None:
    """Cancel them, and wait for that."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
