"""The timed way of synchronous drivers: a connection, the cursor's execute and fetchall, the end of the transaction."""

from typing import Any

from paceline.core.errors import AttemptFailed, MeasurementError
from paceline.targets.sql import counters
from paceline.targets.sql.doors import Door, SyncControl, could_not_connect
from paceline.targets.sql.failures import LOST, RETRIED, TIMEOUT, failure
from paceline.targets.sql.jobs import Job
from paceline.targets.sql.limit import ThreadLimit
from paceline.targets.sql.place import Place, known_by
from paceline.targets.sql.pool import Pool
from paceline.targets.sql.run import SqlRun


class SqlCalls(SqlRun):
    """One run of a :class:`SqlTarget` by calls from any number of threads."""

    def operation(self) -> None:
        """One attempt.

        Raises:
            AttemptFailed: it failed, and was not to be repeated any more.
        """
        now = self._now_s
        job = self._take()
        began = now()
        try:
            connection = self._pool.free.pop()
        except IndexError:
            connection = self._pool.wait()
        taken = now()
        limit, key = self._limit, id(connection)
        limit.under_way[key] = (taken, connection)
        left = self._retries
        # What may be repeated is kept apart until it is known whether it was.
        executions: list[float] = [] if left else self._notes.executions
        try:
            while True:
                try:
                    ending, ended = (self._executed if self._plain else self._transacted)(connection, job, executions)
                except Exception as error:
                    failed = failure(error, self._secrets)
                    if limit.has_cut(connection) and failed.kind != TIMEOUT:
                        failed = limit.late()
                        self._discard(connection, lost=True)
                    elif not self._cleared(connection, failed.kind):
                        self._discard(connection, lost=True)
                    elif failed.kind in RETRIED and left:
                        left -= 1
                        self._notes.repeat(executions)
                        continue
                    else:
                        self._pool.give_back(connection)
                    raise failed from error
                except BaseException:
                    self._discard(connection, lost=False)  # interrupted: nobody knows what it is in the middle of
                    raise
                break
        finally:
            limit.under_way.pop(key, None)
            if self._retries:
                self._notes.executions.extend(executions)
        self._notes.attempts.extend((began, taken, ending, ended))
        self._pool.give_back(connection)

    def _executed(self, connection: Any, job: Job, executions: list[float]) -> tuple[float, float]:  # noqa: ANN401
        """Execute what needs no transaction; when its end began and was over: never."""
        now, note, give_rows = self._now_s, executions.extend, self._give_rows
        under_way, key = self._limit.under_way, id(connection)
        for number, sql, arguments, nth in job:
            began = now()
            under_way[key] = (began, connection)
            try:
                cursor = connection.cursor()
                if arguments is None:
                    cursor.execute(sql)
                else:
                    cursor.execute(sql, arguments)
                executed = now()
                if sql in give_rows or cursor.description is not None:
                    rows, affected = len(cursor.fetchall()), 0
                else:
                    rows, affected = 0, cursor.rowcount
                fetched = now()
                cursor.close()
            except Exception:
                self._notes.failed.append(number)
                raise
            note((number, began, executed, fetched, rows, affected if affected > 0 else 0, nth))  # noqa: FURB136  # max() costs
        return 0.0, 0.0

    def _transacted(self, connection: Any, job: Job, executions: list[float]) -> tuple[float, float]:  # noqa: ANN401
        """The same in a transaction; when its end began and was over."""
        if self._begins:
            self._door.run(connection, self._begins)
        self._executed(connection, job, executions)
        ending = self._now_s()
        self._limit.under_way[id(connection)] = (ending, connection)
        self._door.end(connection, commit=self._commit)
        return ending, self._now_s()

    def _cleared(self, connection: Any, kind: str) -> bool:  # noqa: ANN401  # of any driver
        """Whether ``connection`` can be used again after an error of that kind."""
        if kind == LOST:
            return False
        if self._plain and self._door.explicit:
            return True
        self._limit.under_way[id(connection)] = (self._now_s(), connection)
        try:
            if not self._in_transaction_ended_by_server(connection):
                self._door.end(connection, commit=False)
        except Exception:  # noqa: BLE001  # whatever it says, another connection is the answer
            return False
        return True

    @staticmethod
    def _in_transaction_ended_by_server(connection: Any) -> bool:  # noqa: ANN401  # of any driver
        # SQLite ends some transactions by itself, and refuses to end them once more.
        return getattr(connection, "in_transaction", True) is False

    def _discard(self, connection: Any, *, lost: bool) -> None:  # noqa: ANN401  # of any driver
        self._door.close(connection)
        self._lost += lost
        self._pool.lost()

    # Around the attempts.

    def set_up(self) -> None:
        """Open the connections, try every statement, take the plans.

        Raises:
            ConfigurationError: a statement cannot be executed.
            MeasurementError: there is no connection to be had.
        """
        place = self.target.place
        first = None
        place.require_file()
        began_s = self._now_s()
        if not place.driver:  # a function, of which its connection tells the rest
            first = self._first_of(place)
            place = known_by(place, first)
        self._know(place)
        self._limit = ThreadLimit(self.target.timeout_s, place.family, self._now_s)
        self._door = Door(place, self._settings(place), self._limit)
        self._pool = Pool(self._open, self._size, self.target.pool_timeout_s)
        try:
            if first is not None:
                self._door.set_up(first)
                self._opened(began_s, again=False)
                self._hold(first)
            while self._pool.opened < self._size:
                self._hold(self._open())
            self._prepare(SyncControl(self._door, self._pool.free[0]))
        except AttemptFailed as error:
            opened = self._pool.opened
            self.tear_down()
            raise self._too_few(opened, error) from error
        except BaseException:
            self.tear_down()
            raise

    @staticmethod
    def _first_of(place: Place) -> Any:  # noqa: ANN401  # of any driver
        try:
            return place.connect()
        except Exception as error:
            raise MeasurementError(str(could_not_connect(error, place))) from error

    def _hold(self, connection: Any) -> None:  # noqa: ANN401  # of any driver
        self._pool.opened += 1
        self._pool.free.append(connection)

    def _open(self) -> Any:  # noqa: ANN401  # of any driver
        began_s = self._now_s()
        connection = self._door.open()
        self._opened(began_s, again=self._lost > 0)
        return connection

    def tear_down(self) -> None:
        """Close all connections but those that an attempt still uses."""
        while self._pool.free:
            connection = self._pool.free.pop()
            if self._place.shared:
                self._door.restore(connection)
            self._door.close(connection)
        self._limit.stop()

    def begin(self) -> None:
        """The window opens."""
        self._begin(self._control())

    def end(self) -> None:
        """The window is over."""
        self._end(self._control())

    def _control(self) -> SyncControl | None:
        """Over a connection that nobody uses, where there is one."""
        free = self._pool.free
        if self._place.family.name == "postgresql":
            for connection in free:
                counters.flush(SyncControl(self._door, connection))
        return SyncControl(self._door, free[0]) if free else None
