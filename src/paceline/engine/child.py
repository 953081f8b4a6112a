"""The process of a load: reads what to run, runs it, reports through a pipe. It does nothing else."""

import asyncio
import gc
import os
import pickle
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError, MeasurementError, PacelineError
from paceline.core.redaction import redact
from paceline.core.units import NS_PER_S
from paceline.engine.child_process import (
    LENGTH_BYTES,
    OWN_FILES,
    Begun,
    Failed,
    Learned,
    LegEnded,
    LegNow,
    Message,
    Progress,
    Ready,
    Slice,
    Window,
)
from paceline.engine.dispatch import request_of
from paceline.engine.lately import lately
from paceline.engine.live import Seen
from paceline.engine.observation import Observation
from paceline.engine.orders import Orders
from paceline.engine.request import LoadNow, Run, RunRequest
from paceline.engine.runs import run_here
from paceline.records.increments import Teller
from paceline.records.run_record import RunRecord
from paceline.records.time_series import COARSENING, FINE_NS, FINEST_INTERVAL_NS
from paceline.targets.call import CallTarget

_OBJECTS_PER_COLLECTION = 50_000


class Pipe:
    """Reports to the parent. An observer of the run.

    Attributes:
        teller: of a leg: what was seen is sent by increments.
        workers: of that leg.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.teller: Teller | None = None
        self.workers = 0
        self._share = 0.0

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
        self._share = share
        if self.teller is None:
            self.send(Progress(share, attempts, load))
        elif load is not None:
            doing = (load.elapsed_s, load.per_second, load.errors, load.in_flight, load.cpu_percent)
            self.send(LegNow(share, attempts, *doing))

    def partial(self, record: RunRecord) -> None:
        """To the parent."""
        if self.teller is None:
            self.send(record)
            return
        self.send(Slice(self.teller.tell(record)))
        if record.load is None:  # of calls in loops of their own nothing else says how they are doing
            lasted_s, counts = record.elapsed_ns / NS_PER_S, record.counts
            per_second = lately(record.series, record.elapsed_ns).per_second
            errors = counts.errors + counts.timeouts
            self.send(LegNow(self._share, counts.attempts, lasted_s, per_second, errors, self.workers, None))

    def ended(self, run: Run) -> None:
        """To the parent: the last that is said."""
        if self.teller is None:
            self.send(run)
        else:
            self.send(LegEnded(self.teller.tell(run.record, is_last=True), run.stopped_by))

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
        pipe.teller, pipe.workers = None if request.leg is None else _teller(request), request.own_workers
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
        if request.leg is not None:
            pipe.send(Begun())
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
    except BaseException as error:  # noqa: BLE001  # told to whoever asked, who has a terminal
        pipe.send(Failed(MeasurementError(redact(f"the load could not be made: {type(error).__name__}: {error}"))))
    else:
        pipe.ended(run)


def _teller(request: RunRequest) -> Teller:
    """Of a leg. The tenths of the first seconds are not told where the record will not have them in the end."""
    lasts_s = request.duration_s
    is_long = lasts_s is not None and lasts_s * NS_PER_S > FINE_NS
    return Teller(FINEST_INTERVAL_NS * COARSENING) if is_long else Teller()


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
