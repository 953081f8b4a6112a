"""What a driver's error means: one name for the same thing on every database, and a text without credentials."""

from collections.abc import Iterable

from paceline.core.errors import AttemptFailed, AttemptTimedOut
from paceline.core.redaction import HIDDEN, redact

DEADLOCK = "deadlock"
SERIALIZATION = "serialization failure"
LOCK_TIMEOUT = "lock timeout"
LOST = "lost connection"
CONSTRAINT = "constraint violated"
SYNTAX = "statement refused"
READ_ONLY = "read-only"
TIMEOUT = "timeout"
CANCELLED = "statement cancelled"
FULL = "too many connections"
POOL = "no free connection"
OTHER = "database error"

RETRIED = frozenset({DEADLOCK, SERIALIZATION, LOCK_TIMEOUT})

# https://www.postgresql.org/docs/current/errcodes-appendix.html; classes have two characters.
_STATES = {
    "40P01": DEADLOCK,
    "40001": SERIALIZATION,
    "55P03": LOCK_TIMEOUT,
    "57014": TIMEOUT,  # also of pg_cancel_backend(): only the text tells, in the server's language
    "57P01": LOST,
    "57P02": LOST,
    "57P03": LOST,
    "57P05": LOST,
    "25006": READ_ONLY,
    "53300": FULL,
    "08": LOST,
    "23": CONSTRAINT,
    "42": SYNTAX,
    "26": SYNTAX,
}
# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html and the client's
_NUMBERS = {
    DEADLOCK: (1213,),
    SERIALIZATION: (1020,),
    LOCK_TIMEOUT: (1205, 3572),
    LOST: (1053, 1927, 2002, 2003, 2006, 2013, 2055, 4031),
    CONSTRAINT: (1048, 1062, 1364, 1406, 1451, 1452, 1557, 3819, 4025),
    SYNTAX: (1054, 1064, 1103, 1136, 1142, 1146, 1149, 1305),
    READ_ONLY: (1290, 1792, 1836),
    CANCELLED: (1317,),
    TIMEOUT: (1969, 3024),
    FULL: (1040, 1203),
}
_BY_NUMBER = {number: kind for kind, numbers in _NUMBERS.items() for number in numbers}
# https://www.sqlite.org/rescode.html; the longest beginning counts
_SQLITE = {
    "SQLITE_BUSY_SNAPSHOT": SERIALIZATION,
    "SQLITE_BUSY": LOCK_TIMEOUT,
    "SQLITE_LOCKED": LOCK_TIMEOUT,
    "SQLITE_CONSTRAINT": CONSTRAINT,
    "SQLITE_READONLY": READ_ONLY,
    "SQLITE_ERROR": SYNTAX,
    "SQLITE_CANTOPEN": LOST,
    "SQLITE_INTERRUPT": TIMEOUT,
}
_GONE = ("closed", "broken", "terminat", "lost", "reset", "no connection", "gone away", "not connected")


def kind_of_error(error: BaseException) -> str:
    """The name of what ``error``, of any driver, says."""
    if isinstance(error, AttemptFailed):
        return error.kind
    number = error.args[0] if error.args else None
    if isinstance(number, int) and number in _BY_NUMBER:  # tells more than MySQL's state: HY000 is a lock timeout, too
        return _BY_NUMBER[number]
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(state, str) and len(state) == 5:  # noqa: PLR2004  # an SQLSTATE
        return _STATES.get(state) or _STATES.get(state[:2], OTHER)
    name = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str):
        return next((kind for beginning, kind in _SQLITE.items() if name.startswith(beginning)), OTHER)
    if isinstance(error, ConnectionError | EOFError) or (number == 0 and type(error).__name__ == "InterfaceError"):
        return LOST
    text = str(error).lower()
    # Drivers that lost their connection have no state for it; those of a statement have one.
    is_of_the_connection = type(error).__name__ in {"OperationalError", "InterfaceError", "ProgrammingError"}
    return LOST if is_of_the_connection and any(word in text for word in _GONE) else OTHER


def message_of(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """What ``error`` says, in one line: the rest names process ids and the like, which no two errors share."""
    text = str(error)
    if error.args and isinstance(error.args[0], int) and len(error.args) > 1:
        text = f"{error.args[1]} ({error.args[0]})"
    text = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)
    state = getattr(error, "sqlstate", None)
    return without(f"{text} ({state})" if isinstance(state, str) and state else text, secrets)


def without(text: str, secrets: Iterable[str]) -> str:
    """``text`` without any of ``secrets``, and without what looks like one."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return redact(text)


def failure(error: BaseException, secrets: Iterable[str] = ()) -> AttemptFailed:
    """``error`` as what an attempt failed by."""
    if isinstance(error, AttemptFailed):
        return error
    kind, message = kind_of_error(error), message_of(error, secrets)
    return AttemptTimedOut(message) if kind == TIMEOUT else AttemptFailed(kind, message)
