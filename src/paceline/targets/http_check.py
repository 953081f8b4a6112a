"""What an answer must hold to count as ok: checks of fixed requests, made ready before anything is measured."""

import json as jsonlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact, redact_tree
from paceline.targets.template import has_placeholder
from paceline.wire.body import json_text
from paceline.wire.content import Headers, take_apart, text_of, unpacked_body
from paceline.wire.failure import STATUS, WireError
from paceline.wire.request import is_token
from paceline.wire.statuses import is_ok, unexpected

CHECK = "check"
_SHOWN = 60  # characters of a value in a message
_STEP = re.compile(r"(?P<key>[^.\[\]]+)|\[(?P<index>\d{1,9})\]")
_PATH = re.compile(r"(?:[^.\[\]]+|\[\d{1,9}\])(?:\.[^.\[\]]+|\[\d{1,9}\])*")
_PLAIN = (str, int, float, list, tuple, Mapping, type(None))


@dataclass(frozen=True, slots=True, repr=False)
class HttpCheck:
    """What the answer to a fixed request must hold, beside its status.

    Nothing is filled in here: ``{{n}}`` and the like are refused.

    Attributes:
        contains: a text that must stand in the body, or several.
        headers: by the name of a header field in any case, a text that must stand in its value; an empty one asks for
            the field, whatever it says.
        json: by path, such as ``items[0].name`` (of a list ``[0].name``), the value that must stand there in a body of
            JSON. A mapping as value holds paths from there on; what it does not name may be anything.

    Raises:
        ConfigurationError: a value is wrong; the message names it.
    """

    contains: str | Sequence[str] = ()
    headers: Mapping[str, str] | None = None
    json: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        texts = (self.contains,) if isinstance(self.contains, str) else self.contains
        if not isinstance(texts, Sequence) or not all(isinstance(text, str) and text for text in texts):
            raise ConfigurationError("contains must be a text that is not empty, or a list of such")
        object.__setattr__(self, "contains", tuple(texts))
        for name, mapping in (("headers", self.headers), ("json", self.json)):
            if mapping is not None and not isinstance(mapping, Mapping):
                raise ConfigurationError(f"{name} must be a table, not {redact(repr(mapping))}")
        for name, text in (self.headers or {}).items():
            if not is_token(name) or not isinstance(text, str):
                raise ConfigurationError(f"headers must be texts by the names of header fields, not {name!r}")
        if not (texts or self.headers or self.json):
            raise ConfigurationError("it checks nothing: say contains, headers or json")
        written = [*texts, *(self.headers or {}).values()]
        for path, value in _leaves("", self.json or {}):
            _check_value(path, value)
            written.append(json_text(value))
        if any(map(has_placeholder, written)):
            raise ConfigurationError("a check is the same for all answers, it cannot be filled in: leave out {{...}}")

    def __repr__(self) -> str:
        return "HttpCheck(...)"  # what an answer must hold may be a secret


class Expectation:
    """What is expected of the answers to one request; for the connections of one run.

    Args:
        expect: the statuses that count as ok; None for those below 400.
        check: what else they must hold.
    """

    def __init__(self, expect: frozenset[int] | None, check: HttpCheck | None) -> None:
        self._expect = expect
        self._contains = () if check is None else tuple(check.contains)
        self._headers = () if check is None else tuple((check.headers or {}).items())
        self._json = tuple(
            (f"json {path} is not {_shown(value, path)}", _steps(path), value)
            for path, value in _leaves("", (check and check.json) or {})
        )
        self._held: bytes | bytearray = b""  # an answer that comes again byte for byte is not looked at again

    @property
    def of_content(self) -> bool:
        """Whether it takes more than the status."""
        return bool(self._contains or self._headers or self._json)

    def takes(self, status: int) -> bool:
        """Whether an answer of ``status`` counts as ok."""
        return is_ok(status, self._expect)

    def unexpected(self, status: int) -> str:
        """What there is to say of an answer whose ``status`` is not ok."""
        return unexpected(status, self._expect)

    def failure(self, status: int, raw: bytes | bytearray | None, *, is_head: bool) -> WireError | None:
        """Why an answer is none that was expected; None where it is.

        Args:
            status: of the answer.
            raw: the whole answer; may be None where :attr:`of_content` is false.
            is_head: whether it has no body whatever its headers say.
        """
        if not self.takes(status):
            return WireError(STATUS, self.unexpected(status))
        if not self.of_content or raw == self._held:
            return None
        assert raw is not None
        headers, body = take_apart(raw, is_head=is_head)
        try:
            missing = self._missing(headers, unpacked_body(headers, body))
        except WireError as failure:
            return failure
        if missing is not None:
            return WireError(CHECK, redact(missing))
        self._held = raw
        return None

    def _missing(self, headers: Headers, body: bytes) -> str | None:
        for name, text in self._headers:
            if name not in headers:
                return f"there is no header {name}"
            if text not in headers[name]:
                return f"header {name} has no {_shown(text, name)}"
        if self._contains:
            whole = text_of(headers, body)
            for text in self._contains:
                if text not in whole:
                    return f"the body has no {_shown(text)}"
        if not self._json:
            return None
        try:
            tree = jsonlib.loads(body)
        except (ValueError, RecursionError):  # no UTF-8, no JSON, or too deep
            return "the body is no JSON"
        return next((what for what, steps, value in self._json if not _is_there(tree, steps, value)), None)


def _leaves(path: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The paths of ``table``, those of tables within it joined to theirs, and the values."""
    for key, value in table.items():
        if not isinstance(key, str) or _PATH.fullmatch(key) is None:
            raise ConfigurationError(f"json: {key!r} is no path such as items[0].name")
        longer = f"{path}{'' if key.startswith('[') or not path else '.'}{key}"
        if isinstance(value, Mapping) and value:
            yield from _leaves(longer, value)
        else:
            yield longer, value


def _check_value(path: str, value: object) -> None:
    if not isinstance(value, _PLAIN):  # a date of TOML, for example
        raise ConfigurationError(f"json: {path} is to be of type {type(value).__name__}, which JSON does not have")
    try:
        json_text(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"json: {path}: {error}") from error
    for item in value if isinstance(value, list | tuple) else ():
        for inner, each in _leaves(path, item) if isinstance(item, Mapping) else ((path, item),):
            _check_value(inner, each)


def _steps(path: str) -> tuple[str | int, ...]:
    return tuple(match["key"] or int(match["index"]) for match in _STEP.finditer(path))


def _is_there(tree: object, steps: Sequence[str | int], value: object) -> bool:
    for step in steps:
        if isinstance(step, int):
            if not isinstance(tree, list) or step >= len(tree):
                return False
            tree = tree[step]
        else:
            if not isinstance(tree, dict) or step not in tree:
                return False
            tree = tree[step]
    return _is_equal(tree, value)


def _is_equal(found: object, value: object) -> bool:
    """As JSON has it: 1 is 1.0, but not true; an empty mapping is any object."""
    if isinstance(value, Mapping):
        return isinstance(found, dict) and all(_is_there(found, _steps(key), each) for key, each in value.items())
    if isinstance(value, list | tuple):
        is_list = isinstance(found, list) and len(found) == len(value)
        return is_list and all(map(_is_equal, found, value))  # type: ignore[call-overload]  # a list, by the line above
    return isinstance(found, bool) is isinstance(value, bool) and found == value


def _shown(value: object, name: str = "") -> str:
    """``value``, unless it is the secret that ``name`` sounds like."""
    text = json_text(redact_tree({name: value}))[len(json_text(name)) + 2 : -1]
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
