"""CPU time of a GET in its client, the kernel's included, for Paceline and for redis-py.

A rate cannot be more than the server gives; this asks for no server. It wants a quiet machine all the same: beside
other work redis-py, which is nearly all Python, gets dearer by more than what is mostly the kernel's.

Fifty connections of loopback lead to peers in the same thread. In turns, all peers reply, which is not timed, and the
client reads these replies and sends its next commands, which is: by the thread's own clock of CPU time. What is told is
the 5th percentile of the turns.
"""

import asyncio
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine
from pathlib import Path

import uvloop

from paceline import CacheTarget
from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.closed_loop import ClosedLoopDrive
from paceline.engine.drive import Load
from paceline.targets.lanes import Lane

_CONNECTIONS = 50
_TURNS = 200
_WARM_UP = 20
_REPLY = b"$100\r\n" + b"x" * 100 + b"\r\n"
_FOREVER_S = 1e6
_GREETING_S = 20.0
_RECEIVED_AT_ONCE = 65_536

SIDES = ("paceline", "redis-py on asyncio's loop", "redis-py on uvloop")


def cpu_us(side: str) -> float:
    """Of a GET of that side, in a process of its own."""
    command = [sys.executable, "-m", "bench.cache_cpu", side]
    ended = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True, check=True)
    return float(ended.stdout)


class Peers:
    """The other ends: threads answer what connections begin with; the first GET of each is left for :meth:`turns`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_CONNECTIONS)
        self.port: int = self._listener.getsockname()[1]
        self._asking: list[socket.socket] = []
        self._all_ask = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            peer, _ = self._listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._greet, args=(peer,), daemon=True).start()

    def _greet(self, peer: socket.socket) -> None:
        while data := peer.recv(_RECEIVED_AT_ONCE):
            if b"\r\nGET\r\n" in data:
                self._loop.call_soon_threadsafe(self._asks, peer)
                return
            peer.sendall(b"+PONG\r\n" if b"PING" in data else b"+OK\r\n" * max(data.count(b"SETINFO"), 1))

    def _asks(self, peer: socket.socket) -> None:
        self._asking.append(peer)
        if len(self._asking) == _CONNECTIONS:
            self._all_ask.set()

    async def turns(self) -> float:
        """Microseconds of CPU a GET."""
        async with asyncio.timeout(_GREETING_S):
            await self._all_ask.wait()
        readable = select.poll()
        for peer in self._asking:
            readable.register(peer, select.POLLIN)
        taken_s = sorted([await self._turn(readable) for _ in range(_TURNS + _WARM_UP)][_WARM_UP:])
        return 1e6 * taken_s[_TURNS // 20] / _CONNECTIONS

    async def _turn(self, readable: select.poll) -> float:
        for peer in self._asking:
            peer.sendall(_REPLY)
        taken_s = 0.0
        while len(readable.poll(0)) < _CONNECTIONS:
            begun_s = time.thread_time()
            await asyncio.sleep(0)
            taken_s += time.thread_time() - begun_s
        for peer in self._asking:
            peer.recv(_RECEIVED_AT_ONCE)
        return taken_s


async def _paceline() -> float:
    peers = Peers()
    lanes = CacheTarget(f"redis://127.0.0.1:{peers.port}", "get").lanes(SYSTEM_CLOCK)
    ready: list[Lane] = [*await lanes.open(_CONNECTIONS)]
    drive = ClosedLoopDrive(lanes, ready, Load(duration_s=_FOREVER_S, workers=_CONNECTIONS), SYSTEM_CLOCK)
    lanes.attach(drive)
    drive.begin()
    drive.start()
    return await peers.turns()


async def _redis_py() -> float:
    import redis.asyncio

    peers = Peers()
    client = redis.asyncio.Redis(port=peers.port, max_connections=_CONNECTIONS, protocol=2)

    async def user(number: int) -> None:
        while True:
            await client.get(f"peer:{number}")

    users = [asyncio.create_task(user(number)) for number in range(_CONNECTIONS)]
    taken_us = await peers.turns()
    assert not any(each.done() for each in users)
    return taken_us


def _coroutine(side: str) -> Coroutine[None, None, float]:
    return _paceline() if side == SIDES[0] else _redis_py()


async def _told(side: str) -> None:
    print(await _coroutine(side), flush=True)
    os._exit(0)  # redis-py would wait for replies that nobody sends any more


if __name__ == "__main__":
    asked = sys.argv[1]
    (asyncio if asked == SIDES[1] else uvloop).run(_told(asked))
