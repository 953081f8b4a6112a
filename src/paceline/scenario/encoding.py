"""Calls of the client as requests for the wire."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypedDict
from urllib.parse import urlencode

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.wire import body as bodies
from paceline.wire import request as wire
from paceline.wire.endpoint import Endpoint, encode_target, split_url, without_fragment
from paceline.wire.request import Headers, Prepared

MOST_NAMES = 100
MOST_PLAIN = 10_000  # requests kept ready; beyond, paths are most likely made of counters
OTHER = "(other)"
# Not Mapping[str, Scalar]: mypy would take {"a": "1", "b": 2} for a mapping of objects.
Pairs = Mapping[str, Any] | Iterable[tuple[str, Any]]


class Options(TypedDict, total=False):
    """What a request may have.

    Attributes:
        name: under which it is reported; by default method and path without its query.
        headers: besides the scenario's; they win over them.
        params: added to the query.
        body: text or bytes.
        json: sent as JSON.
        form: sent as a form.
        expect: the statuses that count as ok; by default all below 400.
        follow_redirects: whether an answer that names another place is followed; by default as the scenario says.
    """

    name: str | None
    headers: Headers | None
    params: Pairs | None
    body: str | bytes | None
    json: Any
    form: Pairs | None
    expect: int | Collection[int] | None
    follow_redirects: bool | None


class Requests:
    """Makes the requests of all users of a scenario.

    Args:
        endpoint: the server.
        prefix: put before every path.
        headers: sent with every request.

    Attributes:
        endpoint: the server.
        part_names: names of requests in the order they were first sent; grows.
        plain: requests without anything but a path, by path: GET, no cookies.
        own_cookies: whether ``headers`` name cookies, so that none are added.
    """

    def __init__(self, endpoint: Endpoint, prefix: str, headers: tuple[tuple[str, str], ...]) -> None:
        self.endpoint = endpoint
        self._prefix = prefix
        self._headers = headers
        self._names_sent = {name.lower() for name, _ in headers}
        line, _, rest = wire.encode_request("GET", "/", endpoint.authority, headers).partition(b"\r\n")
        assert line == b"GET / HTTP/1.1"
        self._fixed = rest[: -len(b"\r\n")]
        self._numbers: dict[str, int] = {}
        self.part_names: list[str] = []
        self.plain: dict[str, Prepared] = {}
        self.own_cookies = "cookie" in self._names_sent

    def part(self, name: str) -> int:
        """The number of ``name``; of ``(other)`` when there are too many names."""
        number = self._numbers.get(name)
        if number is None:
            if len(self._numbers) >= MOST_NAMES and name != OTHER:
                return self.part(OTHER)
            number = self._numbers[name] = len(self.part_names)
            self.part_names.append(redact(name))
        return number

    def target(self, path: str, params: Pairs | None = None) -> str:
        """``path`` as a request names it.

        Raises:
            ConfigurationError: it is none, or one of another server.
        """
        if not isinstance(path, str):
            raise ConfigurationError(f"path must be a text such as '/records/7', not {type(path).__name__}")
        if path.startswith("/"):
            target = self._prefix + without_fragment(path)
        elif "://" in path:
            target = self._own(path)
        else:
            raise ConfigurationError(f"path must begin with '/', as in '/records/7', not {redact(repr(path))}")
        if params:
            target += ("&" if "?" in target else "?") + _encoded(params, "params")
        return encode_target(target)

    def _own(self, url: str) -> str:
        endpoint, target, _ = split_url(url)
        mine = self.endpoint
        if (endpoint.scheme, endpoint.host, endpoint.port) != (mine.scheme, mine.host, mine.port):
            raise ConfigurationError(
                f"{endpoint.text} is another server: the requests of a scenario go to {mine.text} only"
            )
        return target

    def name(self, method: str, target: str) -> str:
        """The name of a request that was given none."""
        path = target.partition("?")[0]
        return f"{method} {path.removeprefix(self._prefix) or '/'}"

    def prepared(self, method: str, target: str, part: int, options: Options, cookies: str) -> Prepared:
        """A request.

        Raises:
            ConfigurationError: something in it cannot be sent.
        """
        body, content_type = _body(options)
        head = self._fixed
        names = self._names_sent
        own = wire.header_pairs(options.get("headers"))
        if own:
            names = {name.lower() for name, _ in own}
            kept = tuple(pair for pair in self._headers if pair[0].lower() not in names)
            names |= self._names_sent
            encoded = wire.encode_request("GET", "/", self.endpoint.authority, own + kept)
            head = encoded.partition(b"\r\n")[2][: -len(b"\r\n")]
        lines = [f"{method} {target} HTTP/1.1\r\n".encode("ascii"), head]
        if cookies and "cookie" not in names:
            lines.append(f"Cookie: {cookies}\r\n".encode("latin-1"))
        if content_type is not None and "content-type" not in names:
            lines.append(f"Content-Type: {content_type}\r\n".encode())
        if wire.tells_length(method, body):
            lines.append(b"Content-Length: %d\r\n" % len(body or b""))
        data = b"".join((*lines, b"\r\n", body or b""))
        return Prepared(data, part, method == "HEAD", method in wire.IDEMPOTENT_METHODS)


def _body(options: Options) -> tuple[bytes | None, str | None]:
    body, json, form = options.get("body"), options.get("json"), options.get("form")
    bodies.check_one_body(body=body, json=json, form=form)
    if form is not None:
        return _encoded(form, "form").encode(), bodies.FORM_TYPE
    return bodies.plain_body(body, json), bodies.JSON_TYPE if json is not None else None


def _encoded(pairs: Pairs, what: str) -> str:
    try:
        return urlencode(wire.pairs_of(what, pairs))
    except UnicodeEncodeError:
        raise ConfigurationError(f"{what} holds a lone surrogate, which no UTF-8 can say") from None
