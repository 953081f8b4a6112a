"""Databases by their drivers: which are told by a connection, what is said where one is missing or says nothing."""

import asyncio
import sys
from typing import Any

import asyncpg
import pymysql
import pytest

from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.targets.sql import place
from paceline.targets.sql.place import known_by, place_of
from paceline.targets.sql.target import SqlTarget

SECRET = "correct-horse"


@pytest.mark.parametrize(
    ("driver", "module", "package"),
    [
        ("mysql+aiomysql", "aiomysql", "aiomysql"),
        ("mysql+asyncmy", "asyncmy", "asyncmy"),
        ("mysql", "MySQLdb", "mysqlclient"),
        ("mysql+mysqlconnector", "mysql", "mysql-connector-python"),
        ("postgresql", "psycopg", r"psycopg\[binary\]"),
    ],
)
def test_a_driver_that_is_missing_is_named_by_its_package(
    driver: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match=f"is not installed: pip install '{package}'") as raised:
        place_of(f"{driver}://me:{SECRET}@h/d", 60.0)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("module", "style"),
    [("aiomysql.connection", "format"), (pymysql.connections.__name__, "pyformat"), ("unknown", "qmark")],
)
def test_placeholders_are_those_of_the_connection_of_a_function(module: str, style: str) -> None:
    connection = type("Connection", (), {"__module__": module, "cursor": None})()
    assert known_by(place_of(lambda: connection, 60.0), connection).style == style


def test_a_server_that_takes_a_connection_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: Any, **__: Any) -> None:  # what it does with its own limit is the driver's affair
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncpg, "connect", never)
    monkeypatch.setattr(place, "CONNECT_S", 0)
    monkeypatch.setattr(place, "GRACE_S", 0)
    calls = SqlTarget(f"postgresql+asyncpg://me:{SECRET}@h/d", "SELECT 1").call_target()
    set_up: Any = calls.setup

    async def opened() -> None:
        async with asyncio.timeout(10):
            await set_up()

    with pytest.raises(MeasurementError, match=r"^no connection to postgresql\+asyncpg://\*\*\*@h/d in time$"):
        asyncio.run(opened())
