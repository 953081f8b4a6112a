"""Counts of what went over the connections of one event loop."""

from collections import defaultdict
from dataclasses import dataclass, field

from paceline.core.units import NS_PER_S
from paceline.records.latency import Latency
from paceline.records.load import StatusCount, Traffic


@dataclass(slots=True)
class Tally:
    """Counters that connections write to directly: a method call an answer would cost as much as all of them.

    Attributes:
        statuses: final answers by status code: see :meth:`followed`.
        connections: open when the window began, or opened for the first time within it.
        reopened: connections opened in place of one that was lost.
        dns_ns, connect_ns, tls_ns: how long each took, since the beginning; the rest is since :meth:`begin`.
    """

    sent_bytes: int = 0
    received_bytes: int = 0
    statuses: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    connections: int = 0
    reopened: int = 0
    closed_by_server: int = 0
    resent: int = 0
    dns_ns: list[int] = field(default_factory=list)
    connect_ns: list[int] = field(default_factory=list)
    tls_ns: list[int] = field(default_factory=list)

    def begin(self, connections: int) -> None:
        """A window begins with so many open connections."""
        self.sent_bytes = self.received_bytes = self.reopened = self.closed_by_server = self.resent = 0
        self.connections = connections
        self.statuses.clear()

    def opened(self, *, again: bool) -> None:
        """A connection was opened; ``again``: in place of one that was lost."""
        if again:
            self.reopened += 1
        else:
            self.connections += 1

    def followed(self, status: int) -> None:
        """An answer of this status is a redirect that is followed: it is not the one that the request ends with."""
        self.statuses[status] -= 1
        if not self.statuses[status]:
            del self.statuses[status]

    def traffic(self, first_byte: Latency) -> Traffic:
        """What was counted so far."""
        return Traffic(
            sent_bytes=self.sent_bytes,
            received_bytes=self.received_bytes,
            statuses=tuple(StatusCount(code, count) for code, count in sorted(self.statuses.items())),
            connections=self.connections,
            reconnects=self.reopened,
            closed_by_server=self.closed_by_server,
            resent=self.resent,
            dns=_latency(self.dns_ns),
            connect=_latency(self.connect_ns),
            tls=_latency(self.tls_ns),
            first_byte=first_byte,
        )


def nanoseconds(seconds: float) -> int:
    """A difference of two clock readings as it is recorded."""
    return max(round(seconds * NS_PER_S), 0)


def _latency(values_ns: list[int]) -> Latency:
    import numpy as np

    return Latency.of(np.array(values_ns, dtype=np.int64))
