"""What the clients of a run share, as far as they know it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from paceline.scenario.cookies import CookieJar
from paceline.scenario.encoding import Requests
from paceline.targets.lanes import Lane, Sink
from paceline.wire.dial import Dialer


class Place(Lane, Protocol):
    """The lane of a client's user, as far as the client knows it."""

    @property
    def is_due(self) -> bool:
        """Whether an arrival has not been reported yet."""


class House(Protocol):
    """What the clients of a run share.

    Attributes:
        loop: of all of them.
        requests: makes requests.
        dialer: opens connections.
        now_s: the clock.
        ended: whether the load has ended.
        sink: takes down the attempts.
        follow_redirects: unless a request says otherwise.
    """

    loop: asyncio.AbstractEventLoop
    requests: Requests
    dialer: Dialer
    now_s: Callable[[], float]
    ended: bool
    sink: Sink
    follow_redirects: bool

    def jar(self) -> CookieJar:
        """The cookies of a fresh user."""
