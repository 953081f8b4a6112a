import asyncio
import gzip
import zlib
from typing import Any

import pytest

from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.records.latency import Latency
from paceline.records.outcome import AttemptEnd
from paceline.scenario.answer import Answer
from paceline.scenario.failure import RequestFailed
from paceline.scenario.model import Scenario
from paceline.scenario.user import User
from tests.unit.scenario.stage import Asked, Book, answer, opened, played, run, serving


def test_an_answer_is_an_attempt_with_status_headers_and_body() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            came = await user.client.get("/a?x=1")
            assert (came.status, came.ok, came.body, came.text) == (200, True, b'{"a": 1}', '{"a": 1}')
            assert came.json() == {"a": 1}
            assert came.headers["CONTENT-type"] == "application/json"
            assert "content-Type" in came.headers
            assert came.headers.get("nothing") is None
            assert came.elapsed_ms > 0

        async with serving(a=answer(body=b'{"a": 1}', Content_Type="application/json")) as server:
            book = await played(server, go, times=3)
        assert book.errors == []
        assert server.lines == ["GET /a?x=1"] * 3
        assert server.connections == 1
        assert book.attempts == [("GET /a", AttemptEnd.OK, "", "")] * 3
        assert all(end_s > start_s for start_s, end_s, _ in book.stamps)

    run(main)


def test_all_that_a_request_can_have() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            client = user.client
            await client.post("/p", json={"ä": [1]}, params={"q": "a b"}, headers={"X-One": "1"})
            await client.put("/p", form={"a": "1 2", "b": 3})
            await client.patch("/p", body="text", headers={"Content-Type": "text/x", "user-agent": "me"})
            await client.delete("/p")
            await client.options("/p")
            await client.request("purge", "/p")
            await client.get(f"http://127.0.0.1:{server.port}/p ä#fragment")

        async with serving() as server:
            book = await played(server, go, headers={"X-All": "yes", "User-Agent": "all"}, bearer="secret")
        assert book.errors == []
        posted, put, patched, *_, last = server.asked
        assert server.lines[:1] == ["POST /p?q=a+b"]
        assert [line.split()[0] for line in server.lines[1:]] == ["PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "GET"]
        assert posted.body == '{"ä":[1]}'.encode()
        assert posted.headers["content-type"] == "application/json"
        assert (posted.headers["x-one"], posted.headers["x-all"]) == ("1", "yes")
        assert put.body == b"a=1+2&b=3"
        assert patched.body == b"text"
        assert (patched.headers["content-type"], patched.headers["user-agent"]) == ("text/x", "me")
        assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer secret"}
        assert last.line == "GET /p%20%C3%A4"
        assert last.headers["host"] == f"127.0.0.1:{server.port}"

    run(main)


@pytest.mark.parametrize(
    ("path", "options", "message"),
    [
        ("x", {}, "must begin with '/'"),
        ("http://elsewhere/x", {}, "another server"),
        ("/x", {"json": 1, "body": "x"}, "json"),
        ("/x", {"json": {1, 2}}, "cannot be said in JSON"),
        ("/x", {"body": 3}, "body must be text or bytes"),
        ("/x", {"params": 3}, "params must be"),
        ("/x", {"body": "\ud800"}, "body holds a lone surrogate"),
        ("/x", {"json": "\ud800"}, "json holds a lone surrogate"),
        ("/x", {"form": {"a": "\ud800"}}, "form holds a lone surrogate"),
        ("/x", {"form": "a=b"}, "form must be a mapping, or pairs"),
        ("/x", {"expect": "200"}, "expect must be"),
        ("/x", {"headers": {"a b": "c"}}, "no header name"),
    ],
)
def test_wrong_arguments_are_errors_of_the_user_function(path: str, options: Any, message: str) -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            await user.client.post(path, **options)

        async with serving() as server:
            book = await played(server, go)
        (error,) = book.errors
        assert isinstance(error, ConfigurationError)
        assert message in str(error)
        assert book.attempts == []
        assert server.asked == []

    run(main)


def test_names_are_given_or_made_and_bounded() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            await user.client.get("/records/7", name="a record")
            for number in range(102):
                await user.client.get(f"/{number}")

        async with serving() as server:
            book = await played(server, go)
        assert book.names[:3] == ["a record", "GET /0", "GET /1"]
        assert book.names[99:] == ["GET /98", "(other)", "(other)", "(other)"]
        assert len(book.lanes.part_names) == 101

    run(main)


def test_statuses_are_errors_unless_expected() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            came = await user.client.get("/gone")
            assert (came.status, came.ok, came.body) == (404, False, b"no")
            came = await user.client.get("/gone", expect=404)
            assert came.ok
            came = await user.client.get("/there", expect=(201, 404))
            assert not came.ok

        async with serving(gone=answer(404, b"no")) as server:
            book = await played(server, go)
        assert book.errors == []
        assert book.kinds == ["status", "", "status"]
        assert [message for *_, message in book.attempts] == ["HTTP 404", "", "HTTP 200, expected 201 or 404"]

    run(main)


def test_a_check_makes_an_error_of_an_answer_until_the_next_request() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            first = await user.client.get("/a")
            assert first.check("is fine", held=True)
            assert not first.check("has a price", held=False)
            assert not first.ok
            second, third = await asyncio.gather(user.client.get("/a"), user.client.get("/b"))
            third.check("of two at once", held=False)
            second.check("is fine", held=True)
            await user.think(0)
            second.check("late", held=False)

        async with serving() as server:
            book = await played(server, go)
        assert sorted(zip(book.names, book.kinds, strict=True)) == [
            ("GET /a", ""),
            ("GET /a", "check"),
            ("GET /b", "check"),
        ]
        assert book.attempts[0][3] == "has a price"
        assert ["late" in str(error) and "too late" in str(error) for error in book.errors] == [True]

    run(main)


def test_bodies_come_unpacked_whole_and_without_interim_answers() -> None:
    text = b"many words, " * 500
    chunked = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (b"one ", b"two")) + b"0\r\nTrailer: x\r\n\r\n"
    raw_deflate = zlib.compress(text, wbits=-15)
    replies = {
        "gzip": answer(body=gzip.compress(text), Content_Encoding="gzip"),
        "deflate": answer(body=zlib.compress(text), Content_Encoding="deflate"),
        "raw": answer(body=raw_deflate, Content_Encoding="deflate"),
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked,
        "interim": b"HTTP/1.1 103 Early\r\nLink: x\r\nSet-Cookie: no=1\r\n\r\n" + answer(body=b"x" * 20_000, A="b"),
        "latin": answer(body=b"\xe4", Content_Type="text/plain; charset=latin-1"),
    }

    async def main() -> None:
        async def go(user: User) -> None:
            for path in ("gzip", "deflate", "raw"):
                assert (await user.client.get(f"/{path}")).body == text
            came = await user.client.get("/chunked")
            assert came.body == b"one two"
            assert "trailer" not in came.headers
            came = await user.client.get("/interim")
            assert (len(came.body), came.headers["a"], "link" in came.headers) == (20_000, "b", False)
            assert not user.client.cookies
            assert (await user.client.get("/latin")).text == "ä"
            came = await user.client.head("/head")
            assert (came.status, came.body, came.headers["content-length"]) == (200, b"", "5")

        async with serving(**replies, head=answer()[:-5]) as server:
            book = await played(server, go)
        assert book.errors == []
        assert set(book.kinds) == {""}

    run(main)


