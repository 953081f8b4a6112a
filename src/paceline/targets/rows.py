"""Rows to fill templates with, from a CSV or JSONL file."""

import csv
import io
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from paceline.core.errors import ConfigurationError, FileFormatError

Value = str | bool | None
Rows = tuple[Mapping[str, str], ...]
Values = tuple[Mapping[str, Value], ...]

MOST_BYTES = 64 * 1024 * 1024
_Reader = Callable[[str, str], Iterator[tuple[int, Mapping[str, Value]]]]
_SURROGATE = re.compile("[\ud800-\udfff]")


def load_rows(path: str | os.PathLike[str]) -> Rows:
    """The rows of :func:`load_values` as texts: true, false and null of JSON are the text they are written as.

    Raises:
        ConfigurationError, FileFormatError: as there.
    """
    return tuple({name: _written(value) for name, value in row.items()} for row in load_values(path))


def _written(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def load_values(path: str | os.PathLike[str]) -> Values:
    """The rows of a ``.csv`` file with a header line, or of a ``.jsonl`` file with an object a line.

    Texts are UTF-8, with or without byte order mark; empty lines are skipped. All rows have the same names. Numbers
    of JSON become the text they are written as; true, false and null stay what they are.

    Raises:
        ConfigurationError: there is no such file, or its name ends in neither.
        FileFormatError: its content is wrong (the message names the line), too large, or cannot be read.
    """
    name = os.fspath(path)
    readers: Mapping[str, _Reader] = {".csv": _csv_rows, ".jsonl": _jsonl_rows}
    reader = readers.get(Path(name).suffix.lower())
    if reader is None:
        raise ConfigurationError(f"rows: {name} is neither a .csv nor a .jsonl file")
    text = _text(name)
    rows: list[Mapping[str, Value]] = []
    names: set[str] = set()
    for line, row in reader(name, text):
        names = names or set(row)
        if row.keys() != names:
            raise FileFormatError(
                f"{name}, line {line}: its names are not those of the first row ({_list(names ^ row.keys())} differ)"
            )
        rows.append(row)
    if not rows:
        raise FileFormatError(f"{name} has no rows" + (" below its header line" if name.lower()[-1] == "v" else ""))
    return tuple(rows)


def checked_rows(rows: Sequence[Mapping[str, str]]) -> Rows:
    """Rows given as mappings, copied.

    Raises:
        ConfigurationError: there are none, names differ, or something is no string.
    """
    if not isinstance(rows, Sequence) or not rows:
        raise ConfigurationError("rows must be the path of a .csv or .jsonl file, or mappings of strings, at least one")
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping) or not all(
            isinstance(text, str) and _SURROGATE.search(text) is None for pair in row.items() for text in pair
        ):
            raise ConfigurationError(f"rows[{index}] must be a mapping of strings to strings")
        if row.keys() != rows[0].keys():
            raise ConfigurationError(
                f"rows[{index}]: its names are not those of the first ({_list(set(row) ^ set(rows[0]))} differ)"
            )
    return tuple(dict(row) for row in rows)


def _text(name: str) -> str:
    data = _bytes(name)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Not of ``data``: the offset counts from behind the byte order mark.
        line = error.object.count(b"\n", 0, error.start) + 1
        raise FileFormatError(f"{name}, line {line}: no UTF-8; convert the file, for example with iconv") from error


def _bytes(name: str) -> bytes:
    try:
        # Without waiting for somebody to write into it, should it be a pipe.
        with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:  # noqa: PTH123
            facts = os.fstat(stream.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise FileFormatError(f"{name} is no regular file")
            if facts.st_size > MOST_BYTES:
                raise FileFormatError(
                    f"{name} has {facts.st_size:,} bytes; at most {MOST_BYTES:,} are read: use a part"
                )
            return stream.read(MOST_BYTES)
    except FileFormatError:
        raise
    except FileNotFoundError as error:
        raise ConfigurationError(f"rows: there is no file {name}") from error
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise FileFormatError(f"{name} cannot be read: {reason}") from error


def _csv_rows(name: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    try:
        for fields in reader:
            if not fields:
                continue
            if header is None:
                header = _csv_header(name, reader.line_num, fields)
                continue
            if len(fields) != len(header):
                raise FileFormatError(
                    f"{name}, line {reader.line_num}: {len(fields)} fields where the header line has {len(header)}"
                )
            yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as error:
        raise FileFormatError(f"{name}, line {reader.line_num}: {error}") from error


def _csv_header(name: str, line: int, fields: list[str]) -> list[str]:
    header = [field.strip() for field in fields]
    if "" in header:
        raise FileFormatError(f"{name}, line {line}: column {header.index('') + 1} has no name in the header line")
    for column in header:
        if header.count(column) > 1:
            raise FileFormatError(f"{name}, line {line}: the header line names {column!r} twice")
    return header


def _jsonl_rows(name: str, text: str) -> Iterator[tuple[int, dict[str, Value]]]:
    # Not splitlines: it also splits at U+2028, which JSON strings may hold.
    for line, written in enumerate(text.split("\n"), start=1):
        if not written.strip():
            continue
        try:
            found = json.loads(written, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise FileFormatError(f"{name}, line {line}: no JSON object ({error})") from error
        if not isinstance(found, dict) or not found:
            raise FileFormatError(f'{name}, line {line}: an object such as {{"user": "ann"}} is needed')
        yield line, {key: _scalar(name, line, key, value) for key, value in found.items()}


def _scalar(name: str, line: int, key: str, value: Any) -> Value:  # noqa: ANN401  # of JSON
    text = value if isinstance(value, str) else ""
    if isinstance(value, dict | list):
        raise FileFormatError(f"{name}, line {line}: {key!r} is an object or a list; give its text as a string")
    if _SURROGATE.search(text) is not None or _SURROGATE.search(key) is not None:
        raise FileFormatError(f"{name}, line {line}: {key!r} holds a lone surrogate, which no UTF-8 can say")
    return value  # type: ignore[no-any-return]  # a text, true, false or null: numbers were left as texts


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _list(names: set[str]) -> str:
    return ", ".join(sorted(map(repr, names)))
