"""Options of a command whose calls several processes can make together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import click

from paceline.cli.load_options import processes
from paceline.cli.options import packed
from paceline.core.errors import ConfigurationError
from paceline.engine.cluster import Cluster
from paceline.engine.request import RunRequest
from paceline.targets.call import CallTarget
from paceline.targets.sharing import CallShares
from paceline.workload.models import ClosedLoop, FixedIterations

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True)
class SharingOptions:
    """How many processes, and where; the fields are the options of the same names."""

    processes: int = 1
    cluster: str | None = None
    tolerated_loss: float = 0.0

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
            ConfigurationError: they are more than there is work for, or it cannot be shared; a loss is tolerated of no
                cluster.
        """
        if self.tolerated_loss and self.cluster is None:
            raise ConfigurationError("--tolerate-loss goes with --cluster")
        if not self.is_shared:
            return request
        assert isinstance(request.target, CallTarget)
        return replace(
            request,
            own_process=True,
            processes=self.processes,
            shares=CallShares(request.target),
            cluster=None if self.cluster is None else Cluster(self.cluster, tolerated_loss=self.tolerated_loss),
        )


def sharing_options(command: _Command) -> _Command:
    """Several processes; ``command`` gets them as ``sharing``, a :class:`SharingOptions`."""
    return packed(
        command, "sharing", SharingOptions,
        click.option(
            "--processes", callback=processes, default="1", metavar="N|auto",
            help="How many processes share the workers; auto: one for each core.  [default: 1]",
        ),
        click.option(
            "--cluster", metavar="ADDRESS",
            help="Make the calls on the workers of a Dask cluster, such as tcp://10.0.0.5:8786.",
        ),
        click.option(
            "--tolerate-loss", "tolerated_loss", type=float, default=0.0, metavar="SHARE",
            help="With --cluster: part of the load, such as 0.01, that may be lost with its machines.",
        ),
    )  # fmt: skip
