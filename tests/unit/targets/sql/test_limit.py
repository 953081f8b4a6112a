"""Statements under way by a clock of the test's: who is cut off, when somebody looks again."""

from types import SimpleNamespace
from typing import Any

import pytest

from paceline.targets.sql.family import ANY, MYSQL, POSTGRESQL
from paceline.targets.sql.limit import GRACE_S, Limit, cut


class Waiting:
    """A connection whose statement can be interrupted."""

    def __init__(self) -> None:
        self.interrupted = 0

    def interrupt(self) -> None:
        self.interrupted += 1


def noted(limit: Limit, connection: object, began_s: float) -> None:
    limit.under_way[id(connection)] = (began_s, connection)


def test_what_is_late_is_cut_off_once_and_no_other() -> None:
    now_s = [100.0]
    limit = Limit(5.0, ANY, lambda: now_s[0])
    assert limit.cut_late() == 5.0, "what begins now cannot be late before"
    early, late = Waiting(), Waiting()
    noted(limit, late, 100.0)
    noted(limit, early, 103.0)
    now_s[0] = 104.0
    assert limit.cut_late() == 1.0
    assert not late.interrupted
    now_s[0] = 105.0
    assert limit.cut_late() == 3.0
    assert limit.cut_late() == 3.0
    assert (late.interrupted, early.interrupted) == (1, 0)
    assert limit.has_cut(late)
    assert not limit.has_cut(early)
    assert str(limit.late()) == "no answer within 5 s"


def test_one_that_ended_when_it_was_cut_off_is_not_the_next_one() -> None:
    now_s = [0.0]
    limit = Limit(1.0, ANY, lambda: now_s[0])
    connection = Waiting()
    noted(limit, connection, 0.0)
    now_s[0] = 1.0
    limit.cut_late()
    noted(limit, connection, 1.5)
    assert not limit.has_cut(connection)


def test_a_server_that_has_a_limit_is_given_time_to_say_so() -> None:
    now_s = [0.0]
    limit = Limit(1.0, POSTGRESQL, lambda: now_s[0])
    connection: Any = Waiting()
    noted(limit, connection, 0.0)
    now_s[0] = 1.0
    assert limit.cut_late() == GRACE_S
    assert not connection.interrupted


def test_a_connection_that_cannot_be_cut_off_disturbs_nobody() -> None:
    limit = Limit(1.0, ANY, lambda: 9.0)
    noted(limit, connection := object(), 0.0)
    limit.cut_late()
    assert limit.has_cut(connection)


def test_limits_of_servers_are_whole_milliseconds_that_they_take() -> None:
    assert "'1'" in POSTGRESQL.limit(0.0001)
    assert "'2147483647'" in POSTGRESQL.limit(1e9)
    assert "max_statement_time, 0.25), 0.25)" in MYSQL.limit(0.25)
    assert "max_execution_time, 250), 250)" in MYSQL.limit(0.25)
    assert not ANY.limit(1.0)


@pytest.mark.parametrize("name", ["_transport", "_writer"])
def test_drivers_of_mysql_without_a_way_to_interrupt_lose_their_transport(name: str) -> None:
    aborted = []
    transport = SimpleNamespace(abort=lambda: aborted.append(name))
    held = transport if name == "_transport" else SimpleNamespace(transport=transport)
    cut(SimpleNamespace(**{"_sock": None, name: held}))
    assert aborted == [name]
