"""What a stored session contributes to a baseline: plain data, filled in by ``store``, compared by ``judge``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paceline.records.run_record import Definition


@dataclass(frozen=True)
class BaselineSession:
    """The figures of one test in one session.

    Attributes:
        session_id: equal for all tests of a session; saving again replaces.
        saved_at: ISO 8601, UTC.
        fingerprint: key of machine and interpreter; empty in files of the older flat form.
        metrics: figures by the specification's names, such as ``median_time_ms``.
        definition: what was asked for; None in files of the older flat form.
    """

    session_id: str
    saved_at: str
    fingerprint: str
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    definition: Definition | None = None
