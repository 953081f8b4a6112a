import asyncio
import gc
import socket
from typing import Any

import pytest

from paceline.core.errors import MeasurementError
from paceline.records.latency import Latency
from paceline.records.outcome import AttemptEnd
from paceline.scenario.failure import RequestFailed
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from tests.unit.scenario.stage import Server, answer, opened, played, run, serving, until


def scenario(server: Server, function: Any, **options: Any) -> Scenario:
    return Scenario(function, f"http://127.0.0.1:{server.port}", **options)


async def begun(server: Server, path: str) -> None:
    """Return when the server has been asked for ``path``."""
    await until(lambda: any(line.endswith(path) for line in server.lines))


async def get(user: User) -> None:
    await user.client.get("/x")


def test_start_and_stop_are_called_once_a_user_and_their_requests_not_counted() -> None:
    called: list[str] = []

    async def start(user: User) -> None:
        called.append(f"start {user.number}")
        user.state["token"] = (await user.client.get("/login")).text

    async def stop(user: User) -> None:
        called.append(f"stop {user.number} {user.state['token']}")
        await user.client.get("/logout")

    async def main() -> None:
        async with serving() as server:
            one = scenario(server, get, on_start=start, on_stop=stop)
            async with opened(one, users=3, times=4) as (lanes, book):
                lanes.lane(0).begin()
                await book.all_released.wait()
                book.times = book.releases + 1
                book.all_released.clear()
                lanes.lane(2).begin()
                await book.all_released.wait()
            assert book.names == ["GET /x"] * 5
            assert server.lines == ["GET /login", *["GET /x"] * 4, "GET /login", "GET /x", "GET /logout", "GET /logout"]

    run(main)
    assert called == ["start 0", "start 2", "stop 0 hello", "stop 2 hello"]


def test_a_user_whose_start_fails_is_not_begun_and_tries_again() -> None:
    tries: list[int] = []

    async def start(user: User) -> None:
        tries.append(user.number)
        came = await user.client.get("/login")
        came.check("logged in", len(tries) > 1)

    async def main() -> None:
        async with serving() as server:
            book = await played(server, get, on_start=start, times=2)
        (error,) = book.errors
        assert isinstance(error, RequestFailed)
        assert (error.kind, str(error)) == ("check", "logged in")
        assert book.names == ["GET /x"]
        assert server.lines == ["GET /login", "GET /login", "GET /x"]

    run(main)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])  # two would tear the loop down
def test_what_a_stop_raises_is_told_after_all_is_closed(error: type[BaseException]) -> None:
    async def stop(user: User) -> None:
        raise error(f"user {user.number} password=hunter2")

    async def main() -> None:
        async with serving() as server:
            told = rf"on_stop of user 0 raised {error.__name__}: user 0 password=\*\*\*"
            with pytest.raises(MeasurementError, match=told):
                await played(server, get, on_stop=stop)

    run(main)


def test_what_a_user_function_raises_is_an_error_of_its_own() -> None:
    async def go(user: User) -> None:
        await user.client.get("/x")
        raise KeyError("price")

    async def main() -> None:
        async with serving() as server:
            book = await played(server, go, times=2)
        assert book.names == ["GET /x", "GET /x"]
        assert [repr(error) for error in book.errors] == ["KeyError('price')"] * 2
        frame = book.errors[0].__traceback__
        assert frame is not None
        assert frame.tb_frame.f_code is go.__code__

    run(main)


@pytest.mark.parametrize("where", ["run", "on_start"])
def test_what_is_no_exception_does_not_end_a_user_either(where: str) -> None:
    """As what ``pytest.fail`` raises; the user would be waited for in vain."""
    told: list[str] = []

    async def go(user: User) -> None:
        del user
        if not told:
            told.append(where)
            pytest.fail("no such price")

    async def main() -> None:
        async with serving() as server:
            functions = {"run": get, "on_start": None, where: go}
            book = await played(server, functions["run"] or get, on_start=functions["on_start"], times=2)
        assert [str(error) for error in book.errors] == ["no such price"]

    run(main)


