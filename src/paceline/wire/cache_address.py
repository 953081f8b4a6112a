"""Which cache: its URL taken apart, its credentials kept out of sight."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import HIDDEN
from paceline.wire.endpoint import CACHE_PORTS, Endpoint, shown_url, take_apart
from paceline.wire.resp import packed

_EXAMPLE = "redis://localhost:6379/"
_UNIX = "unix://"
_DATABASE = re.compile(r"/?([0-9]{0,9})/?")
_MOST_DATABASE = 1_000_000


@dataclass(frozen=True, slots=True)
class CacheAddress:
    """A Redis or Valkey server, and what to say to it first.

    Attributes:
        endpoint: where it listens.
        database: its number.
        credentials: user (may be empty) and password; in no repr, and not compared.
    """

    endpoint: Endpoint
    database: int = 0
    credentials: tuple[str, str] | None = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """For people, without credentials: ``redis://localhost/2``."""
        endpoint = self.endpoint
        server = endpoint.text if endpoint.unix_socket is None else f"{_UNIX}{endpoint.unix_socket}"
        if not self.database:
            return server
        return f"{server}/{self.database}" if endpoint.unix_socket is None else f"{server}?db={self.database}"

    @property
    def greeting(self) -> tuple[bytes, ...]:
        """Commands that a connection begins with.

        The last is always a PING: a server that turns clients away says so only then.
        """
        commands = []
        if self.credentials is not None:
            user, password = self.credentials
            commands.append(packed("AUTH", user, password) if user else packed("AUTH", password))
        if self.database:
            commands.append(packed("SELECT", self.database))
        return (*commands, packed("PING"))


def parse_cache_url(url: str) -> CacheAddress:
    """The server that ``url`` names.

    It is ``redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]``, with TLS ``rediss://``, or
    ``unix://[[USER]:PASSWORD@]/PATH[?db=DATABASE]``; ``valkey`` and ``valkeys`` mean ``redis`` and ``rediss``.

    Raises:
        ConfigurationError: it is no such URL. The message shows no credentials.
    """
    if isinstance(url, str) and url.lower().startswith(_UNIX):
        return _unix(url)
    server = take_apart(url, CACHE_PORTS, _EXAMPLE)
    path, _, query = server.rest.partition("#")[0].partition("?")
    options = dict(parse_qsl(query))
    database = options.pop("db", None)
    if options or (database is not None and path.strip("/")):
        raise ConfigurationError(f"url {shown_url(url)!r}: of options it takes ?db=NUMBER only, or the number as path")
    endpoint = Endpoint(server.scheme, server.host, server.port)
    return CacheAddress(endpoint, _number(path if database is None else database, url), _credentials(server.user_info))


def _unix(url: str) -> CacheAddress:
    user_info, at, rest = url[len(_UNIX) :].rpartition("@")
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query))
    database = options.pop("db", "")
    if not path.startswith("/") or options:
        raise ConfigurationError(f"url {shown_url(url)!r} names no socket as in unix:///run/valkey.sock?db=0")
    endpoint = Endpoint("redis", "localhost", CACHE_PORTS["redis"], unquote(path))
    return CacheAddress(endpoint, _number(database, url), _credentials(user_info if at else None))


def _number(text: str, url: str) -> int:
    match = _DATABASE.fullmatch(text)
    if match is None or int(match[1] or 0) > _MOST_DATABASE:
        raise ConfigurationError(
            f"url {shown_url(url)!r}: the database is a number from 0, as in redis://localhost/2"
            + ("" if "@" in url else f"; what stands there is {text!r}" if HIDDEN not in text else "")
        )
    return int(match[1] or 0)


def _credentials(user_info: str | None) -> tuple[str, str] | None:
    if user_info is None:
        return None
    user, colon, password = user_info.partition(":")
    # redis-cli and redis-py take redis://SECRET@host for a user without a password, which no server lets in.
    return (unquote(user), unquote(password)) if colon else ("", unquote(user))
