"""Replies that come again byte for byte: a cache's values are often alike, and OK, 1 and nil always are.

As :mod:`paceline.wire.familiar` for HTTP: what a parser makes of bytes depends on them and on where it stands, and
between two replies it always stands at the same place.
"""

from typing import Any

LOOK_EVERY = 64  # unknown replies; where each is another one, seldomer and seldomer
_LOOK_SELDOMEST = 4_096
_LONGEST_BYTES = 4_096
_NEVER = -1  # the length of no reply


class KnownReply:
    """The reply that is known, to all connections of a loop.

    Attributes:
        data: its bytes; empty as long as there is none.
        nbytes: how many they are; negative as long as there is none.
        reply: what the parser makes of them.
        unknown: reads since the last look that brought something else.
        look_at: so many of them; set back to :data:`LOOK_EVERY` by who meets the known one.
    """

    __slots__ = ("data", "look_at", "nbytes", "reply", "unknown")

    def __init__(self) -> None:
        self.look_at = LOOK_EVERY
        self.unknown = 0
        self._forget()

    def _forget(self) -> None:
        self.data = b""
        self.nbytes = _NEVER
        self.reply: Any = None

    def look(self, read: memoryview, reply: object) -> None:
        """Unknown replies came in one read; ``reply`` is the last of them."""
        was_met = self.look_at == LOOK_EVERY
        self.unknown = 0
        self.look_at = min(2 * self.look_at, _LOOK_SELDOMEST)
        if self.data and not was_met:
            self._forget()  # comparing costs more than it saves, for a while
            return
        data = _as_sent(reply, read)
        if data:
            self.data, self.nbytes, self.reply = data, len(data), reply


def _as_sent(reply: object, read: memoryview) -> bytes:
    """The bytes that mean ``reply`` wherever they stand, in the way in which ``read`` begins with them; else none."""
    if reply is None:
        ways = [b"$-1\r\n"]
    elif type(reply) is int:
        ways = [b":%d\r\n" % reply]
    elif type(reply) is bytes and len(reply) <= _LONGEST_BYTES:
        ways = [b"$%d\r\n%b\r\n" % (len(reply), reply)]
        if b"\r" not in reply:  # within such a text it would end another reply
            ways.append(b"+%b\r\n" % reply)
    else:
        return b""  # an error is never common enough
    return next((way for way in ways if read[: len(way)] == way), b"")
