"""What an examination of a machine saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paceline.core.clock import ClockQuality
from paceline.records.duet import DuetRecord
from paceline.records.fingerprint import Fingerprint
from paceline.records.machine import Company, Machine


@dataclass(frozen=True, slots=True)
class CoreWatch:
    """A loop that only reads the clock, on one core: what it did not see was taken from it.

    Attributes:
        core: its number; None where processes cannot be tied to one.
        elapsed_ns: how long it ran.
        readings: of the clock.
        backwards: readings that lay before the one before.
        gaps: times longer than a threshold without a reading.
        lost_ns: in them, all together.
        longest_ns: the longest of them.
        wait_p999_ns: at one moment in 1,000 the core was away for at least so much longer; 0 below the threshold.
    """

    core: int | None
    elapsed_ns: int
    readings: int
    backwards: int = 0
    gaps: int = 0
    lost_ns: int = 0
    longest_ns: int = 0
    wait_p999_ns: int = 0

    @property
    def lost_share(self) -> float:
        """Of the time, in which the loop did not run."""
        return self.lost_ns / self.elapsed_ns if self.elapsed_ns else 0.0


@dataclass(frozen=True)
class DoctorRecord:
    """An examination. Frozen; can be judged again.

    Attributes:
        started_at: ISO 8601, UTC.
        effect: the change that is to be found, as a share.
        pairs: that each duet was to have.
        clock: step and cost of it.
        machine: what it says of itself.
        cores: each, watched.
        company: what went on meanwhile.
        duets: of the same code on both sides, one for each workload.
        left_out: why there is none of a workload, by its name.
        fingerprint: machine and interpreter.
        interrupted: whether it was ended early.
    """

    started_at: str
    effect: float
    pairs: int
    clock: ClockQuality
    machine: Machine = field(default_factory=Machine)
    cores: tuple[CoreWatch, ...] = ()
    company: Company = field(default_factory=Company)
    duets: tuple[DuetRecord, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    interrupted: bool = False
