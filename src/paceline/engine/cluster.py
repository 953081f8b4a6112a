"""Which cluster a load is made on, as it is asked for."""

import socket
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Protocol

from paceline.core.errors import ConfigurationError
from paceline.workload.models import RATE, ConstantRate, Poisson, Stages, Workload, positive_seconds

_CONNECT_S = 10.0
_MOST_PER_SECOND = 100_000.0  # a slip of a digit on many machines is an attack


class DaskClient(Protocol):
    """A ``distributed.Client``; who has none need not have the package."""

    def scheduler_info(self) -> object:
        """What the scheduler knows of its workers."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the legs of a load are made: the workers of a Dask cluster, one leg on each.

    Attributes:
        at: address of the scheduler, such as ``tcp://10.0.0.5:8786``, or a ``distributed.Client``.
        ca_file: certificate (PEM) of the cluster's authority, for ``tls://`` addresses.
        cert_file: this machine's certificate (PEM), signed by it.
        key_file: its key (PEM).
        connect_timeout_s: for the scheduler to answer, in seconds.
        allow_public_target: whether a load may go to a host of the public internet, or one that has no address here.
        max_per_second: no higher rate is accepted; a closed loop is bounded by its users.

    Raises:
        ConfigurationError: the parts do not go together.
    """

    at: Any = field(repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    connect_timeout_s: float = _CONNECT_S
    allow_public_target: bool = False
    max_per_second: float = _MOST_PER_SECOND

    def __post_init__(self) -> None:
        positive_seconds("connect_timeout_s", self.connect_timeout_s)
        if not isinstance(self.at, str) and not hasattr(self.at, "scheduler_info"):
            raise ConfigurationError(
                f"a cluster is the address of a Dask scheduler such as 'tcp://10.0.0.5:8786', or a Client, "
                f"not {self.at!r}"
            )
        if isinstance(self.at, str) and ("@" in self.at or not self.at.strip()):
            # Dask would quote it, with the password in it.
            raise ConfigurationError(
                "the address of a cluster's scheduler is that of a host and a port, such as 'tcp://10.0.0.5:8786', "
                "with no user in it: certificates say who you are (ca_file, cert_file, key_file)"
            )
        if not self.max_per_second > 0:
            raise ConfigurationError(f"max_per_second must be above 0, not {self.max_per_second!r}")
        files = (self.ca_file, self.cert_file, self.key_file)
        if any(files) and not (all(files) and isinstance(self.at, str) and self.at.startswith("tls://")):
            raise ConfigurationError(
                "ca_file, cert_file and key_file (--cluster-ca, --cluster-cert, --cluster-key) go together, and with "
                "an address that begins with tls://"
            )


def check_reach(cluster: Cluster, host: str | None, workload: Workload) -> None:
    """Refuse what would be an attack if it were a mistake.

    Args:
        cluster: where the load is to come from.
        host: that it goes to; None for a socket of one machine.
        workload: how much.

    Raises:
        ConfigurationError: ``host`` is public or unknown, or the rate is above the cap, and nobody said that it may be.
    """
    most = _rate(workload)
    if most > cluster.max_per_second:
        raise ConfigurationError(
            f"{most:,.10g} arrivals a second are more than the cluster's cap of {cluster.max_per_second:,.10g}: "
            "ask for fewer, or raise max_per_second"
        )
    if host is None or cluster.allow_public_target:
        return
    try:
        found = {information[4][0] for information in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise ConfigurationError(
            f"{host} has no address here ({error.strerror or error}), so nobody can say whose it is: if the load may "
            "go there all the same, say --allow-public-target (allow_public_target=True)"
        ) from error
    public = sorted(str(address) for address in found if ip_address(str(address).partition("%")[0]).is_global)
    if public:
        raise ConfigurationError(
            f"{host} is on the public internet ({public[0]}): a load of several machines goes there only with "
            "--allow-public-target (allow_public_target=True). Do it where you may"
        )


def _rate(workload: Workload) -> float:
    if isinstance(workload, ConstantRate | Poisson):
        return workload.per_second
    return workload.most if isinstance(workload, Stages) and workload.of == RATE else 0.0
