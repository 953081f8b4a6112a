"""Connections to nobody: what a generator sees of them is what it would see of a server that answers at once."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from paceline.wire.dry import DryDialer
from paceline.wire.endpoint import split_url
from paceline.wire.tally import Tally
from tests.fakes import ManualClock
from tests.unit.wire.wires import GET, HEAD, OK, POST, FakePeer

ENDPOINT = split_url("https://no-such-host.invalid/", None).endpoint


async def _dialled(peer: FakePeer, *, keep_alive: bool = True, keeps: bool = False) -> tuple[Any, Tally]:
    tally = Tally()
    dialer = DryDialer(ENDPOINT, tally, ManualClock(tick_s=0.001).now_s, keep_alive=keep_alive)
    await dialer.resolve()
    return await dialer.dial(peer, keeps=keeps), tally


def _run(what: Callable[[], Any]) -> None:
    asyncio.run(what())


@pytest.mark.parametrize("request_", [GET, HEAD, POST])
def test_each_request_is_answered_in_the_next_turn(request_: Any) -> None:
    async def load() -> None:
        peer = FakePeer()
        connection, tally = await _dialled(peer)
        for sent in range(1, 4):
            connection.send(request_)
            assert len(peer.told) == sent - 1  # never before it has returned
            await asyncio.sleep(0)
            assert peer.told == [OK] * sent
            assert connection.usable
        assert tally.statuses == {200: 3}
        assert tally.sent_bytes == 3 * len(request_.data)
        assert tally.connections == 1

    _run(load)


def test_a_connection_that_is_not_kept_is_closed_by_its_answer() -> None:
    async def load() -> None:
        peer = FakePeer()
        connection, tally = await _dialled(peer, keep_alive=False)
        connection.send(GET)
        await asyncio.sleep(0)
        assert peer.told == [OK]
        assert not connection.usable
        assert tally.closed_by_server == 1

    _run(load)


def test_what_is_under_way_when_it_is_closed_is_not_answered() -> None:
    async def load() -> None:
        peer = FakePeer()
        connection, _ = await _dialled(peer)
        connection.send(GET)
        connection.abort()
        connection.abort()
        await asyncio.sleep(0)
        assert peer.told == []

    _run(load)


def test_the_answer_is_kept_where_it_is_wanted() -> None:
    async def load() -> None:
        peer = FakePeer()
        connection, _ = await _dialled(peer, keeps=True)
        connection.send(GET)
        await asyncio.sleep(0)
        assert connection.kept.endswith(b"\r\n\r\nok")

    _run(load)
