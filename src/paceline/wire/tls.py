"""Encrypted connections: what the user trusts, and who the user is."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from paceline.core.errors import ConfigurationError

PROTOCOL = "http/1.1"


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How a server is checked, and how this client shows who it is. Paths only: nothing secret is in it.

    Attributes:
        ca_file: certificates (PEM) to trust instead of the system's.
        cert_file: certificate (PEM) of this client, with its chain.
        key_file: its key (PEM, not encrypted); None when it stands in ``cert_file``.
        insecure: trust any certificate, for any name.

    Raises:
        ConfigurationError: two of them exclude each other, or one needs another.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        for name in ("ca_file", "cert_file", "key_file"):
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, str | os.PathLike) or not os.fspath(value):
                raise ConfigurationError(f"{name} must be the path of a PEM file, not {value!r}")
            object.__setattr__(self, name, os.fspath(value))
        if not isinstance(self.insecure, bool):
            raise ConfigurationError(f"insecure must be True or False, not {self.insecure!r}")
        if self.insecure and self.ca_file is not None:
            raise ConfigurationError(
                f"insecure checks no certificate, so ca_file={self.ca_file!r} would do nothing: leave out one of them"
            )
        if self.key_file is not None and self.cert_file is None:
            raise ConfigurationError(f"key_file={self.key_file!r} needs cert_file, the certificate it belongs to")

    def context(self, protocol: str | None = PROTOCOL) -> ssl.SSLContext:
        """What connections are made with; it reads the files. ``protocol`` is what ALPN asks for.

        Raises:
            ConfigurationError: a file cannot be read, or is not what it should be.
        """
        context = self._trusting()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.cert_file is not None:
            self._load_own(context, self.cert_file)
        if protocol is not None:
            context.set_alpn_protocols([protocol])
        return context

    def _trusting(self) -> ssl.SSLContext:
        if self.ca_file is None:
            return ssl.create_default_context()
        _check_readable("ca_file", self.ca_file)
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise ConfigurationError(
                f"ca_file {self.ca_file!r} holds no certificates in PEM form ({_reason(error)})"
            ) from error

    def _load_own(self, context: ssl.SSLContext, cert_file: str) -> None:
        _check_readable("cert_file", cert_file)
        if self.key_file is not None:
            _check_readable("key_file", self.key_file)
        try:
            context.load_cert_chain(cert_file, self.key_file, password=_no_password)
        except ConfigurationError:
            raise
        except (OSError, ValueError) as error:
            where = f"key_file {self.key_file!r}" if self.key_file is not None else "the key in it"
            raise ConfigurationError(
                f"cert_file {cert_file!r} and {where} are no certificate and its key in PEM form ({_reason(error)})"
            ) from error


def _no_password() -> str:
    # Without this, OpenSSL asks on the terminal, in the middle of whatever is going on there.
    raise ConfigurationError("the key of the client certificate is encrypted: decrypt it with 'openssl pkey -in KEY'")


def _check_readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb") as stream:
            stream.read(1)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{name} {path!r} cannot be read: {_reason(error)}") from error


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
