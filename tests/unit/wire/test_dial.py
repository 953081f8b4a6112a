"""Real servers on loopback: what connects, and what each failure is called."""

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme

from paceline.core.clock import SYSTEM_CLOCK
from paceline.wire.connection import Connection
from paceline.wire.dial import Dialer
from paceline.wire.endpoint import Endpoint, split_url
from paceline.wire.failure import CLOSED, CONNECT, DNS, MALFORMED, REFUSED, RESET, TIMEOUT, TLS, WireError
from paceline.wire.tally import Tally
from paceline.wire.tls import TlsOptions
from tests.unit.wire.servers import (
    LOOPS,
    Handler,
    answering,
    full,
    open_sockets,
    refusing,
    run_on,
    serving,
    silent,
    until,
)
from tests.unit.wire.wires import GET, OK, FakePeer

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
ENDED = {CLOSED, RESET}  # which of them is the system's choice


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return partial(run_on, request.param)


class Peer(FakePeer):
    """Can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.event = asyncio.Event()

    def answered(self, end_s: float, first_s: float | None) -> None:
        super().answered(end_s, first_s)
        self.event.set()

    def failed(self, failure: WireError, first_s: float | None) -> None:
        super().failed(failure, first_s)
        self.event.set()

    def lost(self, *, resend: bool) -> None:
        super().lost(resend=resend)
        self.event.set()


def dialer_to(
    port: int,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    unix_socket: str | None = None,
    connect_timeout_s: float = 20.0,
) -> Dialer:
    endpoint = Endpoint("http" if tls is None else "https", host, port or 1, unix_socket)
    return Dialer(endpoint, tls, connect_timeout_s, Tally(), SYSTEM_CLOCK.now_s)


async def asked(dialer: Dialer) -> Peer:
    """One request over a connection of its own."""
    peer = Peer()
    connection = await dialer.dial(peer)
    connection.send(GET)
    await peer.event.wait()
    connection.abort()
    return peer


async def failure_of_dialling(dialer: Dialer) -> WireError:
    with pytest.raises(WireError) as caught:
        await dialer.dial(Peer())
    return caught.value


def test_a_request_is_answered_and_the_phases_are_timed(run: Run) -> None:
    async def main() -> None:
        async with serving(answering()) as port:
            dialer = dialer_to(port)
            assert (await asked(dialer)).told == [OK]
            assert (await asked(dialer)).told == [OK]
        tally = dialer.tally
        assert (len(tally.dns_ns), len(tally.connect_ns), len(tally.tls_ns)) == (1, 2, 0)
        assert (tally.connections, tally.statuses) == (2, {200: 2})

    run(main)


def test_the_zone_of_an_address_is_kept(run: Run) -> None:
    async def main() -> None:
        zone, number = "lo", socket.if_nametoindex("lo")
        dialer = dialer_to(80, split_url(f"http://[fe80::1%25{zone}]/").endpoint.host)
        await dialer.resolve()
        assert dialer._addresses == [(socket.AF_INET6, ("fe80::1", 80, 0, number))]
        nowhere = dialer_to(80, "fe80::1%nowhere0")
        with pytest.raises(WireError) as caught:
            await nowhere.resolve()
        assert caught.value.kind == DNS

    run(main)


def test_a_name_is_resolved(run: Run) -> None:
    async def main() -> None:
        async with serving(answering(), host="localhost") as port:
            assert (await asked(dialer_to(port, "localhost"))).told == [OK]

    run(main)


def test_ipv6(run: Run) -> None:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 on loopback: {error}")

    async def main() -> None:
        async with serving(answering(), host="::1") as port:
            assert (await asked(dialer_to(port, "::1"))).told == [OK]

    run(main)


def test_a_unix_socket(run: Run) -> None:
    async def main() -> None:
        with tempfile.TemporaryDirectory() as folder:  # shorter than tmp_path: the system's limit is 107 bytes
            path = f"{folder}/s"
            async with serving(answering(), unix=path):
                dialer = dialer_to(0, unix_socket=path)
                assert (await asked(dialer)).told == [OK]
                assert dialer.tally.dns_ns == []
            failure = await failure_of_dialling(dialer_to(0, unix_socket=f"{folder}/none"))
            assert (failure.kind, "no such socket" in failure.message) == (CONNECT, True)

    run(main)


def test_a_refused_port(run: Run) -> None:
    async def main() -> None:
        with refusing() as port:
            failure = await failure_of_dialling(dialer_to(port))
            assert (failure.kind, failure.message) == (REFUSED, f"nobody listens at http://127.0.0.1:{port}")

    run(main)


def test_a_name_that_nobody_knows(run: Run) -> None:
    async def main() -> None:
        dialer = dialer_to(80, "nobody.invalid")
        assert (await failure_of_dialling(dialer)).kind == DNS
        with pytest.raises(WireError, match=r"nobody\.invalid") as caught:
            await dialer.resolve()
        assert caught.value.kind == DNS

    run(main)


def test_a_full_queue_is_a_timeout(run: Run) -> None:
    async def main() -> None:
        with full() as port:
            failure = await failure_of_dialling(dialer_to(port, connect_timeout_s=0.05))
            assert failure.kind == TIMEOUT
            assert "within 0.05 s" in failure.message

    run(main)


def test_a_dial_that_is_cancelled_leaves_nothing(run: Run) -> None:
    async def main() -> None:
        with full() as port:
            before = open_sockets()
            dialing = asyncio.create_task(dialer_to(port).dial(Peer()))
            await until(lambda: open_sockets() > before)
            dialing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await dialing
            assert open_sockets() == before

    run(main)


def test_the_address_that_accepts_is_the_first_from_then_on(run: Run) -> None:
    """Also while others are being connected: each tries all addresses."""

    async def main() -> None:
        with refusing() as refused:
            async with serving(answering()) as port:
                dialer = dialer_to(port)
                dialer._addresses = [(socket.AF_INET, ("127.0.0.1", each)) for each in (refused, port, refused)]
                connections = await asyncio.gather(*(dialer.dial(Peer()) for _ in range(50)))
                for connection in connections:
                    connection.abort()
                assert dialer._addresses[0] == (socket.AF_INET, ("127.0.0.1", port))
                assert len(dialer._addresses) == 3

    run(main)


def test_the_last_address_that_refuses_is_what_is_said(run: Run) -> None:
    async def main() -> None:
        with refusing() as first, refusing() as second:
            dialer = dialer_to(first)
            dialer._addresses = [(socket.AF_INET, ("127.0.0.1", each)) for each in (first, second)]
            assert (await failure_of_dialling(dialer)).kind == REFUSED

    run(main)


def test_a_connection_lost_before_it_is_handed_out_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody would ever be told of its end."""

    class Loop:
        async def create_connection(self, factory: Callable[[], Any], *, sock: socket.socket) -> None:
            connection = factory()
            connection.connection_made(None)
            connection.connection_lost(None)
            sock.close()

    async def main() -> None:
        dialer = dialer_to(1)
        dialer._addresses = [(socket.AF_INET, ("127.0.0.1", 1))]

        async def connected() -> socket.socket:
            return socket.socket()

        monkeypatch.setattr(dialer, "_connected", connected)
        monkeypatch.setattr(asyncio, "get_running_loop", Loop)
        with pytest.raises(WireError) as caught:
            await dialer._open(Connection(Peer(), dialer.tally, lambda: 0.0, dialer.buffer), again=False)
        assert caught.value.kind == CLOSED
        assert (dialer.tally.connections, dialer.tally.reopened) == (0, 0)
        monkeypatch.undo()

    run_on("asyncio", main)


