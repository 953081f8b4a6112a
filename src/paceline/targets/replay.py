"""Requests that virtual users have sent, to be sent once more by a probe beside them."""

from dataclasses import dataclass, field
from random import Random
from typing import Protocol, runtime_checkable

from paceline.core.clock import Clock
from paceline.records.run_record import Execution
from paceline.targets.http_lanes import HttpLanes
from paceline.wire.dial import Dialer
from paceline.wire.endpoint import Endpoint
from paceline.wire.request import Prepared
from paceline.wire.tally import Tally
from paceline.wire.tls import TlsOptions


@dataclass(frozen=True, slots=True)
class ReplayTarget:
    """Requests as they went over the wire, drawn at random.

    Attributes:
        endpoint: the server.
        tls: how connections are encrypted; None for http.
        requests: at least one. Not in the repr: they hold the cookies and credentials of users, live in memory and in
            the pipe to the probe's process, and are in no file.
        timeout_s: for a whole request, in seconds.
        connect_timeout_s: for a connection with its encryption, in seconds.
        connections: how many are kept open at most; None lets the load decide.
        seed: of the choice between the requests.
    """

    endpoint: Endpoint
    tls: TlsOptions | None = field(repr=False)
    requests: tuple[Prepared, ...] = field(repr=False)
    timeout_s: float
    connect_timeout_s: float
    connections: int | None = None
    seed: int = 1

    @property
    def execution(self) -> Execution:
        """By callbacks of its connections."""
        return Execution.CONNECTIONS

    @property
    def text(self) -> str:
        """For people."""
        return f"{len(self.requests)} requests to {self.endpoint.text} once more"

    def lanes(self, clock: Clock) -> HttpLanes:
        """Its connections, for one run on the running event loop."""
        context = None if self.tls is None else self.tls.context()
        dialer = Dialer(self.endpoint, context, self.connect_timeout_s, Tally(), clock.now_s)
        random = Random(self.seed)  # noqa: S311  # repeatable on purpose, guards nothing
        # Endless: no request is the callable's second argument.
        source = iter(lambda: random.choice(self.requests), None)
        return HttpLanes(source, ("",), dialer, self.timeout_s, clock)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a probe beside a scenario is to send.

    Attributes:
        part: the name its requests go by in the load.
        per_second: how often the load sends requests of that name.
        target: the requests.
    """

    part: str
    per_second: float
    target: ReplayTarget


@runtime_checkable
class LearningLanes(Protocol):
    """Lanes whose requests nobody knows before they are sent."""

    def learn(self) -> None:
        """From now on, remember requests that a probe could send, too."""

    def learned(self) -> Sample | None:
        """What a probe is to send; None as long as that is not known. Told once."""
