"""A WSGI application as target: called directly, without socket, server or client (PEP 3333)."""

import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.records.outcome import Outcome
from paceline.targets.call import CallTarget, returns_awaitable
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
from paceline.wire.request import Headers

_ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

_NO_ANSWER = "WSGI: the application did not call start_response"
_EARLY_BODY = "WSGI: body before start_response"
_APPLICATION_ARGUMENTS = 2
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class WsgiTarget:
    """Requests to a WSGI application in this process, for ``operation``.

    An attempt lasts until the answer is iterated to its end and closed. A status of 400 or more is an error, as is an
    answer that a server could not send.

    Attributes:
        app: called with environ and start_response; by several threads at once if the run has several workers.
        path: starts with a slash and may carry a query.
        method: in any case.
        headers: a mapping, or pairs. Host, Accept, User-Agent, Content-Type of JSON and Content-Length are added where
            they are missing.
        body: text is sent as UTF-8.
        json: a value to be sent as JSON instead of ``body``.

    Raises:
        ConfigurationError: one of them cannot be used; the text names it.
    """

    app: Callable[..., Iterable[bytes]]
    path: str = "/"
    method: str = "GET"
    headers: Headers | None = field(default=None, repr=False)  # these three may hold credentials
    body: bytes | str | None = field(default=None, repr=False)
    json: object = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", kept_headers(self.headers))
        _checked_application(self.app)
        self._request()

    def __repr__(self) -> str:
        return f"WsgiTarget({self.text})"

    @property
    def text(self) -> str:
        """The request for people, without credentials."""
        return text_of(self.path, self.method)

    def call_target(self) -> CallTarget:
        """The operation that makes one request."""
        return CallTarget(_operation(self.app, self._request()))

    def _request(self) -> InProcessRequest:
        return in_process_request(self.path, self.method, self.headers, self.body, self.json)


def _checked_application(app: object) -> None:
    if not callable(app):
        raise ConfigurationError(f"app must be a WSGI application, not {type(app).__name__}")
    if returns_awaitable(app):
        raise ConfigurationError("app is asynchronous, so it is no WSGI application: for ASGI, use AsgiTarget")
    if takes(app, _APPLICATION_ARGUMENTS) is False:
        raise ConfigurationError(
            "app cannot be called with environ and start_response: pass the WSGI application itself, "
            "not a function or class that makes one"
        )


def _operation(app: Callable[..., Iterable[bytes]], request: InProcessRequest) -> Callable[[], Outcome | None]:
    template, body = _environ(request), request.body

    def request_once() -> Outcome | None:
        exchange = _Exchange()
        environ = template.copy()  # applications change it
        environ["wsgi.input"] = io.BytesIO(body)
        environ["wsgi.errors"] = sys.stderr
        try:
            answer = app(environ, exchange.start_response)
            try:
                for part in answer:
                    if type(part) is not bytes:
                        raise exchange.broken(f"WSGI: body of type {type(part).__name__}")
                    if part and not exchange.sent:
                        exchange.send_headers()
            finally:
                close = getattr(answer, "close", None)
                if close is not None:
                    close()
        except Exception:
            if exchange.fault is None:
                raise
        if exchange.fault is not None:
            return Outcome.error(exchange.fault)
        status = exchange.status
        if status >= 400:  # noqa: PLR2004  # as a global it costs
            return STATUS_ERRORS[status]
        return None if status else Outcome.error(_NO_ANSWER)

    return request_once


def _environ(request: InProcessRequest) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.native_path,
        "QUERY_STRING": request.query.decode("ascii"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": str(SERVER_PORT),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_ADDR": SERVER_HOST,
        "REMOTE_ADDR": CLIENT_HOST,
        "REMOTE_PORT": str(CLIENT_PORT),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,  # reading to the end is safe: it is no socket
    }
    for name, value in request.headers:
        key = name.decode("ascii").upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        text = value.decode("latin-1")
        separator = "; " if key == "HTTP_COOKIE" else ", "
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    return environ


class _Exchange:
    """The server's side of one request.

    Attributes:
        status: 0 until ``start_response`` is called.
        sent: a first part of the body has gone out, so that the status can no longer be changed.
        fault: how the application broke the protocol first.
    """

    __slots__ = ("fault", "sent", "status")

    def __init__(self) -> None:
        self.status = 0
        self.sent = False
        self.fault: str | None = None

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: _ExceptionInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info:
            try:
                if self.sent and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # PEP 3333: no circular reference
        elif self.status:
            raise self.broken("WSGI: start_response called a second time without exc_info")
        if not isinstance(headers, list):
            raise self.broken(f"WSGI: headers of type {type(headers).__name__}")
        try:
            code = int(status[:3])
        except (TypeError, ValueError):
            code = 0
        if not LEAST_STATUS <= code <= MOST_STATUS or not isinstance(status, str) or status[3:4] not in {" ", ""}:
            raise self.broken(f"WSGI: status {str(status)[:_SHOWN_CHARACTERS]}")
        self.status = code
        return self.write

    def write(self, part: bytes) -> None:
        if type(part) is not bytes:
            raise self.broken(f"WSGI: body of type {type(part).__name__}")
        self.sent = True

    def send_headers(self) -> None:
        if not self.status:
            raise self.broken(_EARLY_BODY)
        self.sent = True

    def broken(self, fault: str) -> Exception:
        """The exception that servers raise here; an application may catch it, so the fault is kept beside it."""
        self.fault = self.fault or fault
        return RuntimeError(self.fault)
