"""Options of commands whose load the workers of a cluster can make."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from paceline.core.errors import ConfigurationError
from paceline.engine.cluster import Cluster


@dataclass(frozen=True)
class ClusterOptions:
    """Which cluster; the fields are the options of the same names."""

    cluster: str | None = None
    cluster_ca: str | None = None
    cluster_cert: str | None = None
    cluster_key: str | None = None
    tolerated_loss: float = 0.0

    @property
    def where(self) -> Cluster | None:
        """The cluster that the load is made on.

        Raises:
            ConfigurationError: the address is none, or something is said that goes with one only.
        """
        files = {
            "--cluster-ca": self.cluster_ca,
            "--cluster-cert": self.cluster_cert,
            "--cluster-key": self.cluster_key,
        }
        if self.cluster is None:
            if given := [option for option, file in files.items() if file is not None]:
                raise ConfigurationError(f"{given[0]} goes with --cluster tls://ADDRESS")
            return None
        return Cluster(self.cluster, self.cluster_ca, self.cluster_cert, self.cluster_key)


def _part(_: click.Context, parameter: click.Parameter, text: str) -> float:
    """Callback of a share that is written as ``5%`` or as ``0.05``."""
    try:
        return float(text.strip().removesuffix("%")) / (100 if text.strip().endswith("%") else 1)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no share such as 5% or 0.05", param=parameter) from error


def cluster_options(made: str) -> list[Callable[[Any], Any]]:
    """The options, of a command that makes ``made``."""
    return [
        click.option(
            "--cluster", metavar="ADDRESS",
            help=f"Make the {made} on the workers of a Dask cluster, such as tcp://10.0.0.5:8786 or tls://10.0.0.5:8786.",
        ),
        click.option(
            "--cluster-ca", metavar="FILE", help="With --cluster tls://...: the cluster's authority (PEM)."
        ),
        click.option(
            "--cluster-cert", metavar="FILE", help="Certificate (PEM) of this machine, signed by that authority."
        ),
        click.option("--cluster-key", metavar="FILE", help="Its key (PEM)."),
        click.option(
            "--tolerate-loss", "tolerated_loss", callback=_part, default="0", metavar="SHARE",
            help="With several processes: part of the load, such as 5%, that may be lost with them.",
        ),
    ]  # fmt: skip
