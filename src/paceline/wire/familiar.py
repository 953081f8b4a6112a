"""Answers that come again byte for byte, as they mostly do where a load sends one request over and over.

What a parser makes of bytes depends on them and on where it stands. Between two answers on a connection that stays
open it always stands at the same place; so bytes that were one whole answer there are the same answer again.
"""

import httptools

LOOK_EVERY = 64  # unknown answers; where each is another one, seldomer and seldomer
_LOOK_SELDOMEST = 4_096
_LONGEST_BYTES = 4_096
_OK = range(200, 400)


class Familiar:
    """The latest answer that is known, to all connections of a loop: what one has come to know, the others know too.

    Attributes:
        answer: its bytes; empty as long as there is none.
        status: its status.
        unknown: answers since the last look that were others.
        look_at: so many of them; set back to :data:`LOOK_EVERY` by who meets the known one.
    """

    __slots__ = ("answer", "look_at", "status", "unknown")

    def __init__(self) -> None:
        self.answer = b""
        self.status = 0
        self.unknown = 0
        self.look_at = LOOK_EVERY

    def look(self, data: memoryview, status: int) -> bool:
        """An unknown answer came in one piece; whether it is the known one from now on."""
        was_met = self.look_at == LOOK_EVERY
        self.unknown = 0
        self.look_at = min(2 * self.look_at, _LOOK_SELDOMEST)
        if self.answer and not was_met:
            self.answer = b""  # comparing costs more than it saves, for a while
            return False
        if len(data) > _LONGEST_BYTES or status not in _OK:
            return False
        answer = bytes(data)
        if not is_one_answer(answer):
            return False
        self.answer, self.status = answer, status
        return True


class _Bounds:
    """Counts where messages begin and end."""

    def __init__(self) -> None:
        self.parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.begun = 0
        self.ended = 0
        self.stays_open = False

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_message_complete(self) -> None:
        self.ended += 1
        assert self.parser is not None
        self.stays_open = self.parser.should_keep_alive()  # afterwards the parser has forgotten


def is_one_answer(data: bytes) -> bool:
    """Whether ``data`` is one whole answer to a request other than HEAD, no interim one before it and nothing behind.

    Then a parser that has taken it stands where it stood before.
    """
    bounds = _Bounds()
    parser = bounds.parser
    assert parser is not None
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return False
    finally:
        bounds.parser = None  # the two hold each other
    return bounds.begun == bounds.ended == 1 and bounds.stays_open
