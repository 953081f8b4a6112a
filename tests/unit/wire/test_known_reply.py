"""Replies that come again are told without a parser, and never taken for another."""

from collections.abc import Sequence
from typing import Any

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.wire import resp
from paceline.wire.known_reply import LOOK_EVERY, KnownReply
from tests.unit.wire.test_resp import REPLIES, Wire, told

HIT, MISS, DONE = b"$5\r\nhello\r\n", b"$-1\r\n", b"+OK\r\n"


class Counting:
    """A parser that counts what it is fed."""

    fed = 0

    def __init__(self) -> None:
        self._reader: Any = hiredis.Reader()
        self.gets = self._reader.gets
        self.has_data = self._reader.has_data

    def feed(self, *what: Any) -> None:
        Counting.fed += 1
        self._reader.feed(*what)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    monkeypatch.setattr(resp, "reader_of_replies", lambda: (Counting(), hiredis.ProtocolError))
    monkeypatch.setattr(Counting, "fed", 0)
    return Counting


def exchange(wire: Wire, *reads: bytes, each: int = 1) -> list[Any]:
    """What those are told who ask ``each`` times before every read."""
    seen: list[Any] = []
    for read in reads:
        askers = wire.ask(each)
        wire.receive(read)
        seen += [value for one in told(askers) for value in one]
    return seen


@pytest.mark.parametrize(("data", "value"), [(HIT, b"hello"), (MISS, None), (DONE, b"OK"), (b":1\r\n", 1)])
def test_what_comes_again_is_parsed_until_it_is_known(counting: type[Counting], data: bytes, value: object) -> None:
    known = KnownReply()
    wire, other = Wire(known), Wire(known)
    assert exchange(wire, *[data] * (LOOK_EVERY + 100)) == [value] * (LOOK_EVERY + 100)
    assert counting.fed == LOOK_EVERY
    assert exchange(other, data) == [value]
    assert exchange(wire, data * 7, each=7) == [value] * 7
    assert counting.fed == LOOK_EVERY
    assert wire.tally.received_bytes == (LOOK_EVERY + 107) * len(data)


def test_others_in_between_are_parsed_and_the_known_one_stays(counting: type[Counting]) -> None:
    wire = Wire(KnownReply())
    exchange(wire, *[HIT] * LOOK_EVERY)
    seen = exchange(wire, *[HIT, MISS, b"$5\r\nhallo\r\n", HIT] * 10)
    assert seen == [b"hello", None, b"hallo", b"hello"] * 10
    assert counting.fed == LOOK_EVERY + 20
    assert exchange(wire, HIT + MISS, each=2) == [b"hello", None]
    assert exchange(wire, HIT + HIT, each=2) == [b"hello"] * 2
    assert counting.fed == LOOK_EVERY + 21


def test_where_each_is_another_one_looking_gets_seldom() -> None:
    known = KnownReply()
    looked = []
    wire = Wire(known)
    for number in range(20_000):
        before = known.look_at
        exchange(wire, b":%d\r\n" % number)
        if known.look_at != before or not known.unknown:
            looked.append(number)
    assert 5 < len(looked) < 12
    assert exchange(wire, *[HIT] * 5_000 * 2) == [b"hello"] * 10_000
    assert (known.reply, known.look_at) == (b"hello", LOOK_EVERY)


def test_the_rest_of_a_reply_is_not_a_reply() -> None:
    known = KnownReply()
    exchange(Wire(known), *[DONE] * LOOK_EVERY)
    wire = Wire(known)
    askers = wire.ask(1)
    wire.receive(b"$5\r\n", DONE, b"\r\n")  # the value is five bytes that look like a reply
    assert told(askers) == [[DONE]]
    assert exchange(wire, DONE) == [b"OK"]


def test_more_than_was_asked_for_is_still_noticed() -> None:
    known = KnownReply()
    exchange(Wire(known), *[DONE] * LOOK_EVERY)
    wire = Wire(known)
    askers = wire.ask(1)
    wire.receive(DONE * 2)
    assert told(askers) == [[b"OK"]]
    assert not wire.connection.usable
    idle = Wire(known)
    idle.receive(DONE)
    assert not idle.connection.usable


@given(st.lists(st.sampled_from(REPLIES), min_size=1, max_size=4), st.sampled_from(REPLIES), st.data())
def test_whatever_is_learnt_any_stream_reads_the_same(
    first: Sequence[tuple[bytes, object]], again: tuple[bytes, object], data: st.DataObject
) -> None:
    known = KnownReply()
    wire = Wire(known)
    known.look_at = 1
    askers = wire.ask(len(first))
    wire.receive(b"".join(text for text, _ in first))
    assert told(askers) == [[value] for _, value in first]
    later = [again, *data.draw(st.lists(st.sampled_from([again, *first]), max_size=10))]
    stream = b"".join(text for text, _ in later)
    cut = data.draw(st.integers(0, len(stream)))
    askers = wire.ask(len(later))
    wire.receive(*(piece for piece in (stream[:cut], stream[cut:]) if piece))
    assert told(askers) == [[value] for _, value in later]


def test_a_simple_text_is_not_made_of_two_replies() -> None:
    known = KnownReply()
    wire = Wire(known)
    known.look_at = 1
    value = b"a\r\n:1"
    assert exchange(wire, b"+a\r\n:1\r\n$5\r\n%b\r\n" % value, each=3) == [b"a", 1, value]
    assert exchange(wire, b"+a\r\n:1\r\n", each=2) == [b"a", 1]
