"""A connection to the scheduler of a cluster, and why there is none."""

import contextlib
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine.cluster import Cluster
from paceline.engine.patience import within
from paceline.wire.tls import TlsOptions

_LONGER_S = 2.0  # than Dask's own limit, before a connection is given up
_PORT = 8786  # Dask's own
_CLOSE_S = 2.0
_VERDICT_S = 1.0  # of a scheduler about a certificate: with TLS 1.3 it comes after the handshake


def usable(client: Any) -> Any:  # noqa: ANN401  # a Client
    """``client``, which the caller has made.

    Raises:
        ConfigurationError: it is of an event loop, or closed.
    """
    if getattr(client, "asynchronous", False):
        raise ConfigurationError("cluster: the client is asynchronous: give the address of its scheduler instead")
    if getattr(client, "status", "running") != "running":
        raise ConfigurationError(f"cluster: the client is {client.status}: give one that is connected")
    return client


def connected(cluster: Cluster) -> Any:  # noqa: ANN401  # a distributed.Client
    """A client of ``cluster``'s scheduler.

    Raises:
        MeasurementError: it does not answer, or one of both does not trust the other.
        ConfigurationError: Dask is not installed; a file of certificates or keys is not what it should be.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigurationError("a cluster needs Dask: pip install 'paceline[cluster]'") from error
    security = _security(cluster)

    def connect() -> Any:  # noqa: ANN401  # see above
        client: Any = Client.__new__(Client)
        try:
            client.__init__(cluster.at, security=security, timeout=cluster.connect_timeout_s, set_as_default=False)
        except BaseException:
            # Dask closes one that nobody answers, but not one that is answered with something else: whoever deletes
            # that would wait for 20 s, and be shown a traceback.
            with contextlib.suppress(Exception):
                client.close(timeout=_CLOSE_S)
            raise
        return client

    try:
        return within(cluster.connect_timeout_s + _LONGER_S, connect)
    except Exception as error:
        why = "what is there does not speak as one" if isinstance(error, TimeoutError) else str(error)
        if not cluster.at.startswith("tls://"):
            why += " (the address of one that encrypts begins with tls://)"
        raise MeasurementError(f"no Dask scheduler answers at {cluster.at}: {why}") from error


def _security(cluster: Cluster) -> Any:  # noqa: ANN401  # a distributed.Security; None for Dask's own settings
    from dask import config
    from distributed.security import Security

    if cluster.ca_file is None:
        if cluster.at.startswith("tls://") and not config.get("distributed.comm.tls.client.cert"):
            raise ConfigurationError(
                f"{cluster.at} is encrypted: name the cluster's authority, and a certificate that it has signed with "
                "its key (--cluster-ca, --cluster-cert, --cluster-key; ca_file, cert_file, key_file)"
            )
        return None
    _check_trust(cluster)
    return Security(  # type: ignore[no-untyped-call]  # of Dask
        tls_ca_file=cluster.ca_file,
        tls_client_cert=cluster.cert_file,
        tls_client_key=cluster.key_file,
        require_encryption=True,
    )


def _check_trust(cluster: Cluster) -> None:
    """Shake hands once: Dask says of a certificate only that the connection was closed, and tries for long.

    Raises:
        MeasurementError: nobody answers, or one does not trust the other; the message names the file.
    """
    context = TlsOptions(cluster.ca_file, cluster.cert_file, cluster.key_file).context(None)
    context.check_hostname = False  # as Dask does: the authority is the cluster's own, machines go by their addresses
    place = urlsplit(cluster.at)
    limit_s = cluster.connect_timeout_s
    try:
        with (
            socket.create_connection((place.hostname or "", place.port or _PORT), limit_s) as plain,
            context.wrap_socket(plain) as encrypted,
        ):
            encrypted.settimeout(min(limit_s, _VERDICT_S))
            with contextlib.suppress(TimeoutError):  # it takes its time: Dask will tell
                encrypted.recv(1)
    except ssl.SSLCertVerificationError as error:
        raise MeasurementError(
            f"the scheduler at {cluster.at} shows a certificate that {cluster.ca_file!r} does not vouch for "
            f"({error.verify_message}): the file has to be that of the cluster's authority, and the certificate valid"
        ) from error
    except ssl.SSLError as error:
        raise MeasurementError(_distrust(cluster, error)) from error
    except TimeoutError as error:
        raise MeasurementError(
            f"what answers at {cluster.at} shook no hands within {limit_s:g} s: the address of a scheduler that does "
            "not encrypt begins with tcp://"
        ) from error
    except (OSError, ValueError) as error:
        raise MeasurementError(f"no Dask scheduler answers at {cluster.at}: {error}") from error


def _distrust(cluster: Cluster, error: ssl.SSLError) -> str:
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "alert" not in reason:
        return (
            f"what answers at {cluster.at} speaks no TLS ({reason}): the address of a scheduler that does not "
            "encrypt begins with tcp://"
        )
    return (
        f"the scheduler at {cluster.at} refuses the certificate in {cluster.cert_file!r} ({reason}): it has to be "
        "signed by the cluster's authority, and not to have expired"
    )
