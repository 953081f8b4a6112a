"""What a machine is examined with: three ways of spending 50 to 100 us, each bound by something else.

Loaded by the processes of a duet: the standard library only.
"""

import os

_BUFFER_BYTES = 64 << 20  # beyond the cache of a core, and its share of those it has with others
_LINE_BYTES = 64
_STRIDE = 4096 + _LINE_BYTES  # one line a page, never the same set of the cache twice in a row
_STEPS = 5_000
_JUMP = 270_001 * _LINE_BYTES  # from call to call; its multiples spread over all of the buffer

_buffer = bytearray()
_offset = 0
_pipe = (-1, -1)


def arithmetic() -> int:
    """Integers and a dict that stay in the core's own cache: what the interpreter itself takes."""
    counts: dict[int, int] = {}
    total = 0
    for number in range(600):
        key = number * 7919 % 61
        counts[key] = counts.get(key, 0) + number
        total += number * number % 7
    return total + len(counts)


def fill_memory() -> None:
    """Make the buffer; written to, for pages that were only asked for are all the same one."""
    global _buffer  # noqa: PLW0603  # what setup makes and the operation uses
    _buffer = bytearray(b"\x01") * _BUFFER_BYTES


def walk_memory() -> int:
    """Touch 5,000 pages, each call other lines of them: it takes as long as memory and address tables do."""
    global _offset  # noqa: PLW0603  # likewise
    _offset = (_offset + _JUMP) % (_BUFFER_BYTES - _STEPS * _STRIDE)
    return sum(_buffer[_offset : _offset + _STEPS * _STRIDE : _STRIDE])


def free_memory() -> None:
    """Give it back."""
    global _buffer  # noqa: PLW0603  # likewise
    _buffer = bytearray()


def open_pipe() -> None:
    """Make the pipe."""
    global _pipe  # noqa: PLW0603  # likewise
    _pipe = os.pipe()


def system_calls() -> None:
    """Look at a file, write a byte and read it, 25 times: what the kernel takes."""
    reading, writing = _pipe
    for _ in range(25):
        os.stat(__file__)  # noqa: PTH116  # the call, not pathlib's cost around it
        os.write(writing, b"x")
        os.read(reading, 1)


def close_pipe() -> None:
    """Leave nothing open."""
    for descriptor in _pipe:
        os.close(descriptor)
