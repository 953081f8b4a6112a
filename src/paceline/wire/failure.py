"""What can go wrong on the wire, by kind: the names that reports group errors by."""

import errno
import socket
import ssl

REFUSED = "refused"  # nobody listens
RESET = "reset"  # the server broke the connection off
CLOSED = "closed"  # the server closed the connection before the answer was complete
TIMEOUT = "timeout"
MALFORMED = "malformed"  # the answer is no valid HTTP/1.1
STATUS = "status"  # 400 and above
DNS = "dns"
TLS = "tls"
REDIRECT = "redirect"  # to a place that is not followed
CONNECT = "connect"  # no connection for another reason


class WireError(Exception):
    """An exchange that failed.

    Attributes:
        kind: one of the names above.
        message: for people, without credentials.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def __reduce__(self) -> tuple[type["WireError"], tuple[str, str]]:
        """Rebuild it from both parts in another process."""
        return WireError, (self.kind, self.message)


_REMEDIES = {
    errno.EMFILE: "the limit of open files of this process is reached: raise it with 'ulimit -n'",
    errno.ENFILE: "the machine's limit of open files is reached",
    errno.EADDRNOTAVAIL: "no local port is free: the server closes too many connections a second, or too many are open",
    errno.ENOENT: "there is no such socket",
}


def failure_of(error: BaseException, where: str) -> WireError:
    """``error``, met while connecting to ``where``, as a :class:`WireError`."""
    if isinstance(error, WireError):
        return error
    if isinstance(error, socket.gaierror):
        return WireError(DNS, f"the name of {where} cannot be resolved: {error.strerror or error}")
    if isinstance(error, ssl.SSLError):
        return WireError(TLS, f"no TLS with {where}: {_tls_reason(error, where)}")
    if isinstance(error, ConnectionRefusedError):
        return WireError(REFUSED, f"nobody listens at {where}")
    if isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        return WireError(RESET, f"{where} broke the connection off")
    if isinstance(error, OSError):
        remedy = _REMEDIES.get(error.errno or 0, error.strerror or str(error) or type(error).__name__)
        return WireError(CONNECT, f"no connection to {where}: {remedy}")
    raise error


def broken_off(error: Exception, when: str) -> WireError:
    """``error``, which ended an open connection, as a :class:`WireError`."""
    if isinstance(error, ssl.SSLError):
        return WireError(TLS, f"the server broke TLS off {when}: {_tls_reason(error)}")
    return WireError(RESET, f"the connection broke off {when}")


def _tls_reason(error: ssl.SSLError, where: str = "https://") -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); name its authority, or do not verify it"
    if error.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE"}:
        plain = where.partition("://")[0].removesuffix("s")
        return f"it does not speak TLS on this port ({error.reason}); should the address begin with {plain}://?"
    return str(error.reason or error)
