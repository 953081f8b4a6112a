"""Errors of drivers by one name each, and without credentials."""

import pickle
import sqlite3

import asyncpg
import psycopg
import pymysql
import pytest

from paceline.core.errors import AttemptFailed, AttemptTimedOut
from paceline.records.error_log import ErrorLog
from paceline.targets.sql.failures import failure, kind_of_error, message_of


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DeadlockDetected("x"), "deadlock"),
        (psycopg.errors.SerializationFailure("x"), "serialization failure"),
        (psycopg.errors.LockNotAvailable("x"), "lock timeout"),
        (psycopg.errors.AdminShutdown("x"), "lost connection"),
        (psycopg.errors.UniqueViolation("x"), "constraint violated"),
        (psycopg.errors.UndefinedTable("x"), "statement refused"),
        (psycopg.errors.QueryCanceled("x"), "timeout"),
        (psycopg.errors.ReadOnlySqlTransaction("x"), "read-only"),
        (psycopg.errors.DiskFull("x"), "database error"),
        (psycopg.OperationalError("the connection is closed"), "lost connection"),
        (psycopg.OperationalError("something else"), "database error"),
        (asyncpg.exceptions.DeadlockDetectedError("x"), "deadlock"),
        (asyncpg.exceptions.ConnectionDoesNotExistError("x"), "lost connection"),
        (asyncpg.exceptions.InterfaceError("connection is closed"), "lost connection"),
        (pymysql.err.OperationalError(1213, "Deadlock found"), "deadlock"),
        (pymysql.err.OperationalError(1205, "Lock wait timeout"), "lock timeout"),
        (pymysql.err.OperationalError(1213, "Deadlock found", sqlstate="40001"), "deadlock"),
        (pymysql.err.OperationalError(1205, "Lock wait timeout", sqlstate="HY000"), "lock timeout"),
        (pymysql.err.OperationalError(1969, "max_statement_time exceeded", sqlstate="70100"), "timeout"),
        (pymysql.err.OperationalError(1317, "Query execution was interrupted"), "statement cancelled"),
        (pymysql.err.OperationalError(2013, "Lost connection"), "lost connection"),
        (pymysql.err.InterfaceError(0, ""), "lost connection"),
        (pymysql.err.ProgrammingError(1146, "no table"), "statement refused"),
        (ConnectionResetError("x"), "lost connection"),
        (ValueError("x"), "database error"),
        (AttemptFailed("mine", "x"), "mine"),
    ],
)
def test_one_name_for_the_same_thing(error: Exception, kind: str) -> None:
    assert kind_of_error(error) == kind


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELEC 1", "statement refused"),
        ("SELECT * FROM nothing", "statement refused"),
        ("INSERT INTO t VALUES (1)", "constraint violated"),
        ("PRAGMA query_only = 1; ", ""),
    ],
)
def test_sqlite_by_its_own_codes(sql: str, kind: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a PRIMARY KEY)")
    connection.execute("INSERT INTO t VALUES (1)")
    connection.commit()
    if not kind:
        connection.execute(sql)
        sql, kind = "INSERT INTO t VALUES (2)", "read-only"
    with pytest.raises(sqlite3.Error) as raised:
        connection.execute(sql)
    connection.close()
    assert kind_of_error(raised.value) == kind


def test_messages_are_one_line_without_secrets() -> None:
    error = psycopg.OperationalError("cannot log in with hunter2\nDETAIL: process 17 waits")
    assert message_of(error, ["hunter2"]) == "cannot log in with ***"
    assert message_of(pymysql.err.OperationalError(1045, "denied for hunter2"), ["hunter2"]) == "denied for *** (1045)"
    assert message_of(ValueError("")) == "ValueError"


def test_a_failed_attempt_is_counted_by_its_kind_and_travels() -> None:
    log = ErrorLog()
    failed = failure(psycopg.errors.DeadlockDetected("deadlock detected"))
    log.add_exception(pickle.loads(pickle.dumps(failed)))
    (group,) = log.groups()
    assert (group.kind, group.message, group.traceback) == ("deadlock", "deadlock detected (40P01)", "")
    late = pickle.loads(pickle.dumps(failure(psycopg.errors.QueryCanceled("too long"))))
    assert isinstance(late, AttemptTimedOut)
    log.add_exception(late)
    assert log.timeouts == 1
    assert {each.kind for each in log.groups()} == {"deadlock", "timeout"}
