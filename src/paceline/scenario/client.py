"""The HTTP client of one virtual user."""

import asyncio
from collections.abc import Mapping
from typing import Unpack

from paceline.scenario.answer import Answer, sets_cookies
from paceline.scenario.encoding import MOST_PLAIN, Options
from paceline.scenario.exchange import Exchange, Route
from paceline.scenario.failure import LoadEnded, RequestFailed
from paceline.scenario.house import House, Place
from paceline.scenario.line import Line
from paceline.scenario.redirects import next_route
from paceline.wire.content import take_apart
from paceline.wire.failure import MALFORMED, REDIRECT, STATUS
from paceline.wire.request import Prepared, check_method
from paceline.wire.statuses import is_ok, statuses, unexpected


class Client:
    """Sends a user's requests and keeps the user's cookies.

    Every request is sent when the method is called, and gives its answer when it is awaited. Requests of one user that
    run at the same time (``asyncio.gather``) use a connection each.
    """

    def __init__(self, lanes: House, lane: Place) -> None:
        self._lanes = lanes
        self._lane = lane
        self._jar = lanes.jar()
        self._plain = lanes.requests.plain
        self.idle: list[Line] = []
        self.lines: list[Line] = []
        self.unreported: list[Exchange] = []
        self.recording = True
        self.is_shut = False
        self._unending = False
        self._loop = lanes.loop
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.done.set_result(None)
        self.dialer = lanes.dialer
        self.now_s = lanes.now_s
        self.waited = False
        self.was_refused = False
        self.turned_away = False

    def __repr__(self) -> str:
        return f"<Client of user {self._lane.number}>"

    # What users call.

    def get(self, path: str, **options: Unpack[Options]) -> Exchange:
        """Send a GET."""
        if not options:
            request = self._plain.get(path)
            if request is not None:
                return self._begin(request)
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[Options]) -> Exchange:
        """Send a POST."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[Options]) -> Exchange:
        """Send a PUT."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[Options]) -> Exchange:
        """Send a PATCH."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[Options]) -> Exchange:
        """Send a DELETE."""
        return self.request("DELETE", path, **options)

    def head(self, path: str, **options: Unpack[Options]) -> Exchange:
        """Send a HEAD."""
        return self.request("HEAD", path, **options)

    def options(self, path: str, **options: Unpack[Options]) -> Exchange:
        """Send an OPTIONS."""
        return self.request("OPTIONS", path, **options)

    def request(self, method: str, path: str, **options: Unpack[Options]) -> Exchange:
        """Send a request.

        Args:
            method: such as ``'GET'``.
            path: beginning with ``/``, or a URL of the scenario's server.
            options: see ``Options``.

        Returns:
            To be awaited for its :class:`~paceline.scenario.answer.Answer`; then it raises ``RequestFailed`` if there
            was none.

        Raises:
            ConfigurationError: an argument is wrong, or names another server.
        """
        check_method(method)
        method = method.upper()
        for name in options:
            if name not in Options.__annotations__:
                raise TypeError(f"a request has no {name}=: it has {', '.join(Options.__annotations__)}")
        requests = self._lanes.requests
        target = requests.target(path, options.get("params"))
        expect = statuses(options.get("expect"))
        follow = options.get("follow_redirects")
        follow = self._lanes.follow_redirects if follow is None else follow
        given = options.get("name")
        part = requests.part(given or requests.name(method, target))
        prepared = requests.prepared(method, target, part, options, self._cookies(target))
        if not options and method == "GET" and not follow and len(self._plain) < MOST_PLAIN:
            self._plain[path] = prepared
        route = Route(method, target, options, 0) if follow else None
        return self._begin(prepared, expect, route)

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies of this user that a request for ``/`` would carry."""
        pairs = (text.partition("=") for text in self._jar.header("/").split("; ") if text)
        return {name: value for name, _, value in pairs}

    # A request's way.

    def _begin(self, request: Prepared, expect: frozenset[int] | None = None, route: Route | None = None) -> Exchange:
        if self.unreported:
            self.flush()
        if self._lanes.ended or self.is_shut:
            self.go_on()
        line = self.idle.pop() if self.idle else self._another()
        exchange = Exchange(loop=self._loop)
        exchange.line = line
        exchange.request = request
        exchange.wakeup = None
        if expect is None and route is None:
            exchange.special = False
        else:
            exchange.special = True
            exchange.expect = expect
            exchange.route = route
        line.exchange = exchange
        connection = line.connection
        now_s = self.now_s  # fetched, then called: a look-up less in Python 3.11
        exchange.start_s = now_s()
        if connection is not None and connection.usable:
            connection.send(request)
        else:
            line.connect()
        return exchange

    def go_on(self) -> None:
        """Refuse to begin a request, unless it is what an arrival was due for.

        Raises:
            LoadEnded: in the user's own task.
            CancelledError: in another, which the function may have left to itself: asyncio complains about tasks
                that end in something else and that nobody asks.
        """
        if self.is_shut or not (self._unending or self._lane.is_due):
            if self._lane.is_on_its_way:
                raise LoadEnded
            self.turned_away = True
            raise asyncio.CancelledError("the load has ended")

    def came(self, line: Line, exchange: Exchange, status: int, raw: bytes | bytearray) -> None:
        """From a line, in a callback of the loop: an answer came."""
        exchange.special = True
        if sets_cookies(raw):
            self._take_cookies(exchange, raw)
        answer = Answer(self, exchange.request, status, raw, exchange.end_s - exchange.start_s)
        route = exchange.route
        if route is not None and self._follow(line, exchange, route, answer):
            return
        line.exchange = None
        self.idle.append(line)
        if not is_ok(status, exchange.expect) and not exchange.kind:
            exchange.fail(STATUS, unexpected(status, exchange.expect))
        answer.ok = not exchange.kind
        self._keep(exchange)
        if exchange.kind in {REDIRECT, MALFORMED}:
            exchange.break_off()
        else:
            exchange.came(answer, self.done)

    def broke(self, line: Line, exchange: Exchange) -> None:
        """From a line: there is no answer; the exchange says why."""
        line.exchange = None
        self.idle.append(line)
        self.was_refused = self.was_refused or exchange.closed_door
        self._keep(exchange)
        exchange.break_off()

    def _keep(self, exchange: Exchange) -> None:
        self.waited = True
        if self.recording:
            self.unreported.append(exchange)

    def _follow(self, line: Line, exchange: Exchange, route: Route, answer: Answer) -> bool:
        """Send the request on; False if this answer is the last, or it leads nowhere."""
        requests = self._lanes.requests
        try:
            onward = next_route(route, answer, requests)
        except RequestFailed as failure:
            exchange.fail(failure.kind, str(failure))
            return False
        if onward is None:
            return False
        self.dialer.tally.followed(answer.status)
        method, target, options, _ = exchange.route = onward
        exchange.request = requests.prepared(method, target, exchange.request.part, options, self._cookies(target))
        exchange.first_s = None
        line.send(exchange)
        return True

    def _another(self) -> Line:
        line = Line(self)
        self.lines.append(line)
        return line

    # Cookies.

    def _take_cookies(self, exchange: Exchange, raw: bytes | bytearray) -> None:
        target = exchange.request.data.split(b" ", 2)[1].decode("ascii")
        headers = take_apart(raw, is_head=exchange.request.is_head)[0]
        self._jar.take(headers.all("set-cookie"), target)
        self._cookies_changed()

    def _cookies_changed(self) -> None:
        # Requests that are kept ready hold cookies, or their absence.
        self._plain = {} if self._jar else self._lanes.requests.plain

    def _cookies(self, target: str) -> str:
        return self._jar.header(target) if self._jar and not self._lanes.requests.own_cookies else ""

    # What the lane calls.

    async def connect(self) -> None:
        """Open the first connection before it is needed.

        Raises:
            WireError: there is none.
        """
        line = Line(self)
        await line.open()
        self.lines.append(line)
        self.idle.append(line)

    @property
    def connections(self) -> int:
        """How many are open."""
        return sum(line.connection is not None for line in self.lines)

    @property
    def is_settled(self) -> bool:
        """Whether no request is under way."""
        return len(self.idle) == len(self.lines)

    def open_attempt(self, answer: Answer) -> Exchange | None:
        """The exchange that brought ``answer``, while it is not reported."""
        return next((each for each in self.unreported if each.brought(answer)), None)

    async def settle(self) -> None:
        """Wait for requests that nobody awaited."""
        under_way = [line.exchange for line in self.lines if line.exchange is not None]
        if under_way:
            await asyncio.wait(under_way)

    def record(self, *, recording: bool, unending: bool = False) -> None:
        """Whether requests from now on are attempts; ``unending``: also after the load has ended."""
        self.recording = recording
        self._unending = unending

    def flush(self) -> None:
        """Report what has not been reported: checks come too late from now on."""
        lanes, lane = self._lanes, self._lane
        sink, learner = lanes.sink, lanes.learner
        for exchange in self.unreported:
            if learner is not None:
                learner.note(exchange)
            if not exchange.special:
                sink.passed(lane, exchange.request.part, exchange.start_s, exchange.end_s)
                continue
            part, start_s, end_s = exchange.request.part, exchange.start_s, exchange.end_s
            if exchange.first_s is not None:
                sink.first_byte(exchange.first_s)
            sink.part(part)
            sink.noted(lane, start_s, end_s, exchange.end, exchange.kind, exchange.message)
        self.unreported.clear()

    def flush_but_refused(self) -> Exchange | None:
        """Report all but the last attempt if that found no connection, and return it: its user is to pause."""
        self.was_refused = False
        last = self.unreported[-1] if self.unreported else None
        if last is None or not last.closed_door:
            self.flush()
            return None
        self.unreported.pop()
        self.flush()
        return last

    def sweep(self, now_s: float, limit_s: float) -> None:
        """End requests that have exceeded their limit; forget cookies that have expired."""
        for line in self.lines:
            exchange = line.exchange
            if exchange is not None and now_s - exchange.start_s >= limit_s:
                line.expire(limit_s)
        if self._jar.expires_s <= now_s:
            self._jar.expire(now_s)
            self._cookies_changed()

    def shut(self, limit_s: float | None = None) -> None:
        """No request is begun any more; with ``limit_s``, those under way are timeouts."""
        for line in self.lines:
            if line.exchange is not None and limit_s is not None:
                line.expire(limit_s)
        self.is_shut = True
        self.recording = False
        self._plain = {}

    def reopen(self) -> None:
        """For ``on_stop``."""
        self.is_shut = False
        self.unreported.clear()
        self._cookies_changed()

    def drop(self) -> None:
        """Close all connections, on none of which anything is under way."""
        for line in self.lines:
            line.drop()

    async def close(self) -> None:
        """Close all connections."""
        self.is_shut = True
        for line in self.lines:
            await line.close()
