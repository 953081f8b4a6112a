"""Batched mode next to ``timeit``."""

import time
import timeit
from collections.abc import Iterator
from itertools import repeat

from bench.figure import Figure
from bench.loops import empty
from bench.pairing import ratios, worked
from paceline.core.clock import SYSTEM_CLOCK
from paceline.engine.loops import time_batches
from paceline.records.error_log import ErrorLog
from paceline.records.stamps import Stamps

_CALLS = 2_048  # about what batch='auto' chooses for an empty function: a sample of 50 us
_SAMPLES = 50
_PAIRS = 200


def batched() -> None:
    """All samples, with what is between them."""
    stamps, errors = Stamps(), ErrorLog()
    time_batches(empty, repeat(None, _SAMPLES), SYSTEM_CLOCK.now_s, stamps, errors, calls=_CALLS)


def figures() -> Iterator[Figure]:
    """Cost of as many calls."""
    timer = timeit.Timer(empty, timer=time.process_time)
    (ratio,) = ratios(_PAIRS, lambda: timer.timeit(_CALLS * _SAMPLES), worked(batched))
    yield Figure("batched mode / timeit, empty function", ratio, at_most=1.10)