# Encryption.


class Certificates:
    """An authority, a server's context, files for the client."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        trustme.CA().cert_pem.write_to_path(folder / "other.pem")
        authority.issue_cert("client").private_key_and_cert_chain_pem.write_to_path(folder / "client.pem")
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self.server)
        self.demanding = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self.demanding)
        authority.configure_trust(self.demanding)
        self.demanding.verify_mode = ssl.CERT_REQUIRED
        self.elsewhere = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("elsewhere.example").configure_cert(self.elsewhere)
        self.ca, self.other, self.client = (f"{folder}/{name}.pem" for name in ("ca", "other", "client"))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_https_with_an_authority_of_its_own(run: Run, certificates: Certificates) -> None:
    async def main() -> None:
        async with serving(answering(), tls=certificates.server) as port:
            for options in (TlsOptions(certificates.ca), TlsOptions(insecure=True)):
                dialer = dialer_to(port, tls=options.context())
                assert (await asked(dialer)).told == [OK]
                assert (len(dialer.tally.connect_ns), len(dialer.tally.tls_ns)) == (1, 1)
            for untrusting in (TlsOptions(certificates.other), TlsOptions()):
                failure = await failure_of_dialling(dialer_to(port, tls=untrusting.context()))
                assert (failure.kind, "not trusted" in failure.message) == (TLS, True)
        async with serving(answering(), tls=certificates.elsewhere) as port:
            failure = await failure_of_dialling(dialer_to(port, tls=TlsOptions(certificates.ca).context()))
            assert (failure.kind, "127.0.0.1" in failure.message) == (TLS, True)

    run(main)


def test_https_with_a_certificate_of_the_client(run: Run, certificates: Certificates) -> None:
    async def main() -> None:
        async with serving(answering(), tls=certificates.demanding) as port:
            context = TlsOptions(certificates.ca, certificates.client).context()
            assert (await asked(dialer_to(port, tls=context))).told == [OK]
            # In TLS 1.3 the client has finished its handshake before the server refuses it.
            try:
                told = (await asked(dialer_to(port, tls=TlsOptions(certificates.ca).context()))).told
            except WireError as failure:
                told = [failure.kind]
            assert told[0] in {TLS, *ENDED}  # asyncio's server closes without a word

    run(main)


def test_a_server_that_says_that_it_wants_a_certificate(run: Run, certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            accepted, _ = listening.accept()
            with accepted, contextlib.suppress(ssl.SSLError):
                certificates.demanding.wrap_socket(accepted, server_side=True).close()

        async def main() -> None:
            refusal = asyncio.create_task(asyncio.to_thread(refuse))
            try:
                told = (await asked(dialer_to(port, tls=TlsOptions(certificates.ca).context()))).told
            except WireError as failure:
                told = [failure.kind]
            assert told[0] in {TLS, RESET}  # the alert, unless the reset behind it was faster
            await refusal

        port = listening.getsockname()[1]
        run(main)


def test_a_large_request_over_tls(run: Run, certificates: Certificates) -> None:
    async def main() -> None:
        async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1_000_000)
            await answering(times=0)(reader, writer)

        async with serving(whole, tls=certificates.server) as port:
            peer = Peer()
            connection = await dialer_to(port, tls=TlsOptions(certificates.ca).context()).dial(peer)
            connection.send(type(GET)(b"x" * 1_000_000, 0, is_head=False, repeatable=False))
            await peer.event.wait()
            assert peer.told[0] in ENDED
            connection.abort()

    run(main)


def test_https_to_a_server_without_it(run: Run, certificates: Certificates) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def main() -> None:
        async with serving(plain) as port:
            failure = await failure_of_dialling(dialer_to(port, tls=TlsOptions(certificates.ca).context()))
            assert (failure.kind, "http://" in failure.message) == (TLS, True)

    run(main)


def test_http_to_a_server_of_https(run: Run, certificates: Certificates) -> None:
    async def main() -> None:
        async with serving(answering(), tls=certificates.server) as port:
            assert (await asked(dialer_to(port))).told[0] in {MALFORMED, *ENDED}

    run(main)


@pytest.mark.parametrize("handler", [silent, answering(times=0)])
def test_a_server_that_never_shakes_hands(run: Run, certificates: Certificates, handler: Handler) -> None:
    async def main() -> None:
        async with serving(handler) as port:
            tls = TlsOptions(certificates.ca).context()
            limit_s = 0.05 if handler is silent else 60.0
            failure = await failure_of_dialling(dialer_to(port, tls=tls, connect_timeout_s=limit_s))
            assert failure.kind in ({TIMEOUT} if handler is silent else {RESET, TLS})

    run(main)
