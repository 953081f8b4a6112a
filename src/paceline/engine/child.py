"""The process of a load: reads what to run, runs it, reports through a pipe. It does nothing else."""

import asyncio
import gc
import os
import pickle
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError, MeasurementError, PacelineError
from paceline.core.redaction import redact
from paceline.engine.child_process import (
    LENGTH_BYTES,
    OWN_FILES,
    Failed,
    Learned,
    Message,
    Progress,
    Ready,
    Slice,
    Window,
)
from paceline.engine.dispatch import request_of
from paceline.engine.live import Seen
from paceline.engine.observation import Observation
from paceline.engine.orders import Orders
from paceline.engine.request import LoadNow, RunRequest
from paceline.engine.runs import run_here
from paceline.records.run_record import RunRecord
from paceline.records.time_series import TimeSeries
from paceline.targets.call import CallTarget

_OBJECTS_PER_COLLECTION = 50_000


class Pipe:
    """Reports to the parent. An observer of the run.

    Attributes:
        slices: whether what was seen so far is sent as slices.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.slices = False
        self._interval_ns = 0
        self._newest = 0

    def send(self, message: Message) -> None:
        """Write a message as a whole; a parent that has gone is noticed through stdin."""
        data = pickle.dumps(message)
        data = len(data).to_bytes(LENGTH_BYTES) + data
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except BrokenPipeError:
            return

    def progress(self, record_name: str, share: float, attempts: int, load: LoadNow | None = None) -> None:
        """To the parent."""
        del record_name
        self.send(Progress(share, attempts, load))

    def partial(self, record: RunRecord) -> None:
        """To the parent."""
        self.send(self._slice(record) if self.slices else record)

    def _slice(self, record: RunRecord) -> Slice:
        series = record.series
        # The newest has grown since it was sent; a series that became coarser is another one.
        since = self._newest if series.interval_ns == self._interval_ns else 0
        new = tuple(piece for piece in series.slices if piece.position >= since)
        self._interval_ns, self._newest = series.interval_ns, new[-1].position if new else since
        return Slice(replace(record, series=TimeSeries(series.interval_ns, new)), since)

    def seen(self, seen: Seen) -> None:
        """To the parent, who judges it and closes stdin if the load is to end."""
        self.send(seen)


def main(descriptor: int) -> None:
    """Make the run that comes by stdin and report to ``descriptor``; the end of stdin ends the run."""
    # A Ctrl-C reaches every process of the terminal: it is the parent's to decide what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    orders = sys.stdin.buffer
    pipe = Pipe(descriptor)
    try:
        request, cpus = _order(orders.read(int.from_bytes(orders.read(LENGTH_BYTES))))
        pipe.slices = request.leg is not None
        if cpus is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, cpus)
        raise_open_files_limit(request.own_workers)
        # Needed when the first attempts are folded, with the window open: 0.2 s in which nothing would be sent.
        import numpy as np  # noqa: F401

        observation = Observation(
            SYSTEM_CLOCK,
            sampling=False,
            tell=lambda is_open, seen: pipe.send(Window(is_open, seen, SYSTEM_CLOCK.now_s())),
            learned=lambda sample: pipe.send(Learned(sample)),
            ready=lambda: pipe.send(Ready()),
        )
        descriptor = orders.fileno()
        if isinstance(request.target, CallTarget):
            descriptor = _out_of_sight()
        else:
            _collect_seldom()  # around a function of the user's the collector is left as it is: it is measured too
        run = run_here(
            request,
            SYSTEM_CLOCK,
            pipe,
            observation,
            Orders(descriptor, SYSTEM_CLOCK),
            on_slice=pipe.seen if request.live else None,
        )
    except PacelineError as error:
        pipe.send(Failed(error))
    except asyncio.CancelledError:
        pipe.send(Failed(MeasurementError("the load was stopped before it had begun")))
    except Exception as error:  # noqa: BLE001  # told to whoever asked, who has a terminal
        pipe.send(Failed(MeasurementError(redact(f"the load could not be made: {type(error).__name__}: {error}"))))
    else:
        pipe.send(run)


def _out_of_sight() -> int:
    """Where orders come from now; stdin is the operation's, and empty."""
    orders = os.dup(0)  # which no program that the operation starts inherits
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return orders


def _collect_seldom() -> None:
    # What was imported lives as long as the process: looking through it again would only stop the load.
    gc.collect()
    gc.freeze()
    # What a request makes dies with its last reference. A collector that looks every 700 objects found nothing
    # and took 8 % of a scenario's time; seldom, it still finds what a user's function leaves in circles.
    gc.set_threshold(_OBJECTS_PER_COLLECTION)


def _order(data: bytes) -> tuple[RunRequest, Sequence[int] | None]:
    order, cpus, folder = pickle.loads(data)  # noqa: S301  # from the parent, over a pipe that nobody else has
    return request_of(order, None if folder is None else Path(folder)), cpus


def raise_open_files_limit(connections: int) -> None:
    """Use all the descriptors this process is allowed: a connection takes one each.

    Raises:
        ConfigurationError: they are not enough for ``connections``.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard not in {soft, resource.RLIM_INFINITY}:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    if soft != resource.RLIM_INFINITY and connections + OWN_FILES > soft:
        raise ConfigurationError(
            f"{connections:,} connections need {connections + OWN_FILES:,} open files, and this process may have "
            f"{soft:,}: raise the limit with 'ulimit -n', or ask for fewer"
        )
