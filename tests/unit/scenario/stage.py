"""A server in the test's own loop, and somebody who drives virtual users by hand and writes down what they say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from paceline.core.clock import SYSTEM_CLOCK
from paceline.records.outcome import AttemptEnd
from paceline.scenario.lane import ON_START, RUN
from paceline.scenario.lanes import ScenarioLanes
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from paceline.targets.lanes import Lane


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until ``condition`` holds."""
    while not condition():  # noqa: ASYNC110  # it is about what other tasks do, who know no event of ours
        await asyncio.sleep(0)


UserFunction = Callable[[User], Awaitable[object]]


@dataclass
class Asked:
    """A request as the server saw it."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int


def answer(status: int = 200, body: bytes = b"hello", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Server:
    """Answers by ``replies``: path to bytes, to None (close), to Ellipsis (never), or to a function of the request."""

    replies: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    port: int = 0

    @property
    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head.split("\r\n")
                headers = {name.lower(): value for name, value in (each.split(": ", 1) for each in rest if each)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                asked = Asked(line.removesuffix(" HTTP/1.1"), headers, body, number)
                self.asked.append(asked)
                reply = self.replies.get(line.split(" ")[1].partition("?")[0], answer())
                reply = reply(asked) if callable(reply) else reply
                if reply is ...:
                    await reader.read(1)
                    return
                if reply is None:
                    return
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self.open -= 1
            writer.transport.abort()


@contextlib.asynccontextmanager
async def serving(**replies: Any) -> AsyncIterator[Server]:
    """A server; ``replies`` by path without its slash."""
    server = Server({f"/{path}": reply for path, reply in replies.items()})
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
        await until(lambda: not server.open)  # no connection is left behind ...
        await until(lambda: len(asyncio.all_tasks()) == 1)  # ... and no task


@dataclass
class Book:
    """What users said. Implements ``Sink``; begins a lane again until it has been released ``times`` times."""

    lanes: ScenarioLanes
    times: int = 1
    attempts: list[tuple[str, AttemptEnd, str, str]] = field(default_factory=list)
    stamps: list[tuple[float, float, float | None]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    stops: list[BaseException] = field(default_factory=list)
    pauses: int = 0
    releases: int = 0
    numbers: list[int] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    all_released: asyncio.Event = field(default_factory=asyncio.Event)

    def part(self, number: int) -> None:
        self.numbers.append(number)

    def first_byte(self, first_s: float) -> None:
        self.firsts.append(first_s)

    def passed(self, lane: Lane, part: int, start_s: float, end_s: float) -> None:
        self.part(part)
        self.noted(lane, start_s, end_s, AttemptEnd.OK, "", "")

    def noted(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str) -> None:
        assert end_s >= start_s
        name = self.lanes.part_names[self.numbers.pop()]
        assert not self.numbers
        first_s = self.firsts.pop() if self.firsts else None
        self.attempts.append((name, end, kind, message))
        self.stamps.append((start_s, end_s, first_s))

    def ended(self, lane: Lane, start_s: float, end_s: float) -> None:
        raise AssertionError("a user's attempts are noted")

    def marked(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd) -> None:
        raise AssertionError("a user's attempts are noted")

    def failed(
        self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str, *, pause: bool = False
    ) -> None:
        self.noted(lane, start_s, end_s, end, kind, message)
        self.pauses += pause
        self.released(lane)

    def raised(self, lane: Lane, start_s: float, end_s: float, error: BaseException) -> None:
        assert self.lanes.part_names[self.numbers.pop()] in {RUN, ON_START}
        self.errors.append(error)
        self.released(lane)

    def released(self, lane: Lane) -> None:
        self.releases += 1
        if self.releases < self.times:
            lane.begin()
        else:
            self.all_released.set()

    def interrupted(self, stop: BaseException) -> None:
        self.stops.append(stop)
        self.all_released.set()

    @property
    def kinds(self) -> list[str]:
        return [kind for _, _, kind, _ in self.attempts]

    @property
    def names(self) -> list[str]:
        return [name for name, _, _, _ in self.attempts]


@contextlib.asynccontextmanager
async def opened(scenario: Scenario, users: int = 1, times: int = 1) -> AsyncIterator[tuple[ScenarioLanes, Book]]:
    """Users ready to begin; closed at the end."""
    lanes = scenario.lanes(SYSTEM_CLOCK)
    ready = await lanes.open(users)
    book = Book(lanes, times)
    lanes.attach(book)
    assert len(ready) == users
    try:
        yield lanes, book
    finally:
        await lanes.close()


async def played(server: Server, run: UserFunction, *, times: int = 1, **options: Any) -> Book:
    """One user who goes through ``run`` so many times."""
    scenario = Scenario(run, f"http://127.0.0.1:{server.port}", **options)
    async with opened(scenario, times=times) as (lanes, book):
        lanes.lane(0).begin()
        await book.all_released.wait()
    return book


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a test in a loop of its own; what hangs fails."""

    async def limited() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(limited())
