"""What the clients of a run share, as far as they know it."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from paceline.scenario.cookies import CookieJar
from paceline.scenario.encoding import Requests
from paceline.scenario.learner import Learner
from paceline.targets.lanes import Lane, Sink
from paceline.wire.dial import Dialer


class Place(Lane, Protocol):
    """The lane of a client's user, as far as the client knows it."""

    @property
    def is_on_its_way(self) -> bool:
        """Whether the user's own task is what runs now."""

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
        learner: remembers requests for a probe, as long as it is not known which they are to be.
        sink: takes down the attempts.
        follow_redirects: unless a request says otherwise.
    """

    loop: asyncio.AbstractEventLoop
    requests: Requests
    dialer: Dialer
    now_s: Callable[[], float]
    ended: bool
    learner: Learner | None
    sink: Sink
    follow_redirects: bool

    def jar(self) -> CookieJar:
        """The cookies of a fresh user."""
