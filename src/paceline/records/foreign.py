"""What a file of another tool says of one benchmark: plain data, filled in by ``store``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from paceline.records.baseline import BaselineSession
from paceline.records.fingerprint import Fingerprint
from paceline.records.run_record import Definition


@dataclass(frozen=True)
class ForeignSession:
    """One benchmark of another tool's file.

    Attributes:
        tool: whose file it is, such as ``pytest-benchmark``.
        test: its name: the node ID of pytest-benchmark, the name pyperf was given.
        started_at: ISO 8601, as the file has it; empty where it has none.
        metrics: by the names of ``PerformanceMetrics``, times in ms; what the tool did not see is left out.
        definition: what was asked for, as far as the file tells.
        machine: as far as the file tells.
        branch, commit: of the code, where the file knows them; else empty.
    """

    tool: str
    test: str
    started_at: str
    metrics: Mapping[str, float]
    definition: Definition
    machine: Fingerprint = field(default_factory=Fingerprint)
    branch: str = ""
    commit: str = ""

    def as_baseline(self) -> BaselineSession:
        """What it contributes to a baseline.

        Its definition stays behind: rounds are what the other tool's calibration made of them, and with them every
        comparison would be refused. What is measured otherwise shows in the machine, which never is the same.
        """
        return BaselineSession(
            session_id=f"{self.tool} {self.started_at}".rstrip(),
            saved_at=self.started_at,
            fingerprint=self.machine.key,
            metrics=self.metrics,
        )
