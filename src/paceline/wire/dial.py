"""Opening connections: name, TCP or Unix socket, TLS; each phase timed, each failure named."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast

from paceline.wire.connection import BUFFER_BYTES, Connection, Peer
from paceline.wire.endpoint import Endpoint
from paceline.wire.failure import CLOSED, TIMEOUT, WireError, failure_of
from paceline.wire.familiar import Familiar
from paceline.wire.tally import Tally, nanoseconds

_Address = tuple[int, tuple[Any, ...] | str]  # family, and what connect() takes
_T = TypeVar("_T")


class Connectable(Protocol):
    """An :class:`asyncio.BaseProtocol` that says what has become of it.

    Attributes:
        usable: whether it is connected.
    """

    usable: bool


class Dialer:
    """Opens connections to one endpoint.

    The host is resolved once: a load is to measure the server, not the resolver; a run that outlives a change of
    the address goes on with the old one.

    Args:
        endpoint: where to.
        tls: for https, else None.
        connect_timeout_s: limit for name, TCP and TLS together.
        tally: counts and times them.
        now_s: the clock.

    Attributes:
        buffer: to receive into, shared by all connections.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        tls: ssl.SSLContext | None,
        connect_timeout_s: float,
        tally: Tally,
        now_s: Callable[[], float],
    ) -> None:
        self.endpoint = endpoint
        self._tls = tls
        self.connect_timeout_s = connect_timeout_s
        self._now_s = now_s
        self._addresses: list[_Address] = []
        self.buffer = memoryview(bytearray(BUFFER_BYTES))
        self._familiar = Familiar()
        self.tally = tally

    async def dial(self, peer: Peer, *, keeps: bool = False, again: bool = False) -> Connection:
        """A new connection for ``peer``; ``again``: in place of one that was lost.

        Raises:
            WireError: there is none; its kind says why.
        """
        connection = Connection(peer, self.tally, self._now_s, self.buffer, keeps=keeps, familiar=self._familiar)
        await self.open(connection, again=again)
        return connection

    async def open(self, connection: Connectable, *, again: bool = False) -> None:
        """Connect ``connection``; ``again``: in place of one that was lost.

        Raises:
            WireError: it cannot be connected; its kind says why.
        """
        await self._within_limit(self._open(connection, again=again))

    async def resolve(self) -> None:
        """Look the host up, before many connections are opened that would each do so.

        Raises:
            WireError: it cannot be found.
        """
        await self._within_limit(self._resolve())

    async def _within_limit(self, doing: Coroutine[None, None, _T]) -> _T:
        try:
            async with asyncio.timeout(self.connect_timeout_s):
                return await doing
        except TimeoutError as error:
            limit = f"within {self.connect_timeout_s:g} s"
            raise WireError(TIMEOUT, f"no connection to {self.endpoint.text} {limit}") from error
        except (OSError, WireError) as error:
            raise failure_of(error, self.endpoint.text) from error

    async def _open(self, connection: Connectable, *, again: bool) -> None:
        if not self._addresses:
            await self._resolve()
        begun_s = self._now_s()
        plain = await self._connected()
        self.tally.connect_ns.append(nanoseconds(self._now_s() - begun_s))
        loop = asyncio.get_running_loop()
        # No Protocol can say that it is of asyncio's class.
        protocol = cast("asyncio.BaseProtocol", connection)
        try:
            if self._tls is None:
                await loop.create_connection(lambda: protocol, sock=plain)
            else:
                begun_s = self._now_s()
                name = self.endpoint.host.partition("%")[0]  # no certificate names this machine's zones
                await loop.create_connection(lambda: protocol, sock=plain, ssl=self._tls, server_hostname=name)
                self.tally.tls_ns.append(nanoseconds(self._now_s() - begun_s))
        except BaseException:
            plain.close()
            raise
        if not connection.usable:  # nobody will be told that it was lost: that has happened
            raise WireError(CLOSED, f"{self.endpoint.text} closed the connection as soon as it was open")
        self.tally.opened(again=again)

    async def _resolve(self) -> None:
        if self.endpoint.unix_socket is not None:
            self._addresses = [(socket.AF_UNIX, self.endpoint.unix_socket)]
            return
        begun_s = self._now_s()
        loop = asyncio.get_running_loop()
        host, port = self.endpoint.host, self.endpoint.port
        if "%" in host:
            # An address with a zone, which uvloop's would drop. Nobody is asked for what is a number already.
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        else:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        self.tally.dns_ns.append(nanoseconds(self._now_s() - begun_s))
        self._addresses = [(family, address) for family, _, _, _, address in found]

    async def _connected(self) -> socket.socket:
        """A connected socket, to the first address that accepts; later ones begin with that one."""
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        for number, (family, address) in enumerate(addresses := tuple(self._addresses)):
            plain = socket.socket(family, socket.SOCK_STREAM)
            try:
                plain.settimeout(0.0)
                if family != socket.AF_UNIX:
                    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(plain, address)
            except OSError as error:
                plain.close()
                failure = error
                continue
            except BaseException:
                plain.close()
                raise
            if number:
                # Others are at it meanwhile: not in place.
                self._addresses = [addresses[number], *addresses[:number], *addresses[number + 1 :]]
            return plain
        assert failure is not None
        raise failure
