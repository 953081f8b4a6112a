"""Credentials never reach a file or a screen: every foreign text passes through here first."""

import re
from collections.abc import Mapping

HIDDEN = "***"

# Error messages of a megabyte pass through here: no pattern may start a long scan at every position, and no
# repeated part can be cut in two ways.
_URL_USER_INFO = re.compile(r"://[^\s/@'\"<>]*(?:@[^\s/@'\"<>]*)*@")
_AUTHORIZATION = re.compile(r"(?i)\b(?P<kind>bearer|basic|digest)\s+[a-z0-9._~+/=-]{6,}")
_QUOTED = r"""[a-z]{0,2}(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""  # repr of str or bytes
# Of these headers every word is secret, not only the first: ``Authorization: Token abc``, ``Cookie: a=b; c=d``.
_HEADER = re.compile(
    r"(?i)(?P<name>\b(?:proxy-)?authorization|\b(?:set-)?cookie)(?P<sign>['\"]?\s*[=:]\s*)"
    rf"(?P<value>{_QUOTED}|[^\r\n'\"]+)"
)
_WORDS = (
    r"(?:password|passwd|passphrase|pwd|secret|token|(?:api|access|account|private)[_-]?key|authorization"
    r"|credentials?|cookie|signature)"
)
_ASSIGNMENT = re.compile(
    rf"(?i)(?P<name>(?<![\w-])(?=[\w-]*{_WORDS})[\w-]++)(?P<sign>['\"]?\s*[=:]\s*)(?!{re.escape(HIDDEN)})"
    rf"(?P<value>{_QUOTED}|[^\s,;&)}}\]'\"]+)"
)
# Secrets that are known by their look: JSON Web Tokens and access keys of AWS.
_TELLING = re.compile(r"(?<![\w-])eyJ[\w-]{5,}+\.[\w-]++\.[\w-]*|\bAKIA[0-9A-Z]{16}\b")
_OPTION = re.compile(rf"(?i)(?P<name>(?<![\w-])--(?=[\w-]*{_WORDS})[\w-]++)\s++(?P<value>(?!-)\S+)")
_SECRET_KEY = re.compile(rf"(?i){_WORDS}$")
_HARMLESS = (int, float, type(None))  # ``max_token: 512`` says nothing


def redact(text: str) -> str:
    """``text`` without the user part of URLs, without tokens and without values of secret-looking names."""
    text = _URL_USER_INFO.sub(f"://{HIDDEN}@", text)
    text = _AUTHORIZATION.sub(rf"\g<kind> {HIDDEN}", text)
    text = _TELLING.sub(HIDDEN, text)
    text = _OPTION.sub(rf"\g<name> {HIDDEN}", text)
    text = _HEADER.sub(rf"\g<name>\g<sign>{HIDDEN}", text)
    return _ASSIGNMENT.sub(rf"\g<name>\g<sign>{HIDDEN}", text)


def redact_tree(value: object) -> object:
    """The same for a tree of dicts, lists and scalars: strings are redacted, secret-looking keys lose their value."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            redact(key) if isinstance(key, str) else key: HIDDEN if _hides(key, item) else redact_tree(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_tree(item) for item in value]
    return value


def _hides(key: object, item: object) -> bool:
    return _SECRET_KEY.search(str(key)) is not None and not isinstance(item, _HARMLESS)
