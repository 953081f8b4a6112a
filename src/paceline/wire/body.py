"""What a request carries: one body, given as text, bytes, a value for JSON, or a form."""

import json as jsonlib

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


def check_one_body(*, body: object = None, json: object = None, form: object = None) -> None:
    """Refuse two bodies for one request.

    Raises:
        ConfigurationError: more than one is given; the message names them and shows none.
    """
    if (body is not None) + (json is not None) + (form is not None) > 1:
        given = [name for name, value in (("body", body), ("json", json), ("form", form)) if value is not None]
        raise ConfigurationError(f"{' and '.join(given)} are both the body of a request: give one of them")


def checked_body(body: object) -> str | bytes:
    """``body`` as text, or as bytes that nobody can change any more.

    Raises:
        ConfigurationError: it is neither; the message does not show it.
    """
    if isinstance(body, str | bytes):
        return body
    if isinstance(body, bytearray | memoryview):
        return bytes(body)
    raise ConfigurationError(f"body must be text or bytes, not {type(body).__name__}; for data there is json")


def json_text(value: object) -> str:
    """``value`` in JSON, as short as it goes.

    Raises:
        ConfigurationError: it has no JSON form.
    """
    try:
        return jsonlib.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"json cannot be said in JSON: {redact(str(error))}") from None


def plain_body(body: object, json: object) -> bytes | None:
    """The bytes of ``body`` or of the JSON of ``json``, at most one of which is given; None without either.

    Raises:
        ConfigurationError: it cannot be sent.
    """
    if json is None and body is None:
        return None
    content = checked_body(body) if json is None else json_text(json)
    if isinstance(content, bytes):
        return content
    try:
        return content.encode()
    except UnicodeEncodeError:
        what = "body" if json is None else "json"
        raise ConfigurationError(f"{what} holds a lone surrogate, which no UTF-8 can say: pass bytes") from None