@pytest.mark.parametrize("late", [False, True])
def test_a_body_that_cannot_be_unpacked_is_malformed(*, late: bool) -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            came = await user.client.get("/gzip")
            if late:
                await user.client.get("/x")
            _ = came.body

        async with serving(gzip=answer(body=b"no gzip", Content_Encoding="gzip")) as server:
            book = await played(server, go)
        assert [type(error) for error in book.errors] == ([MeasurementError] if late else [])
        assert book.kinds == (["", ""] if late else ["malformed"])

    run(main)


@pytest.mark.parametrize(
    ("reply", "kind", "end"),
    [
        (None, "closed", AttemptEnd.ERROR),
        (b"rubbish\r\n\r\n", "malformed", AttemptEnd.ERROR),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "timeout", AttemptEnd.TIMEOUT),
    ],
)
def test_a_request_without_an_answer_raises_and_counts_once(reply: Any, kind: str, end: AttemptEnd) -> None:
    caught: list[str] = []

    async def main() -> None:
        async def go(user: User) -> None:
            try:
                exchange = user.client.post("/bad")
                if kind == "timeout":
                    asyncio.get_running_loop().call_later(0, book_sweep)
                await exchange
            except RequestFailed as failure:
                caught.append(failure.kind)
                raise

        def book_sweep() -> None:
            lanes.sweep(lanes.now_s() + 31)

        async with serving(bad=reply) as server:
            scenario = Scenario(go, f"http://127.0.0.1:{server.port}")
            async with opened(scenario) as (lanes, book):
                lanes.lane(0).begin()
                await book.all_released.wait()
        assert book.errors == []
        assert [(each[1], each[2]) for each in book.attempts] == [(end, kind)]
        assert book.pauses == 0

    run(main)
    assert caught == [kind]


def test_a_failure_that_is_caught_lets_the_user_go_on() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            with pytest.raises(RequestFailed, match="closed"):
                await user.client.post("/bad")
            assert (await user.client.get("/good")).ok

        async with serving(bad=None) as server:
            book = await played(server, go)
        assert book.errors == []
        assert book.kinds == ["closed", ""]
        assert server.connections == 2

    run(main)


