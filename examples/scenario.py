"""A scenario: virtual users look records up, as people do, and say what a right answer is.

``paceline run examples/scenario.py`` measures what listens at ``RECORDS_URL``, such as the records service of
``paceline demo``; without it, a small server in a thread of its own, in the process that makes the load.
"""

import asyncio
import json
import os
import threading

from paceline import ClosedLoop, PerformanceTestFramework, PerformanceThreshold, Scenario, User

RECORDS = 1_000


async def arrive(user: User) -> None:
    """Once a user; requests here are not counted."""
    health = await user.client.get("/health")
    health.check("the service is up", health.json()["status"] == "ok")


async def look_up(user: User) -> None:
    """Again and again; each request is an attempt, each call an iteration."""
    number = user.random.randint(1, RECORDS)
    answer = await user.client.get(f"/records/{number}", name="a record")
    answer.check("it is the record asked for", answer.json()["id"] == number)
    await user.think(0.01)
    missing = await user.client.get("/records/0", name="no record", expect=404)
    missing.check("it says so", "error" in missing.json())


def scenario(url: str) -> Scenario:
    return Scenario(
        look_up,
        url,
        on_start=arrive,
        workload=ClosedLoop(users=20, duration_s=2.0),
        threshold=PerformanceThreshold(max_p95_ms=100, max_error_rate=0.0),
        warmup_s=0.5,
    )


async def answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Stands for the records service."""
    try:
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
            number = path.removeprefix("/records/")
            known = number.isdigit() and int(number) > 0
            content: dict[str, object] = {"id": int(number)} if known else {"error": "there is no such record"}
            body = json.dumps({"status": "ok"} if path == "/health" else content).encode()
            status = "200 OK" if known or path == "/health" else "404 Not Found"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def start_server() -> str:
    port: list[int] = []
    ready = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(answer_one, "127.0.0.1", 0)
        port.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
    ready.wait()
    return f"http://127.0.0.1:{port[0]}"


records = scenario(os.environ.get("RECORDS_URL") or start_server())


def main() -> None:
    assert records.workload is not None
    framework = PerformanceTestFramework()
    result = framework.run_load("records", records, records.workload, records.threshold, warmup_s=records.warmup_s)
    metrics = result.metrics
    print(f"{result.status.value}: {metrics.throughput_ops_per_sec:,.0f} requests/s, p95 {metrics.p95_time_ms:.2f} ms")


if __name__ == "__main__":
    main()
