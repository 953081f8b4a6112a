"""What attempts write down in a few list entries, and how that becomes a record. Memory is bounded."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from paceline.core.units import NS_PER_S
from paceline.records.database import StatementRecord
from paceline.records.distribution import Distribution
from paceline.records.recorder import floats
from paceline.targets.sql.statement import SqlStatement
from paceline.targets.sql.text import without_passwords

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Table = NDArray[np.float64]

_Entry = TypeVar("_Entry", int, float)

# Of an execution: its statement, when it began, had its answer, had its rows; rows; rows changed; executions of this
# statement in the attempt so far. One list for all threads: ``extend`` of a tuple is one step of the interpreter.
_EXECUTION = 7
_NTH = 6  # the last of them; 0 in a try that was repeated, which says nothing about what an attempt needs
# Of an attempt: when it began, had its connection, began to end its transaction, had ended it.
_ATTEMPT = 4


class _Statement:
    def __init__(self) -> None:
        self.latency, self.executing, self.fetching = Distribution(), Distribution(), Distribution()
        self.executions = self.rows = self.affected = self.operations = self.most = self.repeated = self.errors = 0

    def add(self, mine: "Table") -> None:
        began, executed, fetched = mine[:, 1], mine[:, 2], mine[:, 3]
        self.latency.add(_ns(fetched - began))
        self.executing.add(_ns(executed - began))
        self.fetching.add(_ns(fetched - executed))
        self.executions += len(mine)
        self.rows += int(mine[:, 4].sum())
        self.affected += int(mine[:, 5].sum())
        self.operations += int((mine[:, _NTH] == 1).sum())
        self.repeated += int((mine[:, _NTH] == 0).sum())
        self.most = max(self.most, int(mine[:, _NTH].max()))


class Notes:
    """The notes of one window.

    Args:
        statements: each once.

    Attributes:
        names: of the statements.
        executions: entries of seven; see above.
        attempts: entries of four.
        failed: the number of the statement of each execution that failed.
        retried: one entry each.
        reconnected: likewise.
        retries, reconnects: how many of them there were.
    """

    def __init__(self, statements: Sequence[SqlStatement]) -> None:
        self.names: list[str] = []
        self._texts: list[str] = []
        self._statements: list[_Statement] = []
        self.adopt(statements)
        self.waiting, self.ended = Distribution(), Distribution()
        self.executions: list[float] = []
        self.attempts: list[float] = []
        self.failed: list[int] = []
        self.retried: list[int] = []
        self.reconnected: list[int] = []
        self.retries = self.reconnects = 0

    def adopt(self, statements: Sequence[SqlStatement]) -> None:
        """There are these, too."""
        self.names += [statement.shown for statement in statements]
        self._texts += [without_passwords(statement.text) for statement in statements]
        self._statements += [_Statement() for _ in statements]

    def repeat(self, executions: list[float]) -> None:
        """A try is repeated: take over its ``executions``, which are no longer in that list."""
        executions[_NTH::_EXECUTION] = [0.0] * (len(executions) // _EXECUTION)
        self.executions.extend(executions)
        executions.clear()
        self.retried.append(1)

    def fold(self, new: Callable[[], Sequence[SqlStatement]] = tuple) -> None:
        """Take up what was written down.

        Args:
            new: statements besides those known; asked once the executions are taken, so that none of these is of a
                statement that is not known yet.
        """
        executions, failed = _taken(self.executions, _EXECUTION), _out_of(self.failed)
        self.adopt(new())
        for number, statement in enumerate(self._statements):
            mine = executions[executions[:, 0] == number]
            if len(mine):
                statement.add(mine)
        attempts = _taken(self.attempts, _ATTEMPT)
        if len(attempts):
            self.waiting.add(_ns(attempts[:, 1] - attempts[:, 0]))
            ending = attempts[:, 3] - attempts[:, 2]
            self.ended.add(_ns(ending[attempts[:, 3] > 0]))
        for number in failed:
            self._statements[number].errors += 1
        self.retries += len(_out_of(self.retried))
        self.reconnects += len(_out_of(self.reconnected))

    def records(self) -> tuple[StatementRecord, ...]:
        """The statements; what is still being written down is not in them."""
        return tuple(
            StatementRecord(
                name=name,
                text=text,
                executions=seen.executions,
                errors=seen.errors,
                rows=seen.rows,
                affected=seen.affected,
                operations=seen.operations,
                most_in_operation=seen.most,
                repeated=seen.repeated,
                latency=seen.latency.latency,
                executing=seen.executing.latency,
                fetching=seen.fetching.latency,
            )
            for name, text, seen in zip(self.names, self._texts, self._statements, strict=True)
        )


def _taken(entries: list[float], width: int) -> "Table":
    """All whole entries, which are no longer in the list; both steps are one of the interpreter's."""
    return floats(_out_of(entries)).reshape(-1, width)


def _out_of(entries: list[_Entry]) -> list[_Entry]:
    count = len(entries)
    taken = entries[:count]
    del entries[:count]
    return taken


def _ns(differences_s: "Table") -> "NDArray[np.int64]":
    import numpy as np

    return np.maximum(np.rint(differences_s * NS_PER_S), 0).astype(np.int64)
