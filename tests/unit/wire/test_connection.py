"""Every kind of answer, cut at every place; what is no answer; what the connection tells its peer."""

import ssl

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paceline.wire import connection as module
from paceline.wire.failure import CLOSED, MALFORMED, RESET, STATUS, TLS
from paceline.wire.framing import MOST_HEAD_BYTES
from paceline.wire.request import Prepared
from tests.examples import thorough
from tests.unit.wire.wires import (
    GET,
    HEAD,
    LOST,
    OK,
    POST,
    RESEND,
    End,
    Wire,
    cut,
    every_cut,
    exchange,
)

SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"

# name: bytes, request, whether the connection is used again.
COMPLETE: dict[str, tuple[bytes, Prepared, bool]] = {
    "length": (SHORT, GET, True),
    "length zero": (b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", GET, True),
    "created": (b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}", POST, True),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", GET, True),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", GET, True),
    "body like a head": (b"HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\nHTTP/1.1 500 Oh\r\n\r\n\r\n\r\n", GET, True),
    "chunked": (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", GET, True),
    "chunked, nothing in it": (CHUNKED + b"0\r\n\r\n", GET, True),
    "chunk extensions and trailers": (
        CHUNKED + b"2;a=b;c\r\nok\r\n00A\r\n0123456789\r\n0;z\r\nT: u\r\n\r\n",
        GET,
        True,
    ),
    "chunked by 1.0": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", GET, False),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", GET, False),
    "close, chunked": (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET,
        False,
    ),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", GET, False),
    "1.0 keep-alive": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", GET, True),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", GET, True),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", GET, True),
    "not modified with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", GET, True),
    "not modified, chunked": (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", GET, True),
    "continue": (CONTINUE + SHORT, GET, True),
    "hints": (HINTS + SHORT, GET, True),
    "continue, hints, chunked": (CONTINUE + HINTS + CHUNKED + b"2\r\nok\r\n0\r\n\r\n", GET, True),
    "continue before 204": (CONTINUE + b"HTTP/1.1 204 No Content\r\n\r\n", POST, True),
    "interim with a length": (b"HTTP/1.1 102 Busy\r\nContent-Length: 5\r\n\r\n" + SHORT, GET, True),
    "offer of an upgrade": (
        b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok",
        GET,
        True,
    ),
    "line break before it": (b"\r\n" + SHORT, GET, True),
    "head": (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", HEAD, True),
    "head, chunked": (CHUNKED, HEAD, True),
    "head without a length": (b"HTTP/1.1 200 OK\r\n\r\n", HEAD, True),
    "head, close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n", HEAD, False),
    "head, close, without a length": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", HEAD, False),
    "head by 1.0": (b"HTTP/1.0 200 OK\r\n\r\n", HEAD, False),
    "head by 1.0 keep-alive": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", HEAD, True),
    "head after hints": (HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", HEAD, True),
    "head of 204": (b"HTTP/1.1 204 No Content\r\n\r\n", HEAD, True),
    "head of 304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", HEAD, True),
}
UNTIL_CLOSE = {
    "until close": b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nhello",
    "until close, empty": b"HTTP/1.1 200 OK\r\n\r\n",
    "until close by 1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello",
    "until close after hints": HINTS + b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    "a length only in the body": b"HTTP/1.1 200 OK\r\n\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
}
# Malformed wherever they are cut, at the latest when the server closes.
MALFORMED_ANSWERS: dict[str, tuple[bytes, Prepared]] = {
    "garbage": (b"\x00\xff\x80 nothing\r\n\r\n", GET),
    "text": (b"220 mail.example ESMTP\r\n", GET),
    "garbage to HEAD": (b"SSH-2.0-OpenSSH_9.2\r\n", HEAD),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", GET),
    "two equal lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", GET),
    "length and chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GET,
    ),
    "chunked and length": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        GET,
    ),
    "negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", GET),
    "length with a sign": (b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", GET),
    "length in hex": (b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok", GET),
    "length without digits": (b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", GET),
    "length of 30 digits": (b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\nok", GET),
    "negative chunk": (CHUNKED + b"-1\r\nok\r\n0\r\n\r\n", GET),
    "chunk without a size": (CHUNKED + b"\r\nok\r\n0\r\n\r\n", GET),
    "chunk size no hex": (CHUNKED + b"xyz\r\nok\r\n0\r\n\r\n", GET),
    "chunk size with 0x": (CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n", GET),
    "chunk size too big": (CHUNKED + b"F" * 17 + b"\r\nok\r\n0\r\n\r\n", GET),
    "chunk longer than its size": (CHUNKED + b"2\r\nokay\r\n0\r\n\r\n", GET),
    "chunk without its end": (CHUNKED + b"2\r\nok0\r\n\r\n", GET),
    "trailer without a colon": (CHUNKED + b"0\r\nbad\r\n\r\n", GET),
    "a NUL in the head": (b"HTTP/1.1 200 OK\r\nA: b\x00c\r\nContent-Length: 0\r\n\r\n", GET),
    "space before the colon": (b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", GET),
    "header without a colon": (b"HTTP/1.1 200 OK\r\nwhatever\r\n\r\n", GET),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", GET),
    "status 000": (b"HTTP/1.1 000 Oh\r\nContent-Length: 0\r\n\r\n", GET),
    "status 099": (b"HTTP/1.1 099 Oh\r\nContent-Length: 0\r\n\r\n", GET),
    "status 099 until close": (b"HTTP/1.1 099 Oh\r\n\r\n", GET),
    "status 600": (b"HTTP/1.1 600 Oh\r\nContent-Length: 0\r\n\r\n", GET),
    "status 999 until close": (b"HTTP/1.1 999 Oh\r\n\r\nhello", GET),
    "status 999 to HEAD": (b"HTTP/1.1 999 Oh\r\n\r\n", HEAD),
    "status of two digits": (b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", GET),
    "status of four digits": (b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", GET),
    "switching": (b"HTTP/1.1 101 Switching\r\nUpgrade: ws\r\nConnection: Upgrade\r\n\r\n", GET),
    "switching to nothing": (b"HTTP/1.1 101 Switching\r\n\r\n", GET),
    "switching after HEAD": (b"HTTP/1.1 101 Switching\r\nUpgrade: ws\r\nConnection: Upgrade\r\n\r\n", HEAD),
    "switching to nothing after HEAD": (b"HTTP/1.1 101 Switching\r\n\r\n", HEAD),
    "HTTP/2": (b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", GET),
    "HTTP/2 until close": (b"HTTP/2.0 200 OK\r\n\r\nhello", GET),
    "HTTP/0.9": (b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n", GET),
    "RTSP": (b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", GET),
    "RTSP to HEAD": (b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", HEAD),
}
# Too much in one read: told apart only while the answer is still being looked at.
TOO_MUCH: dict[str, tuple[bytes, Prepared]] = {
    "two answers": (SHORT + SHORT, GET),
    "an interim answer after the last": (SHORT + CONTINUE, GET),
    "a length too short": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay", GET),
    "a body after 204": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", GET),
    "a body after 304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", GET),
    "a body after HEAD": (SHORT, HEAD),
    "more after the last chunk": (CHUNKED + b"0\r\n\r\nmore", GET),
    "more after close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok!", GET),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_a_complete_answer_is_ok_wherever_it_is_cut(name: str) -> None:
    data, request, usable = COMPLETE[name]
    whole = exchange([data], request)
    assert (whole.told, whole.usable, whole.received_bytes) == ((OK,), usable, len(data))
    assert whole.statuses == ((whole.status, 1),)
    for pieces in every_cut(data):
        assert exchange(pieces, request) == whole, pieces


@pytest.mark.parametrize("name", UNTIL_CLOSE)
def test_an_answer_without_a_length_ends_with_the_connection(name: str) -> None:
    data = UNTIL_CLOSE[name]
    for pieces in [[data], *every_cut(data)]:
        assert exchange(pieces).told == (), pieces
        assert exchange(pieces, end="closes").told == (OK,), pieces
        assert exchange(pieces, end="resets").told == (RESET,), pieces


@pytest.mark.parametrize("name", COMPLETE)
def test_a_truncated_answer_is_never_ok(name: str) -> None:
    data, request, _ = COMPLETE[name]
    for length in range(len(data)):
        first = [data[:length]] if length else []
        assert exchange(first, request).told == ()
        assert exchange(first, request, end="closes").told == (CLOSED,), data[:length]
        assert exchange(first, request, end="resets").told == (RESET,), data[:length]


@pytest.mark.parametrize("name", MALFORMED_ANSWERS)
def test_a_malformed_answer_is_malformed_wherever_it_is_cut(name: str) -> None:
    data, request = MALFORMED_ANSWERS[name]
    for pieces in [[data], *every_cut(data, pairs_up_to=60)]:
        verdict = exchange(pieces, request, end="closes")
        assert verdict.told == (MALFORMED,), pieces
        assert verdict.statuses == ()
        assert not verdict.usable


@pytest.mark.parametrize("name", TOO_MUCH)
def test_more_than_the_answer_in_one_read_is_malformed(name: str) -> None:
    data, request = TOO_MUCH[name]
    verdict = exchange([data], request)
    assert (verdict.told, verdict.usable) == ((MALFORMED,), False)


@pytest.mark.parametrize("name", TOO_MUCH)
def test_more_than_the_answer_in_a_later_read_closes_the_connection(name: str) -> None:
    data, request = TOO_MUCH[name]
    for pieces in every_cut(data, pairs_up_to=0):
        verdict = exchange(pieces, request)
        assert verdict.told in {(MALFORMED,), (OK,), (OK, LOST)}, pieces
        assert not verdict.usable or verdict.told == (OK,)


def test_what_a_refused_first_half_leaves_never_passes_for_the_next_answer() -> None:
    """One answer and the beginning of another: the first is told, the next is not one."""
    wire = Wire()
    wire.send()
    wire.receive(SHORT + SHORT[:12])
    wire.send()
    wire.receive(SHORT)
    assert wire.peer.told == [OK, MALFORMED]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 599])
def test_an_error_status_is_told_with_its_number(status: int) -> None:
    data = b"HTTP/1.1 %d Oh\r\nContent-Length: 2\r\n\r\nno" % status
    wire = Wire()
    wire.send()
    wire.receive(data)
    assert (wire.peer.told, wire.peer.messages) == ([STATUS], [f"HTTP {status}"])
    assert wire.connection.usable
    for pieces in every_cut(data):
        assert exchange(pieces).told == (STATUS,)
    assert exchange([b"HTTP/1.1 %d Oh\r\n\r\nno" % status], end="closes").statuses == ((status, 1),)


def test_one_connection_many_answers() -> None:
    wire = Wire()
    for data, request, usable in COMPLETE.values():
        if usable:
            wire.send(request)
            wire.receive(*cut(data, [len(data) // 2]))
            wire.send(request)
            wire.receive(data)
    assert set(wire.peer.told) == {OK}
    assert wire.tally.closed_by_server == 0
    assert bytes(wire.transport.written).count(b"Host: here") == len(wire.peer.told)
    assert wire.tally.sent_bytes == len(wire.transport.written)


def test_the_first_byte_has_a_time_of_its_own_only_if_it_came_earlier() -> None:
    wire = Wire()
    wire.send()
    wire.receive(SHORT)
    assert (wire.peer.end_s, wire.peer.first_s) == (100.0, None)
    wire.send()
    wire.receive(SHORT[:5], SHORT[5:9], SHORT[9:])
    assert wire.peer.first_s == pytest.approx(100.001)
    assert wire.peer.end_s == pytest.approx(100.003)


@pytest.mark.parametrize("keeps", [False, True])
def test_a_head_without_end_is_refused(keeps: bool) -> None:  # noqa: FBT001
    for request in (GET, HEAD):
        wire = Wire(keeps=keeps)
        wire.send(request)
        wire.receive(b"HTTP/1.1 200 OK\r\n")
        line = b"X: " + b"y" * 1_000 + b"\r\n"
        for _ in range(100_000):  # 100 MB, were they all taken
            wire.receive(line)
        assert wire.peer.told == [MALFORMED]
        assert wire.tally.received_bytes < MOST_HEAD_BYTES + 2 * len(line)


def test_one_header_without_end_is_refused() -> None:
    wire = Wire()
    wire.send()
    wire.receive(b"HTTP/1.1 200 OK\r\nX: ", *[b"y" * 65_536] * 20)
    assert wire.peer.told == [MALFORMED]
    assert wire.tally.received_bytes < 3 * MOST_HEAD_BYTES


def test_the_head_of_each_answer_is_watched() -> None:
    wire = Wire()
    wire.send()
    wire.receive(SHORT[:-1], SHORT[-1:])
    wire.send()
    wire.receive(b"HTTP/1.1 200 OK\r\nX: ", *[b"y" * 60_000] * 3)
    assert wire.peer.told == [OK, MALFORMED]


@pytest.mark.parametrize("piece", [b"0" * 1_000, b"5;" + b"e" * 1_000, b"0\r\n" + b"T: u\r\n" * 100])
def test_chunk_lines_without_end_are_waited_for_and_nothing_is_kept(piece: bytes) -> None:
    """The limit of the request ends these."""
    wire = Wire()
    wire.send()
    wire.receive(CHUNKED + piece)
    for _ in range(100):
        wire.receive(piece[-6:] * 100)
    assert wire.peer.told in ([], [MALFORMED])
    assert len(wire.connection._head) == 0
    wire.end("closes")
    assert wire.peer.told in ([CLOSED], [MALFORMED])


def test_interim_answers_without_end_are_waited_for_and_nothing_is_kept() -> None:
    wire = Wire()
    wire.send()
    wire.receive(*[HINTS * 50] * 100)
    assert (wire.peer.told, len(wire.connection._head)) == ([], 0)
    wire.end("closes")
    assert wire.peer.told == [CLOSED]


def test_a_length_too_long_waits_for_the_rest() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"
    assert exchange([data]).told == ()
    assert exchange([data], end="closes").told == (CLOSED,)
    assert exchange([data], end="resets").told == (RESET,)


def test_bytes_unasked_for_end_an_idle_connection() -> None:
    wire = Wire()
    wire.receive(SHORT)
    assert (wire.peer.told, wire.transport.aborted, wire.connection.usable) == ([LOST], True, False)
    assert (wire.tally.closed_by_server, wire.tally.received_bytes) == (1, 0)
    wire.end("stays")
    assert wire.peer.told == [LOST]


def test_what_tls_hands_out_after_an_abort_is_nobodys() -> None:
    """The lane may have a new connection by then, and must not be told that it lost one."""
    wire = Wire()
    wire.send()
    wire.receive(b"nothing")
    memoryview(wire.connection.get_buffer(-1))[:2] = b"ok"
    wire.connection.buffer_updated(2)
    assert wire.peer.told == [MALFORMED]


@pytest.mark.parametrize(("end", "kind"), [("closes", CLOSED), ("resets", RESET)])
def test_a_connection_lost_under_a_request(end: End, kind: str) -> None:
    for request, told in ((GET, [OK, RESEND]), (HEAD, [OK, RESEND]), (POST, [OK, kind])):
        fresh, used = Wire(), Wire()
        fresh.send(request)
        fresh.end(end)
        assert fresh.peer.told == [kind], "the first request of a connection was not on an idle one"
        used.send()
        used.receive(SHORT)
        used.send(request)
        used.end(end)
        assert used.peer.told == told
        assert (used.tally.closed_by_server, used.connection.usable) == (1, False)


def test_an_answer_begun_is_not_asked_for_again() -> None:
    wire = Wire()
    wire.send()
    wire.receive(SHORT)
    wire.send()
    wire.receive(SHORT[:1])
    wire.end("resets")
    assert wire.peer.told == [OK, RESET]


def test_an_idle_connection_lost() -> None:
    wire = Wire()
    wire.send()
    wire.receive(SHORT)
    wire.end("closes")
    assert (wire.peer.told, wire.connection.usable, wire.tally.closed_by_server) == ([OK, LOST], False, 1)


def test_tls_broken_off_is_named() -> None:
    wire = Wire()
    wire.send()
    error = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] ...")
    error.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    wire.connection.connection_lost(error)
    assert wire.peer.told == [TLS]
    assert "TLSV13_ALERT_CERTIFICATE_REQUIRED" in wire.peer.messages[0]


@pytest.mark.parametrize("request_", [GET, HEAD])
def test_a_tls_alert_instead_of_an_answer_hints_at_https(request_: Prepared) -> None:
    wire = Wire()
    wire.send(request_)
    wire.receive(b"\x15\x03\x01\x00\x02\x02\x46")
    assert wire.peer.told == [MALFORMED]
    assert "https://" in wire.peer.messages[0]


def test_an_abort_tells_nobody() -> None:
    wire = Wire()
    wire.send()
    wire.receive(SHORT[:5])
    wire.connection.abort()
    wire.end("stays")
    assert wire.peer.told == []
    Wire().connection.abort()


# Sending.


def test_everything_goes_through_the_transport() -> None:
    wire = Wire()
    wire.send()
    assert bytes(wire.transport.written) == GET.data
    wire.receive(SHORT)
    assert (wire.peer.told, wire.connection.usable) == ([OK], True)


def early(*, unsent: int = 1) -> Wire:
    wire = Wire()
    wire.send(POST)
    wire.transport.unsent = unsent
    return wire


@pytest.mark.parametrize("pieces", [[SHORT], [SHORT[:9], SHORT[9:]]])
def test_ok_before_the_request_is_complete_is_malformed(pieces: list[bytes]) -> None:
    wire = early()
    wire.receive(*pieces)
    assert (wire.peer.told, wire.connection.usable) == ([MALFORMED], False)
    assert "before the request was complete" in wire.peer.messages[0]
    assert wire.tally.statuses == {}
    wire = early(unsent=0)
    wire.receive(*pieces)
    assert (wire.peer.told, wire.connection.usable) == ([OK], True)


def test_an_error_before_the_request_is_complete_is_a_status_and_the_connection_is_not_used_again() -> None:
    wire = early()
    wire.receive(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    assert (wire.peer.told, wire.connection.usable, wire.transport.aborted) == ([STATUS], False, True)


def test_an_answer_until_close_before_the_request_is_complete_is_not_ok() -> None:
    wire = early()
    wire.receive(b"HTTP/1.1 200 OK\r\n\r\nhello")
    wire.end("closes")
    assert wire.peer.told == [CLOSED]


def test_a_server_that_closes_is_not_sent_the_rest() -> None:
    wire = early()
    wire.connection.eof_received()
    assert wire.transport.aborted
    wire.end("stays")
    assert wire.peer.told == [CLOSED]


# Keeping.


def test_the_latest_answer_is_kept_as_it_came() -> None:
    wire = Wire(keeps=True)
    for pieces in ([SHORT], [SHORT[:4], SHORT[4:]]):
        wire.send()
        wire.receive(*pieces)
        assert bytes(wire.connection.kept or b"") == SHORT
    assert Wire().connection.kept is None


def test_more_than_can_be_kept_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT_BYTES", 1_000)
    wire = Wire(keeps=True)
    wire.send()
    wire.receive(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 100] * 100)
    assert wire.peer.told == [MALFORMED]
    assert wire.tally.received_bytes < 1_200


# Anything at all.


def oracle(data: bytes, request: Prepared, end: End, *, whole: bool) -> str:
    """What h11 says: 'complete', 'incomplete', or why it refuses."""
    peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    method = request.data.split(b" ", 1)[0]
    peer.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"here")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(data.lstrip(b"\r\n"))  # stray line breaks between answers are no framing: llhttp skips them
    closed = False
    try:
        while True:
            event = peer.next_event()
            if isinstance(event, h11.EndOfMessage):
                return "trailing" if whole and peer.trailing_data[0].strip(b"\r\n") else "complete"
            if event is h11.PAUSED:
                return "switched"
            if event is h11.NEED_DATA:
                if closed or end != "closes":
                    return "incomplete"
                closed = True
                peer.receive_data(b"")
    except h11.RemoteProtocolError as error:
        return str(error)


valid = st.sampled_from([(data, request) for data, request, _ in COMPLETE.values()]) | st.sampled_from(
    [(data, GET) for data in UNTIL_CLOSE.values()]
)
anything = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b" ", b":", b"0", b"\x00", b"\xff", b"HTTP/1.1 ", b"Content-Length: 1\r\n", b";", b"-"]
) | st.binary(min_size=1, max_size=4)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, Prepared]:
    data, request = draw(valid)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(start + 6, len(data))))
        put = draw(st.sampled_from([b"", data[start:stop] * 2]) | anything)
        data = data[:start] + put + data[stop:]
    return data, request


answers = mutated() | st.tuples(st.binary(max_size=80), st.sampled_from([GET, HEAD]))
# What h11 refuses and llhttp takes. None of it moves the end of an answer: control characters in the reason, line
# breaks behind an interim answer, 'chunked' named twice or behind an empty item, codings of a body that cannot follow.
TOLERATED = (
    "illegal status line",
    "no response line received",
    "multiple Transfer-Encoding headers",
    "Only Transfer-Encoding: chunked is supported",
)


@given(answers, st.lists(st.integers(0, 200), max_size=4), st.sampled_from(["closes", "resets"]))
@thorough(1_500)
@example((b"HTTP/1.1 200 OK\r\n\r\n" * 3, GET), [], "closes")
@example((b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 ", GET), [], "closes")
@example((b"HTTP/1.1 200 \x00\r\nContent-Length: 0\r\n\r\n", GET), [], "closes")
@example((CONTINUE + b"\r\n" + SHORT, GET), [], "closes")
@example((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", GET), [], "closes")
@example((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello", GET), [], "closes")
@example((b"HTTP/1.1 103 Hints\r\nno colon\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", HEAD), [], "closes")
def test_whatever_comes_ends_once_and_ok_only_if_h11_agrees(
    answer: tuple[bytes, Prepared], places: list[int], end: End
) -> None:
    data, request = answer
    pieces = cut(data, [place for place in places if place < len(data)])
    verdict = exchange(pieces, request, end)
    assert verdict.told[1:] in {(), (LOST,)}
    assert verdict.told[0] in {OK, STATUS, MALFORMED, CLOSED, RESET}
    assert not verdict.usable
    if verdict.told[0] == OK:
        said = oracle(data, request, end, whole=len(pieces) == 1)
        if said == "trailing":  # the beginning of another answer, which the parser keeps: it spoils the next one
            wire = Wire()
            wire.send(request)
            wire.receive(*pieces)
            wire.send()
            wire.receive(SHORT)
            assert wire.peer.told in ([OK], [OK, MALFORMED], [OK, RESEND]), data
        else:
            assert said == "complete" or said.startswith(TOLERATED), (said, data)


@given(answers, st.lists(st.integers(0, 200), max_size=4))
@thorough(500)
def test_where_it_is_cut_does_not_change_a_refusal(answer: tuple[bytes, Prepared], places: list[int]) -> None:
    """An answer ok in one read is ok in several; one refused is not ok in any, unless for what came after it."""
    data, request = answer
    whole = exchange([data] if data else [], request, "closes").told[0]
    pieces = exchange(cut(data, [place for place in places if place < len(data)]), request, "closes").told[0]
    if whole == OK or (pieces == OK and oracle(data, request, "closes", whole=True) != "trailing"):
        assert pieces == whole
