"""Opening the connections of a load: many at a time, and what it means that some cannot be opened."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from paceline.core.errors import MeasurementError
from paceline.wire.dial import Dialer
from paceline.wire.failure import WireError

# Connections that are being opened at a time: more than a listening queue holds would wait a second for a retry.
_AT_ONCE = 100


class Openable(Protocol):
    """What opens a connection, now and whenever it was lost."""

    @property
    def connection(self) -> object | None:
        """The latest; None before the first."""

    async def open(self) -> None:
        """Open it.

        Raises:
            WireError: it cannot be opened.
        """


async def resolve(dialer: Dialer) -> None:
    """Look the host up once, before many connections would.

    Raises:
        MeasurementError: it cannot be found.
    """
    try:
        await dialer.resolve()
    except WireError as failure:
        raise MeasurementError(f"{failure.message} [{failure.kind}]") from failure


async def open_all(ways: Sequence[Openable], *, unless: str = "") -> None:
    """Open all of ``ways``, or as many as the server and this machine take: the rest try when their turn comes.

    Args:
        ways: to be opened.
        unless: kind of failure that says nothing about those that follow.

    Raises:
        MeasurementError: not one could be opened; the message says why.
    """
    waiting = iter(ways)
    failures: list[WireError] = []

    async def open_some() -> None:
        for way in waiting:
            try:
                await way.open()
            except WireError as failure:
                if failure.kind == unless:
                    continue
                failures.append(failure)
                return

    await asyncio.gather(*(open_some() for _ in range(min(len(ways), _AT_ONCE))))
    if failures and all(way.connection is None for way in ways):
        raise MeasurementError(f"{failures[0].message} [{failures[0].kind}]")
