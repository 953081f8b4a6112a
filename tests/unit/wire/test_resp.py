"""Replies in the Redis protocol, cut anywhere, answered by anybody."""

from collections.abc import Callable, Sequence
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.core.errors import ConfigurationError
from paceline.wire import resp
from paceline.wire.connection import BUFFER_BYTES
from paceline.wire.failure import CLOSED, MALFORMED, RESET, WireError
from paceline.wire.known_reply import KnownReply
from paceline.wire.resp import RespConnection, packed
from paceline.wire.tally import Tally
from tests.fakes import ManualClock
from tests.unit.wire.wires import FakeTransport

REPLIES: tuple[tuple[bytes, object], ...] = (
    (b"+OK\r\n", b"OK"),
    (b"$5\r\nhello\r\n", b"hello"),
    (b"$0\r\n\r\n", b""),
    (b"$-1\r\n", None),
    (b":42\r\n", 42),
    (b"$12\r\n$3\r\nabc\r\n+OK\r\n", b"$3\r\nabc\r\n+OK"),  # a value that looks like replies
    (b"*2\r\n$1\r\n0\r\n*1\r\n:1\r\n", [b"0", [1]]),
    (b"*-1\r\n", None),
)
NEVER: Callable[[], None] = lambda: None  # noqa: E731  # what is done with a reply


class Asker:
    """Keeps what it is told."""

    def __init__(self, then: Callable[[], None] = NEVER) -> None:
        self.start_s = -1.0
        self.told: list[Any] = []
        self.end_s = -1.0
        self._then = then

    def replied(self, reply: Any, end_s: float) -> None:
        self.told.append(reply)
        self.end_s = end_s
        self._then()

    def failed(self, failure: WireError) -> None:
        self.told.append(failure.kind)


class Wire:
    """A connection without a network."""

    def __init__(self, known: KnownReply | None = None) -> None:
        self.clock = ManualClock()
        self.tally = Tally()
        self.buffer = memoryview(bytearray(BUFFER_BYTES))
        self.transport = FakeTransport()
        self.connection = RespConnection(self.tally, self.clock.now_s, self.buffer, known)
        self.connection.connection_made(self.transport)

    def ask(self, count: int) -> list[Asker]:
        askers = [Asker() for _ in range(count)]
        for asker in askers:
            self.connection.submit(asker, b"PING\r\n")
        self.connection.flush()
        return askers

    def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            if not self.connection.usable:
                return
            self.clock.advance(1.0)
            self.buffer[: len(piece)] = piece
            self.connection.buffer_updated(len(piece))


def knowing(data: bytes, reply: object) -> KnownReply:
    known = KnownReply()
    known.look(memoryview(data), reply)
    return known


def told(askers: Sequence[Asker]) -> list[Any]:
    return [asker.told for asker in askers]


def test_every_reply_is_whole_wherever_it_is_cut() -> None:
    stream = b"".join(data for data, _ in REPLIES)
    for cut in range(1, len(stream)):
        wire = Wire()
        askers = wire.ask(len(REPLIES))
        wire.receive(stream[:cut], stream[cut:])
        assert told(askers) == [[value] for _, value in REPLIES]
        assert wire.connection.usable
        assert wire.tally.received_bytes == len(stream)


def test_byte_by_byte_each_reply_ends_with_its_last_byte() -> None:
    wire = Wire()
    askers = wire.ask(len(REPLIES))
    wire.receive(*(bytes([byte]) for data, _ in REPLIES for byte in data))
    assert told(askers) == [[value] for _, value in REPLIES]
    # A second a byte.
    lengths = [len(data) for data, _ in REPLIES]
    assert [asker.end_s - askers[0].start_s for asker in askers] == [sum(lengths[: n + 1]) for n in range(len(lengths))]


@given(st.lists(st.sampled_from(REPLIES), min_size=1, max_size=30), st.data())
def test_any_pipeline_in_any_pieces(replies: list[tuple[bytes, object]], data: st.DataObject) -> None:
    stream = b"".join(text for text, _ in replies)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream)), max_size=8)))
    wire = Wire(knowing(*data.draw(st.sampled_from(REPLIES))))
    askers = wire.ask(len(replies))
    wire.receive(
        *(stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True) if end > begin)
    )
    assert told(askers) == [[value] for _, value in replies]


@given(st.binary(min_size=1, max_size=200), st.integers(1, 4), st.integers(1, 199))
def test_garbage_ends_every_command_once_or_leaves_it_waiting(garbage: bytes, commands: int, cut: int) -> None:
    wire = Wire()
    askers = wire.ask(commands)
    wire.receive(garbage[:cut], garbage[cut:]) if garbage[cut:] else wire.receive(garbage)
    assert all(len(each) <= 1 for each in told(askers))
    # Replies are handed out in order, and what cannot be read ends all that come after.
    kinds = [each[0] if each else "waits" for each in told(askers)]
    if MALFORMED in kinds:
        assert kinds[kinds.index(MALFORMED) :] == [MALFORMED] * (commands - kinds.index(MALFORMED))
        assert wire.transport.aborted
    wire.connection.connection_lost(None)
    assert all(len(each) == 1 for each in told(askers))


