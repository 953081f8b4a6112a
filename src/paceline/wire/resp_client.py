"""A blocking client for what is not measured: filling a cache, its own counters, cleaning up."""

import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import Any, Self, TypeVar

from paceline.wire.cache_address import CacheAddress
from paceline.wire.failure import CLOSED, MALFORMED, TIMEOUT, WireError, failure_of
from paceline.wire.resp import Reply, packed, reader_of_replies
from paceline.wire.resp_error import failure_of_reply

_Kind = TypeVar("_Kind")
_RECEIVED_AT_ONCE = 65_536


class RespClient:
    """One blocking connection; close it after use, as a context manager or by :meth:`close`.

    Args:
        address: the server.
        tls: of ``rediss``, else None.
        timeout_s: for connecting, and for each reply.

    Raises:
        WireError: it cannot be reached, or lets nobody in.
        ConfigurationError: the package that parses replies is not installed.
    """

    def __init__(self, address: CacheAddress, tls: ssl.SSLContext | None, timeout_s: float) -> None:
        self._reader, self._protocol_error = reader_of_replies()
        self._timeout_s = timeout_s
        self._where = address.text
        try:
            self._socket = _connected(address, tls, timeout_s)
        except TimeoutError as error:
            raise WireError(TIMEOUT, f"no connection to {self._where} within {timeout_s:g} s") from error
        except OSError as error:
            raise failure_of(error, self._where) from error
        try:
            self.ask(*address.greeting)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, timeout_s: float) -> None:
        """From now on wait so long for a reply."""
        self._timeout_s = timeout_s
        self._socket.settimeout(timeout_s)

    def call(self, *words: str | bytes | int) -> Reply:
        """The reply to one command.

        Raises:
            WireError: there is none, or it is an error.
        """
        return self.ask(packed(*words))[0]

    def expect(self, kind: type[_Kind], *words: str | bytes | int) -> _Kind:
        """The same, where only a reply of this kind makes sense.

        Raises:
            WireError: there is none, it is an error, or another kind.
        """
        reply = self.call(*words)
        if not isinstance(reply, kind):
            raise WireError(MALFORMED, f"{self._where} replied a {type(reply).__name__} to {words[0]!r}")
        return reply

    def ask(self, *commands: bytes) -> list[Reply]:
        """The replies to several commands, which are sent in one piece.

        Raises:
            WireError: one is missing, or is an error; the first that is.
        """
        replies = self._exchange(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise failure_of_reply(reply)
        return replies

    def _exchange(self, commands: Sequence[bytes]) -> list[Reply]:
        try:
            self._socket.sendall(b"".join(commands))
            return [self._reply() for _ in commands]
        except TimeoutError as error:
            raise WireError(TIMEOUT, f"no reply from {self._where} within {self._timeout_s:g} s") from error
        except OSError as error:
            raise failure_of(error, self._where) from error
        except self._protocol_error as error:
            raise WireError(MALFORMED, f"the reply of {self._where} is no valid RESP: {error}") from error

    def _reply(self) -> Reply:
        while (reply := self._reader.gets()) is False:
            received = self._socket.recv(_RECEIVED_AT_ONCE)
            if not received:
                raise WireError(CLOSED, f"{self._where} closed the connection before it replied")
            self._reader.feed(received)
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def server_information(text: bytes) -> dict[str, str]:
    """What INFO replies, by name."""
    lines = text.decode(errors="replace").splitlines()
    pairs: Iterable[Any] = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name: value for name, colon, value in pairs if colon}


def _connected(address: CacheAddress, tls: ssl.SSLContext | None, timeout_s: float) -> socket.socket:
    endpoint = address.endpoint
    if endpoint.unix_socket is not None:
        plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        plain.settimeout(timeout_s)
        try:
            plain.connect(endpoint.unix_socket)
        except BaseException:
            plain.close()
            raise
        return plain
    plain = socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_s)
    if tls is None:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain
    try:
        return tls.wrap_socket(plain, server_hostname=endpoint.host.partition("%")[0])
    except BaseException:
        plain.close()
        raise
