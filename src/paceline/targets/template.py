"""Texts with places to fill in: ``{{n}}``, ``{{uuid}}`` and the columns of a row.

Literal parts are bytes when the template is made; what is filled in is escaped for the place where it stands, so that
no value can end a header, a string or a query parameter.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import quote, quote_plus

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact
from paceline.wire.endpoint import encode_target
from paceline.wire.request import check_value

COUNTER = "n"
UUID = "uuid"
BUILT_IN = (COUNTER, UUID)
# Quotes, backslashes and braces are left out: in JSON text, a placeholder cannot reach past the string it stands in.
_PLACEHOLDER = re.compile(r"""\{\{([^{}"\\\x00-\x1f\x7f]+)\}\}""")
_UUID_RANDOM_BITS = ~((0xF << 76) | (0x3 << 62))
_UUID_VERSION_4 = (4 << 76) | (2 << 62)  # RFC 9562, 5.4

Escape = Callable[[str], str]


def as_is(text: str) -> str:
    """For plain text."""
    return text


def for_url(text: str) -> str:
    """For path or query: everything but unreserved characters is percent-encoded."""
    return quote(text, safe="")


def for_form(text: str) -> str:
    """For a form: the same with a plus for each space."""
    return quote_plus(text)


def for_json(text: str) -> str:
    """For the inside of a JSON string."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def for_header(text: str) -> str:
    """For the value of a header: nothing can be escaped there.

    Raises:
        ConfigurationError: it holds a line break or another control character.
    """
    check_value("a header", text)
    return text


@dataclass(frozen=True, slots=True)
class Slot:
    """A place to fill in: with what, and how it is escaped there."""

    name: str
    escape: Escape


@dataclass(frozen=True, slots=True)
class Template:
    """Bytes and slots in the order in which they are sent. Not in the repr: they may hold credentials.

    Attributes:
        pieces: no two neighbours are bytes.
    """

    pieces: tuple[bytes | Slot, ...]

    def __repr__(self) -> str:
        return f"Template({len(self.pieces)} pieces, {', '.join(sorted(self.names)) or 'nothing'} to fill in)"

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What is to be filled in, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Slot))

    @property
    def names(self) -> frozenset[str]:
        """The names that a row has to have, and the built-in ones."""
        return frozenset(slot.name for slot in self.slots)

    def render(self, values: Mapping[str, str]) -> bytes:
        """The bytes with ``values`` in their places."""
        return b"".join(
            piece if isinstance(piece, bytes) else piece.escape(values[piece.name]).encode() for piece in self.pieces
        )


def compile_template(
    text: str,
    escape: Escape,
    known: Collection[str] = BUILT_IN,
    literal: Escape = as_is,
) -> Template:
    """The template that ``text`` is.

    Args:
        text: with placeholders such as ``{{n}}``; braces around anything else stand for themselves.
        escape: applied to what is filled in.
        known: names that can be filled in.
        literal: applied to what is not filled in.

    Raises:
        ConfigurationError: a placeholder names nothing known, or the text cannot be sent.
    """
    pieces: list[bytes | Slot] = []
    for index, part in enumerate(_PLACEHOLDER.split(text)):  # text, name, text, name, ..., text
        if not index % 2:
            try:
                pieces.append(literal(part).encode())
            except UnicodeEncodeError:
                raise ConfigurationError("a text to send holds a lone surrogate, which no UTF-8 can say") from None
            continue
        name = part.strip()
        if name not in known:
            raise ConfigurationError(
                f"{redact('{{' + name + '}}')} names nothing that could be filled in: known are "
                f"{', '.join(f'{{{{{each}}}}}' for each in known)}; "
                "columns come from rows; a body of bytes is sent as it is, braces and all"
            )
        pieces.append(Slot(name, escape))
    return joined([Template(tuple(pieces))])


def compile_target(text: str, known: Collection[str] = BUILT_IN) -> Template:
    """Path and query: what is written is percent-encoded where it must be, what is filled in throughout.

    Raises:
        ConfigurationError: as of :func:`compile_template`.
    """
    return compile_template(text, for_url, known, literal=encode_target)


def has_placeholder(text: str) -> bool:
    """Whether something in ``text`` would be filled in, known or not."""
    return _PLACEHOLDER.search(text) is not None


def joined(templates: Iterable[Template | bytes]) -> Template:
    """One template after the other."""
    pieces: list[bytes | Slot] = []
    for template in templates:
        for piece in template.pieces if isinstance(template, Template) else (template,):
            if isinstance(piece, bytes) and pieces and isinstance(pieces[-1], bytes):
                pieces[-1] += piece
            elif piece:
                pieces.append(piece)
    return Template(tuple(pieces))


def uuid4_text(random: Random) -> str:
    """A random UUID; the same generator state gives the same one."""
    # Half the time of str(UUID(int=...)), whose 1.6 us are a good part of a request's whole budget.
    digits = f"{random.getrandbits(128) & _UUID_RANDOM_BITS | _UUID_VERSION_4:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
