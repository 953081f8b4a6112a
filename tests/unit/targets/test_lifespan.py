import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from starlette.applications import Starlette

from paceline.core.errors import MeasurementError
from paceline.targets import lifespan as module
from paceline.targets.lifespan import Lifespan

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
UP, DOWN = {"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}


def cycle(app: Any, between: Callable[[Lifespan], Awaitable[None]] | None = None) -> Lifespan:
    """Start, stop, and nothing left behind, whatever is raised."""

    async def run() -> Lifespan:
        life = Lifespan(app)
        try:
            await life.start()
            if between is not None:
                await between(life)
            await life.stop()
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return life

    return asyncio.run(run())


def answering(up: Any, down: Any = DOWN) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for answer in (up, down):
            await receive()
            if isinstance(answer, BaseException):
                raise answer
            await send(answer)

    return app


async def beat(life: Lifespan) -> None:
    await asyncio.sleep(0)


def test_startup_and_shutdown_run_in_one_task_on_one_loop() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
        for answer in (UP, DOWN):
            seen.append(((await receive())["type"], asyncio.current_task()))
            await send(answer)

    cycle(app)
    assert [kind for kind, _ in seen] == ["lifespan.startup", "lifespan.shutdown"]
    assert seen[0][1] is seen[1][1]


def test_state_lasts_from_startup_to_shutdown() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["pool"] = 1
        await answering(UP)(scope, receive, send)

    async def look(life: Lifespan) -> None:
        assert life.state == {"pool": 1}

    assert cycle(app, look).state == {}


def test_it_can_be_started_again() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["state"] == {}
        scope["state"]["pool"] = 1
        await answering(UP)(scope, receive, send)

    async def again(life: Lifespan) -> None:
        await life.stop()
        await life.start()
        assert life.state == {"pool": 1}

    cycle(app, again)


async def http_only(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    pass


async def http_to_everything(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200})


async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
    with contextlib.suppress(RuntimeError):
        await send({"type": "http.response.start", "status": 200})
    await receive()
    await receive()


def synchronous(scope: Scope, receive: Receive, send: Send) -> None:
    pass


@pytest.mark.parametrize("app", [http_only, silent, http_to_everything, deaf, synchronous])
def test_application_without_lifespan_is_fine(app: Any) -> None:
    assert cycle(app).state == {}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"message": "no database"}, "startup failed: no database"),
        ({"message": "postgres://me:hunter2@host refused"}, r"postgres://\*\*\*@host refused"),
        ({}, "it gave no reason"),
    ],
)
def test_failed_startup_raises_with_its_message(message: dict[str, str], told: str) -> None:
    with pytest.raises(MeasurementError, match=told):
        cycle(answering({"type": "lifespan.startup.failed"} | message))


def test_failed_startup_of_starlette_tells_the_exception() -> None:
    @contextlib.asynccontextmanager
    async def broken(_: Starlette) -> Any:
        raise LookupError("no database")
        yield

    with pytest.raises(MeasurementError, match=r"startup failed: LookupError: no database$") as failed:
        cycle(Starlette(lifespan=broken))
    assert isinstance(failed.value.__cause__, LookupError)


def test_system_exit_in_startup_ends_only_the_startup() -> None:
    with pytest.raises(MeasurementError, match="SystemExit: no settings"):
        cycle(answering(SystemExit("no settings")))


def test_interrupted_startup_leaves_no_task() -> None:
    async def run() -> None:
        cancelled: list[bool] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        starting = asyncio.create_task(Lifespan(app).start())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert cancelled == [True]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("down", "told"),
    [
        ({"type": "lifespan.shutdown.failed", "message": "pool busy"}, "shutdown failed: pool busy"),
        (LookupError("pool"), "shutdown raised an exception: LookupError: pool"),
        (SystemExit("pool"), "shutdown raised an exception: SystemExit: pool"),
        (UP, "unexpected message 'lifespan.startup.complete' in the lifespan's shutdown"),
    ],
)
def test_trouble_in_shutdown_is_told(down: Any, told: str) -> None:
    with pytest.raises(MeasurementError, match=told):
        cycle(answering(UP, down))


def test_shutdown_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHUTDOWN_LIMIT_S", 0.0)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(UP)
        await asyncio.Event().wait()

    with pytest.raises(MeasurementError, match="did not answer its lifespan's shutdown in 0 s"):
        cycle(app)


def test_application_may_return_after_its_startup() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(UP)

    cycle(app, beat)


def test_lifespan_that_breaks_during_the_run_is_told() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(UP)
        await asyncio.sleep(0)
        raise LookupError("pool lost")

    async def some_beats(life: Lifespan) -> None:
        for _ in range(3):
            await beat(life)

    with pytest.raises(MeasurementError, match="broke during the run: LookupError: pool lost"):
        cycle(app, some_beats)


def test_startup_is_completed_once() -> None:
    with pytest.raises(MeasurementError, match="unexpected message"):
        cycle(repeating_startup, beat)


async def repeating_startup(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(UP)
    await send({"type": "lifespan.startup.failed"})


def test_application_that_asks_on_after_shutdown_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LAST_WORDS_S", 0.001)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for answer in (UP, DOWN):
            await receive()
            await send(answer)
        await receive()

    cycle(app)


def test_stop_without_start_is_nothing() -> None:
    asyncio.run(Lifespan(silent).stop())
