"""The timing loops. What runs inside them is counted in nanoseconds, so they are as bare as Python allows.

An attempt is two clock readings around one call; they are appended as they are, and everything else
(durations, histogram, error classes) happens outside the timed region. The only test on the way is whether
the operation returned an :class:`Outcome`; ``type(value) is`` is the cheapest form of it that a proxy object
cannot fool, and None, the commonest value, is let past it. ``bench/loops.py`` holds the loop against the
naive one.

Every loop takes one attempt a ticket; the synchronous ones leave the last returned value in
``stamps.last_value``. Whatever an operation raises is an error of that attempt, ``SystemExit`` included; only
``KeyboardInterrupt`` and the cancellation of the measuring task leave the loop.
"""

import asyncio
import operator
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from itertools import repeat

from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.records.error_log import ErrorLog
from paceline.records.outcome import Outcome
from paceline.records.stamps import Stamps

# A ticket that is no attempt: the task lets the event loop run. An operation that never suspends would otherwise
# keep it from everything else, an interrupt included.
GIVE_WAY = object()


def until(deadline_s: float, most: int, now_s: Callable[[], float]) -> Iterator[None]:
    """Tickets until the clock reads ``deadline_s``, ``most`` of them at the most."""
    for ticket in repeat(None, most):
        if now_s() >= deadline_s:
            return
        yield ticket


def time_calls(
    operation: Callable[[], object],
    tickets: Iterable[object],
    now_s: Callable[[], float],
    stamps: Stamps,
    errors: ErrorLog,
) -> None:
    """Time each call on its own: the bare loop, for one worker in the caller's thread."""
    starts, ends, outcome = stamps.starts_s, stamps.ends_s, Outcome
    value: object = None
    for _ in tickets:
        start = now_s()
        try:
            value = operation()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # counted and shown
            ends.append(now_s())
            starts.append(start)
            _note(error, stamps, errors)
            continue
        ends.append(now_s())
        starts.append(start)
        if value is not None and type(value) is outcome:
            stamps.mark(value, errors)
    stamps.last_value = value


def time_calls_watched(
    operation: Callable[[], object],
    tickets: Iterable[object],
    now_s: Callable[[], float],
    stamps: Stamps,
    errors: ErrorLog,
    *,
    stop: Sequence[object] = (),
    setup_each: Callable[[], object] | None = None,
) -> None:
    """The same with the start published before the call, so that a watcher sees an attempt that hangs.

    Args:
        stop: another thread appends to it to end the loop before the next attempt.
        setup_each: called before each attempt; its time is added to ``stamps.excluded_s``.
    """
    starts, ends, outcome = stamps.starts_s, stamps.ends_s, Outcome
    value: object = None
    prepared_s = 0.0
    for _ in tickets:
        if stop:
            break
        if setup_each is not None:
            begun = now_s()
            setup_each()
            prepared_s = now_s() - begun
        failure: BaseException | None = None
        start = now_s()
        starts.append(start)
        try:
            value = operation()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # counted and shown
            failure = error
        ends.append(now_s())
        stamps.excluded_s += prepared_s
        if failure is not None:
            _note(failure, stamps, errors)
        elif type(value) is outcome:
            stamps.mark(value, errors)
    stamps.last_value = value


def time_batches(
    operation: Callable[[], object],
    tickets: Iterable[object],
    now_s: Callable[[], float],
    stamps: Stamps,
    errors: ErrorLog,
    *,
    calls: int,
) -> None:
    """Time ``calls`` calls together, a sample a ticket; a call that raises breaks its batch off.

    Raises:
        ConfigurationError: the operation returns an :class:`Outcome`, which a batch would not see.
    """
    starts, ends, outcome = stamps.starts_s, stamps.ends_s, Outcome
    value: object = None
    for _ in tickets:
        rest = repeat(None, calls)
        start = now_s()
        try:
            for _ in rest:
                value = operation()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # counted and shown
            ends.append(now_s())
            starts.append(start)
            stamps.untimed_ok += calls - operator.length_hint(rest) - 1
            _note(error, stamps, errors)
            continue
        ends.append(now_s())
        starts.append(start)
        if type(value) is outcome:
            raise ConfigurationError(
                "an operation that returns an Outcome cannot be batched: only every call timed on its own is looked at"
            )
    stamps.last_value = value


def empty_loop_s(now_s: Callable[[], float], calls: int) -> float:
    """What the loop of :func:`time_batches` costs without a call in it, per call: the least of five."""
    took_s = []
    for _ in range(5):
        rest = repeat(None, calls)
        start = now_s()
        for _ in rest:
            pass
        took_s.append(now_s() - start)
    return min(took_s) / calls