def test_an_idle_connection_that_was_closed_is_opened_again_and_the_request_resent() -> None:
    seen: list[Asked] = []

    def once(asked: Asked) -> bytes | None:
        seen.append(asked)
        return None if len(seen) == 2 else answer()

    async def main() -> None:
        async def go(user: User) -> None:
            await user.client.get("/x")

        async with serving(x=once) as server:
            book = await played(server, go, times=3)
        assert book.kinds == ["", "", ""]
        assert server.connections == 2
        assert book.lanes.dialer.tally.resent == 1

    run(main)


def test_requests_at_once_use_connections_of_their_own_which_are_kept() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            answers = await asyncio.gather(*(user.client.get("/x") for _ in range(3)))
            assert [came.status for came in answers] == [200] * 3
            assert user.client.connections == 3

        async with serving() as server:
            book = await played(server, go, times=2)
        assert book.errors == []
        assert len(book.attempts) == 6
        assert server.connections == 3

    run(main)


def test_a_request_that_nobody_awaits_belongs_to_its_iteration() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            user.client.get("/x")

        async with serving() as server:
            book = await played(server, go, times=2)
        assert book.kinds == ["", ""]

    run(main)


def test_what_asyncio_does_with_futures_works_here() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            client = user.client
            assert (await asyncio.wait_for(client.get("/x"), 5)).ok
            exchange = client.get("/x")
            done, _ = await asyncio.wait([exchange])
            assert done == {exchange}
            assert (await asyncio.shield(client.get("/x"))).ok
            assert (await exchange).ok  # awaited once more
            both = client.get("/x")

            async def wait() -> Answer:
                return await both

            first, second = await asyncio.gather(asyncio.create_task(wait()), asyncio.create_task(wait()))
            assert first is second
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await client.get("/never")

        async with serving(never=...) as server:
            book = await played(server, go)
        assert book.errors == []
        assert book.kinds == ["", "", "", "", "cancelled"]

    run(main)


# Redirects.


def redirecting(status: int, to: str, final: str = "end") -> dict[str, Any]:
    return {"start": answer(status, Location=to), final: answer(body=b"there")}


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"), (308, "PUT", "PUT")],
)
def test_redirects_are_followed_where_asked_for(status: int, method: str, then: str) -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            came = await user.client.request(method, "/start", body="x", follow_redirects=True)
            assert (came.status, came.body) == (200, b"there")
            came = await user.client.get("/start")
            assert came.status == status

        async with serving(**redirecting(status, "end?q")) as server:
            book = await played(server, go)
        assert book.errors == []
        assert server.lines == [f"{method} /start", f"{then} /end?q", "GET /start"]
        assert server.asked[1].body == (b"x" if then != "GET" else b"")
        assert book.names == [f"{method} /start", "GET /start"]
        statuses = {each.code: each.count for each in book.lanes.traffic(Latency()).statuses}
        assert statuses == {200: 1, status: 1}  # what was followed is not what a request ended with

    run(main)


@pytest.mark.parametrize(("to", "hops"), [("/start", 11), ("http://elsewhere/", 1), ("ftp://x/", 1)])
def test_redirects_that_lead_nowhere_are_errors(to: str, hops: int) -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            await user.client.get("/start")

        async with serving(**redirecting(302, to)) as server:
            book: Book = await played(server, go, follow_redirects=True)
        assert book.errors == []
        assert book.kinds == ["redirect"]
        assert len(server.asked) == hops

    run(main)


# Cookies.


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"])
@pytest.mark.parametrize("size", [0, 10_000])
def test_cookies_are_found_in_the_head_only(before: bytes, size: int) -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            await user.client.get("/sets")
            await user.client.get("/shows")
            assert user.client.cookies == {"a": "1"}

        shown = answer(body=b"\nset-cookie: b=2; path=/\n" * (size or 1))
        replies = {"sets": before + answer(body=b"x" * size, Set_Cookie="a=1; Path=/"), "shows": before + shown}
        async with serving(**replies) as server:
            book = await played(server, go)
        assert book.errors == []

    run(main)


def test_cookies_are_kept_per_user_and_sent_where_they_belong() -> None:
    async def main() -> None:
        async def go(user: User) -> None:
            await user.client.get("/x")
            came = await user.client.get("/login/in")
            assert came.cookies == {"id": "7", "deep": "1"}
            for path in ("/x", "/x", "/login/y", "/loginx"):
                await user.client.get(path)
            await user.client.get("/x", headers={"Cookie": "mine=1"})
            await user.client.get("/logout")
            await user.client.get("/x")

        login = b"HTTP/1.1 200 OK\r\nSET-cookie: id=7; Path=/\r\nset-cookie: deep=1\r\nContent-Length: 0\r\n\r\n"
        replies = {"login/in": login, "logout": answer(Set_Cookie="id=; Path=/; Max-Age=0")}
        async with serving(**replies) as server:
            book = await played(server, go)
        assert book.errors == []
        sent = [asked.headers.get("cookie") for asked in server.asked]
        assert sent == [None, None, "id=7", "id=7", "deep=1; id=7", "id=7", "mine=1", "id=7", None]

    run(main)
