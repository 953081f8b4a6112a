"""The connections of a load against real servers on loopback: reconnected, resent, expired, and nothing left behind."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle, repeat
from typing import Any

import pytest

from paceline.core.errors import MeasurementError
from paceline.records.latency import Latency
from paceline.records.outcome import AttemptEnd
from paceline.targets.http_check import CHECK, Expectation, HttpCheck
from paceline.targets.http_lanes import HttpLane, HttpLanes
from paceline.targets.lanes import Lane, Lanes, Sink
from paceline.wire.dial import Dialer
from paceline.wire.endpoint import Endpoint
from paceline.wire.failure import CLOSED, MALFORMED, REFUSED, RESET, STATUS, TIMEOUT, WireError
from paceline.wire.request import Prepared
from paceline.wire.tally import Tally
from tests.fakes import ManualClock
from tests.unit.wire.servers import (
    ANSWER,
    LOOPS,
    answering,
    full,
    open_sockets,
    refusing,
    run_on,
    serving,
    silent,
    until,
)
from tests.unit.wire.wires import GET, POST

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
LIMIT_S = 30.0


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return partial(run_on, request.param)


@dataclass
class Ended:
    lane: int
    start_s: float
    end_s: float
    end: AttemptEnd = AttemptEnd.OK
    kind: str = ""
    message: str = ""
    pause: bool = False


@dataclass
class Taken(Sink):
    """Takes down what lanes say."""

    ends: list[Ended] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    firsts_s: list[float] = field(default_factory=list)

    def ended(self, lane: Lane, start_s: float, end_s: float) -> None:
        self.ends.append(Ended(lane.number, start_s, end_s))

    def marked(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd) -> None:
        raise AssertionError("requests are no hits or misses")

    def failed(
        self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str, *, pause: bool = False
    ) -> None:
        self.ends.append(Ended(lane.number, start_s, end_s, end, kind, message, pause))

    def part(self, number: int) -> None:
        self.parts.append(number)

    def first_byte(self, first_s: float) -> None:
        self.firsts_s.append(first_s)

    def raised(self, lane: Lane, start_s: float, end_s: float, error: BaseException) -> None:
        raise AssertionError(error)

    def passed(self, lane: Lane, part: int, start_s: float, end_s: float) -> None:
        raise AssertionError(part)

    def noted(self, lane: Lane, start_s: float, end_s: float, end: AttemptEnd, kind: str, message: str) -> None:
        raise AssertionError(message)

    def released(self, lane: Lane) -> None:
        raise AssertionError(lane)

    def interrupted(self, stop: BaseException) -> None:
        raise AssertionError(stop)

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.ends]


class Load:
    """Lanes, driven by hand, on a clock that stands still."""

    def __init__(self, port: int, *requests: Prepared, connect_timeout_s: float = 20.0) -> None:
        self.clock = ManualClock(origin_s=100.0)
        self.tally = Tally()
        dialer = Dialer(Endpoint("http", "127.0.0.1", port), None, connect_timeout_s, self.tally, self.clock.now_s)
        source = cycle(requests) if requests else repeat(GET)
        names = tuple(f"part {number}" for number in range(len(requests) or 1))
        self.lanes = HttpLanes(source, names, dialer, LIMIT_S, self.clock.as_clock())
        self.taken = Taken()

    async def open(self, count: int = 1) -> HttpLane:
        opened = await self.lanes.open(count)
        self.lanes.attach(self.taken)
        return opened[0]

    async def attempt(self, lane: HttpLane) -> Ended:
        """Begin one and see it end."""
        before = len(self.taken.ends)
        lane.begin()
        assert len(self.taken.ends) == before, "never before begin has returned"
        await until(lambda: len(self.taken.ends) > before)
        assert len(self.taken.ends) == before + 1
        return self.taken.ends[-1]


def test_each_lane_has_a_connection_and_uses_it_again(run: Run) -> None:
    async def main() -> None:
        async with serving(answering()) as port:
            load = Load(port)
            await load.open(120)  # more than are opened at a time
            lanes = load.lanes._lanes
            for lane in lanes * 3:
                lane.begin()
                await until(lambda lane=lane: lane.request is None)  # type: ignore[misc]
            assert [(each.lane, each.end) for each in load.taken.ends] == [(n, AttemptEnd.OK) for n in range(120)] * 3
            traffic = load.lanes.traffic(Latency())
            assert (traffic.connections, traffic.reconnects, traffic.closed_by_server, traffic.resent) == (120, 0, 0, 0)
            assert traffic.received_bytes == 360 * len(ANSWER)
            assert traffic.dns.moments.count == 1
            await load.lanes.close()

    run(main)


def test_several_requests_say_which_part_they_are(run: Run) -> None:
    other = Prepared(GET.data, 1, is_head=False, repeatable=True)

    async def main() -> None:
        async with serving(answering()) as port:
            load = Load(port, GET, other)
            lane = await load.open()
            for _ in range(4):
                await load.attempt(lane)
            assert load.taken.parts == [0, 1, 0, 1]
            load.clock.advance(LIMIT_S)
            lane.begin()
            lane.expire(LIMIT_S)
            assert load.taken.parts == [0, 1, 0, 1, 0]
            await load.lanes.close()

    run(main)


def test_the_first_byte_is_told_where_it_came_earlier(run: Run) -> None:
    async def main() -> None:
        load = Load(1)
        lane = HttpLane(load.lanes, 0)
        load.lanes.attach(load.taken)
        lane.request = GET
        lane.answered(102.0, 101.0)
        assert load.taken.firsts_s == [101.0]

    run(main)


@pytest.mark.parametrize("count", [1, 150])
def test_not_one_connection(run: Run, count: int) -> None:
    async def main() -> None:
        with refusing() as port:
            load = Load(port)
            with pytest.raises(MeasurementError, match=r"nobody listens .* \[refused\]"):
                await load.open(count)
            await load.lanes.close()
        with full() as port:
            load = Load(port, connect_timeout_s=0.05)
            with pytest.raises(MeasurementError, match=r"\[timeout\]"):
                await load.open(count)
            await load.lanes.close()

    run(main)


def test_a_name_that_nobody_knows_is_looked_up_once(run: Run) -> None:
    async def main() -> None:
        load = Load(1)
        load.lanes.dialer = Dialer(Endpoint("http", "nobody.invalid", 80), None, 20.0, load.tally, load.clock.now_s)
        with pytest.raises(MeasurementError, match=r"\[dns\]"):
            await load.open(50)
        assert load.lanes._lanes == []
        await load.lanes.close()

    run(main)


def test_a_server_that_closes_as_soon_as_it_accepts(run: Run) -> None:
    """Opening may or may not notice; each attempt does."""

    async def main() -> None:
        async with serving(answering(times=0)) as port:
            load = Load(port)
            try:
                lane = await load.open(3)
            except MeasurementError:
                lane = HttpLane(load.lanes, 0)
                load.lanes.attach(load.taken)
            for _ in range(20):
                assert (await load.attempt(lane)).kind in {CLOSED, RESET}
            await load.lanes.close()

    run(main)


def test_a_connection_closed_before_it_is_handed_out_is_no_reason_not_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    async def closed(peer: object, *, keeps: bool, again: bool) -> None:
        raise WireError(CLOSED, "closed as soon as it was open")

    async def main() -> None:
        load = Load(1)
        monkeypatch.setattr(load.lanes.dialer, "dial", closed)
        lane = await load.open(3)
        ended = await load.attempt(lane)
        assert (ended.kind, ended.pause) == (CLOSED, True)
        await load.lanes.close()

    run_on("asyncio", main)


def test_a_connection_closed_after_each_answer_is_opened_again(run: Run) -> None:
    """Without a word: found before the next request, or by it, and then it is sent again."""

    async def main() -> None:
        async with serving(answering(times=1)) as port:
            load = Load(port)
            lane = await load.open()
            for _ in range(20):
                assert (await load.attempt(lane)).end is AttemptEnd.OK
            traffic = load.lanes.traffic(Latency())
            assert traffic.reconnects in {19, 20}
            assert traffic.closed_by_server in {19, 20}
            await load.lanes.close()

    run(main)


def test_a_close_that_is_announced_is_no_surprise(run: Run) -> None:
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

    async def main() -> None:
        async with serving(answering(answer, times=1)) as port:
            load = Load(port)
            lane = await load.open()
            for _ in range(10):
                assert (await load.attempt(lane)).end is AttemptEnd.OK
            traffic = load.lanes.traffic(Latency())
            assert (traffic.reconnects, traffic.closed_by_server, traffic.resent) == (9, 10, 0)
            await load.lanes.close()

    run(main)


@pytest.mark.parametrize(("request_", "resent"), [(GET, 1), (POST, 0)])
def test_what_may_be_repeated_is_sent_again_once(run: Run, request_: Prepared, resent: int) -> None:
    """The server takes the second request of a connection and closes without an answer."""
    taken: list[int] = []

    async def main() -> None:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken.append(0)
            for number in range(2):
                await reader.readuntil(b"\r\n\r\n")
                if request_ is POST:
                    await reader.readexactly(2)
                if number == 0:
                    writer.write(ANSWER)

        async with serving(handler) as port:
            load = Load(port, request_)
            lane = await load.open()
            assert (await load.attempt(lane)).kind == ""
            second = await load.attempt(lane)
            assert second.kind in ({""} if resent else {CLOSED, RESET})
            assert (load.lanes.traffic(Latency()).resent, len(taken)) == (resent, 1 + resent)
            await load.lanes.close()

    run(main)


def test_a_server_that_has_gone_and_comes_back(run: Run) -> None:
    async def main() -> None:
        async with serving(answering()) as port:
            load = Load(port)
            lane = await load.open()
            assert (await load.attempt(lane)).kind == ""
        with refusing() as gone:  # the same address would need a port that nobody else takes meanwhile
            load.lanes.dialer._addresses = [(socket.AF_INET, ("127.0.0.1", gone))]
            await until(lambda: lane.connection is None)
            ended = await load.attempt(lane)
            assert (ended.kind, ended.end, ended.pause) == (REFUSED, AttemptEnd.ERROR, True)
        async with serving(answering()) as port:
            load.lanes.dialer._addresses = [(socket.AF_INET, ("127.0.0.1", port))]
            assert (await load.attempt(lane)).kind == ""
            await load.lanes.close()

    run(main)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", STATUS), (b"garbage\r\n\r\n", MALFORMED)],
)
def test_what_is_no_ok_answer_is_an_error_and_the_lane_goes_on(run: Run, answer: bytes, kind: str) -> None:
    async def main() -> None:
        async with serving(answering(answer)) as port:
            load = Load(port)
            lane = await load.open()
            for _ in range(5):
                ended = await load.attempt(lane)
                assert (ended.kind, ended.end, ended.pause) == (kind, AttemptEnd.ERROR, False)
            assert load.tally.reopened == (0 if kind == STATUS else 4)
            await load.lanes.close()

    run(main)


def test_what_exceeds_its_limit_ends_and_its_connection_with_it(run: Run) -> None:
    async def main() -> None:
        async with serving(silent) as port:
            load = Load(port)
            lane = await load.open(2)
            lane.begin()
            load.lanes.sweep(load.clock.now_s())
            load.clock.advance(LIMIT_S - 0.1)
            load.lanes.sweep(load.clock.now_s())
            assert load.taken.ends == []
            load.clock.advance(0.2)
            load.lanes.sweep(load.clock.now_s())
            [ended] = load.taken.ends
            assert (ended.kind, ended.end, ended.pause) == (TIMEOUT, AttemptEnd.TIMEOUT, False)
            assert ended.start_s == 100.0
            assert ended.end_s == pytest.approx(130.1)
            assert (lane.connection, lane.request) == (None, None)
            load.lanes.sweep(load.clock.now_s())
            assert len(load.taken.ends) == 1
            lane.begin()
            await until(lambda: lane.connection is not None)
            load.lanes.give_up()
            assert [each.kind for each in load.taken.ends] == [TIMEOUT] * 2
            assert load.taken.ends[1].end_s == pytest.approx(130.1 + LIMIT_S), "at least its limit"
            await load.lanes.close()

    run(main)


def test_what_exceeds_its_limit_while_connecting(run: Run) -> None:
    async def main() -> None:
        with full() as port:
            load = Load(port)
            lane = HttpLane(load.lanes, 0)
            load.lanes._lanes = [lane]
            load.lanes.attach(load.taken)
            before = open_sockets()
            lane.begin()
            await until(lambda: open_sockets() > before)
            load.clock.advance(LIMIT_S)
            load.lanes.sweep(load.clock.now_s())
            assert load.taken.kinds == [TIMEOUT]
            await until(lambda: open_sockets() == before)
            lane.begin()
            await load.lanes.close()
            assert load.taken.kinds == [TIMEOUT], "what is under way at the end is not told"
            assert open_sockets() == before

    run(main)


def test_a_connection_that_takes_too_long_is_a_timeout(run: Run) -> None:
    async def main() -> None:
        with full() as port:
            load = Load(port, connect_timeout_s=0.05)
            load.lanes.attach(load.taken)
            ended = await load.attempt(HttpLane(load.lanes, 0))
            assert (ended.kind, ended.end, ended.pause) == (TIMEOUT, AttemptEnd.TIMEOUT, True)

    run(main)


def test_closing_leaves_nothing(run: Run) -> None:
    """Idle, connecting, waiting for an answer: no task, no socket, and nobody is told."""

    async def main() -> None:
        before = open_sockets()
        tasks = len(asyncio.all_tasks())
        async with serving(silent) as port:
            load = Load(port)
            await load.open(30)
            for number, lane in enumerate(load.lanes._lanes):
                if number % 3 == 2:
                    assert lane.connection is not None
                    lane.connection.abort()  # so that it has to connect
                if number % 3:
                    lane.begin()
            connecting = [lane._connecting for lane in load.lanes._lanes if lane._connecting is not None]
            await load.lanes.close()
            assert len(connecting) == 10
            assert all(task.done() for task in connecting)
            assert load.taken.ends == []
        await until(lambda: (open_sockets(), len(asyncio.all_tasks())) == (before, tasks))

    run(main)


def test_lanes_are_as_many_as_were_said() -> None:
    load = Load(1)
    lanes: Lanes = load.lanes
    assert lanes.another() is None
    assert not lanes.elastic
    lanes.finish()
    assert load.lanes.grace_s == LIMIT_S + 1.0


@pytest.mark.parametrize(
    ("answer", "expectation", "kind", "message"),
    [
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", Expectation(frozenset({404}), None), "", ""),
        (ANSWER, Expectation(frozenset({404}), None), STATUS, "HTTP 200, expected 404"),
        (
            b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
            Expectation(frozenset({200, 404}), HttpCheck("ok")),
            STATUS,
            "HTTP 500, expected 200 or 404",
        ),
        (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", Expectation(None, HttpCheck("ok")), STATUS, "HTTP 500"),
        (ANSWER, Expectation(None, HttpCheck("ok")), "", ""),
        (ANSWER, Expectation(None, HttpCheck("well")), CHECK, 'the body has no "well"'),
        (b"HTTP/1.1 404 No\r\n\r\nok", Expectation(frozenset({404}), HttpCheck("ok")), "", ""),  # ends with it
        (b"HTTP/1.1 404 No\r\n\r\nno", Expectation(frozenset({404}), HttpCheck("ok")), CHECK, 'the body has no "ok"'),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_what_is_expected_of_answers_is_looked_at_and_the_lane_goes_on(
    run: Run, answer: bytes, expectation: Expectation, kind: str, message: str, pieces: int
) -> None:
    """Also of such as come again byte for byte, of which none but the first ones are parsed, and of such in pieces."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            each = -(-len(answer) // pieces)
            for begin in range(0, len(answer), each):
                writer.write(answer[begin : begin + each])
                await asyncio.sleep(0)
            if b"Content-Length" not in answer:
                return

    async def main() -> None:
        async with serving(handler) as port:
            load = Load(port)
            load.lanes = HttpLanes(
                repeat(GET), ("",), load.lanes.dialer, LIMIT_S, load.clock.as_clock(), expectations=[expectation]
            )
            lane = await load.open()
            for _ in range(200 if pieces == 1 and b"Content-Length" in answer else 4):
                ended = await load.attempt(lane)
                assert (ended.kind, ended.message) == (kind, message)
                assert ended.end is (AttemptEnd.ERROR if kind else AttemptEnd.OK)
            await load.lanes.close()

    run(main)


def test_each_request_has_its_own_expectations() -> None:
    other = Prepared(GET.data, 1, is_head=False, repeatable=True)

    async def main() -> None:
        async with serving(answering()) as port:
            load = Load(port)
            expectations = [Expectation(frozenset({404}), None), Expectation(None, HttpCheck("ok"))]
            load.lanes = HttpLanes(
                cycle((GET, other)),
                ("a", "b"),
                load.lanes.dialer,
                LIMIT_S,
                load.clock.as_clock(),
                expectations=expectations,
            )
            lane = await load.open()
            for _ in range(4):
                await load.attempt(lane)
            assert load.taken.kinds == [STATUS, "", STATUS, ""]
            assert load.taken.parts == [0, 1, 0, 1]
            await load.lanes.close()

    run_on("asyncio", main)