def time_awaits(
    operation: Callable[[], Awaitable[object]],
    tickets: Iterable[object],
    now_s: Callable[[], float],
    stamps: Stamps,
    errors: ErrorLog,
    *,
    stop: Sequence[object] = (),
    limit_s: float | None = None,
    setup_each: Callable[[], Awaitable[object]] | None = None,
    on_stop: Callable[[BaseException], None] | None = None,
) -> Coroutine[object, object, None]:
    """Await each call on its own. Several tasks may share ``stamps``: nothing is awaited between the two appends.

    Args:
        stop: something is appended to it to end the loop before the next attempt.
        limit_s: an attempt that takes longer is cancelled and counts as a timeout, whatever it raised then.
        setup_each: awaited before each attempt; its time is added to ``stamps.excluded_s``.
        on_stop: takes the ``KeyboardInterrupt`` or :class:`MeasurementError` that ends the loop, which is raised
            otherwise. A coroutine around the loop to catch them would cost each await as much as a clock reading.
    """
    if limit_s is None and setup_each is None:
        return _bare_awaits(operation, tickets, now_s, stamps, errors, stop, on_stop)
    return _watched_awaits(operation, tickets, now_s, stamps, errors, stop, on_stop, limit_s, setup_each)


async def _bare_awaits(
    operation: Callable[[], Awaitable[object]],
    tickets: Iterable[object],
    now_s: Callable[[], float],
    stamps: Stamps,
    errors: ErrorLog,
    stop: Sequence[object],
    on_stop: Callable[[BaseException], None] | None,
) -> None:
    starts, ends, outcome, give_way = stamps.starts_s, stamps.ends_s, Outcome, GIVE_WAY
    try:
        for ticket in tickets:
            if stop:
                break
            if ticket is give_way:
                await asyncio.sleep(0)
                continue
            start = now_s()
            try:
                value = await operation()
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                end = now_s()
                if _is_own_cancellation(error):
                    raise
                ends.append(end)
                starts.append(start)
                _note(error, stamps, errors)
                continue
            ends.append(now_s())
            starts.append(start)
            if value is not None and type(value) is outcome:
                stamps.mark(value, errors)
    except (KeyboardInterrupt, MeasurementError) as reason:
        if on_stop is None:
            raise
        on_stop(reason)


async def _watched_awaits(
    operation: Callable[[], Awaitable[object]],
    tickets: Iterable[object],
    now_s: Callable[[], float],
    stamps: Stamps,
    errors: ErrorLog,
    stop: Sequence[object],
    on_stop: Callable[[BaseException], None] | None,
    limit_s: float | None,
    setup_each: Callable[[], Awaitable[object]] | None,
) -> None:
    try:
        for ticket in tickets:
            if stop:
                break
            if ticket is GIVE_WAY:
                await asyncio.sleep(0)
                continue
            prepared_s = 0.0
            if setup_each is not None:
                begun = now_s()
                await setup_each()
                prepared_s = now_s() - begun
            await _watched_await(operation, now_s, stamps, errors, limit_s)
            stamps.excluded_s += prepared_s
    except (KeyboardInterrupt, MeasurementError) as reason:
        if on_stop is None:
            raise
        on_stop(reason)


async def _watched_await(
    operation: Callable[[], Awaitable[object]],
    now_s: Callable[[], float],
    stamps: Stamps,
    errors: ErrorLog,
    limit_s: float | None,
) -> None:
    limit: asyncio.Timeout | None = None
    start = now_s()
    try:
        if limit_s is None:
            value = await operation()
        else:
            async with asyncio.timeout(limit_s) as limit:
                value = await operation()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        end = now_s()
        if _is_own_cancellation(error):
            raise
        late = limit_s is not None and (end - start >= limit_s or (limit is not None and limit.expired()))
        # The loop's timer may fire before this clock has reached the limit: uvloop's by up to 1 ms.
        stamps.ends_s.append(max(end, start + limit_s) if late and limit_s is not None else end)
        stamps.starts_s.append(start)
        if late:
            stamps.mark_timeout()
        else:
            _note(error, stamps, errors)
        return
    stamps.ends_s.append(now_s())
    stamps.starts_s.append(start)
    if type(value) is Outcome:
        stamps.mark(value, errors)


def _is_own_cancellation(error: BaseException) -> bool:
    """Whether the measuring task itself is being cancelled, rather than something that the operation awaited."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _note(error: BaseException, stamps: Stamps, errors: ErrorLog) -> None:
    if isinstance(error, SystemExit) and os.getpid() != errors.pid:
        # A child that the operation forked, and that means to end: it must not go on measuring in its parent's name.
        os._exit(error.code if isinstance(error.code, int) else int(error.code is not None))
    stamps.mark_exception(error, errors)
