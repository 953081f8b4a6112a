"""The commands a load sends to a cache: endless, made in bulk, each with what it is and the key it is about."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from random import Random
from string import ascii_letters, digits

from paceline.core.errors import ConfigurationError
from paceline.wire.resp import packed
from paceline.workload.keys import PATTERNS, KeyPattern, Uniform, endless
from paceline.workload.legs import WHOLE, Leg
from paceline.workload.models import MOST_SEED, whole_number

GET, SET, DELETE = range(3)
NAMES = ("GET", "SET", "DEL")
DEFAULT_KEYS = 10_000
MOST_CACHED_KEYS = 1_000_000_000
MOST_VALUE_BYTES = 512 * 1024 * 1024  # what Redis and Valkey take unless they are told otherwise
_RATIO = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")
_SEEDS_APART = 0x9E3779B9  # which keys are drawn must not change which commands follow
_BLOCK_BYTES = 64 * 1024
_MOST_LISTED = 100_000  # some 10 MB; looking a command up takes a fifth of the time of making it

Command = tuple[int, bytes, int]  # which of the above, as it is sent, number of its key where that is of interest


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of keys: all of one length, as benchmarks of caches have them.

    Attributes:
        prefix: that all of them have.
        count: how many there are.
    """

    prefix: str
    count: int

    @property
    def digits(self) -> int:
        """Of each number."""
        return len(str(self.count - 1))

    def name(self, number: int) -> str:
        """Of the key ``number``, from 0."""
        return f"{self.prefix}{number:0{self.digits}d}"

    def command(self, word: bytes, arguments: int = 2) -> bytes:
        """A command about one key with a place for its number, to be filled in by ``%``."""
        prefix = self.prefix.encode()
        begin = b"*%d\r\n$%d\r\n%b\r\n$%d\r\n%b" % (arguments, len(word), word, len(prefix) + self.digits, prefix)
        return begin.replace(b"%", b"%%") + b"%%0%dd\r\n" % self.digits


@dataclass(frozen=True, slots=True)
class Values:
    """What is stored: as good as incompressible text, the same for the same seed.

    Attributes:
        least_bytes: shortest.
        most_bytes: longest; all lengths between are as likely.
        ttl_s: time to live; None for ever.
    """

    least_bytes: int
    most_bytes: int
    ttl_s: float | None = None

    @property
    def mean_bytes(self) -> float:
        """Length on average."""
        return (self.least_bytes + self.most_bytes) / 2

    @property
    def expiry(self) -> bytes:
        """What a SET ends with so that the key expires; empty where it does not."""
        if self.ttl_s is None:
            return b""
        milliseconds = b"%d" % max(round(self.ttl_s * 1e3), 1)
        return b"$2\r\nPX\r\n$%d\r\n%b\r\n" % (len(milliseconds), milliseconds)

    def settings(self, keys: Keys, numbers: Iterator[int], seed: int, leg: Leg = WHOLE) -> Iterator[bytes]:
        """A SET for each of ``numbers``, which are those of ``leg``."""
        expiry = self.expiry
        head = keys.command(b"SET", 5 if expiry else 3)
        text = text_of(self.most_bytes, seed)
        if self.least_bytes == self.most_bytes:
            # Letters and digits only: nothing in it could be taken for a place to fill in.
            whole = head + b"$%d\r\n%b\r\n" % (len(text), text) + expiry
            return map(whole.__mod__, numbers)
        shown = memoryview(text)
        sizes = endless(Uniform(self.most_bytes - self.least_bytes + 1), seed ^ _SEEDS_APART, leg)
        return (
            b"".join((head % number, b"$%d\r\n" % size, shown[:size], b"\r\n", expiry))
            for number, size in zip(numbers, (self.least_bytes + drawn for drawn in sizes), strict=False)
        )


def value_sizes(value_bytes: object) -> tuple[int, int]:
    """The shortest and the longest, of a number or a pair.

    Raises:
        ConfigurationError: it is neither, or out of range.
    """
    pair = value_bytes if isinstance(value_bytes, tuple | list) else (value_bytes, value_bytes)
    sizes = tuple(pair)
    if (
        len(sizes) != 2  # noqa: PLR2004  # a pair
        or not all(isinstance(size, int) and not isinstance(size, bool) for size in sizes)
        or not 1 <= sizes[0] <= sizes[1] <= MOST_VALUE_BYTES
    ):
        raise ConfigurationError(
            f"value_bytes must be a number from 1 to {MOST_VALUE_BYTES:,}, or the shortest and the longest as in "
            f"(100, 2000), not {value_bytes!r}"
        )
    return sizes[0], sizes[1]


