"""Where requests go: URLs taken apart, without their credentials."""

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, unquote

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import HIDDEN, redact

DEFAULT_PORTS = {"http": 80, "https": 443}
CACHE_PORTS = {"redis": 6379, "valkey": 6379, "rediss": 6379, "valkeys": 6379}
_ALL_PORTS = {**DEFAULT_PORTS, **CACHE_PORTS}
_ENCRYPTED = frozenset({"https", "rediss", "valkeys"})
_MOST_PORT = 65_535
_MOST_SOCKET_PATH_BYTES = 107  # sun_path has 108, one for the final NUL
_MOST_HOST_CHARACTERS = 253  # RFC 1035
_URL = re.compile(r"(?s)(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#\\]*)(?P<target>.*)")
_HOST_AND_PORT = re.compile(r"(?:\[(?P<address>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{0,5}))?")
# Underscores are no part of host names, but of the names that container networks give.
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?")
_LIKE_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# What a request target cannot hold as it is; a percent sign stays where it begins an escape (RFC 3986).
_TO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|[^!-~]|[\"<>\\^`{|}#]")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server: what a connection is made to.

    Attributes:
        scheme: ``http``, ``https``, ``redis`` or another of those above.
        host: name (IDNA-encoded) or address, IPv6 without brackets, in lower case.
        port: TCP port.
        unix_socket: path of a socket to connect to instead; host and port are still what ``Host`` says.

    Raises:
        ConfigurationError: a value is out of range; the message names it.
    """

    scheme: str
    host: str
    port: int
    unix_socket: str | None = None

    def __post_init__(self) -> None:
        if self.scheme not in _ALL_PORTS:
            raise ConfigurationError(f"scheme must be http, https, redis or rediss, not {redact(repr(self.scheme))}")
        if not isinstance(self.host, str) or not self.host or "@" in self.host or _CONTROL.search(self.host):
            raise ConfigurationError("host must be a name or an address, without credentials")
        if isinstance(self.port, bool) or not isinstance(self.port, int) or not 1 <= self.port <= _MOST_PORT:
            raise ConfigurationError(f"port must be a whole number from 1 to {_MOST_PORT}, not {self.port!r}")
        if self.unix_socket is not None:
            _check_socket_path(self.unix_socket)

    @property
    def is_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.scheme in _ENCRYPTED

    @property
    def authority(self) -> str:
        """What ``Host`` says: IPv6 in brackets, without zone; the port where it is not the scheme's own."""
        # A zone ('%eth0') is this machine's business (RFC 6874).
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == _ALL_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def text(self) -> str:
        """For people: ``http://localhost:8000``."""
        through = f" through {self.unix_socket}" if self.unix_socket is not None else ""
        return f"{self.scheme}://{self.authority}{through}"


class UrlParts(NamedTuple):
    """A URL taken apart.

    Attributes:
        endpoint: whom it names.
        target: path and query, at least ``/``; the fragment, which is never sent, is gone.
        credentials: user and password, for ``basic_authorization``. Not in the repr.
    """

    endpoint: Endpoint
    target: str
    credentials: tuple[str, str] | None

    def __repr__(self) -> str:
        return f"UrlParts({self.endpoint!r}, {redact(self.target)!r}, {HIDDEN if self.credentials else None})"


def parse_url(url: str, unix_socket: str | None = None) -> UrlParts:
    """A URL with its path and query percent-encoded, as they go into a request.

    Raises:
        ConfigurationError: it is none, or not of http or https. The message shows no credentials.
    """
    endpoint, target, credentials = split_url(url, unix_socket)
    return UrlParts(endpoint, encode_target(target), credentials)


def split_url(url: str, unix_socket: str | None = None) -> UrlParts:
    """The same with path and query as they are written: they may be a template.

    Raises:
        ConfigurationError: as of :func:`parse_url`.
    """
    server = take_apart(url, DEFAULT_PORTS, "http://localhost:8000/")
    target = without_fragment(server.rest)
    if not target.startswith("/"):
        target = "/" + target
    endpoint = Endpoint(server.scheme, server.host, server.port, unix_socket)
    return UrlParts(endpoint, target, _credentials(server.user_info) if server.user_info is not None else None)


class Server(NamedTuple):
    """A URL in raw parts; not for showing, as ``user_info`` holds credentials."""

    scheme: str
    host: str
    port: int
    user_info: str | None
    rest: str


