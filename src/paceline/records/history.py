"""What a run history holds: plain data, filled in by ``store``, judged by ``judge``, shown by ``report``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paceline.records.quantities import Quantity


@dataclass(frozen=True)
class HistorySession:
    """One test in one session, as it is stored.

    Attributes:
        session_id: of content: the same session has the same wherever it is read.
        test: its name.
        started_at: ISO 8601, UTC, microseconds: texts sort as times do.
        branch, commit: of the code that was measured; empty where nobody knew.
        machine: key of the fingerprint.
        machine_facts: the fingerprint, as JSON.
        definition: key of what was asked for: sessions of another are another series.
        definition_facts: what was asked for, as JSON.
        status: ``passed``, ``failed`` or ``warning``.
        doubts: codes of serious findings; such a session is kept, but is no point of a trend.
        values: by the keys of ``records.quantities``, in their units; None where there is none.
    """

    session_id: str
    test: str
    started_at: str
    branch: str
    commit: str
    machine: str
    machine_facts: str
    definition: str
    definition_facts: str
    status: str
    doubts: str = ""
    values: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """One quantity of one session, in its unit."""

    started_at: str
    commit: str
    value: float


@dataclass(frozen=True)
class SeriesKey:
    """What makes sessions of a test comparable: one branch, one machine, one definition."""

    branch: str
    machine: str
    definition: str


@dataclass(frozen=True)
class SeriesSize:
    """How many sessions a series has, and when the newest was."""

    key: SeriesKey
    sessions: int
    newest: str


@dataclass(frozen=True)
class Series:
    """The newest sessions of a test that can be compared with each other.

    Attributes:
        test: its name.
        quantity: what the points are, and their unit.
        key: branch, machine, definition.
        machine_facts: the fingerprint, by its fields.
        definition_facts: what was asked for, by the fields of ``Definition``.
        points: oldest first.
        doubtful: sessions of this series left out because their figures are in doubt.
        missing: sessions left out because they have no such figure.
        others: the other series of this test.
    """

    test: str
    quantity: Quantity
    key: SeriesKey
    points: tuple[HistoryPoint, ...]
    machine_facts: Mapping[str, object] = field(default_factory=dict)
    definition_facts: Mapping[str, object] = field(default_factory=dict)
    doubtful: int = 0
    missing: int = 0
    others: tuple[SeriesSize, ...] = ()


@dataclass(frozen=True)
class TestSummary:
    """One line of ``paceline history list``.

    Attributes:
        test: its name.
        sessions: how many.
        branches, machines, definitions: how many different ones.
        oldest, newest: start of the first and the last session.
        newest_commit: of the last.
    """

    __test__ = False

    test: str
    sessions: int
    branches: int
    machines: int
    definitions: int
    oldest: str
    newest: str
    newest_commit: str = ""


@dataclass(frozen=True)
class Added:
    """What became of sessions that were handed to a history.

    Attributes:
        added: how many are new.
        known: how many were there already.
    """

    added: int
    known: int
