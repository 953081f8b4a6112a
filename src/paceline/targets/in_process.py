"""One request for an application that is called in this process: checked and encoded once, before anything is timed."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.records.outcome import Outcome
from paceline.wire import request as wire
from paceline.wire.body import JSON_TYPE, check_one_body, plain_body
from paceline.wire.request import Headers

# The address that the application sees. No socket stands behind it; the ports are those of a plain local request.
SERVER_HOST = "127.0.0.1"
SERVER_PORT = 80
CLIENT_HOST = "127.0.0.1"
CLIENT_PORT = 50_000

LEAST_STATUS = 200  # a final answer; 1xx only announces one
MOST_STATUS = 599
STATUS_ERRORS = {status: Outcome.error(f"HTTP {status}") for status in range(HTTPStatus.BAD_REQUEST, MOST_STATUS + 1)}

_PATH_SAFE = "/%:@!$&'()*+,;=~"  # RFC 3986, 3.3, and the sign of what is encoded already
_QUERY_SAFE = _PATH_SAFE + "?"


@dataclass(frozen=True, slots=True)
class InProcessRequest:
    """A request as a server would have read it from the wire.

    Attributes:
        method: in capitals.
        raw_path: percent-encoded, without the query.
        query: percent-encoded, without the question mark.
        headers: names in lower case.
        body: empty when there is none.
    """

    method: str
    raw_path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def path(self) -> str:
        """The path decoded as UTF-8, as ASGI wants it."""
        return unquote(self.raw_path.decode("ascii"))

    @property
    def native_path(self) -> str:
        """The path's bytes each as one character, as WSGI wants them."""
        return unquote_to_bytes(self.raw_path).decode("latin-1")


def in_process_request(
    path: str, method: str, headers: Headers | None, body: bytes | str | None, json: object
) -> InProcessRequest:
    """The request of these parts; what every client sends is added where it is missing.

    Args:
        path: may carry a query; what a URL cannot hold is percent-encoded, a fragment is dropped.
        headers: a mapping, or pairs where one name comes more than once.
        json: encoded as the body; None means that there is none.

    Raises:
        ConfigurationError: one of them is nothing that HTTP can carry, or ``body`` and ``json`` are both given.
    """
    if not wire.is_token(method):
        raise ConfigurationError(f"method must be a word such as GET or POST, not {method!r}")
    method = method.upper()
    raw_path, query = _split_path(path)
    check_one_body(body=body, json=json)
    content = plain_body(body, json) or b""
    pairs = [_encoded_header(name, value) for name, value in kept_headers(headers)]
    given = {name for name, _ in pairs}
    usual = [(b"host", b"localhost"), (b"accept", b"*/*"), (b"user-agent", wire.USER_AGENT.encode())]
    if json is not None:
        usual.append((b"content-type", JSON_TYPE.encode()))
    if wire.tells_length(method, content or None) and b"transfer-encoding" not in given:
        usual.append((b"content-length", str(len(content)).encode()))
    complete = [*(pair for pair in usual if pair[0] not in given), *pairs]
    return InProcessRequest(method, raw_path, query, tuple(complete), content)


def kept_headers(headers: Headers | None) -> tuple[tuple[str, str], ...]:
    """``headers`` as pairs that nobody can change or use up any more.

    Raises:
        ConfigurationError: they are neither a mapping nor pairs.
    """
    return () if headers is None else wire.pairs_of("headers", headers)


def text_of(path: str, method: str) -> str:
    """The request for people, without credentials."""
    return redact(f"{method.upper()} {path}")


def takes(app: Callable[..., Any], arguments: int) -> bool | None:
    """Whether ``app`` can be called with so many positional arguments; None where it does not tell."""
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*range(arguments))
    except TypeError:
        return False
    return True


def _split_path(path: object) -> tuple[bytes, bytes]:
    if not isinstance(path, str) or not path.startswith("/"):
        shown = redact(path) if isinstance(path, str) else path
        raise ConfigurationError(
            f"path must start with a slash, as in '/records/7?full=1', not {shown!r}: the application is called "
            "directly, so there is no host to name"
        )
    if re.search(r"[\x00-\x1f\x7f]", path):
        raise ConfigurationError(f"path holds a control character: {redact(path)!r}")
    before_fragment = path.partition("#")[0]
    plain, _, query = before_fragment.partition("?")
    try:
        return quote(plain, safe=_PATH_SAFE).encode("ascii"), quote(query, safe=_QUERY_SAFE).encode("ascii")
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"path cannot be encoded as UTF-8: {redact(path)!r}") from error


def _encoded_header(name: object, value: object) -> tuple[bytes, bytes]:
    # Values are named by their header only: they may be credentials.
    if not isinstance(name, str) or not wire.is_token(name):
        raise ConfigurationError(f"headers: {name!r} cannot be the name of a header")
    if not isinstance(value, str):
        raise ConfigurationError(f"headers: the value of {name} must be a string, not {type(value).__name__}")
    wire.check_value(name, value)
    try:
        return name.lower().encode("ascii"), value.strip(" \t").encode("latin-1")
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"headers: the value of {name} holds characters outside Latin-1") from error
