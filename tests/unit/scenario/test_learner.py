"""Which requests a probe beside a scenario gets to send: the commonest of those that change nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from paceline.scenario import encoding, learner
from paceline.scenario.lanes import ScenarioLanes
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from paceline.targets.replay import Sample
from tests.unit.scenario.stage import Server, answer, opened, run, serving

UserFunction = Callable[[User], Awaitable[object]]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "_LEAST_S", 0.0)


async def learned(server: Server, go: UserFunction, *, times: int = 10, **options: Any) -> tuple[Sample | None, int]:
    """What is learned from a user who goes through ``go`` so often; and how many connections that took."""
    asked = Scenario(go, f"http://127.0.0.1:{server.port}", **options)
    async with opened(asked, times=times) as (lanes, book):
        lanes.learn()
        lanes.lane(0).begin()
        await book.all_released.wait()
        lanes.lane(0).client.flush()
        sample = lanes.learned()
        assert lanes.learned() is None, "told once"
        return sample, len(book.attempts)


def paths(sample: Sample | None) -> set[str]:
    assert sample is not None
    return {request.data.split(b" ")[1].decode() for request in sample.target.requests}


def test_the_name_that_comes_most_often_with_its_requests_as_they_were_sent() -> None:
    async def go(user: User) -> None:
        await user.client.get("/login")
        for number in range(3):
            await user.client.get(f"/items/{number}?page=2", name="GET /items/{id}", headers={"X-Tenant": "blue"})
            await user.client.post("/basket", json={"item": number})
        await user.client.post("/basket")

    async def main() -> None:
        async with serving(login=answer(Set_Cookie="session=abc")) as server:
            sample, _ = await learned(server, go, bearer="TOKEN")
        assert sample is not None
        assert sample.part == "GET /items/{id}"
        assert sample.per_second > 0
        assert paths(sample) == {"/items/0?page=2", "/items/1?page=2", "/items/2?page=2"}
        for request in sample.target.requests:
            for header in (b"X-Tenant: blue", b"Cookie: session=abc", b"Authorization: Bearer TOKEN"):
                assert header in request.data
        assert "TOKEN" not in repr(sample)
        assert "abc" not in repr(sample)

    run(main)


async def posts(user: User) -> None:
    await user.client.post("/x")
    await user.client.delete("/x")


async def one_name_for_all(user: User) -> None:
    await user.client.get("/x", name="shop")
    await user.client.post("/x", name="shop")


async def fails(user: User) -> None:
    await user.client.get("/missing")


async def expects_nothing_there(user: User) -> None:
    await user.client.get("/missing", expect=404)


async def does_not_hold(user: User) -> None:
    came = await user.client.get("/x")
    came.check("it is red", held=False)


async def is_led_on(user: User) -> None:
    await user.client.get("/moved", follow_redirects=True)


async def only_thinks(user: User) -> None:
    await user.think(0)


@pytest.mark.parametrize(
    "function", [posts, one_name_for_all, fails, expects_nothing_there, does_not_hold, is_led_on, only_thinks]
)
def test_what_does_not_fit(function: UserFunction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "_MOST_S", 0.0)

    async def main() -> None:
        async with serving(missing=answer(404), moved=answer(302, Location="/x")) as server:
            sample, _ = await learned(server, function)
        assert sample is None

    run(main)


def test_what_is_led_on_where_that_is_not_followed_is_an_answer_like_any_other() -> None:
    async def go(user: User) -> None:
        await user.client.get("/moved")

    async def main() -> None:
        async with serving(moved=answer(302, Location="/x")) as server:
            sample, _ = await learned(server, go)
        assert paths(sample) == {"/moved"}

    run(main)


def test_names_too_many_to_be_told_apart_are_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "MOST_NAMES", 1)

    async def go(user: User) -> None:
        await user.client.get("/first")
        for number in range(5):
            await user.client.get(f"/{number}")

    async def main() -> None:
        async with serving() as server:
            sample, attempts = await learned(server, go)
        assert attempts == 60
        assert sample is not None
        assert sample.part == "GET /first"

    run(main)


def test_an_even_choice_is_kept_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "_KEPT", 20)
    numbers = iter(range(1_000))

    async def go(user: User) -> None:
        await user.client.get(f"/{next(numbers)}", name="GET /{id}")

    async def main() -> None:
        async with serving() as server:
            sample, _ = await learned(server, go, times=400)
        assert sample is not None
        assert len(sample.target.requests) == 20
        kept = sorted(int(path.removeprefix("/")) for path in paths(sample))
        assert len(kept) == 20
        assert kept[0] < 150
        assert kept[-1] > 250

    run(main)


def test_nothing_is_told_before_enough_is_seen_and_nothing_remembered_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner, "_LEAST_S", 0.5)
    now_s = [100.0]

    async def go(user: User) -> None:
        await user.client.get("/x")

    async def main() -> None:
        async with serving() as server:
            asked = Scenario(go, f"http://127.0.0.1:{server.port}")
            async with opened(asked, times=10) as (lanes, book):
                assert isinstance(lanes, ScenarioLanes)
                monkeypatch.setattr(lanes, "now_s", lambda: now_s[0])
                lanes.learn()
                assert lanes.learned() is None
                lanes.lane(0).begin()
                await book.all_released.wait()
                now_s[0] += 0.49
                assert lanes.learned() is None
                now_s[0] += 0.02
                sample = lanes.learned()
                assert sample is not None
                assert sample.per_second == pytest.approx(10 / 0.51)
                assert lanes.learner is None

    run(main)
