"""How an attempt ends."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from paceline.core.errors import ConfigurationError


class AttemptEnd(IntEnum):
    """The end of one attempt; ``HIT`` and ``MISS`` are ``OK`` with more to say."""

    OK = 0
    HIT = 1
    MISS = 2
    ERROR = 3
    TIMEOUT = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation may return to say how it went; any other return value means ok.

    Build one with :meth:`hit`, :meth:`miss` or :meth:`error`::

        def read(key):
            return Outcome.hit() if cache.get(key) else Outcome.miss()
    """

    end: Literal[AttemptEnd.HIT, AttemptEnd.MISS, AttemptEnd.ERROR]
    kind: str = ""

    @staticmethod
    def hit() -> "Outcome":
        """Ok, and the cache had it."""
        return _HIT

    @staticmethod
    def miss() -> "Outcome":
        """Ok, and the cache did not have it."""
        return _MISS

    @staticmethod
    def error(kind: str) -> "Outcome":
        """Failed without an exception; ``kind`` groups equal failures in the report.

        Raises:
            ConfigurationError: ``kind`` is empty or no string.
        """
        if not isinstance(kind, str) or not kind:
            raise ConfigurationError(f"Outcome.error() needs a non-empty text that names the error, not {kind!r}")
        return Outcome(AttemptEnd.ERROR, kind)


_HIT = Outcome(AttemptEnd.HIT)
_MISS = Outcome(AttemptEnd.MISS)
