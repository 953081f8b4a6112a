"""A cluster that speaks with none but its own: certificates of both sides, and what is said of one that is refused."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from paceline import Cluster, HttpTarget
from paceline.core.errors import ConfigurationError, MeasurementError
from paceline.engine import runs
from paceline.engine.request import RunRequest
from paceline.records.run_record import TestType
from paceline.workload.models import FixedIterations
from tests.functional.commands import paceline
from tests.functional.dask_cluster import DaskCluster, dask_cluster
from tests.functional.small_server import small_server

pytest.importorskip("distributed", reason="a cluster needs the extra 'cluster'")
pytestmark = pytest.mark.real

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of the cluster, of this machine, of one whose time is over, and of somebody else's authority."""
    folder = tmp_path_factory.mktemp("tls")
    for authority, names in (("ours", ("scheduler", "worker", "driver", "expired")), ("theirs", ("stranger",))):
        issuer = trustme.CA()
        issuer.cert_pem.write_to_path(folder / f"{authority}.pem")
        for name in names:
            over = LONG_AGO + timedelta(days=1) if name == "expired" else None
            leaf = issuer.issue_cert("127.0.0.1", not_before=LONG_AGO, not_after=over)
            leaf.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
            leaf.private_key_pem.write_to_path(folder / f"{name}.key")
    return folder


@pytest.fixture(scope="module")
def machines(files: Path) -> Iterator[DaskCluster]:
    with dask_cluster(1, options(files, "scheduler"), options(files, "worker")) as cluster:
        cluster.wait(as_whom(cluster.address, files))
        yield cluster


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with small_server() as found:
        yield found


def options(files: Path, name: str) -> list[str]:
    return [
        "--tls-ca-file",
        f"{files}/ours.pem",
        "--tls-cert",
        f"{files}/{name}.pem",
        "--tls-key",
        f"{files}/{name}.key",
    ]


def as_whom(address: str, files: Path, name: str = "driver", authority: str = "ours") -> Cluster:
    return Cluster(address, f"{files}/{authority}.pem", f"{files}/{name}.pem", f"{files}/{name}.key")


def load(url: str, cluster: Cluster) -> RunRequest:
    request = RunRequest("load", TestType.API_ENDPOINT, HttpTarget(url), FixedIterations(20), own_process=True)
    return replace(request, cluster=cluster)


def test_each_side_knows_the_other(url: str, machines: DaskCluster, files: Path) -> None:
    who = ("--cluster-ca", "ours.pem", "--cluster-cert", "driver.pem", "--cluster-key", "driver.key")
    run = paceline(files, "http", url, "-n", "20", "-c", "2", "--cluster", machines.address, *who)
    assert run.returncode == 0, run.stderr
    assert "on tls://127.0.0.1:" in run.stdout
    # Nor does a worker speak with anybody else.
    (worker,) = machines.wait(as_whom(machines.address, files))
    host, _, port = worker.removeprefix("tls://").rpartition(":")
    context = ssl.create_default_context(cafile=files / "ours.pem")
    with (
        socket.create_connection((host, int(port)), 5.0) as plain,
        context.wrap_socket(plain, server_hostname=host) as stranger,
        pytest.raises(ssl.SSLError, match=r"(?i)certificate required|alert"),
    ):
        stranger.recv(1)


@pytest.mark.parametrize(
    ("name", "authority", "words"),
    [
        ("expired", "ours", r"refuses the certificate in '.*expired\.pem' \(.*expired.*\): it has to be signed by"),
        ("stranger", "ours", r"refuses the certificate in '.*stranger\.pem' \(.*unknown ca.*\)"),
        ("driver", "theirs", r"shows a certificate that '.*theirs\.pem' does not vouch for"),
    ],
)
def test_who_is_refused_is_told_why(
    url: str, machines: DaskCluster, files: Path, name: str, authority: str, words: str
) -> None:
    with pytest.raises(MeasurementError, match=words):
        runs.run(load(url, as_whom(machines.address, files, name, authority)))


def test_a_scheduler_whose_certificate_has_expired(url: str, files: Path) -> None:
    with dask_cluster(0, options(files, "expired")) as cluster, pytest.raises(MeasurementError, match="has expired"):
        runs.run(load(url, as_whom(cluster.address, files)))


def test_without_a_certificate(url: str, machines: DaskCluster) -> None:
    with pytest.raises(ConfigurationError, match="is encrypted: name the cluster's authority"):
        runs.run(load(url, Cluster(machines.address)))
    plain = machines.address.replace("tls://", "tcp://")
    with pytest.raises(MeasurementError, match="the address of one that encrypts begins with tls://"):
        runs.run(load(url, Cluster(plain, connect_timeout_s=0.5)))


def test_what_answers_does_not_encrypt(url: str, files: Path) -> None:
    cluster = replace(as_whom(url.replace("http", "tls"), files), connect_timeout_s=0.3)
    with pytest.raises(MeasurementError, match=r"shook no hands within 0\.3 s: .* begins with tcp://"):
        runs.run(load(url, cluster))


def test_files_that_are_none(url: str, files: Path) -> None:
    gone = replace(as_whom("tls://127.0.0.1:1", files), ca_file=f"{files}/gone.pem")
    with pytest.raises(ConfigurationError, match=r"ca_file '.*gone\.pem' cannot be read"):
        runs.run(load(url, gone))


def test_files_without_a_cluster(url: str, files: Path) -> None:
    run = paceline(files, "http", url, "--cluster-ca", "ours.pem")
    assert run.returncode == 4
    assert "--cluster-ca goes with --cluster tls://" in run.stderr
