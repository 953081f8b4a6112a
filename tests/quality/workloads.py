"""Functions of which we know by how much they differ: the same work, done to a hundred parts, or to some more.

A worker of a duet loads them by name, so that each is a fresh function in a fresh process: ``counting_100`` is the
base, ``counting_103`` and ``counting_105`` do three and five per cent more.
"""

import json
import os
import re
import zlib
from collections.abc import Callable

SIZES = (100, 103, 105)

_TEXT = " ".join(f"word{number} and {number * 7}" for number in range(2_000))
_NUMBER = re.compile(r"\d+")
_ROWS = [{"id": number, "name": f"row {number}", "price": number / 7} for number in range(500)]
_SHUFFLED = [(number * 7_919) % 10_007 for number in range(10_000)]
_LARGE = bytearray(8_000_000)


def _counting(parts: int) -> Callable[[], object]:
    return lambda: sum(range(parts * 40))


def _dicts(parts: int) -> Callable[[], object]:
    return lambda: {number: str(number) for number in range(parts * 6)}


def _json(parts: int) -> Callable[[], object]:
    rows = _ROWS[: parts * 2]
    return lambda: json.dumps(rows)


def _regex(parts: int) -> Callable[[], object]:
    text = _TEXT[: parts * 40]
    return lambda: _NUMBER.findall(text)


def _checksum(parts: int) -> Callable[[], object]:
    data = memoryview(_LARGE)[: parts * 4_000]
    return lambda: zlib.crc32(data)


def _calls(parts: int) -> Callable[[], object]:
    def twice(value: int) -> int:
        return value + value

    def run() -> int:
        total = 0
        for number in range(parts * 8):
            total += twice(number)
        return total

    return run


def _memory(parts: int) -> Callable[[], object]:
    data, step = _LARGE, 4_099  # a page further each time: what is touched was not in the nearest cache
    return lambda: sum(data[0 : parts * 16_000 : step])


def _system(parts: int) -> Callable[[], object]:
    def run() -> None:
        for _ in range(parts):
            os.stat(".")  # noqa: PTH116  # the system call, and little else

    return run


_MAKERS = {
    "counting": _counting,
    "dicts": _dicts,
    "json": _json,
    "regex": _regex,
    "checksum": _checksum,
    "calls": _calls,
    "memory": _memory,
    "system": _system,
}
NAMES = tuple(_MAKERS)

globals().update({f"{name}_{size}": make(size) for name, make in _MAKERS.items() for size in SIZES})
