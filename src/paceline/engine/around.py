"""What belongs around a run, and what it means when that raises."""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Awaitable, Callable, Generator

from paceline.core.errors import MeasurementError, PacelineError
from paceline.core.redaction import redact
from paceline.engine.tasks import in_running_loop
from paceline.records.error_log import ErrorGroup, ErrorLog

Around = Callable[[], object] | None


@contextlib.contextmanager
def could_not_run(what: str) -> Generator[None, None, None]:
    """Turn what ``what`` raises into an error of the run.

    Raises:
        MeasurementError: it raised.
    """
    try:
        yield
    except (KeyboardInterrupt, asyncio.CancelledError, PacelineError):  # the last says itself what to do
        raise
    except BaseException as error:  # SystemExit too: it must not end the measuring process as if all were well
        raise MeasurementError(redact(f"{what} raised {type(error).__name__}: {error}")) from error


def group_of(error: BaseException) -> ErrorGroup:
    """``error`` as it stands in a record."""
    log = ErrorLog()
    log.add_exception(error)
    return log.groups()[0]


async def acall(function: Around) -> None:
    """Call it, on the running event loop if it is asynchronous."""
    returned = function() if function is not None else None
    if inspect.isawaitable(returned):
        await returned


def call(function: Around) -> None:
    """Call it, on an event loop of its own if it is asynchronous."""
    returned = function() if function is not None else None
    if not inspect.isawaitable(returned):
        return
    if not in_running_loop():
        asyncio.run(_awaited(returned))
        return
    failures: list[BaseException] = []

    def body() -> None:
        try:
            asyncio.run(_awaited(returned))
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=body, name="paceline-around", daemon=True)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


async def _awaited(awaitable: Awaitable[object]) -> None:
    await awaitable
