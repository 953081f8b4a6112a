"""Which statements an operation of somebody's own issues: counted at its SQLAlchemy engine."""

import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError
from paceline.records.database import DatabaseRecord
from paceline.records.run_record import RunRecord
from paceline.targets.call import CallTarget, callable_without_arguments, returns_awaitable
from paceline.targets.sql.notes import Notes
from paceline.targets.sql.statement import SqlStatement
from paceline.targets.sql.text import name_of

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

_MOST_STATEMENTS = 100
_OTHERS = "(other statements)"

_NOT_YET = 0.0


class _Issued:
    """The statements of one attempt. They may be under way at once, in tasks that the attempt made.

    Attributes:
        all: text, when it was begun, when the driver had executed it (:data:`_NOT_YET`: not until now).
    """

    def __init__(self) -> None:
        self.all: list[tuple[str, float, float]] = []
        self._under_way: dict[int, int] = {}

    def began(self, cursor: object, text: str, now_s: float) -> None:
        """On ``cursor``, which is one statement's at a time."""
        self._under_way[id(cursor)] = len(self.all)
        self.all.append((text, now_s, _NOT_YET))

    def executed(self, cursor: object, now_s: float) -> None:
        """That one is over. Of one that fails nobody is told."""
        place = self._under_way.pop(id(cursor), None)
        if place is not None:
            text, began_s, _ = self.all[place]
            self.all[place] = (text, began_s, now_s)


class _Count:
    """What one window saw."""

    def __init__(self) -> None:
        self.notes = Notes(())
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def note(self, issued: _Issued) -> None:
        """An attempt is over."""
        counts: dict[int, int] = {}
        for text, began_s, executed_s in issued.all:
            number = self._number(text)
            if executed_s == _NOT_YET:
                self.notes.failed.append(number)
                continue
            nth = counts.get(number, 0) + 1
            counts[number] = nth
            self.notes.executions.extend((number, began_s, executed_s, executed_s, 0, 0, nth))

    def fold(self) -> None:
        """Take up what was noted."""
        self.notes.fold(self._new)

    def _new(self) -> list[SqlStatement]:
        return [SqlStatement(text, name=_name(text)) for text in list(self._numbers)[len(self.notes.names) :]]

    def _number(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is None:
            with self._lock:  # two threads that meet a statement agree on its number, and no two have the same
                key = _OTHERS if len(self._numbers) >= _MOST_STATEMENTS else text
                number = self._numbers.setdefault(key, len(self._numbers))
        return number


@dataclass(frozen=True, repr=False)
class SqlWatch:
    """An operation whose statements are counted.

    What the operation executes in its own thread or task is seen, by events of the engine: about 2 us a statement,
    which are in the attempt's time.

    Attributes:
        operation: function or coroutine function without arguments.
        engine: an engine of SQLAlchemy's that it uses, asynchronous or not.

    Raises:
        ConfigurationError: one of them is something else.
    """

    operation: Callable[[], Any]
    engine: "Engine | AsyncEngine"

    def __post_init__(self) -> None:
        callable_without_arguments("operation", self.operation)
        from sqlalchemy import Engine

        if not isinstance(_sync(self.engine), Engine):
            raise ConfigurationError(f"engine must be an engine of SQLAlchemy's, not {type(self.engine).__name__}")

    def __repr__(self) -> str:
        return f"SqlWatch({getattr(self.operation, '__qualname__', self.operation)})"

    def call_target(self) -> CallTarget:
        """The operation, with the engine's events around the run."""
        counting = _Counting(self.operation, _sync(self.engine))
        if returns_awaitable(self.operation):
            return CallTarget(counting.awaited, counting.attach, counting.detach, witness=counting)
        return CallTarget(counting.called, counting.attach, counting.detach, witness=counting)


def _sync(engine: object) -> Any:  # noqa: ANN401  # whatever it is
    return getattr(engine, "sync_engine", engine)


def _name(text: str) -> str:
    return text if text == _OTHERS else name_of(text)


class _Counting:
    """One run; also its witness."""

    def __init__(self, operation: Callable[[], Any], engine: "Engine") -> None:
        self._operation = operation
        self._engine = engine
        self._now_s = SYSTEM_CLOCK.now_s
        self._issued: ContextVar[_Issued | None] = ContextVar("issued", default=None)
        self._count = _Count()

    def called(self) -> object:
        """One attempt of a function."""
        issued, count = _Issued(), self._count
        self._issued.set(issued)
        try:
            return self._operation()
        finally:
            self._issued.set(None)
            count.note(issued)

    async def awaited(self) -> object:
        """One attempt of a coroutine function."""
        issued, count = _Issued(), self._count
        self._issued.set(issued)
        try:
            coroutine: Coroutine[Any, Any, object] = self._operation()
            return await coroutine
        finally:
            self._issued.set(None)
            count.note(issued)

    # Around the attempts.

    def attach(self) -> None:
        """Be told of the engine's statements."""
        from sqlalchemy import event

        event.listen(self._engine, "before_cursor_execute", self._before)
        event.listen(self._engine, "after_cursor_execute", self._after)

    def detach(self) -> None:
        """No longer."""
        from sqlalchemy import event

        event.remove(self._engine, "before_cursor_execute", self._before)
        event.remove(self._engine, "after_cursor_execute", self._after)

    def _before(self, *arguments: object) -> None:
        issued = self._issued.get()
        if issued is not None:
            issued.began(arguments[1], str(arguments[2]), self._now_s())

    def _after(self, *arguments: object) -> None:
        issued = self._issued.get()
        if issued is not None:
            issued.executed(arguments[1], self._now_s())

    # The witness.

    def begin(self) -> None:
        """The window opens."""
        self._count = _Count()

    def fold(self) -> None:
        """Take up what was noted."""
        self._count.fold()

    def end(self) -> None:
        """The window is over."""

    def noted(self, record: RunRecord) -> RunRecord:
        """``record`` with the statements."""
        self._count.fold()
        statements = self._count.notes.records()
        return replace(record, database=DatabaseRecord(driver=self._engine.dialect.driver, statements=statements))
