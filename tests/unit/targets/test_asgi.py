import asyncio
import contextlib
import pickle
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from paceline.core.errors import ConfigurationError
from paceline.records.outcome import Outcome
from paceline.targets.asgi import AsgiTarget

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"ok"}
PART = {"type": "http.response.body", "body": b"ok", "more_body": True}


def operation_of(app: Any, *arguments: Any, **options: Any) -> Callable[[], Coroutine[Any, Any, Outcome | None]]:
    return AsgiTarget(app, *arguments, **options).call_target().operation


def once(app: Any, *arguments: Any, **options: Any) -> Outcome | None:
    return asyncio.run(operation_of(app, *arguments, **options)())


def sending(*messages: Any) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


plain = sending(START, BODY)


async def importable(scope: Scope, receive: Receive, send: Send) -> None:
    await plain(scope, receive, send)


def test_scope_is_that_of_a_server() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope, request=await receive())
        await plain(scope, receive, send)
        seen["last"] = await receive()

    assert once(app, "/é%20?q=1", "put", {"X-A": "é"}, json=[1]) is None
    headers = seen.pop("headers")
    assert (b"x-a", b"\xe9") in headers
    assert dict(headers)[b"content-length"] == b"3"
    assert seen == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "PUT",
        "scheme": "http",
        "path": "/é ",
        "raw_path": b"/%C3%A9%20",
        "query_string": b"q=1",
        "root_path": "",
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
        "request": {"type": "http.request", "body": b"[1]", "more_body": False},
        "last": {"type": "http.disconnect"},
    }


def test_each_call_has_its_own_scope() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert len(scope["headers"]) == 3
        assert scope.pop("path") == "/"
        scope["headers"].clear()
        scope["asgi"].clear()
        scope["state"]["left"] = scope["left"] = True
        await plain(scope, receive, send)

    operation = operation_of(app)
    assert [asyncio.run(operation()) for _ in range(2)] == [None, None]


@pytest.mark.parametrize("status", [200, 204, 302, 399])
def test_below_400_is_ok(status: int) -> None:
    assert once(sending(START | {"status": status}, {"type": "http.response.body"})) is None


@pytest.mark.parametrize("status", [400, 404, 503, 599])
def test_from_400_on_is_an_error(status: int) -> None:
    assert once(sending(START | {"status": status}, PART, BODY)) == Outcome.error(f"HTTP {status}")


FAULTS = [
    ([], "ASGI: the application returned without an answer"),
    ([START], "ASGI: the application returned before its answer was complete"),
    ([START, PART], "ASGI: the application returned before its answer was complete"),
    ([BODY], "ASGI: http.response.body before http.response.start"),
    ([START, START], "ASGI: http.response.start a second time"),
    ([START, BODY, BODY], "ASGI: http.response.body after the answer was complete"),
    ([START, BODY, START], "ASGI: http.response.start after the answer was complete"),
    ([START, {"type": "http.response.body", "body": "ok"}], "ASGI: body of type str"),
    ([START | {"status": 100}], "ASGI: status 100"),
    ([START | {"status": 600}], "ASGI: status 600"),
    ([START | {"status": "200"}], "ASGI: status 200"),
    ([{"type": "websocket.accept"}], "ASGI: unknown message websocket.accept"),
    ([{"type": "x" * 1_000}], "ASGI: unknown message " + "x" * 60),
]


def swallowing(messages: list[Any]) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            with contextlib.suppress(RuntimeError):
                await send(message)

    return app


def grouping(messages: list[Any]) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sending(*messages)(scope, receive, send))

    return app


@pytest.mark.parametrize("propagate", [True, False])
@pytest.mark.parametrize("wrapping", [lambda messages: sending(*messages), swallowing, grouping])
@pytest.mark.parametrize(("messages", "kind"), FAULTS)
def test_what_no_server_could_send_is_an_error(messages: list[Any], kind: str, wrapping: Any, propagate: bool) -> None:  # noqa: FBT001
    assert once(wrapping(messages), raise_app_exceptions=propagate) == Outcome.error(kind)


@pytest.mark.parametrize("message", [None, {}, {"type": "http.response.start"}])
def test_what_is_no_message_raises(message: Any) -> None:
    with pytest.raises((TypeError, KeyError)):
        once(sending(message))


def raising_after(*messages: Any) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sending(*messages)(scope, receive, send)
        raise LookupError("no such thing")

    return app


@pytest.mark.parametrize("messages", [(), (START,), (START, BODY)])
def test_exceptions_propagate(messages: tuple[Any, ...]) -> None:
    with pytest.raises(LookupError, match="no such thing"):
        once(raising_after(*messages))


@pytest.mark.parametrize(
    ("messages", "outcome"),
    [
        ((), Outcome.error("HTTP 500")),
        ((START,), Outcome.error("ASGI: the application returned before its answer was complete")),
        ((START, BODY), None),
        ((START | {"status": 503}, BODY), Outcome.error("HTTP 503")),
    ],
)
def test_exceptions_may_be_judged_as_a_client_sees_them(messages: tuple[Any, ...], outcome: Outcome | None) -> None:
    assert once(raising_after(*messages), raise_app_exceptions=False) == outcome