def test_a_group_holds_only_what_is_not_counted() -> None:
    async def go(user: User) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(post(user))

    async def post(user: User) -> None:
        await user.client.post("/bad")

    async def main() -> None:
        async with serving(bad=None) as server:
            book = await played(server, go)
        assert (book.errors, book.kinds) == ([], ["closed"])

    run(main)


def test_a_function_that_awaits_nothing_lets_others_run() -> None:
    turns: list[int] = []

    async def go(user: User) -> None:
        turns.append(user.number)

    async def main() -> None:
        async with serving() as server, opened(scenario(server, go), users=2, times=20) as (lanes, book):
            lanes.lane(0).begin()
            lanes.lane(1).begin()
            await book.all_released.wait()
        assert turns[:4] == [0, 1, 0, 1]

    run(main)


def test_at_the_end_thinkers_wake_and_requests_are_not_begun() -> None:
    reached: list[str] = []

    async def go(user: User) -> None:
        await user.client.get("/x")
        reached.append("thinking")
        await user.think(1_000)
        reached.append("awake")
        try:
            await user.client.get("/x")
        except Exception:  # noqa: BLE001
            reached.append("caught")
        reached.append("past")

    async def main() -> None:
        async with serving() as server, opened(scenario(server, go)) as (lanes, book):
            lanes.lane(0).begin()
            await until(lambda: reached)
            assert book.names == ["GET /x"]  # reported before the pause
            lanes.finish()
            await book.all_released.wait()
        assert book.errors == []
        assert book.names == ["GET /x"]

    run(main)
    assert reached == ["thinking", "awake"]


def test_a_user_who_only_thinks_ends_too() -> None:
    async def go(user: User) -> None:
        while True:
            await user.think(1_000)

    async def main() -> None:
        async with serving() as server, opened(scenario(server, go)) as (lanes, book):
            lanes.lane(0).begin()
            await asyncio.sleep(0)
            lanes.finish()
            await book.all_released.wait()
        assert book.errors == []

    run(main)


def test_an_arrival_that_was_due_is_begun_also_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def go(user: User) -> None:
        await user.client.get("/x")
        await user.client.get("/y")

    async def main() -> None:
        async with serving() as server, opened(scenario(server, go)) as (lanes, book):
            lane = lanes.lane(0)
            lane.due_s = 1.0
            noted = book.noted

            def engine(lane: Any, *rest: Any) -> None:
                lane.due_s = float("inf")  # as an open loop says that the arrival has been reported
                noted(lane, *rest)

            monkeypatch.setattr(book, "noted", engine)
            lanes.finish()
            lane.begin()
            await book.all_released.wait()
        assert book.names == ["GET /x"]
        assert server.lines == ["GET /x"]

    run(main)


def test_what_is_under_way_when_it_is_given_up_is_a_timeout() -> None:
    async def go(user: User) -> None:
        if user.number:
            await asyncio.get_running_loop().create_future()
        await user.client.get("/never")

    async def main() -> None:
        async with serving(never=...) as server, opened(scenario(server, go), users=2, times=2) as (lanes, book):
            lanes.lane(0).begin()
            lanes.lane(1).begin()
            await begun(server, "/never")
            lanes.finish()
            lanes.give_up()
            assert book.all_released.is_set()
            assert sorted(book.names) == ["(user function)", "GET /never"]
            assert {end for _, end, _, _ in book.attempts} == {AttemptEnd.TIMEOUT}
            # The next window begins with another user in that place.
            server.replies["/never"] = answer()
            lanes.attach(book)
            book.all_released.clear()
            book.times = 3
            lanes.lane(0).begin()
            await book.all_released.wait()
            assert book.attempts[-1][:2] == ("GET /never", AttemptEnd.OK)

    run(main)


def test_nobody_listening_pauses_and_is_told_before_the_run_where_nothing_can_be_opened() -> None:
    async def main() -> None:
        async with serving() as server, opened(scenario(server, get)) as (lanes, book):
            lanes.lane(0).client.drop()
            lanes.dialer._addresses = [(socket.AF_INET, ("127.0.0.1", 1))]
            lanes.lane(0).begin()
            await book.all_released.wait()
            assert (book.kinds, book.pauses, book.errors) == (["refused"], 1, [])
        with pytest.raises(MeasurementError, match="nobody listens"):
            async with opened(Scenario(get, "http://127.0.0.1:1")):
                pass

    run(main)


