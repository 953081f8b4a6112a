"""A thousand requests a second to an HTTP service, each sent when it is due: what users who do not wait would see."""

import asyncio
import multiprocessing
import sys
from multiprocessing.connection import Connection

from paceline import ConstantRate, HttpTarget, PerformanceTestFramework, PerformanceThreshold, TestStatus

HOST = "127.0.0.1"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests without a body until the client closes the connection."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError):  # closed
        writer.close()


async def listen(ready: "Connection[int, None]") -> None:
    server = await asyncio.start_server(answer, HOST, 0)
    ready.send(server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


def serve(ready: "Connection[int, None]") -> None:
    """Your service; a process of its own, so that it and the load do not share an interpreter."""
    asyncio.run(listen(ready))


def main() -> int:
    # "spawn" is the one way to start a process that works on every system.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    service = context.Process(target=serve, args=(there,), daemon=True)
    service.start()
    try:
        if not here.poll(30):
            print("the service did not start", file=sys.stderr)
            return 3
        target = HttpTarget(f"http://{HOST}:{here.recv()}/hello/{{{{n}}}}", connections=20)
        framework = PerformanceTestFramework()
        result = framework.run_load(
            "hello",
            target,
            ConstantRate(1_000, duration_s=2),
            threshold=PerformanceThreshold(max_p99_ms=500, max_error_rate=0, expressions=["lag_p99<500ms"]),
            warmup_s=0.5,
            target_pids=[service.pid] if service.pid is not None else (),
        )
        print(framework.generate_report())
        return int(result.status is TestStatus.FAILED)
    finally:
        service.terminate()
        service.join()


if __name__ == "__main__":
    sys.exit(main())
