"""What a scenario file asks for, whichever language it is written in."""

from dataclasses import dataclass

from paceline.judge.thresholds import PerformanceThreshold
from paceline.scenario.files import FileScenario
from paceline.targets.http import HttpTarget
from paceline.workload.models import Workload


@dataclass(frozen=True)
class Planned:
    """A scenario of a file.

    Attributes:
        name: of the test.
        target: what is driven; of a Python file its users, who live in a process that loads the file again.
        workload: its own load; None where it has none.
        threshold: its limits.
        warmup_s: length of its warm-up, in seconds.
        weight: how much it gets of a load that several share, in proportion to the others.
        start_s: when it begins where several are made together, in seconds after the first might.
    """

    name: str
    target: FileScenario | HttpTarget
    workload: Workload | None = None
    threshold: PerformanceThreshold | None = None
    warmup_s: float = 1.0
    weight: float = 1.0
    start_s: float = 0.0


@dataclass(frozen=True)
class Plan:
    """The scenarios of a file.

    Attributes:
        scenarios: in order.
        together: whether they are to be made at once.
        workload: the load of all that have none of their own.
    """

    scenarios: tuple[Planned, ...]
    together: bool = False
    workload: Workload | None = None
