import errno
import pickle
import socket
import ssl

import pytest

from paceline.wire.failure import CONNECT, DNS, REFUSED, RESET, TLS, WireError, broken_off, failure_of

WHERE = "http://here:1"


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), DNS, "Name or service not known"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), REFUSED, "nobody listens"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), RESET, "broke the connection off"),
        (BrokenPipeError(errno.EPIPE, "pipe"), RESET, "broke the connection off"),
        (ConnectionAbortedError("SSL handshake is taking longer"), RESET, "broke the connection off"),
        (OSError(errno.EMFILE, "Too many open files"), CONNECT, "ulimit -n"),
        (OSError(errno.ENFILE, "Too many open files in system"), CONNECT, "machine's limit"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), CONNECT, "no local port is free"),
        (FileNotFoundError(errno.ENOENT, "No such file"), CONNECT, "no such socket"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), CONNECT, "Network is unreachable"),
        (OSError("said in words"), CONNECT, "said in words"),
        (OSError(), CONNECT, "OSError"),
        (tls_error("WRONG_VERSION_NUMBER"), TLS, "http://"),
        (tls_error("HTTP_REQUEST"), TLS, "http://"),
        (tls_error("UNEXPECTED_EOF_WHILE_READING"), TLS, "UNEXPECTED_EOF_WHILE_READING"),
    ],
)
def test_each_failure_has_its_kind_and_says_where(error: Exception, kind: str, hint: str) -> None:
    failure = failure_of(error, WHERE)
    assert failure.kind == kind
    assert WHERE in failure.message
    assert hint in failure.message


def test_an_untrusted_certificate_says_what_to_do() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    failure = failure_of(error, WHERE)
    assert failure.kind == TLS
    assert "self-signed certificate" in failure.message


def test_a_failure_stays_what_it_is() -> None:
    failure = WireError(DNS, "x")
    assert failure_of(failure, WHERE) is failure


def test_what_is_no_failure_of_the_wire_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        failure_of(ZeroDivisionError(), WHERE)


def test_an_open_connection_broken_off() -> None:
    assert broken_off(ConnectionResetError(), "now").kind == RESET
    assert broken_off(tls_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "now").kind == TLS


def test_a_failure_can_be_sent_to_another_process() -> None:
    copy = pickle.loads(pickle.dumps(WireError(RESET, "message")))
    assert (copy.kind, copy.message, str(copy)) == (RESET, "message", "message")
