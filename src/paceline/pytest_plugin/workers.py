"""Under pytest-xdist: what it means for measuring."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from paceline.core.findings import Finding


@dataclass(frozen=True)
class Workers:
    """The worker this process is, and how many there are."""

    name: str
    count: int

    @property
    def are_parallel(self) -> bool:
        """Whether others compete for the machine."""
        return self.count > 1

    @property
    def refusal(self) -> str:
        """Why nothing is measured."""
        return (
            f"{self.count} workers of pytest-xdist compete for this machine, and times taken beside them are not the "
            "code's: measure in a session of its own, 'pytest -n 0 --perf-only'; or --perf-disable to call each "
            "operation once; or --perf-xdist=mark to measure and have the results marked invalid"
        )

    @property
    def findings(self) -> tuple["Finding", ...]:
        """What is known of every result of this session."""
        if not self.are_parallel:
            return ()
        from paceline.core.findings import Finding

        return (
            Finding(
                code="parallel-workers",
                seen=f"It was measured by {self.name}, one of {self.count} workers of pytest-xdist.",
                why="They compete for cores, caches and memory: the slowest calls take several times as long.",
                advice="Measure in a session of its own: pytest -n 0 --perf-only.",
                serious=True,
            ),
        )


def workers_of(config: pytest.Config) -> Workers | None:
    """The worker that ``config`` belongs to; None in a session without workers, and in their controller."""
    given = getattr(config, "workerinput", None)
    if given is None:
        return None
    return Workers(str(given["workerid"]), int(given["workercount"]))
