"""Options of a command whose calls several processes can make together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from paceline.cli.cluster_options import ClusterOptions, cluster_options
from paceline.cli.load_options import processes
from paceline.cli.options import packed
from paceline.engine.request import RunRequest
from paceline.targets.call import CallTarget
from paceline.targets.sharing import CallShares
from paceline.workload.models import ClosedLoop, FixedIterations

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class SharingOptions(ClusterOptions):
    """How many processes, and where; the fields are the options of the same names."""

    processes: int = 1

    @property
    def is_shared(self) -> bool:
        """Whether there are several, or one elsewhere."""
        return self.processes != 1 or self.cluster is not None

    def at_least_one_each(self, workload: FixedIterations | ClosedLoop) -> FixedIterations | ClosedLoop:
        """``workload``, of which nobody said by how many it is made: by one worker in each process."""
        if isinstance(workload, ClosedLoop):
            return replace(workload, users=max(self.processes, 1))
        return replace(workload, workers=max(self.processes, 1))

    def shared(self, request: RunRequest) -> RunRequest:
        """``request``, made by so many.

        Raises:
            ConfigurationError: they are more than there is work for, or it cannot be shared.
        """
        cluster = self.where
        if not self.is_shared:
            return replace(request, tolerated_loss=self.tolerated_loss)
        assert isinstance(request.target, CallTarget)
        return replace(
            request,
            own_process=True,
            processes=self.processes,
            shares=CallShares(request.target),
            cluster=cluster,
            tolerated_loss=self.tolerated_loss,
        )


def sharing_options(command: _Command) -> _Command:
    """Several processes; ``command`` gets them as ``sharing``, a :class:`SharingOptions`."""
    return packed(
        command, "sharing", SharingOptions,
        click.option(
            "--processes", callback=processes, default="1", metavar="N|auto",
            help="How many processes share the workers; auto: one for each core.  [default: 1]",
        ),
        *cluster_options("calls"),
    )  # fmt: skip
