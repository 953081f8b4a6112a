"""The ASGI lifespan protocol: an application's startup before the run, its shutdown after it.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html. One task runs the application's lifespan from startup to
shutdown, because what it enters there (task groups, cancel scopes) it must leave in the same task.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from paceline.core.errors import MeasurementError
from paceline.core.redaction import redact

# Starting may take as long as it takes: a model is loaded, a person watches and can interrupt. At the end there is
# a measured run that must not be lost to an application that does not come down.
SHUTDOWN_LIMIT_S = 30.0
_LAST_WORDS_S = 1.0  # from the answer to shutdown, or the cancellation, to the end of the task

_SHOWN_CHARACTERS = 1_000


class Lifespan:
    """Startup and shutdown of one application, once or several times one after the other.

    Attributes:
        state: what the application put there in its startup; each request gets a shallow copy.
    """

    __slots__ = ("_app", "_life", "state")

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self._life: _Life | None = None
        self.state: dict[str, Any] = {}

    async def start(self) -> None:
        """Start the application up; one that knows no lifespan is fine.

        Raises:
            MeasurementError: the application says that its startup failed, or ends the process in it.
        """
        state: dict[str, Any] = {}
        life = _Life(self._app, state)
        try:
            await life.answered.wait()
        except BaseException:
            await life.abandon()
            raise
        if life.failure is not None:
            await life.abandon()
            raise MeasurementError(f"the application's startup failed: {life.failure}") from life.error
        if isinstance(life.error, SystemExit):
            raise MeasurementError(f"the application's startup ended with SystemExit: {life.error}") from life.error
        if not life.started:
            # It raised, returned or sent something else: by the specification, it does not support lifespans.
            await life.abandon()
            return
        self._life, self.state = life, state

    async def stop(self) -> None:
        """Shut the application down, if it was started up.

        Raises:
            MeasurementError: its shutdown failed, raised or did not end in 30 s, or the lifespan broke in the run.
        """
        life, self._life, self.state = self._life, None, {}
        if life is None:
            return
        broke_early = life.error is not None
        life.answered.clear()
        if life.task.done():
            life.answered.set()
        life.shutdown_asked.set()
        try:
            async with asyncio.timeout(SHUTDOWN_LIMIT_S):
                await life.answered.wait()
            await asyncio.wait({life.task}, timeout=_LAST_WORDS_S)
        except TimeoutError:
            raise MeasurementError(
                f"the application did not answer its lifespan's shutdown in {SHUTDOWN_LIMIT_S:g} s"
            ) from None
        finally:
            await life.abandon()
        if life.failure is not None:
            raise MeasurementError(f"the application's shutdown failed: {life.failure}") from life.error
        if life.error is not None:
            where = "lifespan broke during the run" if broke_early else "shutdown raised an exception"
            raise MeasurementError(f"the application's {where}: {_described(life.error)}") from life.error


class _Life:
    """One run of the application in its lifespan scope."""

    def __init__(self, app: Callable[..., Awaitable[None]], state: dict[str, Any]) -> None:
        self.answered = asyncio.Event()  # to what it was asked last, if only by ending
        self.shutdown_asked = asyncio.Event()
        self.started = False
        self.failure: str | None = None
        self.error: BaseException | None = None
        self._asked = 0
        self.task = asyncio.create_task(self._run(app, state), name="paceline: lifespan of the application")

    async def abandon(self) -> None:
        """See to it that the task ends."""
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait({self.task}, timeout=_LAST_WORDS_S)

    async def _run(self, app: Callable[..., Awaitable[None]], state: dict[str, Any]) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        try:
            await app(scope, self._receive, self._send)
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001  # judged by who waits for the answer; SystemExit would end the loop
            self.error = error
        finally:
            self.answered.set()

    async def _receive(self) -> dict[str, Any]:
        self._asked += 1
        if self._asked == 1:
            return {"type": "lifespan.startup"}
        await self.shutdown_asked.wait()
        if self._asked > 2:  # noqa: PLR2004  # startup, shutdown: nothing ever follows
            await asyncio.Event().wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        phase = "shutdown" if self.shutdown_asked.is_set() else "startup"
        due = phase == "shutdown" or not self.started
        if due and kind == f"lifespan.{phase}.complete":
            self.started = True
        elif due and kind == f"lifespan.{phase}.failed":
            self.failure = _readable(str(message.get("message", "")))
        else:
            self.answered.set()  # nothing sensible will follow
            raise RuntimeError(f"unexpected message {kind!r} in the lifespan's {phase}")
        self.answered.set()


def _readable(message: str) -> str:
    """What the application said; of a traceback, which Starlette sends, its last line: the rest is chained."""
    message = message.strip()
    if message.startswith("Traceback "):
        message = message.splitlines()[-1]
    return redact(message[:_SHOWN_CHARACTERS]) or "it gave no reason"


def _described(error: BaseException) -> str:
    return redact(f"{type(error).__name__}: {error}"[:_SHOWN_CHARACTERS])
