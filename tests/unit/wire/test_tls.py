import pickle
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from paceline.core.errors import ConfigurationError
from paceline.wire.tls import TlsOptions


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, certificates with their keys, and things that are none."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    for name in ("client", "other"):
        leaf = authority.issue_cert("localhost", "127.0.0.1")
        leaf.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        leaf.private_key_pem.write_to_path(folder / f"{name}.key")
        leaf.private_key_and_cert_chain_pem.write_to_path(folder / f"{name}-both.pem")
    key = load_pem_private_key((folder / "client.key").read_bytes(), None)
    (folder / "locked.key").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"SECRET"))
    )
    (folder / "empty.pem").touch()
    (folder / "garbage.pem").write_bytes(b"\x00\xffnothing")
    (folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (folder / "folder.pem").mkdir()
    return folder


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends of a handshake in memory."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for end in (here, there):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return here, there


@pytest.fixture
def server(files: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "other-both.pem")
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def test_the_own_authority_is_trusted_and_http_1_1_agreed(files: Path, server: ssl.SSLContext) -> None:
    here, _ = handshake(TlsOptions(ca_file=str(files / "ca.pem")).context(), server, "localhost")
    assert here.selected_alpn_protocol() == "http/1.1"
    assert here.getpeercert()


@pytest.mark.parametrize("name", ["other.example", "localhost"])
def test_strangers_are_not_trusted_unless_told(files: Path, server: ssl.SSLContext, name: str) -> None:
    options = TlsOptions() if name == "localhost" else TlsOptions(ca_file=str(files / "ca.pem"))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(options.context(), server, name)
    here, _ = handshake(TlsOptions(insecure=True).context(), server, name)
    assert here.version()


@pytest.mark.parametrize(("cert", "key"), [("client.pem", "client.key"), ("client-both.pem", None)])
def test_the_client_shows_its_certificate(files: Path, server: ssl.SSLContext, cert: str, key: str | None) -> None:
    server.load_verify_locations(files / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    options = TlsOptions(str(files / "ca.pem"), str(files / cert), str(files / key) if key else None)
    _, there = handshake(options.context(), server, "localhost")
    assert there.getpeercert()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ca_file": "absent.pem"}, "ca_file .*absent.pem' cannot be read: No such file"),
        ({"ca_file": "folder.pem"}, "ca_file .*folder.pem' cannot be read: Is a directory"),
        ({"ca_file": "empty.pem"}, "ca_file .* holds no certificates"),
        ({"ca_file": "garbage.pem"}, "ca_file .* holds no certificates"),
        ({"ca_file": "broken.pem"}, "ca_file .* holds no certificates"),
        ({"ca_file": "client.key"}, "ca_file .* holds no certificates"),
        ({"cert_file": "absent.pem"}, "cert_file .* cannot be read"),
        ({"cert_file": "client.pem", "key_file": "absent.key"}, "key_file .* cannot be read"),
        ({"cert_file": "client.pem", "key_file": "other.key"}, "key values mismatch"),
        ({"cert_file": "client.pem"}, "cert_file .* and the key in it are no certificate and its key"),
        ({"cert_file": "garbage.pem"}, "cert_file .* are no certificate"),
        ({"cert_file": "client.pem", "key_file": "client.pem"}, "key_file .* are no certificate and its key"),
        ({"cert_file": "client.pem", "key_file": "locked.key"}, "is encrypted: decrypt it"),
    ],
)
def test_wrong_files_are_named(files: Path, options: dict[str, str], message: str) -> None:
    paths: dict[str, Any] = {name: str(files / value) for name, value in options.items()}
    with pytest.raises(ConfigurationError, match=message):
        TlsOptions(**paths).context()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ca_file": "ca.pem", "insecure": True}, "leave out one"),
        ({"key_file": "a.key"}, "needs cert_file"),
        ({"ca_file": ""}, "ca_file must be"),
        ({"cert_file": 5}, "cert_file must be"),
        ({"insecure": 1}, "insecure must be"),
    ],
)
def test_options_that_exclude_each_other(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TlsOptions(**options)  # type: ignore[arg-type]


def test_options_are_a_value_and_paths_become_text() -> None:
    options = TlsOptions(cert_file=Path("a.pem"))  # type: ignore[arg-type]
    assert options == TlsOptions(cert_file="a.pem")
    assert pickle.loads(pickle.dumps(options)) == options
    assert hash(options)
