"""Following an answer that names another place on the same server."""

import re
from typing import NamedTuple
from urllib.parse import urljoin

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.wire import framing
from paceline.wire.endpoint import Endpoint, encode_target, split_url
from paceline.wire.failure import REDIRECT, WireError
from paceline.wire.request import IDEMPOTENT_METHODS, Prepared

MOST_HOPS = 10
_SEE_OTHER = 303
_BECOMES_GET = frozenset({301, 302})  # where the request was a POST (RFC 9110, 15.4)
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOCATION = re.compile(rb"\r\nlocation:[ \t]*([^\r\n]*)", re.IGNORECASE)
_OF_A_BODY = re.compile(rb"\r\ncontent-[a-z]+:[^\r\n]*", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"


class Onward(NamedTuple):
    """The request that follows a redirect: its method and target, and whether it has the body of the one before."""

    method: str
    target: str
    keeps_body: bool


def onward(method: str, target: str, status: int, location: str, endpoint: Endpoint) -> Onward:
    """What follows an answer that names another place.

    Args:
        method: of the request that was answered.
        target: its path and query.
        status: one of ``REDIRECTS``.
        location: what the answer names.
        endpoint: the server, which is not left.

    Raises:
        WireError: the place is on another server, or none at all.
    """
    goal = _goal(location, target, endpoint)
    if (status == _SEE_OTHER and method != "HEAD") or (status in _BECOMES_GET and method == "POST"):
        return Onward("GET", goal, keeps_body=False)
    return Onward(method, goal, keeps_body=True)


def next_request(request: Prepared, status: int, answer: bytes, endpoint: Endpoint) -> Prepared | None:
    """What to send next; None where the answer names no other place.

    Args:
        request: that was sent.
        status: of its answer.
        answer: all of it, as it came.
        endpoint: the server, which is not left.

    Raises:
        WireError: the place is on another server, or none at all.
    """
    answer = framing.without_interim(answer)
    end = answer.find(_END_OF_HEAD)
    found = _LOCATION.search(answer, 0, end) if status in REDIRECTS else None
    if found is None:
        return None
    head, _, body = request.data.partition(_END_OF_HEAD)
    line, _, fields = head.partition(b"\r\n")
    method, target, version = line.decode().split(" ")
    method, target, keeps_body = onward(method, target, status, found[1].decode("latin-1"), endpoint)
    if not keeps_body:
        body, fields = b"", _OF_A_BODY.sub(b"", b"\r\n" + fields)[2:]
    data = f"{method} {target} {version}\r\n".encode() + fields + _END_OF_HEAD + body
    return Prepared(data, request.part, method == "HEAD", method in IDEMPOTENT_METHODS)


def _goal(location: str, target: str, endpoint: Endpoint) -> str:
    here = f"{endpoint.scheme}://{endpoint.authority}"
    try:
        there = split_url(urljoin(here + target, location), endpoint.unix_socket)
        if there.endpoint != endpoint:
            raise WireError(REDIRECT, f"a redirect to another server, which is not followed: {there.endpoint.text}")
        return encode_target(there.target)
    except (ConfigurationError, ValueError) as error:
        raise WireError(REDIRECT, redact(f"a redirect to a place that cannot be: {error}")) from error