def made_pattern(given: object, keys: int) -> KeyPattern:
    """The pattern that is named, of so many keys; or the one that is given.

    Raises:
        ConfigurationError: it is neither, or contradicts ``keys``.
    """
    if isinstance(given, KeyPattern):
        if keys not in {DEFAULT_KEYS, given.keys}:
            raise ConfigurationError(f"keys={keys} contradicts key_pattern={given!r}: say it there only")
        whole_number("keys of key_pattern", given.keys, at_least=1, at_most=MOST_CACHED_KEYS)
        return given
    make = PATTERNS.get(given) if isinstance(given, str) else None
    if make is None:
        raise ConfigurationError(
            f"key_pattern must be one of {', '.join(PATTERNS)}, or such a pattern as Zipf(1000, 0.8), not {given!r}"
        )
    return make(keys)


def check_prefill(share: object) -> None:
    """That it is a share of the keys, or None.

    Raises:
        ConfigurationError: it is neither.
    """
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1):
        raise ConfigurationError(f"prefill must be a share of the keys from 0 to 1, not {share!r}")


def parse_ratio(text: object) -> tuple[int, int]:
    """How many SETs to how many GETs, of ``'1:10'``.

    Raises:
        ConfigurationError: it is no such text, or of nothing.
    """
    match = _RATIO.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[0].strip("0") == ":":
        raise ConfigurationError(f"ratio must be SETs to GETs such as '1:10', not {text!r}")
    return int(match[1]), int(match[2])


def gets(keys: Keys, pattern: KeyPattern, seed: int, *, numbered: bool = False, leg: Leg = WHOLE) -> Iterator[Command]:
    """A GET for each key that is drawn; which key that is, is told only if ``numbered``."""
    commands = map(_made(keys, b"GET"), endless(pattern, seed, leg))
    # A second source of the same keys: filling a number in and handing it on both stay out of the interpreter.
    return zip(repeat(GET), commands, endless(pattern, seed, leg) if numbered else repeat(0), strict=False)


def _made(keys: Keys, word: bytes) -> Callable[[int], bytes]:
    """What makes the command about a key of its number: looked up where that takes little memory."""
    make = keys.command(word).__mod__
    return list(map(make, range(keys.count))).__getitem__ if keys.count <= _MOST_LISTED else make


def deletes(keys: Keys, pattern: KeyPattern, seed: int, leg: Leg = WHOLE) -> Iterator[Command]:
    """A DEL for each key that is drawn."""
    return zip(repeat(DELETE), map(_made(keys, b"DEL"), endless(pattern, seed, leg)), repeat(0), strict=False)


def sets(keys: Keys, pattern: KeyPattern, values: Values, seed: int, leg: Leg = WHOLE) -> Iterator[Command]:
    """A SET for each key that is drawn."""
    commands = values.settings(keys, endless(pattern, seed, leg), seed, leg)
    return zip(repeat(SET), commands, repeat(0), strict=False)


def mixed(
    keys: Keys, pattern: KeyPattern, values: Values, ratio: tuple[int, int], seed: int, leg: Leg = WHOLE
) -> Iterator[Command]:
    """SETs and GETs at random in the proportion of ``ratio``, some of each, both of keys of the same pattern.

    Legs choose together what one process would choose, one after the other; of the keys for either each takes its own.
    """
    writes, reads = ratio
    # Each kind draws keys of its own: a key that was read is no likelier to be written next.
    reading = gets(keys, pattern, seed, leg=leg)
    writing = sets(keys, pattern, values, (seed + 1) & MOST_SEED, leg)
    choices = endless(Uniform(writes + reads), (seed + 2) & MOST_SEED, leg)
    return (next(writing if choice < writes else reading) for choice in choices)


def fillings(keys: Keys, values: Values, count: int, seed: int) -> Iterator[bytes]:
    """A SET for each of the first ``count`` keys."""
    return values.settings(keys, iter(range(count)), seed)


def removals(keys: Keys, at_once: int) -> Iterator[bytes]:
    """UNLINKs of all keys, in batches."""
    for first in range(0, keys.count, at_once):
        names = [keys.name(number) for number in range(first, min(first + at_once, keys.count))]
        yield packed("UNLINK", *names)


def text_of(length: int, seed: int) -> bytes:
    """As good as incompressible letters and digits, the same for the same seed."""
    random = Random(seed)  # noqa: S311  # repeatable on purpose, guards nothing
    block = "".join(random.choices(ascii_letters + digits, k=min(length, _BLOCK_BYTES))).encode()
    return (block * -(-length // len(block)))[:length]
