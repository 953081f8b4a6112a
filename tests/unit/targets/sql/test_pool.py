"""The pool: nothing is lost, nobody waits for ever, who waits longest is served first."""

import asyncio
import threading

import pytest

from paceline.core.errors import AttemptFailed
from paceline.targets.sql import pool as pools
from paceline.targets.sql.pool import AsyncPool, Pool
from tests.waiting import wait_for


def test_connections_are_opened_up_to_the_size_and_then_waited_for() -> None:
    made = iter(range(10))
    pool = Pool(lambda: next(made), 2, 30.0)
    assert [pool.wait(), pool.wait()] == [0, 1]
    got: list[object] = []
    thread = threading.Thread(target=lambda: got.append(pool.wait()))
    thread.start()
    wait_for(lambda: len(pool._waiters) == 1)
    pool.give_back(1)
    thread.join()
    assert got == [1]
    assert pool.free == []


def test_who_waits_longest_is_served_first() -> None:
    pool = Pool(object, 1, 30.0)
    only = pool.wait()
    order: list[int] = []

    def work(number: int) -> None:
        connection = pool.wait()
        order.append(number)
        pool.give_back(connection)

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        wait_for(lambda number=number: len(pool._waiters) == number + 1)  # type: ignore[misc]
    pool.give_back(only)
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]
    assert pool.free == [only]


def test_many_threads_share_few_connections() -> None:
    pool = Pool(object, 3, 30.0)
    in_use: set[object] = set()

    def work() -> None:
        for _ in range(300):
            try:
                connection = pool.free.pop()
            except IndexError:
                connection = pool.wait()
            assert connection not in in_use
            in_use.add(connection)
            in_use.discard(connection)
            pool.give_back(connection)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pool.free)) == pool.opened <= 3


def test_an_exhausted_pool_says_so() -> None:
    pool = Pool(object, 1, 0.01)
    pool.wait()
    with pytest.raises(AttemptFailed, match=r"none of 1 connections was free within 0\.01 s") as raised:
        pool.wait()
    assert raised.value.kind == "no free connection"
    assert not pool._waiters


def test_a_connection_that_cannot_be_opened_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "PAUSE_S", 0.0)

    def fail() -> object:
        raise AttemptFailed("lost connection", "refused")

    pool = Pool(fail, 1, 30.0)
    for _ in range(3):
        with pytest.raises(AttemptFailed, match="refused"):
            pool.wait()
    assert pool.opened == 0


def test_tasks_wait_in_turn_and_a_cancelled_one_loses_nothing() -> None:
    async def run() -> None:
        async def open_one() -> object:
            return object()

        pool = AsyncPool(open_one, 1, 30.0)
        only = await pool.wait()
        order: list[int] = []

        async def work(number: int) -> None:
            connection = await pool.wait()
            order.append(number)
            pool.give_back(connection)

        tasks = [asyncio.create_task(work(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        pool.give_back(only)
        tasks[0].cancel()  # served, and gone before it could take it
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == [2, 3]
        assert pool.free == [only]

    asyncio.run(run())


def test_tasks_do_not_wait_for_ever() -> None:
    async def run() -> None:
        async def open_one() -> object:
            return object()

        pool = AsyncPool(open_one, 1, 0.01)
        connection = await pool.wait()
        with pytest.raises(AttemptFailed, match="none of 1 connections"):
            await pool.wait()
        pool.lost()
        assert await pool.wait() is not connection

    asyncio.run(run())
