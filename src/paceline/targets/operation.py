"""Whatever a user hands over as the operation, as a target with what belongs around it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from paceline.core.errors import ConfigurationError
from paceline.targets.asgi import AsgiTarget
from paceline.targets.call import CallTarget
from paceline.targets.lanes import LaneTarget
from paceline.targets.wsgi import WsgiTarget

_Function = Callable[[], Any]


class Measured(NamedTuple):
    """A target; ``setup`` and ``teardown`` are its own where it is a :class:`CallTarget`."""

    target: CallTarget | LaneTarget
    setup: _Function | None = None
    teardown: _Function | None = None


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
    if isinstance(operation, AsgiTarget | WsgiTarget):
        own = operation.call_target()
        setup, teardown = _both(own.setup, setup), _both(teardown, own.teardown)
        return Measured(CallTarget(own.operation, setup, teardown, setup_each))
    if isinstance(operation, CallTarget):
        return Measured(operation)
    if not _is_lane_target(operation):
        return Measured(CallTarget(operation, setup, teardown, setup_each))  # type: ignore[arg-type]  # it checks itself
    if setup_each is not None:
        raise ConfigurationError("setup_each is for callables: requests are sent one after the other over connections")
    return Measured(operation, setup, teardown)  # type: ignore[arg-type]  # asked for just now


def _is_lane_target(operation: object) -> bool:
    # By its class: an operation of somebody's own may answer to any attribute name.
    return hasattr(type(operation), "lanes") and hasattr(type(operation), "execution")


def _both(first: _Function | None, then: _Function | None) -> _Function | None:
    if first is None or then is None:
        return first or then

    async def both() -> None:
        for function in (first, then):
            returned = function()
            if hasattr(returned, "__await__"):
                await returned

    return both
