"""An ASGI application as target: called directly, without socket, server or client.

What is timed is the application and less than a microsecond around it. The protocol is kept as a server keeps it
(https://asgi.readthedocs.io/en/latest/specs/www.html): an application that a server would refuse is an error here too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.records.outcome import Outcome
from paceline.targets.call import CallTarget
from paceline.targets.in_process import (
    CLIENT_HOST,
    CLIENT_PORT,
    LEAST_STATUS,
    MOST_STATUS,
    SERVER_HOST,
    SERVER_PORT,
    STATUS_ERRORS,
    InProcessRequest,
    in_process_request,
    kept_headers,
    takes,
    text_of,
)
from paceline.targets.lifespan import Lifespan
from paceline.wire.request import Headers

_APPLICATION_ARGUMENTS = 3
_WAITING, _STARTED, _COMPLETE = range(3)
_PARTS_BETWEEN_PAUSES = 64
_SHOWN_CHARACTERS = 60

_NO_ANSWER = Outcome.error("ASGI: the application returned without an answer")
_HALF_AN_ANSWER = Outcome.error("ASGI: the application returned before its answer was complete")


@dataclass(frozen=True, slots=True)
class AsgiTarget:
    """Requests to an ASGI 3 application in this process, for ``operation``.

    The application's lifespan starts up before the warm-up and shuts down after the run, on the same event loop.
    An attempt lasts until the application returns: background tasks that it runs after its answer are in its time,
    though a client would no longer wait for them. A status of 400 or more is an error, as are messages out of order
    and an answer without its end.

    Attributes:
        app: called with scope, receive and send.
        path: starts with a slash and may carry a query.
        method: in any case.
        headers: a mapping, or pairs. Host, Accept, User-Agent, Content-Type of JSON and Content-Length are added where
            they are missing.
        body: text is sent as UTF-8.
        json: a value to be sent as JSON instead of ``body``.
        raise_app_exceptions: an exception that leaves the application is the attempt's error, with its traceback.
            If False it is judged as a client sees it: by the answer sent before it, otherwise HTTP 500.

    Raises:
        ConfigurationError: one of them cannot be used; the text names it.
    """

    app: Callable[..., Awaitable[None]]
    path: str = "/"
    method: str = "GET"
    headers: Headers | None = field(default=None, repr=False)  # these three may hold credentials
    body: bytes | str | None = field(default=None, repr=False)
    json: object = field(default=None, repr=False)
    _: KW_ONLY
    raise_app_exceptions: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", kept_headers(self.headers))
        _checked_application(self.app)
        if not isinstance(self.raise_app_exceptions, bool):
            raise ConfigurationError(f"raise_app_exceptions must be True or False, not {self.raise_app_exceptions!r}")
        self._request()

    def __repr__(self) -> str:
        return f"AsgiTarget({self.text})"

    @property
    def text(self) -> str:
        """The request for people, without credentials."""
        return text_of(self.path, self.method)

    def call_target(self) -> CallTarget:
        """The operation that makes one request, with the application's lifespan around the run."""
        lifespan = Lifespan(self.app)
        operation = _operation(self.app, self._request(), lifespan, propagate=self.raise_app_exceptions)
        return CallTarget(operation, setup=lifespan.start, teardown=lifespan.stop)

    def _request(self) -> InProcessRequest:
        return in_process_request(self.path, self.method, self.headers, self.body, self.json)


def _checked_application(app: object) -> None:
    if not callable(app):
        raise ConfigurationError(f"app must be an ASGI application, not {type(app).__name__}")
    if takes(app, _APPLICATION_ARGUMENTS) is False:
        if takes(app, 2):
            raise ConfigurationError(
                "app cannot be called with scope, receive and send, but with two arguments: "
                "if it is a WSGI application, use WsgiTarget"
            )
        raise ConfigurationError(
            "app cannot be called with scope, receive and send: pass the ASGI 3 application itself, "
            "not a function or class that makes one"
        )