def test_closing_in_the_middle_leaves_no_task_and_no_connection() -> None:
    async def go(user: User) -> None:
        try:
            await user.client.get("/never")
        finally:
            await user.client.get("/cleanup")

    async def main() -> None:
        async with serving(never=...) as server:
            async with opened(scenario(server, go), users=3) as (lanes, book):
                for number in range(3):
                    lanes.lane(number).begin()
                await begun(server, "/never")
            assert book.attempts == []
            await until(lambda: not server.open)
            assert len(asyncio.all_tasks()) == 1
            assert "GET /cleanup" not in server.lines

    run(main)


def test_first_connections_of_further_users_are_no_reconnects() -> None:
    async def both(user: User) -> None:
        await asyncio.gather(user.client.get("/x"), user.client.get("/y"))

    async def main() -> None:
        async with serving(bye=answer(Connection="close")) as server, opened(scenario(server, both)) as (lanes, book):
            extra = lanes.another()
            assert extra is not None
            book.times = 2
            lanes.lane(0).begin()
            extra.begin()
            await book.all_released.wait()
            traffic = lanes.traffic(Latency())
            assert (server.connections, traffic.connections, traffic.reconnects) == (4, 4, 0)
            await extra.user.client.get("/bye")
            await extra.user.client.get("/x")
            await extra.user.client.get("/y")
            traffic = lanes.traffic(Latency())
            assert (server.connections, traffic.connections, traffic.reconnects) == (5, 4, 1)

    run(main)


@pytest.mark.parametrize("awaited", [False, True])
def test_tasks_of_a_user_function_end_with_the_load_in_silence(
    caplog: pytest.LogCaptureFixture, *, awaited: bool
) -> None:
    ended: list[str] = []

    async def again_and_again(user: User, path: str) -> None:
        try:
            while True:
                await asyncio.sleep(0)
                await user.client.get(path)
        finally:
            ended.append(path)

    async def go(user: User) -> None:
        both = [asyncio.create_task(again_and_again(user, path)) for path in ("/x", "/y")]
        if awaited:
            await asyncio.gather(*both)
        else:
            await asyncio.create_task(asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED))
            await user.client.get("/z")

    async def main() -> None:
        async with serving() as server:
            async with opened(scenario(server, go)) as (lanes, book):
                lanes.lane(0).begin()
                await begun(server, "/y")
                lanes.finish()
                await book.all_released.wait()
                await until(lambda: len(ended) == 2)
            assert book.errors == []
            assert set(book.names) == {"GET /x", "GET /y"}
            assert set(book.kinds) == {""}

    run(main)
    gc.collect()
    assert caplog.records == []


@pytest.mark.parametrize("where", ["run", "on_start"])
def test_an_interrupt_that_a_user_function_raises_is_handed_on(where: str) -> None:
    async def stop(user: User) -> None:
        await user.client.get("/x")
        raise KeyboardInterrupt

    async def main() -> None:
        async with serving() as server:
            functions = {"run": get, "on_start": None} | {where: stop}
            asked = scenario(server, functions["run"], on_start=functions["on_start"])
            async with opened(asked, times=2) as (lanes, book):
                lanes.lane(0).begin()
                await book.all_released.wait()
            assert [type(stop) for stop in book.stops] == [KeyboardInterrupt]
            assert (book.errors, book.releases) == ([], 0)
            assert book.names == (["GET /x"] if where == "run" else [])

    run(main)


def test_users_are_told_apart_and_draw_the_same_again() -> None:
    drawn: dict[int, list[float]] = {}

    async def go(user: User) -> None:
        drawn.setdefault(user.number, []).append(user.random.random())

    async def main() -> None:
        async with serving() as server, opened(scenario(server, go), users=1) as (lanes, book):
            book.times = 2
            extra = lanes.another()
            assert extra is not None
            lanes.lane(0).begin()
            extra.begin()
            await book.all_released.wait()

    run(main)
    before = dict(drawn)
    drawn.clear()
    run(main)
    assert drawn == before
    assert len({values[0] for values in drawn.values()}) == 2
