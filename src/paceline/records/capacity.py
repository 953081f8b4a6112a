"""What a search for the highest load saw: probe by probe, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from paceline.records.fingerprint import Fingerprint


class Of(Enum):
    """What the load is counted in."""

    RATE = "rate"  # arrivals a second
    USERS = "users"  # that wait for their answers


class Phase(Enum):
    """What a probe was made for."""

    LOCATING = "locating"  # to find the window
    WINDOW = "window"  # around the limit: what the estimate is drawn from
    RECOVERY = "recovery"  # whether the service answers again


class LimitedBy(Enum):
    """What kept the load from going higher."""

    SERVER = "server"
    GENERATOR = "generator"
    NETWORK = "network"
    BOUND = "bound"


class Ending(Enum):
    """Why no further probe was made."""

    PRECISE = "precise"  # the interval is as narrow as was asked for
    BUDGET = "budget"
    BOUND = "bound"  # everything held at the highest load allowed
    LOWEST = "lowest"  # broken at the lowest load already
    GENERATOR = "generator"
    NETWORK = "network"
    DIED = "died"  # the service did not come back
    UNSTEADY = "unsteady"  # rounds of probes that fit no line
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class SlaLimit:
    """One limit that the load has to keep.

    Attributes:
        source: what the user wrote.
        text: for people: ``p99 latency < 200 ms``.
        unit: of the bound.
        sign: what must hold: measured value ``sign`` bound.
        bound: in ``unit``.
        percentile: of latency that is limited, in [0, 100]; None for everything else.
        is_smooth: whether the figure grows with the load bit by bit, so that a line can be drawn through it.
    """

    source: str
    text: str
    unit: str
    sign: str
    bound: float
    percentile: float | None = None
    is_smooth: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """One limit at one probe.

    Attributes:
        value: in the unit of the limit; None where it could not be measured, or is infinite.
        held: whether the limit did.
        parts: the value in each quarter of the stretch; none where that is not known.
    """

    value: float | None
    held: bool
    parts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CapacityProbe:
    """One load, held for a while.

    Attributes:
        load: asked for: arrivals a second, or users.
        phase: what it was made for.
        began_s: after the search began.
        length_s: of the stretch that was judged.
        settle_s: of the same load before it, which was not.
        took_s: all of it, with starting and running dry.
        delivered_per_s: attempts that ended ok.
        attempts: in the stretch that was judged.
        failed_share: of them, that failed.
        readings: of each limit, in the order of the limits.
        limited_by: what kept the load from being what was asked for, or its figures from being the server's; None
            where nothing did.
        why: what was seen of that, or why the probe could not be made.
        findings: codes of what the run said of itself.
    """

    load: float
    phase: Phase
    began_s: float
    length_s: float
    settle_s: float
    took_s: float
    delivered_per_s: float = 0.0
    attempts: int = 0
    failed_share: float = 0.0
    readings: tuple[Reading, ...] = ()
    limited_by: LimitedBy | None = None
    why: str = ""
    findings: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether every limit did. What could not be made at all held nothing."""
        return bool(self.readings) and all(reading.held for reading in self.readings)

    @property
    def is_sound(self) -> bool:
        """Whether what it says is the server's doing: what held beside a generator in trouble held all the same."""
        return self.limited_by is None or self.held


@dataclass(frozen=True)
class CapacityRecord:
    """A whole search. Frozen; can be judged again years later.

    Attributes:
        name: of the test.
        started_at: ISO 8601, UTC.
        of: what the load is counted in.
        limits: what it has to keep.
        low, high: loads between which it was searched.
        budget_s: time it was given.
        precision: half the interval as a share of the estimate, at which it was to be content.
        probes: in the order they were made.
        ended: why no further one was made.
        why: the same in words, where there is more to say.
        window: loads around the limit that the last round of probes was spread over; None where it came to none.
        target: what was driven, without credentials.
        arrivals: ``poisson`` or ``constant``; empty for users.
        connections: kept open; 0 where there are none.
        seed: that order and arrivals follow from.
        elapsed_s: of the whole search.
        fingerprint: machine and interpreter.
        metadata: the user's.
    """

    name: str
    started_at: str
    of: Of
    limits: tuple[SlaLimit, ...]
    low: float
    high: float
    budget_s: float
    precision: float
    probes: tuple[CapacityProbe, ...] = ()
    ended: Ending = Ending.INTERRUPTED
    why: str = ""
    window: tuple[float, float] | None = None
    target: str = ""
    arrivals: str = ""
    connections: int = 0
    seed: int = 0
    elapsed_s: float = 0.0
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    metadata: Mapping[str, object] = field(default_factory=dict)
