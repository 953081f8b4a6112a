"""Reading the rows of a run history. SQLite stores anything in any column: what is no figure never becomes a point."""

from datetime import datetime
from typing import TYPE_CHECKING

from paceline.core.errors import FileFormatError
from paceline.records.history import HistoryPoint, SeriesKey, SeriesSize, TestSummary
from paceline.records.quantities import Quantity
from paceline.store.codec import decode
from paceline.store.history_schema import tables

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection

_SHOWN_CHARACTERS = 40


class Rows:
    """What is read of one history, within one connection.

    Args:
        connection: to its database.
        name: of the history, for messages.

    Raises:
        FileFormatError: in all methods: a row holds what does not belong there; the message names it and the remedy.
    """

    def __init__(self, connection: "Connection", name: str) -> None:
        self._connection = connection
        self._name = name

    def tests(self) -> tuple[TestSummary, ...]:
        """What there is, the test with the newest session first."""
        from sqlalchemy import distinct, func, select

        columns = tables().sessions.c
        newest = func.max(columns.started_at)
        different = (columns.branch, columns.machine, columns.definition)
        query = select(
            columns.test,
            func.count(),
            *(func.count(distinct(each)) for each in different),
            func.min(columns.started_at),
            newest,
            # Starts are texts of one length, so the largest of these ends in the commit of the newest session.
            func.max(columns.started_at.concat(columns.commit_id)),
        )
        rows = self._connection.execute(query.group_by(columns.test).order_by(newest.desc(), columns.test))
        return tuple(
            TestSummary(
                self._text(test, columns.test),
                sessions,
                branches,
                machines,
                definitions,
                self._moment(first),
                self._moment(last),
                self._text(last_and_commit, columns.commit_id)[len(last) :],
            )
            for test, sessions, branches, machines, definitions, first, last, last_and_commit in rows
        )

    def sizes(self, test: str) -> list[SeriesSize]:
        """The series of ``test``, that with the newest session first."""
        from sqlalchemy import func, select

        columns = tables().sessions.c
        series = (columns.branch, columns.machine, columns.definition)
        newest = func.max(columns.started_at)
        query = select(*series, func.count(), newest).where(columns.test == test).group_by(*series)
        return [
            SeriesSize(
                SeriesKey(*(self._text(value, column) for value, column in zip(row, series, strict=False))),
                row[3],
                self._moment(row[4]),
            )
            for row in self._connection.execute(query.order_by(newest.desc(), *series))
        ]

    def points(
        self, test: str, key: SeriesKey, quantity: Quantity, last: int
    ) -> tuple[tuple[HistoryPoint, ...], int, int]:
        """The newest points of a series, oldest first; and how many sessions since are in doubt or have no figure."""
        from sqlalchemy import func, select

        columns = tables().sessions.c
        value = columns[quantity.key]
        of_series = (
            columns.test == test,
            columns.branch == key.branch,
            columns.machine == key.machine,
            columns.definition == key.definition,
        )
        sound = columns.doubts == ""
        newest_first = (columns.started_at.desc(), columns.session_id.desc())
        query = select(columns.session_id, columns.started_at, columns.commit_id, value)
        query = query.where(*of_series, sound, value.is_not(None)).order_by(*newest_first).limit(last)
        found = [
            HistoryPoint(
                self._moment(started_at, session),
                self._text(commit, columns.commit_id, session),
                self._number(figure, value, session),
            )
            for session, started_at, commit, figure in reversed(self._connection.execute(query).all())
        ]
        since = columns.started_at >= (found[0].started_at if len(found) == last else "")
        left_out = select(func.count()).where(*of_series, since)
        doubtful = self._connection.execute(left_out.where(~sound)).scalar_one()
        missing = self._connection.execute(left_out.where(sound, value.is_(None))).scalar_one()
        return tuple(found), doubtful, missing

    def facts(self, key: str) -> dict[str, object]:
        """Of a machine or definition; none where they are not there."""
        from sqlalchemy import select

        columns = tables().facts.c
        content = self._connection.execute(select(columns.content).where(columns.key == key)).scalar()
        if content is None:
            return {}
        text = self._text(content, columns.content, key)
        try:
            return decode(text.encode(), dict[str, object], "it")
        except FileFormatError as error:
            raise self._damaged(columns.content, text, "the JSON of an object", key) from error

    def _text(self, value: object, column: "Column[str]", key: object = None) -> str:
        if not isinstance(value, str):
            raise self._damaged(column, value, "text", key)
        return value

    def _number(self, value: object, column: "Column[float]", key: object) -> float:
        if not isinstance(value, (int, float)):
            raise self._damaged(column, value, "a number", key)
        return float(value)

    def _moment(self, value: object, key: object = None) -> str:
        column = tables().sessions.c.started_at
        text = self._text(value, column, key)
        try:
            datetime.fromisoformat(text)
        except ValueError as error:
            raise self._damaged(column, text, "a time (ISO 8601, UTC)", key) from error
        return text

    def _damaged(self, column: "Column[str] | Column[float]", value: object, expected: str, key: object) -> Exception:
        """What is wrong; where ``key`` of the row is not known, that of one which holds ``value``."""
        from sqlalchemy import select

        table = column.table
        (key_column,) = table.primary_key
        if key is None:
            key = self._connection.execute(select(key_column).where(column == value).limit(1)).scalar()
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "..."
        return FileFormatError(
            f"the history {self._name} is damaged: in the table {table.name}, the row with {key_column.name} {key!r} "
            f"holds {shown} as {column.name}, where {expected} belongs; remove that row "
            "and import its results file again"
        )
