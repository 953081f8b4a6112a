"""What a search for the highest load is told, and what it is given to work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from paceline.records.capacity import CapacityProbe, CapacityRecord, Of, Phase, SlaLimit
from paceline.records.fingerprint import Fingerprint

PRECISION = 0.05


@dataclass(frozen=True)
class SearchPlan:
    """What is searched for, and where.

    Attributes:
        name: of the test.
        of: what the load is counted in.
        limits: what it has to keep.
        low, high: the lowest and the highest load to try.
        budget_s: when it is to be over; the last probe may take a little longer.
        precision: half the interval as a share of the estimate, at which it is content.
        seed: that order and arrivals follow from.
        target, arrivals, connections, metadata, fingerprint, started_at: for the record.
    """

    name: str
    of: Of
    limits: tuple[SlaLimit, ...]
    low: float
    high: float
    budget_s: float
    precision: float = PRECISION
    seed: int = 0
    target: str = ""
    arrivals: str = ""
    connections: int = 0
    metadata: Mapping[str, object] = field(default_factory=dict)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    started_at: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A probe to be made.

    Attributes:
        number: of the probe, from 0.
        load: arrivals a second, or users.
        phase: what for.
        length_s: of the stretch that is judged.
        settle_s: of the same load before it.
        seed: of its arrivals.
    """

    number: int
    load: float
    phase: Phase
    length_s: float
    settle_s: float
    seed: int


Measure = Callable[[Asked], CapacityProbe]


@dataclass(frozen=True)
class World:
    """What a search does its work with.

    Attributes:
        measure: makes a probe.
        now_s: the clock.
        pause: waits so many seconds.
        begins: is told of each probe before it is made, and what is known by then.
        kept: is given what is known after each probe.
    """

    measure: Measure
    now_s: Callable[[], float]
    pause: Callable[[float], None]
    begins: Callable[[Asked, CapacityRecord], None] = lambda _, __: None
    kept: Callable[[CapacityRecord], None] = lambda _: None


@dataclass(frozen=True)
class Searched:
    """A search and what broke it off, for the caller to raise once the record is safe."""

    record: CapacityRecord
    stopped_by: BaseException | None = None
