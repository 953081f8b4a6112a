"""What the parser of answers leaves to its caller: where a head begins and ends, and what it says of the body."""

import re

from paceline.wire.failure import MALFORMED, WireError

MOST_HEAD_BYTES = 65_536
TOO_LONG = f"its head is longer than {MOST_HEAD_BYTES:,} bytes"
END_OF_HEAD = b"\r\n\r\n"
_NO_BODY = b"Content-Length: 0\r\n\r\n"
ENOUGH = 64  # bytes to see a beginning in, behind stray line breaks
_BEGINNING = b"HTTP/1."
_LINE_BREAKS = b"\r\n"
_HAS_LENGTH = re.compile(rb"\r\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)
# 101 is no interim answer: it is the last one in HTTP (RFC 9110, 15.2.2).
_INTERIM_HEAD = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d[ \r]")


def without_interim(head: bytes) -> bytes:
    """``head`` without what may be before it: line breaks, and 1xx answers, which have no body."""
    head = head.lstrip(_LINE_BREAKS)
    while _INTERIM_HEAD.match(head):
        end = head.find(END_OF_HEAD)
        if end < 0:
            break
        head = head[end + len(END_OF_HEAD) :].lstrip(_LINE_BREAKS)
    return head


def begins_like_http(head: bytes) -> bool:
    """Whether ``head``, however short, can be the beginning of an answer.

    The parser also takes RTSP, and versions of HTTP that are framed otherwise.
    """
    beginning = head.lstrip(_LINE_BREAKS)[: len(_BEGINNING)]
    return beginning == _BEGINNING[: len(beginning)]


def has_length(head: bytes) -> bool:
    """Whether ``head`` says where its body ends; otherwise it ends with the connection."""
    return _HAS_LENGTH.search(head) is not None


def answer_to_head(came: bytes) -> bytes | None:
    """What the parser is to be given of an answer to HEAD, or None when there is more to come.

    Such an answer ends with its head, whatever that says of a body.

    Raises:
        WireError: it is no such answer.
    """
    head = without_interim(came)
    if not begins_like_http(head):
        raise WireError(MALFORMED, "it does not begin with HTTP/1")
    end = head.find(END_OF_HEAD)
    if end < 0:
        if len(came) > MOST_HEAD_BYTES:
            raise WireError(MALFORMED, TOO_LONG)
        return None
    if len(head) > end + len(END_OF_HEAD):
        raise WireError(MALFORMED, "a body came after the answer to HEAD")
    # Without a length the parser would wait for the end of the connection.
    return came if has_length(head) else came[:-2] + _NO_BODY