@pytest.mark.parametrize("propagate", [True, False])
@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError])
def test_what_is_no_exception_always_propagates(error: type[BaseException], propagate: bool) -> None:  # noqa: FBT001
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    async def run() -> None:
        with pytest.raises(error):
            await operation_of(app, raise_app_exceptions=propagate)()

    asyncio.run(run())


def test_client_stays_until_it_has_its_answer() -> None:
    order: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(name: str) -> None:
            order.append(f"{name} {(await receive())['type']}")

        await receive()
        first, second = (asyncio.create_task(watch(name)) for name in ("first", "second"))
        cancelled = asyncio.create_task(watch("cancelled"))
        await asyncio.sleep(0)
        cancelled.cancel()
        await sending(START, PART)(scope, receive, send)
        await asyncio.sleep(0)
        order.append("answer")
        await send(BODY)
        await asyncio.wait({first, second})

    assert once(app) is None
    assert order == ["answer", "first http.disconnect", "second http.disconnect"]


def test_task_left_behind_sees_the_client_leave() -> None:
    async def run() -> None:
        left: list[asyncio.Task[MutableMapping[str, Any]]] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            left.append(asyncio.ensure_future(receive()))
            await asyncio.sleep(0)

        assert await operation_of(app)() == Outcome.error("ASGI: the application returned without an answer")
        assert await left[0] == {"type": "http.disconnect"}

    asyncio.run(run())


def test_endless_answer_obeys_a_timeout() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        while True:
            await send(PART)

    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await operation_of(app)()

    asyncio.run(run())


def test_calls_at_the_same_time_do_not_meet() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await asyncio.sleep(0)
        await send(BODY)

    async def run() -> list[Outcome | None]:
        operation = operation_of(app)
        return await asyncio.gather(*(operation() for _ in range(5)))

    assert asyncio.run(run()) == [None] * 5


# A real framework.


def make_starlette(events: list[str]) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        events.append("up")
        yield {"pool": "of the lifespan"}
        events.append("down")

    async def echo(request: Request) -> Response:
        return JSONResponse({"pool": request.state.pool, "sent": await request.json()})

    async def stream(_: Request) -> Response:
        async def parts() -> Any:
            for _ in range(3):
                await asyncio.sleep(0)
                events.append("part")
                yield b"x"

        return StreamingResponse(parts())

    async def background(_: Request) -> Response:
        async def task() -> None:
            events.append("background")

        return PlainTextResponse("ok", background=BackgroundTask(task))

    async def broken(_: Request) -> Response:
        raise LookupError("no such thing")

    routes = [
        Route("/echo", echo, methods=["POST"]),
        Route("/stream", stream),
        Route("/background", background),
        Route("/broken", broken),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def run_starlette(path: str, **options: Any) -> tuple[Outcome | None, list[str]]:
    events: list[str] = []

    async def run() -> Outcome | None:
        target = AsgiTarget(make_starlette(events), path, **options).call_target()
        assert target.setup is not None
        assert target.teardown is not None
        await target.setup()
        try:
            return await target.operation()  # type: ignore[no-any-return]
        finally:
            await target.teardown()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(run()), events


def test_starlette_answers() -> None:
    assert run_starlette("/echo", method="POST", json={"a": 1}) == (None, ["up", "down"])
    assert run_starlette("/echo") == (Outcome.error("HTTP 405"), ["up", "down"])
    assert run_starlette("/absent") == (Outcome.error("HTTP 404"), ["up", "down"])
    assert run_starlette("/background") == (None, ["up", "background", "down"])


def test_starlette_streams_to_the_end() -> None:
    assert run_starlette("/stream") == (None, ["up", "part", "part", "part", "down"])


def test_starlette_exceptions() -> None:
    with pytest.raises(LookupError, match="no such thing"):
        run_starlette("/broken")
    assert run_starlette("/broken", raise_app_exceptions=False)[0] == Outcome.error("HTTP 500")


# What is refused.


class OldApplication:
    """ASGI 2: called twice."""

    def __init__(self, scope: Scope) -> None:
        pass

    async def __call__(self, receive: Receive, send: Send) -> None:
        pass


@pytest.mark.parametrize(
    ("app", "names"),
    [
        (None, "NoneType"),
        ("module:app", "str"),
        (lambda environ, start_response: [], "WsgiTarget"),
        (lambda: plain, "makes one"),
        (OldApplication, "makes one"),
    ],
)
def test_what_is_no_application_is_refused(app: Any, names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        AsgiTarget(app)


def test_requests_are_checked_when_made() -> None:
    with pytest.raises(ConfigurationError, match="slash"):
        AsgiTarget(plain, "records")
    with pytest.raises(ConfigurationError, match="raise_app_exceptions"):
        AsgiTarget(plain, raise_app_exceptions=None)  # type: ignore[arg-type]


def test_target_is_picklable_and_shows_no_credentials() -> None:
    target = AsgiTarget(importable, "/a?token=hunter2", headers={"Authorization": "hunter2"}, body="hunter2")
    assert pickle.loads(pickle.dumps(target)) == target
    assert "hunter2" not in repr(target) + target.text
    assert target.call_target().is_async
