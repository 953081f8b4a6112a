"""Each statement executed once beforehand: what is wrong with it shows here, not in a thousand errors."""

import contextlib
import re
from collections.abc import Collection, Sequence

from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.targets.sql.doors import Control
from paceline.targets.sql.failures import CONSTRAINT, LOCK_TIMEOUT, LOST, RETRIED, TIMEOUT, failure
from paceline.targets.sql.family import LOCK_S, product
from paceline.targets.sql.jobs import Job, Recipe
from paceline.targets.sql.place import Place
from paceline.targets.sql.text import kind_of, tokens

_PLAIN = re.compile(r"[\w$-]+")


def server_of(control: Control, place: Place) -> str:
    """Product and version, where the database is known.

    Raises:
        MeasurementError: it does not answer.
    """
    if not place.family.version:
        return ""
    try:
        (version,) = control.query(place.family.version)[0]
    except Exception as error:
        raise MeasurementError(f"{place.text}: {failure(error, place.secrets)}") from error
    return product(place.family, version.decode() if isinstance(version, bytes) else str(version))


def require_transactions(control: Control, place: Place, recipe: Recipe) -> None:
    """That MySQL can roll back what the statements write: tables of some of its engines know no transactions.

    Raises:
        ConfigurationError: it could not.
        MeasurementError: it does not answer.
    """
    for statement in recipe.statements:
        if kind_of(statement.text, backslashes=True).reads_only:
            continue
        # All words, for INSERT and UPDATE have many before the table; a column's name may be one too many.
        words = {token.text.lower() for token in tokens(statement.text, backslashes=True)}
        among = ", ".join(f"'{word}'" for word in sorted(words) if _PLAIN.fullmatch(word))
        try:
            found = control.query(
                "SELECT t.table_name, t.engine FROM information_schema.tables t "  # noqa: S608  # words of letters
                "JOIN information_schema.engines e ON e.engine = t.engine "
                f"WHERE COALESCE(e.transactions, 'NO') <> 'YES' AND LOWER(t.table_name) IN ({among}) "
                f"AND (t.table_schema = DATABASE() OR LOWER(t.table_schema) IN ({among}))"
            )
        except Exception as error:
            raise MeasurementError(f"{place.text}: {failure(error, place.secrets)}") from error
        for table, engine in found:
            raise ConfigurationError(
                f"statement: {statement.shown!r} cannot be rolled back: {table} is kept by {engine}, which knows no "
                "transactions. Say commit=True (--commit) if it is to stay, or measure on a table of InnoDB"
            )


def try_statements(
    control: Control, place: Place, jobs: Sequence[Job], recipe: Recipe, harmful: Collection[int]
) -> None:
    """Execute each of ``jobs`` once, in a transaction that is rolled back.

    Args:
        control: a connection.
        place: the database.
        jobs: what is executed together.
        recipe: names the statements.
        harmful: numbers of statements that a rollback may not undo: jobs that hold one are not tried.

    Raises:
        ConfigurationError: one is refused.
        MeasurementError: the database does not answer.
    """
    shown = [recipe.distinct.index(recipe.statements[number].shown) for number in harmful]
    for job in jobs:
        if any(step[0] in shown for step in job):
            continue
        number = job[0][0]
        try:
            control.begin()
            for step in job:
                number = step[0]
                control.query(step[1], step[2])
        except Exception as error:
            failed = failure(error, place.secrets)
            _rolled_back(control)
            if failed.kind == LOST:
                raise MeasurementError(f"{place.text}: {failed}") from error
            if failed.kind == TIMEOUT:
                raise MeasurementError(
                    f"statement: {recipe.distinct[number]!r} took too long, before the run: {failed}. Allow it more by "
                    "timeout_s (on the command line --timeout)"
                ) from error
            if failed.kind == LOCK_TIMEOUT and place.family.waits:
                raise MeasurementError(
                    f"statement: {recipe.distinct[number]!r} waited for {LOCK_S} s at most for a lock that another "
                    f"session holds: {failed}"
                ) from error
            # What depends on what others do at that moment, or on the values at hand, is an error of an attempt.
            if failed.kind not in RETRIED | {CONSTRAINT}:
                raise ConfigurationError(
                    f"statement: {recipe.distinct[number]!r} cannot be executed: {failed}"
                ) from error
        else:
            control.rollback()


def _rolled_back(control: Control) -> None:
    with contextlib.suppress(Exception):  # the server has ended the transaction itself, or is gone: that comes first
        control.rollback()
