"""How long a statement may take. The server ends what it can; what is still under way then is cut off from outside.

A frozen server, and one on a machine that is gone, ends nothing, and most drivers wait for ever. So every statement is
noted before it is sent, and somebody else looks at the notes: a thread, or a timer of the event loop.
"""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from paceline.core.errors import AttemptTimedOut
from paceline.targets.sql.family import Family

GRACE_S = 1.0  # for a server that ends a statement itself to say so
_SOONEST_S = 0.001

_Note = tuple[float, Any]
"""When a statement began, on which connection."""


class Limit:
    """Looks after the statements under way on the connections of one run.

    Args:
        timeout_s: how long a statement may take.
        family: of the database; where it ends statements itself, connections are cut off :data:`GRACE_S` later.
        now_s: the clock.

    Attributes:
        under_way: by the ``id`` of a connection, when its statement began. Written on the timed way as it is.
    """

    def __init__(self, timeout_s: float, family: Family, now_s: Callable[[], float]) -> None:
        self._timeout_s = timeout_s
        self._after_s = timeout_s + (GRACE_S if family.ends_late else 0.0)
        self._now_s = now_s
        self._cut: dict[int, _Note] = {}
        self.under_way: dict[int, _Note] = {}

    def cut_late(self) -> float:
        """Cut off what is late; in how many seconds something else may be."""
        now_s, next_s = self._now_s(), self._after_s
        for key, note in self.under_way.copy().items():
            left_s = note[0] + self._after_s - now_s
            if left_s > 0:
                next_s = min(next_s, left_s)
            elif self._cut.get(key) is not note:
                self._cut[key] = note
                cut(note[1])
        return max(next_s, _SOONEST_S)

    def has_cut(self, connection: Any) -> bool:  # noqa: ANN401  # of any driver
        """Whether the statement that is noted for ``connection`` was cut off."""
        note = self._cut.pop(id(connection), None)
        return note is not None and note is self.under_way.get(id(connection))

    def late(self) -> AttemptTimedOut:
        """What such an attempt failed by."""
        return AttemptTimedOut(f"no answer within {self._timeout_s:g} s")

    @contextmanager
    def watching(self, connection: Any) -> Iterator[None]:  # noqa: ANN401  # of any driver
        """Look after one statement that is not of an attempt.

        Raises:
            AttemptTimedOut: it was cut off.
        """
        self.under_way[id(connection)] = (self._now_s(), connection)
        try:
            yield
        except Exception as error:
            if self.has_cut(connection):
                raise self.late() from error
            raise
        finally:
            del self.under_way[id(connection)]


class ThreadLimit(Limit):
    """Whose thread sleeps until something may be late."""

    def __init__(self, timeout_s: float, family: Family, now_s: Callable[[], float]) -> None:
        super().__init__(timeout_s, family, now_s)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="paceline-sql-limit", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stopped.wait(self.cut_late()):
            pass

    def stop(self) -> None:
        """Nobody looks any more."""
        self._stopped.set()
        self._thread.join()


class LoopLimit(Limit):
    """Whose timer is the running event loop's."""

    def __init__(self, timeout_s: float, family: Family, now_s: Callable[[], float]) -> None:
        super().__init__(timeout_s, family, now_s)
        self._loop = asyncio.get_running_loop()
        self._look()

    def _look(self) -> None:
        self._timer = self._loop.call_later(self.cut_late(), self._look)

    def stop(self) -> None:
        """Nobody looks any more."""
        self._timer.cancel()


def cut(connection: Any) -> None:  # noqa: ANN401  # of any driver
    """End what ``connection`` waits for, from outside: SQLite's statement, otherwise its socket. Others wait on."""
    with contextlib.suppress(Exception):  # it is gone already
        if callable(interrupt := getattr(connection, "interrupt", None)):  # sqlite3; aiosqlite has it awaited
            ended = interrupt()
            if asyncio.iscoroutine(ended):
                _INTERRUPTS.add(task := asyncio.ensure_future(ended))
                task.add_done_callback(_INTERRUPTS.discard)
        elif callable(terminate := getattr(connection, "terminate", None)):  # asyncpg
            terminate()
        elif (transport := _transport_of(connection)) is not None:
            transport.abort()
        else:
            of_socket = connection if hasattr(connection, "fileno") else getattr(connection, "_sock", None)
            if of_socket is not None:  # psycopg's; PyMySQL tells nobody its socket
                with socket.socket(fileno=os.dup(of_socket.fileno())) as copy:
                    copy.shutdown(socket.SHUT_RDWR)


def _transport_of(connection: Any) -> Any:  # noqa: ANN401  # of any driver
    """Of asyncmy; of aiomysql and older asyncmy behind their stream; None of all others."""
    writer = getattr(connection, "_writer", None)
    return getattr(connection, "_transport", None) or getattr(writer, "transport", None)


_INTERRUPTS: set[asyncio.Future[Any]] = set()  # a loop holds its tasks weakly
