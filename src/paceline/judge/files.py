"""Two sets of stored sessions compared test by test: what ``paceline compare`` says."""

from collections.abc import Mapping
from dataclasses import dataclass

from paceline.judge.change import Verdict
from paceline.judge.comparison import Comparison, conclude
from paceline.judge.held import hold
from paceline.records.baseline import BaselineSession
from paceline.records.quantities import MEDIAN, Quantity

Sessions = Mapping[str, tuple[BaselineSession, ...]]


@dataclass(frozen=True)
class FilesCompared:
    """Base and candidate, test by test.

    Attributes:
        compared: the tests that both have, by name, in the candidate's order.
        only_base, only_candidate: names of the others.
    """

    compared: Mapping[str, Comparison]
    only_base: tuple[str, ...]
    only_candidate: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        """Whether any test did."""
        return any(each.verdict is Verdict.REGRESSED for each in self.compared.values())

    @property
    def is_settled(self) -> bool:
        """Whether every test could be told, and there was one."""
        return bool(self.compared) and all(each.is_settled for each in self.compared.values())


def compare_sessions(base: Sessions, candidate: Sessions, primary: Quantity = MEDIAN) -> FilesCompared:
    """Each test of ``candidate`` against the reference sessions that ``base`` has of it, as one suite.

    Args:
        base, candidate: stored sessions by test name.
        primary: the quantity that gates.
    """
    found = ((name, hold(sessions, base.get(name, ()), primary)) for name, sessions in candidate.items())
    held = {name: each for name, each in found if each is not None}
    return FilesCompared(
        compared=dict(zip(held, conclude(list(held.values())), strict=True)),
        only_base=tuple(name for name in base if name not in candidate),
        only_candidate=tuple(name for name in candidate if name not in held),
    )
