"""A process for a run, and what it says: a fresh interpreter, spoken to by pipes.

Not a fork, which inherits threads' locks; not multiprocessing, whose spawn would import the user's main module again.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paceline.core.errors import MeasurementError, PacelineError
from paceline.engine.dispatch import order_of
from paceline.engine.live import Seen
from paceline.engine.orders import start_order
from paceline.engine.request import LoadNow, Run, RunRequest
from paceline.records.increments import Increment
from paceline.records.run_record import RunRecord
from paceline.sysmon.leg_watch import LegUsage
from paceline.targets.replay import Sample

_START = "import sys; sys.path[:] = sys.argv[2:]; from paceline.engine.child import main; main(int(sys.argv[1]))"
LENGTH_BYTES = 8
OWN_FILES = 40  # that the process of a load may need besides its connections
_END_S = 5.0  # for a child to end that was told to
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Progress:
    """From the child: what an observer is shown."""

    share: float
    attempts: int
    load: LoadNow | None


@dataclass(frozen=True)  # with slots it would take three times as long to unpickle, like the others of a leg
class LegNow:
    """From a leg: how it is doing. Latencies are not in it: those of all legs are in what they tell by slices.

    Attributes:
        share: of the plan that is done, in [0, 1].
        attempts: made so far.
        elapsed_s: since the window began.
        per_second: attempts that ended ok in the last second or so.
        errors: errors and timeouts so far.
        in_flight: attempts under way, and arrivals that wait.
        cpu_percent: of its thread in the last whole second; None before there was one.
    """

    share: float
    attempts: int
    elapsed_s: float
    per_second: float
    errors: int
    in_flight: int
    cpu_percent: float | None


@dataclass(frozen=True, slots=True)
class Window:
    """From the child: the measured window opens, or is over.

    Attributes:
        is_open: whether it opens.
        seen_per_second: attempts a second in the warm-up before it; 0 without one.
        at_s: clock reading, of the clock that all processes of the machine share.
    """

    is_open: bool
    seen_per_second: float = 0.0
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Begun:
    """From a leg: it has all that it needs, and connects and warms up."""


@dataclass(frozen=True, slots=True)
class Ready:
    """From a leg: it is warm, and waits to be told when to start."""


@dataclass(frozen=True, slots=True)
class Learned:
    """From the child: what a probe is to send."""

    sample: Sample


@dataclass(frozen=True, slots=True)
class Failed:
    """From the child: the run could not be made."""

    error: PacelineError


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """From one of several fresh processes: an epoch is over, and another follows."""

    record: RunRecord


@dataclass(frozen=True, slots=True)
class Replica:
    """From one of several fresh processes, at its end.

    Attributes:
        run: its last epoch, and what ended it early.
        peak_rss_bytes: the most memory it held.
    """

    run: Run
    peak_rss_bytes: int | None


@dataclass(frozen=True)
class Slice:
    """From a leg, every second: what it has seen since it last told."""

    increment: Increment


@dataclass(frozen=True)
class LegEnded:
    """From a leg, at its end.

    Attributes:
        increment: what it has not told yet.
        stopped_by: what ended it early.
    """

    increment: Increment
    stopped_by: BaseException | None


Message = (
    Progress
    | LegNow
    | Begun
    | Ready
    | Window
    | Learned
    | Seen
    | RunRecord
    | Slice
    | LegUsage
    | LegEnded
    | Run
    | EpochEnded
    | Replica
    | Failed
)

OF_A_LOAD = "paceline.engine.child"
OF_SEVERAL = "paceline.engine.replica"


class Child:
    """A process that makes one run.

    Args:
        cpus: the only cores it may use; None for those of this process.
        module: whose ``main`` it runs.
        hash_seed: of its texts' hashes; None for this process's way of choosing one.

    Raises:
        MeasurementError: the process cannot be started.
    """

    def __init__(
        self, cpus: Sequence[int] | None = None, module: str = OF_A_LOAD, hash_seed: int | None = None
    ) -> None:
        self._cpus = cpus
        has_stderr = _has_descriptor(sys.stderr)
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter, these modules
                [sys.executable, "-c", _START.replace(OF_A_LOAD, module), str(writing), *sys.path],
                stdin=subprocess.PIPE,
                # Never a closed descriptor: event loops take the numbers 0 to 2 for what they should be.
                stdout=sys.stderr.fileno() if has_stderr else subprocess.DEVNULL,
                stderr=None if has_stderr else subprocess.DEVNULL,
                pass_fds=(writing,),
                # A group of its own: a Ctrl-C is the parent's to deal with, and what the child forks ends with it.
                start_new_session=True,
                env=None if hash_seed is None else {**os.environ, "PYTHONHASHSEED": str(hash_seed)},
            )
        except OSError as error:
            os.close(reading)
            raise MeasurementError(f"no process for the run: {error.strerror or error}") from error
        finally:
            os.close(writing)
        self._messages = os.fdopen(reading, "rb", buffering=0)
        self._unread: list[bytes] = []
        self.pid = self._process.pid

    def order(self, request: RunRequest) -> None:
        """Tell it what to run.

        Raises:
            ConfigurationError, MeasurementError: the request cannot be handed to another process.
        """
        self.hand_on(order_of(request))

    def hand_on(self, order: bytes, folder: str | None = None) -> None:
        """Tell it what to run, as :func:`order_of` has it; files that it brings along are put into ``folder``."""
        self.send(pickle.dumps((order, self._cpus, folder)))

    def start_at(self, at_s: float) -> None:
        """Tell a leg that is ready when to start."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._process.stdin.write(start_order(at_s))
            self._process.stdin.flush()

    def send(self, order: bytes) -> None:
        """Tell it what to run, as its ``main`` expects it."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended: its messages, or their lack, say why
            self._process.stdin.write(len(order).to_bytes(LENGTH_BYTES) + order)
            self._process.stdin.flush()

    def messages(self) -> Iterator[Message]:
        """What the child says, until it has nothing more to say.

        Whoever was interrupted in it can go on with another iterator: no byte of a message is lost.
        """
        while True:
            data = b"".join(self._unread)
            self._unread[:] = [data]
            end = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES])
            if len(data) >= max(end, LENGTH_BYTES + 1):
                message = pickle.loads(data[LENGTH_BYTES:end])  # noqa: S301  # from a child, by a pipe of our own
                self._unread[:] = [data[end:]]
                yield message
            elif not self._read(end - len(data)):
                return

    def _read(self, least: int) -> bool:
        """Read on until ``least`` bytes more are there, or some; False at the end of the pipe."""
        before = len(self._unread)
        while least > 0:
            # In one step of the interpreter: nothing can be interrupted between reading and keeping.
            self._unread.extend(map(os.read, (self._messages.fileno(),), (_CHUNK,)))
            if not self._unread[-1]:
                return False
            least -= len(self._unread[-1])
        return len(self._unread) > before

    def stop(self) -> None:
        """Ask it to end; it reports what it has seen by then."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def end(self) -> int:
        """Wait for it, kill it if it does not end; its return code."""
        self.stop()
        try:
            return self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()
        finally:
            self._hear_no_longer()

    def _hear_no_longer(self) -> None:
        self._messages.close()

    def how(self) -> str:
        """How it ended, in words that follow 'the process'; once it has."""
        return how_it_ended(self._process.returncode)

    def kill(self) -> None:
        """End it and what it has forked at once; :meth:`end` is still to be called."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def how_it_ended(code: int) -> str:
    """A return code in words that follow 'the process'."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"was killed by signal {-code}"
    return f"ended with code {code}"


def _has_descriptor(stream: object) -> bool:
    try:
        stream.fileno()  # type: ignore[attr-defined]  # None, or something of somebody's own
    except (AttributeError, OSError, ValueError):
        return False
    return True


def usable_cores() -> Sequence[int]:
    """The cores this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        return range(os.cpu_count() or 1)
    return sorted(os.sched_getaffinity(0))
