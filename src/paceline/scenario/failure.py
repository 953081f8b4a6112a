"""How a request, or a user's way through a scenario, breaks off."""

import asyncio

from paceline.core.errors import PacelineError


class RequestFailed(PacelineError):  # noqa: N818  # what happened, as users read it in an except clause
    """A request got no answer. It is counted already: letting it out only ends the iteration.

    Attributes:
        kind: why, such as ``'refused'``, ``'reset'``, ``'timeout'`` or ``'malformed'``.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type["RequestFailed"], tuple[str, str]]:
        """Rebuild it from both parts in another process."""
        return RequestFailed, (self.kind, str(self))


class LoadEnded(BaseException):
    """Ends a user function when the load has ended. No ``Exception``: users' handlers are not to see it."""


def own_part(error: BaseException, *, turned_away: bool) -> BaseException | None:
    """What of ``error``, raised by a user function, is not counted already; without the frame that called it.

    Args:
        turned_away: whether tasks that the function made were cancelled at the end of the load.
    """
    if isinstance(error, BaseExceptionGroup):
        rest = error.split((LoadEnded, RequestFailed))[1]
        if rest is None:
            return None
        error = rest
    elif turned_away and isinstance(error, asyncio.CancelledError):
        return None  # by way of asyncio.gather, or of a result
    if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
        error = error.with_traceback(error.__traceback__.tb_next)
    return error
