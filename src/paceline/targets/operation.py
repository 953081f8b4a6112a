"""Whatever a user hands over as the operation, as a target with what belongs around it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from paceline.core.errors import ConfigurationError
from paceline.records.run_record import TestType
from paceline.targets.asgi import AsgiTarget
from paceline.targets.cache import CacheTarget
from paceline.targets.cache_client import CacheClientTarget
from paceline.targets.call import CallTarget
from paceline.targets.lanes import LaneTarget, SplitTarget, is_split
from paceline.targets.sharing import CallShares
from paceline.targets.sql.shares import SqlShares
from paceline.targets.sql.target import SqlTarget
from paceline.targets.sql.watch import SqlWatch
from paceline.targets.wsgi import WsgiTarget

_Function = Callable[[], Any]


class _Around(NamedTuple):
    """What is called before and after a run."""

    setup: _Function | None
    teardown: _Function | None


_NOTHING = _Around(None, None)
_KINDS = {SqlTarget: TestType.DATABASE_QUERY, CacheClientTarget: TestType.CACHE_OPERATION}
_LIVES_HERE = "what is called lives in the process that made it"
_AN_APPLICATION = (
    "an application is called in the process that it lives in, and would be another one in each of several: serve it, "
    "and load it by HttpTarget"
)
_ALONE = {
    AsgiTarget: _AN_APPLICATION,
    WsgiTarget: _AN_APPLICATION,
    CacheClientTarget: "a client of somebody's own belongs to one process: load the server by CacheTarget, or call "
    "a function that makes its client in setup=",
    SqlWatch: "an engine of SQLAlchemy's belongs to one process: call the operation without SqlWatch, or load the "
    "database by SqlTarget",
}


class Shared(NamedTuple):
    """How several processes make what is measured together.

    Attributes:
        by: gives each its share; None where nothing can.
        setup, teardown: called once around all of them, by the process that drives them.
        why_not: where they cannot.
    """

    by: SplitTarget | None = None
    setup: _Function | None = None
    teardown: _Function | None = None
    why_not: str = ""


class Measured(NamedTuple):
    """A target.

    Attributes:
        target: what is driven by one process.
        setup, teardown: around it, unless it is a :class:`CallTarget`, which has its own.
        test_type: what kind of thing it is.
        shared: how several processes make it.
    """

    target: CallTarget | LaneTarget
    setup: _Function | None = None
    teardown: _Function | None = None
    test_type: TestType | None = None
    shared: Shared = Shared()


def measured(
    operation: object,
    setup: _Function | None = None,
    teardown: _Function | None = None,
    setup_each: _Function | None = None,
) -> Measured:
    """The target that ``operation`` is or makes; what was made by this function stays as it is.

    Raises:
        ConfigurationError: it is nothing that can be measured, or ``setup_each`` does not go together with it.
    """
    if isinstance(operation, Measured):
        return operation
    if isinstance(operation, CallTarget):
        return Measured(operation, shared=Shared(CallShares(operation)))
    users = _Around(setup, teardown)
    if isinstance(operation, AsgiTarget | WsgiTarget | CacheClientTarget | SqlTarget | SqlWatch):
        own = operation.call_target()
        owns = _Around(own.setup, own.teardown)
        # The user's is the outer one of statements: it may make the tables that they are tried on.
        outer, inner = (users, owns) if isinstance(operation, SqlTarget | SqlWatch) else (owns, users)
        joined = _joined(outer, inner, is_async=own.is_async)
        target = replace(own, setup=joined.setup, teardown=joined.teardown, setup_each=setup_each)
        return Measured(target, test_type=_KINDS.get(type(operation)), shared=_shared(operation, users))
    if not _is_lane_target(operation):
        target = CallTarget(operation, setup, teardown, setup_each)  # type: ignore[arg-type]  # it checks itself
        return Measured(target, shared=Shared(CallShares(target)))
    if setup_each is not None:
        raise ConfigurationError("setup_each is for callables: requests are sent one after the other over connections")
    if isinstance(operation, CacheTarget):
        keeper = operation.keeper
        joined = _joined(_Around(keeper.prepare, keeper.tidy), users, is_async=True)
        shared = Shared(operation, joined.setup, joined.teardown)
        return Measured(operation, joined.setup, joined.teardown, TestType.CACHE_OPERATION, shared)
    shared = Shared(operation, setup, teardown) if is_split(operation) else Shared(why_not=_LIVES_HERE)
    return Measured(operation, setup, teardown, shared=shared)  # type: ignore[arg-type]  # asked


def _shared(operation: object, users: _Around) -> Shared:
    """How several processes make what is called."""
    if isinstance(operation, SqlTarget):
        return Shared(SqlShares(operation), users.setup, users.teardown)
    return Shared(why_not=next(text for kind, text in _ALONE.items() if isinstance(operation, kind)))


def _is_lane_target(operation: object) -> bool:
    # By its class: an operation of somebody's own may answer to any attribute name.
    return hasattr(type(operation), "lanes") and hasattr(type(operation), "execution")


def _joined(outer: _Around, inner: _Around, *, is_async: bool) -> _Around:
    """``outer`` around ``inner``: what the outer one has set up is torn down whatever becomes of the inner one."""
    if _NOTHING in {outer, inner}:
        return inner if outer == _NOTHING else outer
    if is_async:
        return _Around(partial(_set_up, outer, inner), partial(_torn_down, outer, inner))
    return _Around(partial(_set_up_here, outer, inner), partial(_torn_down_here, outer, inner))


async def _set_up(outer: _Around, inner: _Around) -> None:
    await _called(outer.setup)
    try:
        await _called(inner.setup)
    except BaseException as error:
        try:
            await _called(outer.teardown)
        except Exception as failure:  # noqa: BLE001  # why it was not set up is the better message
            error.add_note(f"nor could it be undone: {failure}")
        raise


async def _torn_down(outer: _Around, inner: _Around) -> None:
    try:
        await _called(inner.teardown)
    finally:
        await _called(outer.teardown)


async def _called(function: _Function | None) -> None:
    returned: Any = None if function is None else function()
    if hasattr(returned, "__await__"):
        await returned


def _set_up_here(outer: _Around, inner: _Around) -> None:
    _called_here(outer.setup)
    try:
        _called_here(inner.setup)
    except BaseException as error:
        try:
            _called_here(outer.teardown)
        except Exception as failure:  # noqa: BLE001  # why it was not set up is the better message
            error.add_note(f"nor could it be undone: {failure}")
        raise


def _torn_down_here(outer: _Around, inner: _Around) -> None:
    try:
        _called_here(inner.teardown)
    finally:
        _called_here(outer.teardown)


def _called_here(function: _Function | None) -> None:
    returned: Any = None if function is None else function()
    if hasattr(returned, "__await__"):
        returned.close()
        raise ConfigurationError(
            "setup and teardown are coroutine functions, but what is measured is synchronous: make them plain functions"
        )


def both(first: _Function | None, then: _Function | None) -> _Function | None:
    """One function after the other, either of which may be a coroutine function or missing."""
    if first is None or then is None:
        return first or then

    async def one_after_the_other() -> None:
        for function in (first, then):
            await _called(function)

    return one_after_the_other
