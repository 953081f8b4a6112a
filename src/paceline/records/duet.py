"""What a duet saw: base and candidate side by side, pair by pair."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from paceline.records.fingerprint import Fingerprint


class Subject(Enum):
    """What stood on the two sides."""

    CALL = "call"  # a callable in fresh processes, both of a pair on one core
    HTTP = "http"  # two services that run all the time


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two things compared.

    Attributes:
        label: what the user called it: a revision, an interpreter, a URL; without credentials.
        python: version of its interpreter; empty for a service.
        files: where its first-party modules came from; empty for a service.
        detail: what else is known of it, such as a commit.
    """

    label: str
    python: str = ""
    files: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Epochs:
    """What one side did in one pair.

    Attributes:
        epoch_ns: time of a call in each epoch: the median of its calls where they were timed singly, else the mean.
        mean_ns: of all calls.
        p95_ns, p99_ns: of the calls, where they were timed singly.
        calls: how many were measured.
        errors: how many of them failed.
        throughput_per_s: ok calls a second.
        peak_rss_bytes: of the process.
    """

    epoch_ns: tuple[float, ...]
    mean_ns: float
    p95_ns: float | None = None
    p99_ns: float | None = None
    calls: int = 0
    errors: int = 0
    throughput_per_s: float | None = None
    peak_rss_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """Base and candidate, epoch by epoch beside each other.

    Attributes:
        number: from 0.
        seed: what order, core and layout were drawn from.
        calls_per_epoch: the same on both sides; of services the base's, whose windows last as long whatever they hold.
        base, candidate: epoch i of one belongs to epoch i of the other.
        null: the base's code once more in a third process, beside the even epochs of ``base`` (0, 2, ...).
        planted: the same process with 5 % added to each epoch's time, beside the odd ones.
        core: that all ran on; None where they were not pinned.
    """

    number: int
    seed: int
    calls_per_epoch: int
    base: Epochs
    candidate: Epochs
    null: Epochs | None = None
    planted: Epochs | None = None
    core: int | None = None


@dataclass(frozen=True)
class DuetRecord:
    """All pairs of one test. Frozen; can be judged again years later.

    Attributes:
        name: of the test.
        started_at: ISO 8601, UTC.
        subject: what stood on the two sides.
        base, candidate: the sides.
        pairs: those that were finished, in order.
        discarded: why others were not, a sentence each.
        looks: numbers of pairs after which it was to be judged, as planned; one for a fixed number. Where runs were
            appended one more follows: of all pairs, when the last of those runs was to end.
        appended: of each run that went on with the pairs before it, how many pairs (``len(pairs)``) there were by then.
        doubts: what was seen, a sentence each, that leaves in doubt whether the sides were measured as asked: nothing
            may then be called unchanged or improved.
        seed: that everything random follows from.
        planted_effect: what was added to the planted arm, as a share.
        fingerprint: machine and interpreter of the session.
        metadata: the user's.
    """

    name: str
    started_at: str
    subject: Subject
    base: Side
    candidate: Side
    pairs: tuple[Pair, ...]
    discarded: tuple[str, ...] = ()
    looks: tuple[int, ...] = (20,)
    appended: tuple[int, ...] = ()
    doubts: tuple[str, ...] = ()
    seed: int = 0
    planted_effect: float = 0.05
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def planned_looks(self) -> tuple[int, ...]:
        """Those of the first run."""
        return self.looks[:-1] if self.appended else self.looks