def _operation(
    app: Callable[..., Awaitable[None]], request: InProcessRequest, lifespan: Lifespan, *, propagate: bool
) -> Callable[[], Coroutine[Any, Any, Outcome | None]]:
    template = _scope(request)
    headers, body = list(request.headers), request.body

    async def request_once() -> Outcome | None:
        exchange = _Exchange(body)
        # Applications change their scope: it must be each call's own, and what is mutable in it too.
        scope = template.copy()
        scope["asgi"] = {"version": "3.0", "spec_version": "2.3"}
        scope["headers"] = headers.copy()
        scope["state"] = lifespan.state.copy()
        try:
            await app(scope, exchange.receive, exchange.send)
        except Exception:
            # A fault comes first: the exception is then most often the one that ``send`` raised.
            if exchange.fault is None:
                if propagate:
                    raise
                if exchange.stage == _WAITING:
                    return STATUS_ERRORS[500]
        finally:
            exchange.over = True
            if exchange.end is not None:
                exchange.end.set()
        if exchange.fault is not None:
            return Outcome.error(exchange.fault)
        if exchange.stage != _COMPLETE:
            return _NO_ANSWER if exchange.stage == _WAITING else _HALF_AN_ANSWER
        return STATUS_ERRORS[exchange.status] if exchange.status >= 400 else None  # noqa: PLR2004  # as a global it costs

    return request_once


def _scope(request: InProcessRequest) -> dict[str, Any]:
    # Version 2.3 is what uvicorn announces: frameworks take the same way through their code as in production.
    return {
        "type": "http",
        "asgi": None,
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.raw_path,
        "query_string": request.query,
        "root_path": "",
        "headers": None,
        "client": (CLIENT_HOST, CLIENT_PORT),
        "server": (SERVER_HOST, SERVER_PORT),
        "state": None,
    }


class _Exchange:
    """The server's side of one request. Never used again: a task the application leaves behind may still hold it.

    Attributes:
        fault: how the application broke the protocol first.
        over: the application has returned.
        end: made when something waits for the end of the exchange.
    """

    __slots__ = ("asked", "body", "end", "fault", "over", "parts", "stage", "status")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.stage = _WAITING
        self.status = 0
        self.fault: str | None = None
        self.asked = self.over = False
        self.parts = 0
        self.end: asyncio.Event | None = None

    async def receive(self) -> dict[str, Any]:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        # The client stays until it has its answer. Frameworks wait here for its leaving while they stream.
        if self.stage != _COMPLETE and not self.over:
            if self.end is None:
                self.end = asyncio.Event()
            await self.end.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            if self.stage != _STARTED:
                raise self._out_of_order(kind)
            part = message.get("body", b"")
            if type(part) is not bytes and not isinstance(part, bytes | bytearray | memoryview):
                raise self._broken(f"body of type {type(part).__name__}")
            if message.get("more_body", False):
                self.parts += 1
                if not self.parts % _PARTS_BETWEEN_PAUSES:
                    # As a full socket would: an endless answer must not keep the loop from its timeouts.
                    await asyncio.sleep(0)
                return
            self.stage = _COMPLETE
            if self.end is not None:
                self.end.set()
        elif kind == "http.response.start":
            if self.stage != _WAITING:
                raise self._out_of_order(kind)
            status = message["status"]
            if not isinstance(status, int) or not LEAST_STATUS <= status <= MOST_STATUS:
                raise self._broken(f"status {str(status)[:_SHOWN_CHARACTERS]}")
            self.status = status
            self.stage = _STARTED
        else:
            raise self._broken(f"unknown message {str(kind)[:_SHOWN_CHARACTERS]}")

    def _out_of_order(self, kind: str) -> Exception:
        when = ("before http.response.start", "a second time", "after the answer was complete")
        return self._broken(f"{kind} {when[self.stage]}")

    def _broken(self, fault: str) -> Exception:
        """The exception that servers raise here; an application may catch it, so the fault is kept beside it."""
        self.fault = self.fault or f"ASGI: {fault}"
        return RuntimeError(self.fault)
