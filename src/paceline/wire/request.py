"""HTTP/1.1 requests as bytes, made before anything is measured."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.core.version import __version__

USER_AGENT = f"paceline/{__version__}"
# Sending one of these twice does what sending it once does (RFC 9110, 9.2.2).
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# With these, servers expect to be told that there is no body.
_BODY_EXPECTED = frozenset({"POST", "PUT", "PATCH"})
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# A target is visible ASCII: a space would end it, a line break would begin a header.
_TARGET = re.compile(r"[!-~]+")
# Surrogates are what is left of bytes that were no UTF-8.
_NEVER_IN_VALUES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_NEVER_IN_CREDENTIALS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_DEFAULTS = (("User-Agent", USER_AGENT), ("Accept", "*/*"))
# A wrong length or a coding that the body does not have makes one request two, or half a one.
_NOT_THE_USERS = frozenset({"content-length", "transfer-encoding"})

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """One request, ready for the wire.

    Attributes:
        data: everything to be sent, head and body. Not in the repr: it may hold credentials.
        part: which of the target's requests this is, an index into its ``part_names``.
        is_head: whether the answer has no body whatever its headers say.
        repeatable: whether it may be sent again when the server had closed an idle connection.
    """

    data: bytes = field(repr=False)
    part: int
    is_head: bool
    repeatable: bool


def encode_request(
    method: str,
    target: str,
    authority: str,
    headers: Headers | None = None,
    body: bytes | None = None,
) -> bytes:
    """The bytes of one request.

    Args:
        method: a token such as ``GET``; it is case-sensitive.
        target: path and query, percent-encoded already (``endpoint.encode_target``).
        authority: what stands in ``Host`` unless ``headers`` say otherwise.
        headers: a mapping, or pairs where a name stands more than once.
        body: sent as it is, with its ``Content-Length``.

    Raises:
        ConfigurationError: something in it would not arrive as one request with this meaning.
    """
    check_method(method)
    if _TARGET.fullmatch(target) is None or not (target.startswith("/") or (method, target) == ("OPTIONS", "*")):
        raise ConfigurationError(
            f"{redact(repr(target))} is no request target: it begins with '/' and is percent-encoded"
        )
    fields = head_fields(authority, headers)
    for name, value in fields:
        check_value(name, value)
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    if tells_length(method, body):
        lines.append(f"Content-Length: {len(body or b'')}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def check_method(method: str) -> None:
    """Refuse what cannot be a method.

    Raises:
        ConfigurationError: it is no token, or ``CONNECT``.
    """
    if not is_token(method):
        raise ConfigurationError(f"method must be one word such as 'GET', not {redact(repr(method))}")
    if method.upper() == "CONNECT":
        raise ConfigurationError("method CONNECT opens a tunnel and is no request that could be measured")


def tells_length(method: str, body: bytes | None) -> bool:
    """Whether a request has a ``Content-Length``."""
    return body is not None or method in _BODY_EXPECTED


def head_fields(authority: str, headers: Headers | None = None) -> tuple[tuple[str, str], ...]:
    """Names and values of the header lines, ``Host`` first, with what is sent unless the user says otherwise.

    Names are checked, values are not: they may be templates still.

    Raises:
        ConfigurationError: a name is no header name, is given twice where it must not be, or is not the user's to set.
    """
    given = header_pairs(headers)
    lowered = [name.lower() for name, _ in given]
    if lowered.count("host") > 1:
        raise ConfigurationError("headers name Host twice: a request has one")
    hosts = tuple(pair for pair, name in zip(given, lowered, strict=True) if name == "host")
    fields = hosts or (("Host", authority),)
    fields += tuple((name, value) for name, value in _DEFAULTS if name.lower() not in lowered)
    return fields + tuple(pair for pair, name in zip(given, lowered, strict=True) if name != "host")


def header_pairs(headers: Headers | None) -> tuple[tuple[str, str], ...]:
    """``headers`` as pairs, whichever way they were given.

    Raises:
        ConfigurationError: names or values are no strings, or a name cannot be set.
    """
    if headers is None:
        return ()
    pairs = pairs_of("headers", headers)
    for name, value in pairs:
        if not is_token(name):
            # What follows a colon or a blank is not shown: somebody may have put a whole line there.
            shown = re.split(r"[\s:]", name, maxsplit=1)[0] if isinstance(name, str) else type(name).__name__
            raise ConfigurationError(
                f"headers: a name beginning {shown[:40]!r} is no header name: letters, digits and '-', without colon"
            )
        if name.lower() in _NOT_THE_USERS:
            raise ConfigurationError(f"headers: {name} follows from the body: leave it out")
        if not isinstance(value, str):
            raise ConfigurationError(f"headers: the value of {name} must be a string, not {type(value).__name__}")
    return pairs


def is_token(value: object) -> bool:
    """Whether ``value`` can be a method or the name of a header (RFC 9110, 5.6.2)."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def pairs_of(what: str, given: object) -> tuple[tuple[Any, Any], ...]:
    """``given``, a mapping or pairs, as pairs that nobody can change or use up any more.

    Raises:
        ConfigurationError: it is neither; the message calls it ``what`` and does not show it.
    """
    try:
        return tuple((name, value) for name, value in (given.items() if isinstance(given, Mapping) else given))  # type: ignore[attr-defined]  # refused below
    except (TypeError, ValueError):
        raise ConfigurationError(f"{what} must be a mapping, or pairs of name and value") from None


def check_value(name: str, value: str) -> None:
    """Refuse a header value that would end its line. The message names the header, never the value.

    Raises:
        ConfigurationError: it holds a line break, another control character or a lone surrogate.
    """
    if _NEVER_IN_VALUES.search(value) is not None:
        raise ConfigurationError(f"headers: the value of {name} holds a line break or another control character")


def basic_authorization(user: str, password: str) -> str:
    """The value of ``Authorization`` for a user and a password (RFC 7617, as UTF-8).

    Raises:
        ConfigurationError: they cannot be sent that way. The message shows neither.
    """
    if not (isinstance(user, str) and isinstance(password, str)):
        raise ConfigurationError("auth must be a user and a password, both strings")
    if ":" in user:
        raise ConfigurationError("auth: the user must not contain a colon, where the password would begin")
    if _NEVER_IN_CREDENTIALS.search(user + password) is not None:
        raise ConfigurationError("auth: user or password holds a line break or another control character")
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
