"""How a request, or a user's way through a scenario, breaks off."""

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