def take_apart(url: str, ports: Mapping[str, int], example: str) -> Server:
    """A URL of one of the schemes of ``ports``, which are their default ports.

    Args:
        example: such a URL, for messages; it ends in a slash.

    Raises:
        ConfigurationError: it is none. The message shows no credentials.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"url must be a string such as {example!r}, not {type(url).__name__}")
    shown = shown_url(url)
    schemes = [scheme for scheme in ports if scheme != "valkeys"]
    if _CONTROL.search(url) is not None:
        raise ConfigurationError(f"url {shown!r} holds a line break or another control character")
    match = _URL.fullmatch(url)
    if match is None:
        # Of what has no scheme nothing says where credentials would be: the hint is for what has none.
        meant = f"; did you mean {schemes[0]}://{url}?" if shown == url and url and url[0] not in ":/ " else ""
        begins = _one_of([f"{scheme}://" for scheme in schemes])
        raise ConfigurationError(f"url {shown!r} does not begin with {begins}{meant}")
    scheme = match["scheme"].lower()
    if scheme not in ports:
        raise ConfigurationError(f"url {shown!r} is not of {_one_of(schemes)}")
    user_info, at, host_and_port = match["authority"].rpartition("@")
    parts = _HOST_AND_PORT.fullmatch(host_and_port)
    if parts is None:
        raise ConfigurationError(
            f"url {shown!r} names no host and port as in {example} or {example.replace('localhost', '[::1]')};"
            " in user and password write '/', '@', ':', '?' and '#' as %2F, %40, %3A, %3F and %23"
        )
    host = _address(parts["address"], shown) if parts["address"] is not None else _name(parts["host"], shown, scheme)
    port = int(parts["port"] or ports[scheme])
    if not 1 <= port <= _MOST_PORT:
        raise ConfigurationError(f"url {shown!r}: the port must be from 1 to {_MOST_PORT}")
    return Server(scheme, host, port, user_info if at else None, match["target"])


def _one_of(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def without_fragment(text: str) -> str:
    """``text`` up to its ``#``: what follows is the client's own affair and is not sent."""
    return text.partition("#")[0]


def encode_target(text: str) -> str:
    """Path and query for a request: what they cannot hold is percent-encoded, escapes stay as they are."""
    return _TO_ESCAPE.sub(lambda match: quote(match[0], safe=""), text)


def shown_url(url: str) -> str:
    """``url`` for a message. A password may hold any character, also where that makes a wrong URL of it."""
    scheme, separator, rest = url.rpartition("://") if url.count("://") == 1 else ("", "", url)
    if "@" in rest:
        rest = f"{HIDDEN}@{rest.rpartition('@')[2]}"
    return redact(f"{scheme}{separator}{rest}" if "@" not in scheme else f"{HIDDEN}{separator}{rest}")


def _credentials(user_info: str) -> tuple[str, str]:
    user, _, password = user_info.partition(":")
    return unquote(user), unquote(password)


def _address(text: str, shown: str) -> str:
    try:
        # '%25' is the percent sign of a zone in a URL (RFC 6874); everybody also writes it plainly.
        return str(ipaddress.IPv6Address(text.replace("%25", "%", 1)))
    except ValueError:
        raise ConfigurationError(f"url {shown!r}: what stands in brackets is no IPv6 address") from None


def _name(text: str, shown: str, scheme: str) -> str:
    if not text:
        raise ConfigurationError(f"url {shown!r} names no host: write for example {scheme}://localhost/")
    try:
        name = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if len(name.rstrip(".")) > _MOST_HOST_CHARACTERS or _HOST.fullmatch(name) is None:
        placeholder = "; placeholders can stand in its path and query only" if "{{" in text else ""
        raise ConfigurationError(f"url {shown!r}: the host is no host name{placeholder}")
    if _LIKE_IPV4.fullmatch(name) is not None:
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            raise ConfigurationError(f"url {shown!r}: the host is no IPv4 address") from None
    return name


def _check_socket_path(path: object) -> None:
    if not isinstance(path, str) or not path or "\0" in path:
        raise ConfigurationError(f"unix_socket must be the path of a socket, not {path!r}")
    if len(os.fsencode(path)) > _MOST_SOCKET_PATH_BYTES:
        raise ConfigurationError(
            f"unix_socket {path!r} has more than the {_MOST_SOCKET_PATH_BYTES} bytes a system takes: use a shorter path"
        )
