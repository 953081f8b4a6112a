"""What can be wrong with a request; the API turns each into a status."""


class RecordsError(Exception):
    """The text is meant for whoever sent the request."""


class InvalidInputError(RecordsError):
    """A value cannot be used."""


class NotFoundError(RecordsError):
    """There is no such thing."""


class ConflictError(RecordsError):
    """Somebody else changed it in the meantime."""


class NotAllowedError(RecordsError):
    """The token is missing, unknown, or may only read."""
