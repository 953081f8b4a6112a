"""Answers that come again byte for byte: nobody can tell whether they were parsed."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from paceline.wire import connection
from paceline.wire import familiar as module
from paceline.wire.failure import MALFORMED
from paceline.wire.familiar import is_one_answer
from paceline.wire.request import Prepared
from tests.unit.wire.wires import GET, HEAD, OK, POST, Verdict, Wire, cut

SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"
AROUND = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(SHORT)  # and then a known answer as its body
CHUNKED = b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\n\r\n"
ONE = {
    "length": SHORT,
    "chunked": CHUNKED,
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified with a length": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "1.0 keep-alive": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    "line breaks around it": b"\r\n" + SHORT + b"\r\n",
}
NOT_ONE = {
    "nothing": b"",
    "half": SHORT[:-1],
    "one and a beginning": SHORT + b"H",
    "two": SHORT + SHORT,
    "interim before it": HINTS + SHORT,
    "until close": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "to HEAD": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
    "garbage": b"\x00\xff",
    "switching": b"HTTP/1.1 101 Switching\r\nUpgrade: ws\r\nConnection: Upgrade\r\n\r\n",
}


@pytest.mark.parametrize("data", ONE.values(), ids=list(ONE))
def test_one_whole_answer_is_told(data: bytes) -> None:
    assert is_one_answer(data)


@pytest.mark.parametrize("data", NOT_ONE.values(), ids=list(NOT_ONE))
def test_anything_else_is_not_one(data: bytes) -> None:
    assert not is_one_answer(data)


def seen_through(
    exchanges: Sequence[tuple[bytes, Prepared, list[int]]], *, look_every: int
) -> list[tuple[Verdict, bytes, float | None]]:
    """What a peer is told, exchange by exchange, if the connection remembers every ``look_every``-th answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LOOK_EVERY", look_every)
        patch.setattr(connection, "LOOK_EVERY", look_every)
        wire = Wire(keeps=True)
        seen = []
        for data, request, places in exchanges:
            if not wire.connection.usable:
                break
            wire.send(request)
            wire.receive(*cut(data, places))
            seen.append((wire.verdict(), bytes(wire.connection.kept or b""), wire.peer.first_s))
            if wire.connection._request is not None:
                break  # a peer sends nothing before its answer is complete
        return seen


pieces = st.sampled_from([*ONE.values(), *NOT_ONE.values(), OTHER, b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"])


@st.composite
def repeated(draw: st.DrawFn) -> list[tuple[bytes, Prepared, list[int]]]:
    """Exchanges out of a few answers, so that most come again."""
    few = draw(st.lists(pieces | st.builds(lambda *parts: b"".join(parts), pieces, pieces), min_size=1, max_size=3))
    request = st.sampled_from([GET, GET, GET, HEAD, POST])
    places: st.SearchStrategy[list[int]] = st.just([]) | st.lists(st.integers(1, 60), max_size=2)
    return draw(st.lists(st.tuples(st.sampled_from(few), request, places), min_size=2, max_size=8))


@given(repeated())
@settings(max_examples=200)
@example([(SHORT + b"\r", GET, []), (SHORT + b"\r", GET, []), (SHORT, GET, [])])
@example([(NOT_ONE["to HEAD"], HEAD, []), (NOT_ONE["to HEAD"], HEAD, []), (NOT_ONE["to HEAD"], GET, [])])
@example([(SHORT, GET, []), (SHORT, HEAD, []), (SHORT, GET, []), (SHORT, GET, [])])
@example([(SHORT, GET, []), (SHORT, GET, [9]), (SHORT, GET, [])])
@example([(SHORT, GET, []), (SHORT + b"H", GET, []), (SHORT, GET, [])])
@example([(SHORT, GET, []), (AROUND + SHORT, GET, [len(AROUND)]), (SHORT, GET, [])])
@example([(SHORT + b"H", GET, []), (SHORT + b"H", GET, []), (SHORT + b"H", GET, [])])
def test_nobody_can_tell_whether_an_answer_was_known(exchanges: list[tuple[bytes, Prepared, list[int]]]) -> None:
    assert seen_through(exchanges, look_every=0) == seen_through(exchanges, look_every=1_000)


def test_an_answer_that_comes_again_is_known() -> None:
    wire = Wire(keeps=True)
    for _ in range(module.LOOK_EVERY + 1):
        wire.send()
        wire.receive(SHORT)
    known = wire.connection._familiar.answer
    wire.send()
    wire.receive(SHORT)
    assert wire.connection.kept is known
    assert known == SHORT
    wire.send()
    wire.receive(OTHER)
    assert wire.connection.kept == OTHER
    assert set(wire.peer.told) == {OK}


def test_what_one_connection_knows_the_others_know() -> None:
    first, second = Wire(keeps=True), Wire(keeps=True)
    second.connection._familiar = first.connection._familiar
    for wire, times in ((first, module.LOOK_EVERY), (second, 2)):
        for _ in range(times):
            wire.send()
            wire.receive(SHORT)
    assert second.connection.kept is first.connection._familiar.answer


def test_where_every_answer_is_another_one_they_are_looked_at_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bytes] = []

    def look(data: bytes) -> bool:
        looked.append(data)
        return True

    monkeypatch.setattr(module, "is_one_answer", look)
    wire = Wire()
    for number in range(5_000):
        wire.send()
        wire.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%05d" % number)
    assert len(looked) < 10
    assert wire.tally.statuses == {200: 5_000}


def test_a_known_answer_before_the_request_is_complete_is_refused_all_the_same() -> None:
    wire = Wire()
    for _ in range(module.LOOK_EVERY + 2):
        wire.send()
        wire.receive(SHORT)
    assert wire.connection._familiar.answer == SHORT
    wire.transport.unsent = 1
    wire.send(POST)
    wire.receive(SHORT)
    assert wire.peer.told[-1] == MALFORMED
