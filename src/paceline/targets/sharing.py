"""A callable that several processes call: each has it, with its setup and teardown, and calls it as its share says."""

from dataclasses import dataclass

from paceline.targets.call import CallTarget
from paceline.workload.legs import Leg


@dataclass(frozen=True)
class CallShares:
    """The shares of a callable, which are all the same. Implements ``SplitTarget``.

    Attributes:
        target: what each process calls.
        host: None: nobody can tell where a function sends what.
    """

    target: CallTarget
    host: None = None

    def of_leg(self, leg: Leg) -> CallTarget:
        """The callable: how often, and when, is the workload's share."""
        del leg
        return self.target
