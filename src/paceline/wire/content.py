"""What an answer holds: header fields and body, taken apart only where somebody looks at them."""

import zlib
from collections.abc import Iterator, Mapping

import httptools

from paceline.wire.connection import MOST_KEPT_BYTES
from paceline.wire.failure import MALFORMED, WireError


class Headers(Mapping[str, str]):
    """Header fields by name in any case; values of a name that came several times are joined by commas."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name.lower(), []).append(value)

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._fields[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __repr__(self) -> str:
        return f"Headers({', '.join(self._fields)})"  # values may be credentials

    def all(self, name: str) -> tuple[str, ...]:
        """All values of ``name``, in order."""
        return tuple(self._fields.get(name.lower(), ()))


class _Parts:
    """Collects what the parser tells of the last message in a stretch: those before it are interim answers."""

    def __init__(self) -> None:
        self.fields: list[tuple[str, str]] = []
        self.body: list[bytes] = []
        self.in_body = False

    def on_message_begin(self) -> None:
        self.fields, self.body, self.in_body = [], [], False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_body:  # what comes later are trailers
            self.fields.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.in_body = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)


def take_apart(raw: bytes | bytearray, *, is_head: bool) -> tuple[Headers, bytes]:
    """Header fields and body of an answer that the wire has found valid; the body is as it came, packed or not."""
    parts = _Parts()
    httptools.HttpResponseParser(parts).feed_data(raw)
    return Headers(parts.fields), b"" if is_head else b"".join(parts.body)


def unpacked_body(headers: Headers, body: bytes) -> bytes:
    """``body``, unpacked where ``headers`` say that it came packed by gzip or deflate.

    Raises:
        WireError: it cannot be unpacked.
    """
    codings = [coding.strip().lower() for coding in headers.get("content-encoding", "").split(",")]
    for coding in reversed(codings):
        if coding in {"gzip", "x-gzip", "deflate"} and body:
            body = _unpacked(body, coding)
    return body


def charset_of(headers: Headers) -> str:
    """The charset that ``headers`` name, or UTF-8."""
    for parameter in headers.get("content-type", "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'")
    return "utf-8"


def text_of(headers: Headers, body: bytes) -> str:
    """An unpacked ``body`` as text, by the charset that ``headers`` name or UTF-8."""
    try:
        return body.decode(charset_of(headers), errors="replace")
    except LookupError:  # a charset that nobody knows
        return body.decode(errors="replace")


def _unpacked(packed: bytes, coding: str) -> bytes:
    # Some servers call raw deflate what should be zlib: its first byte says which it is.
    raw = coding == "deflate" and (packed[0] & 0x0F) != zlib.DEFLATED
    unpack = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32)
    try:
        body = unpack.decompress(packed, MOST_KEPT_BYTES)
    except zlib.error as error:
        raise WireError(MALFORMED, f"its body is not {coding}: {error}") from error
    if not unpack.eof:
        why = f"its body is not {coding} to its end, or unpacked above {MOST_KEPT_BYTES:,} bytes"
        raise WireError(MALFORMED, why)
    return body
