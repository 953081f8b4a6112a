"""Errors by kind, counted, with the first traceback of each kind."""

import os
import threading
import traceback
from dataclasses import dataclass
from types import TracebackType

from paceline.core.errors import AttemptFailed, AttemptTimedOut
from paceline.core.redaction import redact

MOST_GROUPS = 100
_MESSAGE_LENGTH = 500
_TRACEBACK_LENGTH = 8_000
OTHER_KIND = "(other)"


@dataclass(frozen=True)
class ErrorGroup:
    """Equal errors.

    Attributes:
        kind: exception type (with its module, unless builtin), ``timeout``, or the text of ``Outcome.error``.
        message: text of the exception, without credentials.
        count: how many.
        traceback: of the first, empty where there was no exception.
    """

    kind: str
    message: str
    count: int
    traceback: str = ""


class ErrorLog:
    """Collects errors in bounded memory: beyond 100 kinds the rest is counted together. Thread-safe.

    Args:
        own_frames: beginning of the names of the modules whose frames a traceback is shown without.

    Attributes:
        timeouts: how many of what was counted are timeouts that targets raised.
    """

    def __init__(self, own_frames: str = "") -> None:
        self._own_frames = own_frames
        self._groups: dict[tuple[str, str], ErrorGroup] = {}
        self._lock = threading.Lock()
        self.timeouts = 0
        self.pid = os.getpid()  # of the process that counts; a child that an operation forks has another

    def add_exception(self, error: BaseException) -> None:
        """Count ``error``; its traceback is formatted only when it is the first of its kind."""
        if isinstance(error, AttemptTimedOut):
            with self._lock:
                self.timeouts += 1
        if isinstance(error, AttemptFailed):
            self._add(error.kind, _message_of(error), None)  # a name and a sentence: its frames are ours
            return
        kind = type(error).__qualname__
        if type(error).__module__ != "builtins":
            kind = f"{type(error).__module__}.{kind}"
        self._add(kind, _message_of(error), error)

    def add(self, kind: str, message: str = "") -> None:
        """Count an error without an exception."""
        self._add(kind, message, None)

    def _add(self, kind: str, message: str, error: BaseException | None) -> None:
        key = (redact(kind)[:_MESSAGE_LENGTH], redact(message)[:_MESSAGE_LENGTH])
        with self._lock:
            if key not in self._groups and len(self._groups) >= MOST_GROUPS:
                key = (OTHER_KIND, f"errors beyond the first {MOST_GROUPS} kinds")
            seen = self._groups.get(key)
            if seen is None:
                self._groups[key] = ErrorGroup(*key, count=1, traceback=_traceback_of(error, self._own_frames))
            else:
                self._groups[key] = ErrorGroup(*key, count=seen.count + 1, traceback=seen.traceback)

    def groups(self) -> tuple[ErrorGroup, ...]:
        """All groups, the most frequent first."""
        with self._lock:
            return tuple(sorted(self._groups.values(), key=lambda group: -group.count))


def _message_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as broken:  # noqa: BLE001  # a foreign __str__ may raise anything; that is said, not hidden
        return f"<message unavailable: its __str__ raised {type(broken).__name__}>"


def _from_the_operation_on(frames: TracebackType | None, own: str) -> TracebackType | None:
    """Without the frames of the timing loop, unless there are no others."""
    rest = frames
    while own and rest is not None and str(rest.tb_frame.f_globals.get("__name__")).startswith(own):
        rest = rest.tb_next
    return rest or frames


def _traceback_of(error: BaseException | None, own_frames: str) -> str:
    if error is None:
        return ""
    try:
        lines = traceback.format_exception(type(error), error, _from_the_operation_on(error.__traceback__, own_frames))
    except BaseException as broken:  # noqa: BLE001  # the same foreign __str__ is called here
        return f"<traceback unavailable: formatting it raised {type(broken).__name__}>"
    text = redact("".join(lines))
    if len(text) > _TRACEBACK_LENGTH:
        text = f"{text[: _TRACEBACK_LENGTH // 2]}\n[...]\n{text[-_TRACEBACK_LENGTH // 2 :]}"
    return text
