"""The connections of an HTTP target as lanes: requests by callback, one in flight on each."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from paceline.core.clock import Clock
from paceline.records.latency import Latency
from paceline.records.load import Traffic
from paceline.records.outcome import AttemptEnd
from paceline.targets.http_check import Expectation
from paceline.targets.lanes import Sink
from paceline.targets.opening import open_all, resolve
from paceline.targets.redirects import MOST_HOPS, next_request
from paceline.wire.connection import Connection
from paceline.wire.dial import Dialer
from paceline.wire.endpoint import Endpoint
from paceline.wire.failure import CLOSED, REDIRECT, STATUS, TIMEOUT, WireError
from paceline.wire.request import Prepared

_SWEEPING_S = 1.0  # a limit is looked at every now and then


class HttpLane:
    """One connection, opened again when it is lost. Implements ``Lane`` for the engine, ``Peer`` for the wire."""

    __slots__ = (
        "_connecting",
        "_hops",
        "_lanes",
        "_was_open",
        "connection",
        "due_s",
        "noticed_s",
        "number",
        "request",
        "start_s",
    )

    def __init__(self, lanes: "HttpLanes", number: int) -> None:
        self._lanes = lanes
        self._connecting: asyncio.Task[None] | None = None
        self._hops = 0
        self._was_open = False
        self.number = number
        self.due_s = 0.0
        self.noticed_s = 0.0
        self.start_s = 0.0
        self.connection: Connection | None = None
        self.request: Prepared | None = None

    def begin(self) -> None:
        """Send the next request; over a new connection where the last one was lost."""
        lanes = self._lanes
        request = self.request = next(lanes.source)
        connection = self.connection
        now_s = lanes.now_s  # fetched, then called: "lanes.now_s()" would look for a method first, each time anew
        self.start_s = now_s()
        if connection is not None and connection.usable:
            connection.send(request)
        else:
            self.connect()

    def connect(self) -> None:
        """Open a connection and send the request under way, if there is one, over it."""
        self.connection = None
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            await self.open()
        except WireError as failure:
            self._connecting = None
            self._fail(failure, pause=True)
            return
        self._connecting = None
        if self.request is not None and self.connection is not None:
            self.connection.send(self.request)

    async def open(self) -> None:
        """Open the connection.

        Raises:
            WireError: there is none; its kind says why.
        """
        lanes = self._lanes
        self.connection = await lanes.dialer.dial(self, keeps=lanes.keeps, again=self._was_open)
        self._was_open = True

    def answered(self, end_s: float, first_s: float | None) -> None:
        """From the wire."""
        lanes = self._lanes
        if lanes.plain and first_s is None:  # in brief, for nearly all requests
            self.request = None
            lanes.sink.ended(self, self.start_s, end_s)
            return
        if lanes.follow is not None and self._goes_on(lanes.follow):
            return
        if lanes.expectations and self._is_refused(lanes.expectations, first_s, end_s):
            return
        if first_s is not None:
            lanes.sink.first_byte(first_s)
        if lanes.several:
            assert self.request is not None
            lanes.sink.part(self.request.part)
        self.request = None
        lanes.sink.ended(self, self.start_s, end_s)

    def _goes_on(self, endpoint: Endpoint) -> bool:
        """Whether the answer names another place on the same server, which is asked now."""
        connection, request = self.connection, self.request
        assert connection is not None
        assert request is not None
        try:
            following = next_request(request, connection.status, bytes(connection.kept or b""), endpoint)
            if following is None:
                self._hops = 0
                return False
            self._hops += 1
            if self._hops > MOST_HOPS:
                raise WireError(REDIRECT, f"more than {MOST_HOPS} redirects")
        except WireError as failure:
            self._fail(failure)
            return True
        self._lanes.dialer.tally.followed(connection.status)
        self.request = following
        if connection.usable:
            connection.send(following)
        else:
            self.connect()
        return True

    def _is_refused(self, expectations: Sequence[Expectation], first_s: float | None, end_s: float) -> bool:
        """Whether the answer is none that was expected; then the attempt has failed."""
        connection, request = self.connection, self.request
        assert connection is not None
        assert request is not None
        expected = expectations[request.part]
        failure = expected.failure(connection.status, connection.kept, is_head=request.is_head)
        if failure is not None:
            self._fail(failure, first_s, end_s=end_s)
        return failure is not None

    def failed(self, failure: WireError, first_s: float | None) -> None:
        """From the wire."""
        expectations, request, connection = self._lanes.expectations, self.request, self.connection
        if failure.kind == STATUS and expectations and request is not None and connection is not None:
            expected = expectations[request.part]
            if expected.takes(connection.status):
                self.answered(self._lanes.now_s(), first_s)
                return
            failure = WireError(STATUS, expected.unexpected(connection.status))
        self._fail(failure, first_s)

    def lost(self, *, resend: bool) -> None:
        """From the wire."""
        if resend:
            self._lanes.dialer.tally.resent += 1
            self.connect()
        else:
            self.connection = None

    def expire(self, limit_s: float) -> None:
        """The attempt under way has exceeded its limit."""
        self.drop()
        end_s = max(self._lanes.now_s(), self.start_s + limit_s)
        self._fail(WireError(TIMEOUT, f"no whole answer within {limit_s:g} s"), end_s=end_s)

    def _fail(
        self, failure: WireError, first_s: float | None = None, *, end_s: float | None = None, pause: bool = False
    ) -> None:
        request, self.request = self.request, None
        if request is None:
            return
        self._hops = 0
        sink = self._lanes.sink
        if first_s is not None:
            sink.first_byte(first_s)
        if self._lanes.several:
            sink.part(request.part)
        # A connection that could not be opened in time is no answer that took so long: it is an error of its own.
        end = AttemptEnd.TIMEOUT if failure.kind == TIMEOUT else AttemptEnd.ERROR
        ended_s = self._lanes.now_s() if end_s is None else end_s
        sink.failed(self, self.start_s, ended_s, end, failure.kind, failure.message, pause=pause)

    def drop(self) -> "asyncio.Task[None] | None":
        """Close the connection, tell nobody; what was opening one, which still has to end."""
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        if self.connection is not None:
            self.connection.abort()
            self.connection = None
        return connecting


class HttpLanes:
    """The connections of one run. Implements ``Lanes``.

    Args:
        source: of requests, endless.
        part_names: of the requests.
        dialer: opens connections.
        timeout_s: limit of a request, connecting included.
        clock: where the time comes from.
        follow: the server, where redirects on it are followed.
        keep_alive: whether the server is to keep connections open.
        expectations: of the answers to each request, by its part; none where nothing is expected of any.
    """

    scenario = False
    elastic = False

    def __init__(
        self,
        source: Iterator[Prepared],
        part_names: tuple[str, ...],
        dialer: Dialer,
        timeout_s: float,
        clock: Clock,
        *,
        follow: Endpoint | None = None,
        keep_alive: bool = True,
        expectations: Sequence[Expectation] = (),
    ) -> None:
        self.follow = follow
        self._keep_alive = keep_alive
        self.source = source
        self.part_names = part_names
        self.several = len(part_names) > 1
        self.plain = not self.several and follow is None and not expectations
        self.expectations = expectations
        self.keeps = follow is not None or any(each.of_content for each in expectations)
        self.dialer = dialer
        self.now_s = clock.now_s
        self.sink: Sink
        self._timeout_s = timeout_s
        self.grace_s = timeout_s + _SWEEPING_S
        self._lanes: list[HttpLane] = []

    async def open(self, count: int) -> Sequence[HttpLane]:
        """Open ``count`` connections.

        Raises:
            MeasurementError: not one could be opened; the message says why.
        """
        await resolve(self.dialer)
        self._lanes = [HttpLane(self, number) for number in range(count)]
        # It could be opened: what the server does then, each request will say.
        await open_all(self._lanes, unless=CLOSED)
        return self._lanes

    def another(self) -> None:
        """There are as many connections as the user said."""

    def attach(self, sink: Sink) -> None:
        """From now on ``sink`` is told; counters begin anew."""
        self.sink = sink
        self.dialer.tally.begin(sum(lane.connection is not None for lane in self._lanes))

    def sweep(self, now_s: float) -> None:
        """End the requests that have exceeded their limit."""
        limit_s = self._timeout_s
        for lane in self._lanes:
            if lane.request is not None and now_s - lane.start_s >= limit_s:
                lane.expire(limit_s)

    def finish(self) -> None:
        """Requests end by themselves, within their limit."""

    def give_up(self) -> None:
        """What is still under way counts as a timeout."""
        for lane in self._lanes:
            if lane.request is not None:
                lane.expire(self._timeout_s)

    async def close(self) -> None:
        """Close all connections."""
        connecting: list[asyncio.Task[None]] = []
        for lane in self._lanes:
            lane.request = None
            task = lane.drop()
            if task is not None:
                connecting.append(task)
        if connecting:
            await asyncio.wait(connecting)
        await asyncio.sleep(0)  # an aborted transport closes its socket in the next iteration

    def traffic(self, first_byte: Latency) -> Traffic:
        """What went over the connections since ``attach``."""
        traffic = self.dialer.tally.traffic(first_byte)
        # What it was asked to close is no news.
        return traffic if self._keep_alive else replace(traffic, closed_by_server=0)
