"""One of several fresh processes that make the same run: reads what to run, runs its part, reports through a pipe.

It is an interpreter like the user's own: its garbage collector is left as it is, and an interrupt ends the run as it
does in the caller's process, teardown included.
"""

import os
import pickle
import signal
import threading
from dataclasses import replace

from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError, MeasurementError, PacelineError
from paceline.core.redaction import redact
from paceline.engine.child import Pipe
from paceline.engine.child_process import LENGTH_BYTES, EpochEnded, Failed, Message, Replica, Window
from paceline.engine.observation import Observation
from paceline.engine.request import RunRequest
from paceline.engine.runs import run
from paceline.sysmon.probes import peak_rss_bytes

_LAST_S = 30.0  # for the run to end that was interrupted, when nobody is left to end it


class _WholeMessages(Pipe):
    """No interrupt comes in the middle of a message."""

    def send(self, message: Message) -> None:
        """Write it; an interrupt that came meanwhile is raised afterwards."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().send(message)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def main(descriptor: int) -> None:
    """Make the run that comes by stdin and report to ``descriptor``; the end of stdin interrupts the run."""
    # Whoever started this decides what a Ctrl-C means, and says so by closing the pipe.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # 'nohup' and '&' have it ignored
    pipe = _WholeMessages(descriptor)
    try:
        last = _made(pipe)
    except KeyboardInterrupt:
        last = Failed(MeasurementError("the run was interrupted before it had begun"))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent closes the pipe also at a good end
    pipe.send(last)


def _made(pipe: Pipe) -> Replica | Failed:
    try:
        request = _request(_orders())
        observation = Observation(
            SYSTEM_CLOCK, sampling=False, tell=lambda is_open, seen: pipe.send(Window(is_open, seen))
        )
        ended = run(request, SYSTEM_CLOCK, pipe, observation, lambda record: pipe.send(EpochEnded(record)))
        return Replica(ended, peak_rss_bytes())
    except PacelineError as error:
        return Failed(error)
    except Exception as error:  # noqa: BLE001  # told to whoever asked, who has a terminal
        return Failed(MeasurementError(redact(f"the run could not be made: {type(error).__name__}: {error}")))


def _orders() -> bytes:
    """What was ordered; from now on stdin is the operation's, and empty, and the pipe only tells when to stop."""
    orders = os.dup(0)  # which no program that the operation starts inherits
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    order = _exactly(orders, int.from_bytes(_exactly(orders, LENGTH_BYTES)))
    threading.Thread(target=_until_stopped, args=(orders,), name="paceline-stop", daemon=True).start()
    return order


def _exactly(descriptor: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = os.read(descriptor, length - len(data))
        if not piece:
            raise MeasurementError("there was no order")
        data += piece
    return data


def _until_stopped(orders: int) -> None:
    os.read(orders, 1)  # nothing more is said: it returns when the other end is closed
    main_thread = threading.main_thread().ident
    assert main_thread is not None
    signal.pthread_kill(main_thread, signal.SIGINT)
    threading.Event().wait(_LAST_S)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def _request(order: bytes) -> RunRequest:
    try:
        request = pickle.loads(order)  # noqa: S301  # from the parent, over a pipe that nobody else has
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            redact(f"the operation cannot be loaded in a fresh process: {type(error).__name__}: {error}")
        ) from error
    assert isinstance(request, RunRequest)
    return request if request.remake is None else replace(request, target=request.remake())
