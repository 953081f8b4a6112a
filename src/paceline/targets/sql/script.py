"""Several statements in one file: each ends in a semicolon, and comments before it may give it a name and a weight."""

import re
from pathlib import Path

from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.targets.sql.statement import SqlStatement
from paceline.targets.sql.text import name_of, tokens

MOST_BYTES = 1_000_000
_SAID = re.compile(r"^\s*--\s*(?P<what>name|weight)\s*:\s*(?P<value>.*?)\s*$", re.MULTILINE)


def load_statements(path: Path) -> tuple[SqlStatement, ...]:
    """The statements of a file; ``-- name: by id`` and ``-- weight: 9`` before one are about it.

    Raises:
        ConfigurationError: there is no such file.
        FileFormatError: it holds no statement, or cannot be read.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FileFormatError(f"{path} has more than {MOST_BYTES:,} bytes: that is no file of statements")
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigurationError(f"file: there is no file {path}") from error
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{path} is no UTF-8 text") from error
    try:
        return statements_of(text)
    except ConfigurationError as error:
        raise FileFormatError(f"{path}: {error}") from error


def statements_of(text: str) -> tuple[SqlStatement, ...]:
    """The statements of ``text``.

    Raises:
        ConfigurationError: there are none, or one cannot be read.
    """
    ends = [token.start for token in tokens(text) if token.text == ";" and not token.quoted]
    pieces = [text[begin:end] for begin, end in zip([0, *(end + 1 for end in ends)], [*ends, len(text)], strict=True)]
    found = [_statement(piece) for piece in pieces if any(True for _ in tokens(piece))]
    if not found:
        raise ConfigurationError("there is no statement in it")
    return tuple(found)


def _statement(piece: str) -> SqlStatement:
    first = next(tokens(piece)).start
    said = {match["what"]: match["value"] for match in _SAID.finditer(piece, 0, first)}
    sql = piece[first:].strip()
    try:
        weight = float(said.get("weight", 1))
    except ValueError as error:
        raise ConfigurationError(f"the weight of {name_of(sql)!r} is no number: {said['weight']!r}") from error
    return SqlStatement(sql, weight=weight, name=said.get("name", ""))
