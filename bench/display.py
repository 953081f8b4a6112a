"""What the live lines of a terminal cost, for a load of 50,000 requests a second with all that can be shown.

Twice a second the process of the load looks at its last second (it does so whether anybody watches or not) and sends
what it saw through a pipe to the process that draws. Both halves are CPU time on a thread of their own process, the
kernel's for the terminal included; they are shown apart, and the limit is for their sum.
"""

import os
import pickle
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import numpy as np

from bench.figure import Figure
from bench.pairing import Spread
from paceline.cli.display import Progress
from paceline.engine.lanes_drive import LanesDrive, load_now
from paceline.engine.request import LoadNow
from paceline.records.recorder import Recorder
from paceline.records.stamps import Stamps

_PER_SECOND = 50_000
_FRAMES_PER_SECOND = 2
_FRAMES = 120  # a minute of them
_ROUNDS = 9
_BEGUN_S = 1e5
_TARGETS = ((4711, 87.0), (4712, 12.0))


class AtFullSpeed(LanesDrive):
    """A load that has folded what it has seen, as it does anyway; what is looked at is its recorder."""

    def __init__(self) -> None:
        self.origin_s = _BEGUN_S
        self.recorder = Recorder(_BEGUN_S, workers=50)

    def take_down(self) -> None:
        """There is nothing left to fold."""

    @property
    def in_flight(self) -> int:
        return 50

    @property
    def cpu_percent_now(self) -> float:
        return 81.0


def moments(seed: int) -> Iterator[tuple[AtFullSpeed, float]]:
    """A load at each moment that it is looked at, and the clock then."""
    numbers, drive, now_s = np.random.default_rng(seed), AtFullSpeed(), _BEGUN_S
    count = _PER_SECOND // _FRAMES_PER_SECOND
    for _ in range(_FRAMES):
        ends_s = now_s + np.sort(numbers.random(count)) / _FRAMES_PER_SECOND
        stamps = Stamps()
        stamps.ends_s = ends_s.tolist()
        stamps.starts_s = (ends_s - numbers.lognormal(np.log(1e-3), 0.6, count)).tolist()
        drive.recorder.fold(stamps)
        now_s += 1 / _FRAMES_PER_SECOND
        yield drive, now_s


def core_percent(seed: int, show: Callable[[LoadNow, float, int], None]) -> tuple[float, float]:
    """Percent of a core for looking and for showing, over a minute of a load."""
    looked_s = shown_s = 0.0
    for number, (drive, now_s) in enumerate(moments(seed), 1):
        begun_s = time.thread_time()
        message = pickle.dumps(load_now(drive, now_s))
        seen_s = time.thread_time()
        load = replace(pickle.loads(message), targets_cpu_percent=_TARGETS)
        show(load, number / _FRAMES, drive.recorder.counts.attempts)
        looked_s += seen_s - begun_s
        shown_s += time.thread_time() - seen_s
    per_percent_s = _FRAMES / _FRAMES_PER_SECOND / 100
    return looked_s / per_percent_s, shown_s / per_percent_s


@contextmanager
def terminal() -> Iterator[tuple[Progress, list[int]]]:
    """Progress on a terminal that somebody reads, and how much at a time."""
    read: list[int] = []
    leader, follower = os.openpty()
    termios.tcsetwinsize(follower, (40, 120))

    def drain() -> None:
        try:
            while seen := os.read(leader, 65_536):
                read.append(len(seen))
        except OSError:  # how a terminal tells that nobody writes to it any more
            os.close(leader)

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        with (
            os.fdopen(follower, "w") as stream,
            patch.object(sys, "stderr", stream),
            patch.dict(os.environ, {"TERM": "xterm-256color"}),
        ):
            progress = Progress(quiet=False)
            yield progress, read
            progress.clear()
    finally:
        reader.join()


def figures() -> Iterator[Figure]:
    """CPU of both halves."""
    with terminal() as (progress, shown_bytes):

        def show(load: LoadNow, share: float, done: int) -> None:
            progress.progress("GET /", share, done, load)

        core_percent(_ROUNDS, show)  # unmeasured: imports, adaptive bytecode
        rounds = [core_percent(seed, show) for seed in range(_ROUNDS)]
    assert sum(shown_bytes) > 500 * _FRAMES * _ROUNDS, "the terminal got less than frames"
    name = f"live terminal at {_PER_SECOND:,} requests/s, of a core"
    yield Figure(name, Spread.of([looked + shown for looked, shown in rounds]), "%", at_most=2)
    yield Figure("  process of the load: its last second, pickled", Spread.of([looked for looked, _ in rounds]), "%")
    yield Figure("  process that draws", Spread.of([shown for _, shown in rounds]), "%")
