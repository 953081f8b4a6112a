"""From values to markup: the one place where text of users becomes HTML, and the policy that nothing else runs.

Names of tests, metadata and errors may hold anything. Templates escape all of it (Jinja2's autoescape), characters that
drive a screen or have no UTF-8 form are spelled out, and data for the script are JSON without ``<``, ``>`` and ``&``.
"""

import json
import math
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from paceline.report.html.assets import script, style, template
from paceline.report.layout import printable

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_NO_WORD = re.compile(r"[^a-z0-9]+")
_ANCHOR_LENGTH = 48
_LARGEST_EXACT = 1e15
# They begin or end a tag, an entity, or (in old engines) a line of a script.
_UNSAFE_IN_JSON = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


@cache
def environment() -> "Environment":
    """Jinja2's, set up once."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(
        loader=FunctionLoader(template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_spelled_out,
        auto_reload=False,
    )
    made.globals |= {"style": safe(style()), "script": safe(script()), "policy": policy()}
    return made


def _spelled_out(value: object) -> object:
    # Markup is a class below str: it is ours, and stays as it is.
    return printable(value) if type(value) is str and not value.isprintable() else value


def safe(text: str) -> "Markup":
    """Text that is markup already: our own, or made by :func:`json_block`."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # said of our own text only


def policy() -> str:
    """What a browser may do with the page: run this script, apply this style, and load nothing."""
    return (
        f"default-src 'none'; script-src {_hash(script())}; style-src {_hash(style())}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def json_block(value: object) -> "Markup":
    """JSON that may stand in a ``<script type="application/json">``; NaN and infinity are null."""
    # In ASCII: surrogates stay escapes. What is not finite is rare, and looked for only then.
    try:
        text = _JSON.encode(value)
    except ValueError:
        text = _JSON.encode(_finite(value))
    return safe(text.translate(_UNSAFE_IN_JSON))


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def rounded(value: float | None, digits: int = 4) -> float | int | None:
    """``value`` with so many significant digits, and as an integer where it is one: it is to be short."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < _LARGEST_EXACT else short


def anchors(names: Iterable[str]) -> list[str]:
    """An id for each name that can stand in an address: ``t-get-record``, numbered where two would be the same."""
    seen: dict[str, int] = {}
    made = []
    for name in names:
        plain = _NO_WORD.sub("-", name.lower()[:_ANCHOR_LENGTH]).strip("-") or "test"
        number = seen[plain] = seen.get(plain, 0) + 1
        # A dot is in no plain name: 'a.2' is the second 'a', never what 'a 2' was given.
        made.append(f"t-{plain}" if number == 1 else f"t-{plain}.{number}")
    return made
