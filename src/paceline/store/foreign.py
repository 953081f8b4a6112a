"""Sessions in files of other tools: pytest-benchmark's JSON and pyperf's, told apart by what they have."""

import gzip
import io
import zlib
from collections.abc import Mapping
from pathlib import Path

from paceline.core.errors import FileFormatError
from paceline.records.foreign import ForeignSession
from paceline.store.codec import decode
from paceline.store.files import MOST_BYTES, read_bounded
from paceline.store.pyperf_file import pyperf_sessions
from paceline.store.pytest_benchmark_file import pytest_benchmark_sessions

_GZIP = b"\x1f\x8b"


def read_text(path: Path) -> bytes:
    """The bytes of a file, unpacked where they are compressed (pyperf writes ``.json.gz``).

    Raises:
        FileNotFoundError: there is none.
        FileFormatError: it cannot be read, is too large, or its compression is broken.
    """
    data = read_bounded(path)
    if not data.startswith(_GZIP):
        return data
    try:
        unpacked = gzip.GzipFile(fileobj=io.BytesIO(data)).read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(f"{path}: it begins like a compressed file, but is none: {error}") from error
    if len(unpacked) > MOST_BYTES:
        raise FileFormatError(f"{path} has more than {MOST_BYTES:,} bytes when unpacked; at most so many are read")
    return unpacked


def is_foreign(content: Mapping[str, object]) -> bool:
    """Whether a JSON object is another tool's: both have a list ``benchmarks``, which no file of ours has."""
    return isinstance(content.get("benchmarks"), list)


def foreign_sessions(content: Mapping[str, object], path: Path) -> tuple[ForeignSession, ...]:
    """The sessions in ``content``, for which :func:`is_foreign` holds.

    Raises:
        FileFormatError: it is neither tool's; the message names file, place and what was expected.
    """
    # pyperf's benchmarks have runs, pytest-benchmark's file has a machine.
    sessions = (pytest_benchmark_sessions if "machine_info" in content else pyperf_sessions)(content, path)
    names: set[str] = set()
    for session in sessions:
        if session.test in names:
            raise FileFormatError(f"{path}: two benchmarks are named {session.test!r} - at `$.benchmarks`")
        names.add(session.test)
    return sessions


def read_foreign(path: Path) -> tuple[ForeignSession, ...] | None:
    """The sessions of another tool's file; None where ``path`` is no such file.

    Raises:
        FileNotFoundError: there is none.
        FileFormatError: it is no JSON object, or one of another tool that cannot be read.
    """
    content = decode(read_text(path), dict[str, object], str(path))
    return foreign_sessions(content, path) if is_foreign(content) else None


def read_folder(folder: Path) -> tuple[ForeignSession, ...]:
    """The sessions of all ``*.json`` below ``folder``, as pytest-benchmark's ``.benchmarks/`` has them.

    Raises:
        FileFormatError: there are none, or one of them is something else; the message names it.
    """
    found: list[ForeignSession] = []
    for file in sorted(folder.rglob("*.json")):
        try:
            sessions = read_foreign(file)
        except FileFormatError as error:
            raise FileFormatError(f"{error}; in a folder only files of pytest-benchmark or pyperf are read") from error
        if sessions is None:
            raise FileFormatError(f"{file} is no file of pytest-benchmark or pyperf; in a folder only those are read")
        found += sessions
    if not found:
        raise FileFormatError(f"{folder} is a folder without JSON of pytest-benchmark or pyperf: name a file")
    return tuple(found)
