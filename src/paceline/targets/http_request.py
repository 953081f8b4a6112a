"""One of the requests that an HTTP target sends: as the user writes it, and made ready to be filled in."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import HIDDEN, redact
from paceline.targets import template as templates
from paceline.targets.http_check import HttpCheck
from paceline.targets.rows import Rows
from paceline.targets.template import Escape, Template
from paceline.wire import body as bodies
from paceline.wire import request as wire
from paceline.wire.endpoint import without_fragment
from paceline.wire.request import Headers, Prepared
from paceline.wire.statuses import statuses

Form = Mapping[str, str | int | float] | Iterable[tuple[str, str | int | float]]
Fill = Callable[[bytes, bytes, int], bytes]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_JSON_TYPE = re.compile(r"(?i)\s*(?:application/json|[^;\s]+\+json)\s*(?:;.*)?")
_FORM_TYPE = re.compile(r"(?i)\s*application/x-www-form-urlencoded\s*(?:;.*)?")


@dataclass(frozen=True, slots=True, repr=False)
class HttpRequest:
    """One of several requests of an ``HttpTarget``.

    Path, header values, text bodies, JSON strings and form values may hold ``{{n}}`` (0, 1, 2, ... over all requests of
    the target), ``{{uuid}}`` (one a request) and ``{{column}}`` of the target's rows.

    Attributes:
        path: with query, beginning with ``/``; the path of the target's URL is put before it.
        method: such as ``'GET'``; in upper case when it was made.
        headers: besides those of the target; they win over them.
        body: text, or bytes that are sent as they are, without filling anything in.
        json: sent as JSON. None is no body; for ``null``, use ``body``.
        form: sent as a form.
        name: under which it is reported; by default method and path.
        weight: how often it is sent in proportion to the others.
        expect: the status that counts as ok, or several; None for all below 400.
        check: what the answer must hold, too; else the attempt is an error.

    Raises:
        ConfigurationError: a value is wrong; the message names it and shows no header, body or credentials.
    """

    path: str
    method: str = "GET"
    headers: Headers | None = None
    body: str | bytes | None = None
    json: Any = None
    form: Form | None = None
    name: str | None = None
    weight: float = 1.0
    expect: int | Collection[int] | None = None
    check: HttpCheck | None = None

    def __post_init__(self) -> None:
        wire.check_method(self.method)
        object.__setattr__(self, "method", self.method.upper())
        if not isinstance(self.path, str) or not self.path.startswith("/"):
            raise ConfigurationError(f"path must begin with '/', as in '/records/7', not {redact(repr(self.path))}")
        if _CONTROL.search(self.path) is not None:
            raise ConfigurationError(f"path {redact(repr(self.path))} holds a line break or another control character")
        object.__setattr__(self, "path", without_fragment(self.path))
        object.__setattr__(self, "headers", wire.header_pairs(self.headers))
        self._check_body()
        if self.name is not None and (
            not isinstance(self.name, str) or not self.name.strip() or _CONTROL.search(self.name) is not None
        ):
            raise ConfigurationError(f"name must be a text on one line, not {redact(repr(self.name))}")
        if isinstance(self.weight, bool) or not isinstance(self.weight, int | float) or not 0 < self.weight <= 1e9:  # noqa: PLR2004  # any bound that keeps sums finite
            raise ConfigurationError(f"weight must be a number above 0 and at most 1e9, not {self.weight!r}")
        object.__setattr__(self, "expect", statuses(self.expect))
        if self.check is not None and not isinstance(self.check, HttpCheck):
            raise ConfigurationError(f"check must be an HttpCheck, not {type(self.check).__name__}")

    def _check_body(self) -> None:
        bodies.check_one_body(body=self.body, json=self.json, form=self.form)
        if self.body is not None:
            object.__setattr__(self, "body", bodies.checked_body(self.body))
        if self.form is not None:
            object.__setattr__(self, "form", _form_pairs(self.form))

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name is not None else ""
        return redact(f"HttpRequest({self.path!r}, method={self.method!r}{name}, weight={self.weight:g})")


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """A request as bytes, with slots where something is filled in.

    Attributes:
        part: its index among the target's requests.
        method: in upper case.
        head: up to the empty line; with a body that changes in length, up to the number of ``Content-Length``.
        body: what follows; None when it stands in ``head`` already.
    """

    part: int
    method: str
    head: Template
    body: Template | None

    @property
    def slots(self) -> tuple[templates.Slot, ...]:
        """All that is to be filled in."""
        return self.head.slots + (self.body.slots if self.body is not None else ())

    def prepared(self, data: bytes) -> Prepared:
        """``data``, with what the wire has to know about it."""
        return Prepared(data, self.part, self.method == "HEAD", self.method in wire.IDEMPOTENT_METHODS)

    def filler(self, rows: Rows) -> Fill:
        """A function of counter, UUID and index of the row that makes the bytes; it escapes nothing any more."""
        head = _filler(self.head, rows)
        if self.body is None:
            return head
        body = _filler(self.body, rows)

        def fill(counter: bytes, uuid: bytes, row: int) -> bytes:
            content = body(counter, uuid, row)
            return b"%b%d\r\n\r\n%b" % (head(counter, uuid, row), len(content), content)

        return fill


def compile_request(
    request: HttpRequest, part: int, authority: str, shared: Headers, known: Collection[str]
) -> RequestTemplate:
    """``request`` made ready, with ``shared`` headers where it has none of that name.

    Raises:
        ConfigurationError: a placeholder names nothing known, or something cannot be sent.
    """
    own = wire.header_pairs(request.headers)
    names = {name.lower() for name, _ in own}
    headers = own + tuple((name, value) for name, value in wire.header_pairs(shared) if name.lower() not in names)
    stated = next((value for name, value in headers if name.lower() == "content-type"), None)
    body, content_type = _body(request, stated, known)
    if content_type is not None and stated is None:
        headers += (("Content-Type", content_type),)
    lines: list[Template | bytes] = [request.method.encode(), b" ", templates.compile_target(request.path, known)]
    lines.append(b" HTTP/1.1\r\n")
    for name, value in wire.head_fields(authority, headers):
        wire.check_value(name, value)
        lines += [f"{name}: ".encode(), templates.compile_template(value, templates.for_header, known), b"\r\n"]
    if body is not None and body.slots:
        return RequestTemplate(part, request.method, templates.joined([*lines, b"Content-Length: "]), body)
    content = body.render({}) if body is not None else None
    if wire.tells_length(request.method, content):
        lines.append(f"Content-Length: {len(content or b'')}\r\n".encode())
    return RequestTemplate(part, request.method, templates.joined([*lines, b"\r\n", content or b""]), None)


def default_name(request: HttpRequest) -> str:
    """Under which it is reported: its name, or method and path with the placeholders, without credentials."""
    if request.name is not None:
        return redact(request.name)
    # A placeholder whose first half was hidden leaves its closing braces.
    return redact(f"{request.method} {request.path}").replace(f"{HIDDEN}}}}}", HIDDEN)


def _body(request: HttpRequest, stated: str | None, known: Collection[str]) -> tuple[Template | None, str | None]:
    """The body and the content type that goes without saying."""
    if request.json is not None:
        text = bodies.json_text(request.json)
        return templates.compile_template(text, templates.for_json, known), bodies.JSON_TYPE
    if request.form is not None:
        return _form(request.form, known), bodies.FORM_TYPE
    if isinstance(request.body, str):
        return templates.compile_template(request.body, _escape_of(stated or ""), known), None
    return (templates.joined([request.body]) if request.body is not None else None), None


def _escape_of(content_type: str) -> Escape:
    if _JSON_TYPE.fullmatch(content_type) is not None:
        return templates.for_json
    return templates.for_form if _FORM_TYPE.fullmatch(content_type) is not None else templates.as_is


def _form_pairs(form: object) -> tuple[tuple[str, str], ...]:
    pairs = wire.pairs_of("form", form)
    for name, value in pairs:
        if not isinstance(name, str) or isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ConfigurationError(
                f"form: names must be strings, values strings or numbers, not {type(value).__name__}"
            )
    return tuple((name, str(value)) for name, value in pairs)


def _form(form: Form, known: Collection[str]) -> Template:
    pieces: list[Template | bytes] = []
    for name, value in _form_pairs(form):
        pieces += [b"&"] if pieces else []
        pieces.append(templates.compile_template(name, templates.for_form, known, literal=quote_plus))
        pieces.append(b"=")
        pieces.append(templates.compile_template(value, templates.for_form, known, literal=quote_plus))
    return templates.joined(pieces)


def _filler(template: Template, rows: Rows) -> Fill:
    """The fast way to do what ``Template.render`` does: a list whose slots are overwritten, then joined."""
    if not template.slots:
        data = template.render({})
        return lambda _counter, _uuid, _row: data
    parts = [piece if isinstance(piece, bytes) else b"" for piece in template.pieces]
    counters, uuids, columns = [], [], []
    for index, piece in enumerate(template.pieces):
        if isinstance(piece, bytes):
            continue
        if piece.name == templates.COUNTER:
            counters.append(index)
        elif piece.name == templates.UUID:
            uuids.append(index)
        else:
            columns.append((index, [piece.escape(row[piece.name]).encode() for row in rows]))

    def fill(counter: bytes, uuid: bytes, row: int) -> bytes:
        for index in counters:
            parts[index] = counter
        for index in uuids:
            parts[index] = uuid
        for index, values in columns:
            parts[index] = values[row]
        return b"".join(parts)

    return fill
