"""A request on its way to the process that makes it: by plain pickle, or with the user's functions in it."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from paceline.core.errors import ConfigurationError, MeasurementError, PacelineError
from paceline.core.redaction import redact
from paceline.engine.request import RunRequest
from paceline.targets.call import CallTarget
from paceline.targets.handover import pickled
from paceline.targets.lanes import Carrying, PackedTarget

_OF_A_CALL = ("operation", "setup", "teardown", "setup_each")


def order_of(request: RunRequest, *, packed: bool = False) -> bytes:
    """``request`` for another process: what was named by ``remake`` is loaded there.

    Args:
        request: what is to be run.
        packed: whether the process is on another machine, so that files are to go along.

    Raises:
        ConfigurationError: a function in it belongs to this process; the message names the argument.
        MeasurementError: something else in it does, or a file cannot be read.
    """
    if packed:
        request = _with_files(request)
    if request.remake is not None:
        request = replace(request, target=CallTarget(stands_for_what_is_made_there))
    parts = _functions(request)
    if parts:
        return pickled(request, parts)
    try:
        return pickle.dumps(request)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        where = "another machine" if packed else "a process of its own"
        raise MeasurementError(f"the target cannot be handed to {where}: {error}") from error


def request_of(order: bytes, folder: Path | None) -> RunRequest:
    """The request of :func:`order_of`, whose files, if it has any, are put into ``folder``.

    Raises:
        ConfigurationError: what is to be measured cannot be loaded here; the message says what is missing.
    """
    try:
        request = pickle.loads(order)  # noqa: S301  # from whoever started this process, by a pipe of its own
        assert isinstance(request, RunRequest)
        if folder is not None and isinstance(request.remake, PackedTarget):
            request = replace(request, remake=request.remake.unpacked(folder))
        elif folder is not None and isinstance(request.target, PackedTarget):
            request = replace(request, target=request.target.unpacked(folder))
        return request if request.remake is None else replace(request, target=request.remake())
    except PacelineError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            redact(f"the operation cannot be loaded in another process: {type(error).__name__}: {error}")
        ) from error


def _with_files(request: RunRequest) -> RunRequest:
    if isinstance(request.remake, PackedTarget):
        return replace(request, remake=request.remake.packed())
    if isinstance(request.target, PackedTarget):
        return replace(request, target=request.target.packed())
    return request


def _functions(request: RunRequest) -> Mapping[str, object]:
    """What of it is the user's, by the names of the arguments."""
    target = request.target
    if request.remake is not None:
        return {}
    if isinstance(target, CallTarget):
        return {name: getattr(target, name) for name in _OF_A_CALL}
    return target.functions if isinstance(target, Carrying) else {}


def stands_for_what_is_made_there() -> None:
    """The place of an operation in an order that says how to make it."""
