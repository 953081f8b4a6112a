"""The services of :mod:`tests.queues` behind a real socket, in a process of their own.

A path names the service by its parameters, and the first request for it makes it: ``/?servers=2&mean_ms=4.0``. Nothing
here burns CPU: the moment of an answer is computed when its request arrives, and the answer is sent then, by a timer of
the kernel. How late that was is counted, so that who measures can tell the server's jitter from his own error:
``/-/report?...`` says it of a service, ``/-/forget?...`` begins its figures anew (its queue goes on).

One request at a time a connection: pipelined ones are answered in the order in which they are due.
"""

import argparse
import asyncio
import contextlib
import gc
import heapq
import itertools
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import httptools
import uvloop

from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.pacer import best_pacer
from tests.queues import Service, Station

ROOT = Path(__file__).parents[2]
_BODY = b"x" * 100
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + _BODY
_REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\n" + _BODY
_BUCKET_S, _BUCKETS = 1e-5, 2_000  # of lateness: 10 us each, up to 20 ms
_HIGH = 0.99
_ENDS_WITHIN_S = 10.0


@dataclass(frozen=True)
class Report:
    """What a service saw of itself, since it was last told to forget.

    Attributes:
        arrived: requests.
        refused: of these, answered with 503.
        sent: answers that were not refusals.
        due_mean_ms: from arrival to when the answer was due: the truth of this very run, without any noise.
        late_mean_ms, late_p99_ms, late_max_ms: from due to sent.
        span_s: from the first arrival to the last.
        held_bytes: leaked so far.
    """

    arrived: int
    refused: int
    sent: int
    due_mean_ms: float
    late_mean_ms: float
    late_p99_ms: float
    late_max_ms: float
    span_s: float
    held_bytes: int


class _Figures:
    """What is counted of a service, in bounded memory."""

    def __init__(self) -> None:
        self.arrived = self.refused = self.sent = 0
        self.first_s = self.last_s = 0.0
        self._due_s = self._late_s = self._most_late_s = 0.0
        self._late = [0] * _BUCKETS

    def add(self, due_after_s: float, late_s: float) -> None:
        self.sent += 1
        self._due_s += due_after_s
        self._late_s += late_s
        self._most_late_s = max(self._most_late_s, late_s)
        self._late[min(int(late_s / _BUCKET_S), _BUCKETS - 1)] += 1

    def report(self, held_bytes: int) -> Report:
        """The figures so far."""
        sent = max(self.sent, 1)
        beyond = itertools.accumulate(self._late)
        high = next((place for place, count in enumerate(beyond, 1) if count >= _HIGH * sent), 0)
        return Report(
            arrived=self.arrived,
            refused=self.refused,
            sent=self.sent,
            due_mean_ms=1e3 * self._due_s / sent,
            late_mean_ms=1e3 * self._late_s / sent,
            late_p99_ms=1e3 * high * _BUCKET_S,
            late_max_ms=1e3 * self._most_late_s,
            span_s=self.last_s - self.first_s,
            held_bytes=held_bytes,
        )


class _Open:
    """A service that is open to the public."""

    def __init__(self, service: Service) -> None:
        self.leak_bytes = service.leak_bytes
        self.station = Station(service)
        self.figures = _Figures()
        self.held: list[bytes] = []


class _House:
    """All services of the process, and the answers that are to come."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._due: list[tuple[float, int, float, asyncio.Transport, _Open]] = []
        self._numbers = itertools.count()
        self._pacer = best_pacer(self._send)
        self._now_s = SYSTEM_CLOCK.now_s

    def take(self, target: bytes, transport: asyncio.Transport) -> None:
        """A request for ``target`` has arrived whole."""
        now_s = self._now_s()
        path, _, query = target.decode().partition("?")
        opened = self._open.get(query)
        if opened is None:
            opened = self._open[query] = _Open(Service.of(query))
        figures = opened.figures
        if path != "/":
            self._tell(path, opened, transport)
            return
        figures.first_s = figures.first_s or now_s
        figures.last_s = now_s
        figures.arrived += 1
        due_s, is_ok = opened.station.arrive(now_s)
        if not is_ok:
            figures.refused += 1
            transport.write(_REFUSED)
            return
        if opened.leak_bytes:
            opened.held.append(os.urandom(opened.leak_bytes))  # zeros would take no memory
        heapq.heappush(self._due, (due_s, next(self._numbers), now_s, transport, opened))
        if self._due[0][0] == due_s:
            self._pacer.arm(due_s - now_s)

    def _send(self) -> None:
        due = self._due
        while due and due[0][0] <= (now_s := self._now_s()):
            due_s, _, arrived_s, transport, opened = heapq.heappop(due)
            transport.write(_OK)  # to a connection that is gone, nothing
            opened.figures.add(due_s - arrived_s, now_s - due_s)
        if due:
            self._pacer.arm(due[0][0] - self._now_s())
        else:
            self._pacer.disarm()

    @staticmethod
    def _tell(path: str, opened: _Open, transport: asyncio.Transport) -> None:
        if path == "/-/forget":
            opened.figures = _Figures()
        held = sum(map(len, opened.held))
        body = json.dumps(asdict(opened.figures.report(held))).encode()
        transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class _Connection(asyncio.Protocol):
    """Parses requests; what they are answered is the house's."""

    def __init__(self, house: _House) -> None:
        self._house = house
        self._target = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none by inheritance
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_message_complete(self) -> None:
        target, self._target = self._target, b""
        self._house.take(target, self._transport)


async def serve() -> None:
    """Until standard input ends."""
    loop = asyncio.get_running_loop()
    house = _House()
    server = await loop.create_server(lambda: _Connection(house), "127.0.0.1", 0, backlog=1_024)
    gc.disable()  # a collection would make answers late; what cycles there are end with the process
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


@dataclass(frozen=True)
class QueueServer:
    """A running server.

    Attributes:
        base: its URL, without a path.
        pid: of its process.
    """

    base: str
    pid: int

    def url(self, service: Service) -> str:
        """Where ``service`` is; equal services are one."""
        return f"{self.base}/?{service.query}"

    def report(self, service: Service) -> Report:
        """What ``service`` saw of itself."""
        return self._asked("report", service)

    def forget(self, service: Service) -> Report:
        """The same, and its figures begin anew."""
        return self._asked("forget", service)

    def _asked(self, what: str, service: Service) -> Report:
        with urllib.request.urlopen(f"{self.base}/-/{what}?{service.query}", timeout=_ENDS_WITHIN_S) as answer:
            return Report(**json.load(answer))


@contextlib.contextmanager
def queue_server(core: int | None = None) -> Iterator[QueueServer]:
    """A server of its own on ``core``; by default on the last of several, as generators mostly begin on the first."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if core is None and len(cores) > 1:
        core = cores[-1]
    command = [sys.executable, "-m", "tests.functional.queue_server", *([] if core is None else ["--core", str(core)])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield QueueServer(f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid)
        finally:
            process.stdin.close()
            try:
                process.wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()


def main() -> None:
    """Serve, on one core where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.functional.queue_server", description=__doc__)
    parser.add_argument("--core", type=int)
    core = parser.parse_args().core
    if core is not None:
        os.sched_setaffinity(0, {core})
    uvloop.run(serve())


if __name__ == "__main__":
    main()