@given(st.lists(st.sampled_from(REPLIES), min_size=1, max_size=5), st.integers(0, 300), st.integers(0, 255))
def test_a_damaged_byte_never_tells_anybody_twice(replies: list[tuple[bytes, object]], at: int, byte: int) -> None:
    stream = bytearray(b"".join(text for text, _ in replies))
    stream[at % len(stream)] = byte
    wire = Wire()
    askers = wire.ask(len(replies))
    wire.receive(bytes(stream))
    wire.connection.connection_lost(ConnectionResetError())
    assert all(len(each) == 1 for each in told(askers))
    assert not wire.connection.usable


def test_errors_of_the_server_are_replies() -> None:
    wire = Wire()
    askers = wire.ask(2)
    wire.receive(b"-WRONGTYPE no\r\n:1\r\n")
    assert isinstance(askers[0].told[0], hiredis.ReplyError)
    assert askers[1].told == [1]
    assert wire.connection.usable


def test_what_is_submitted_while_reading_goes_out_in_one_piece() -> None:
    wire = Wire()
    later = [Asker(), Asker()]
    first = [
        Asker(lambda: wire.connection.submit(later[0], b"A")),
        Asker(lambda: wire.connection.submit(later[1], b"B")),
    ]
    for asker in first:
        wire.connection.submit(asker, b"x")
    wire.connection.flush()
    wire.transport.written.clear()
    wire.receive(b"+OK\r\n+OK\r\n")
    assert wire.transport.written == b"AB"
    assert [asker.start_s for asker in later] == [wire.clock.now_s()] * 2
    wire.receive(b":1\r\n:2\r\n")
    assert told(later) == [[1], [2]]
    assert wire.tally.sent_bytes == 4


def test_more_replies_than_commands_are_no_reply_to_the_next() -> None:
    wire = Wire()
    asker = Asker()
    (first,) = wire.ask(1)
    first._then = lambda: wire.connection.submit(asker, b"x")
    wire.receive(b"+OK\r\n+OK\r\n")
    assert (first.told, asker.told) == ([b"OK"], [MALFORMED])


def test_what_nobody_asked_for_ends_an_idle_connection() -> None:
    wire = Wire()
    wire.receive(b"-ERR max number of clients reached\r\n")
    assert not wire.connection.usable
    assert wire.tally.closed_by_server == 1


@pytest.mark.parametrize(
    ("error", "seen", "kind", "words"),
    [
        (None, b"", CLOSED, "before it replied"),
        (None, b"$5\r\nhe", CLOSED, "in the middle of a reply"),
        (ConnectionResetError(), b"", RESET, "before it replied"),
    ],
)
def test_a_lost_connection_ends_all_that_waits(error: Exception | None, seen: bytes, kind: str, words: str) -> None:
    wire = Wire()
    failures: list[WireError] = []
    askers = wire.ask(3)
    for asker in askers:
        asker.failed = failures.append  # type: ignore[method-assign,assignment]
    if seen:
        wire.receive(seen)
    wire.connection.connection_lost(error)
    assert [failure.kind for failure in failures] == [kind] * 3
    assert words in failures[0].message


def test_the_end_of_the_stream_is_the_end() -> None:
    wire = Wire()
    assert wire.connection.eof_received() is False
    assert wire.transport.aborted


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it is an HTTP server's"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "should the address begin with rediss://?"),
        (b"hello\r\n", "Protocol error"),
    ],
)
def test_another_protocol_is_named(data: bytes, why: str) -> None:
    wire = Wire()
    failures: list[WireError] = []
    (asker,) = wire.ask(1)
    asker.failed = failures.append  # type: ignore[method-assign,assignment]
    wire.receive(data)
    assert why in failures[0].message


def test_a_pipeline_that_is_never_empty_has_no_end_in_sight_and_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resp, "MOST_REPLY_BYTES", 1_000)
    wire = Wire()
    wire.ask(1)
    for _ in range(20):
        wire.ask(1)
        wire.receive(b"$300\r\n" + b"x" * 300 + b"\r\n")  # the reply to the other is still to come
    assert wire.connection.usable


def test_a_reply_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resp, "MOST_REPLY_BYTES", 1_000)
    wire = Wire()
    (asker,) = wire.ask(1)
    wire.receive(b"$500000000\r\n", *[b"x" * 300] * 4)
    assert asker.told == [MALFORMED]


def test_those_that_are_late_are_the_first() -> None:
    wire = Wire()
    early = wire.ask(2)
    wire.clock.advance(5.0)
    late = wire.ask(1)
    sent_s = early[0].start_s
    assert [
        wire.connection.expired(sent_s - 1),
        wire.connection.expired(sent_s),
        wire.connection.expired(sent_s + 5),
    ] == [
        0,
        2,
        3,
    ]
    unsent = Asker()
    wire.connection.submit(unsent, b"x")
    assert wire.connection.give_up() == (*early, *late, unsent)
    assert unsent.start_s == wire.clock.now_s()
    assert told([*early, *late]) == [[], [], []]
    assert not wire.connection.usable


def test_a_command_is_packed_as_the_servers_own_client_packs_it() -> None:
    words = ("SET", b"\x00\r\n", 12, "ü")
    # Its type says tuples of one.
    assert packed(*words) == hiredis.pack_command(words)  # type: ignore[arg-type]


def test_without_its_parser_a_cache_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "hiredis", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'paceline\[cache\]'"):
        resp.reader_of_replies()
