"""The exception tree: what went wrong, and whose move it is.

'Could not run', 'did not hold' and 'cannot tell' are different things. Only the first raises: a broken
threshold is a status, an unsupported verdict is ``inconclusive``.
"""


class PacelineError(Exception):
    """Base of every error that Paceline raises on purpose. Its text names the thing and the remedy."""


class ConfigurationError(PacelineError, ValueError):
    """The call, option or threshold is wrong; nothing was measured."""


class MeasurementError(PacelineError, RuntimeError):
    """The run could not be made at all, for example because ``setup`` raised."""


class AttemptFailed(PacelineError):  # noqa: N818  # what happened, as it stands in a record
    """An attempt failed for a reason that has a name.

    Attributes:
        kind: the name, such as ``'deadlock'``, by which equal failures are counted.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    def __reduce__(self) -> tuple[type["AttemptFailed"], tuple[str, str]]:
        """Rebuild it from both parts in another process."""
        return type(self), (self.kind, str(self))


class AttemptTimedOut(AttemptFailed):
    """An attempt was ended at a limit of its target's: it counts as a timeout, not as an error."""

    def __init__(self, message: str) -> None:
        super().__init__("timeout", message)

    def __reduce__(self) -> tuple[type["AttemptTimedOut"], tuple[str]]:  # type: ignore[override]  # it has one part
        """Rebuild it in another process."""
        return type(self), (str(self),)


class FileFormatError(PacelineError, ValueError):
    """A file cannot be read as what it should be; it was left as it is."""


class BaselineError(FileFormatError):
    """A file cannot be read as a baseline; it was left as it is."""


class OutputError(PacelineError, OSError):
    """A file cannot be written; what stood there before still does."""


class PacelineWarning(UserWarning):
    """Something a person should know, although the call went on."""
