"""A server as a child process: started under a guard, waited for with a deadline, stopped in order."""

import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from paceline.core.clock import Clock
from paceline.core.errors import MeasurementError

READY_WITHIN_S = 20.0  # it takes 0.5 s; a machine that needs 40 times that is in trouble
_STOP_WITHIN_S = 6.0  # longer than the guard's own patience with the command
_LOOK_S = 0.02
_LOG_LINES = 8


class GuardedChild:
    """Runs ``command`` under :mod:`paceline.demo.guard` from entry to exit of the ``with`` block.

    The guard leads a session of its own, so that Ctrl-C in a terminal reaches only the parent, which then
    stops its servers in order. Standard error goes to a log file.

    Args:
        name: of the server, for messages.
        command: program and arguments.
        workspace: directory for the log.
        clock: where the time comes from.
        ready_within_s: how long it may take to get ready.
        removes: whether the guard removes ``workspace`` if this process is killed. One guard only: a second one
            might come so late that another demo has made its own under the same name.

    Raises:
        MeasurementError: it cannot be started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        workspace: Path,
        clock: Clock,
        ready_within_s: float = READY_WITHIN_S,
        *,
        removes: bool = False,
    ) -> None:
        self._name = name
        self._clock = clock
        self._ready_within_s = ready_within_s
        self._log_path = workspace / f"{name.replace(' ', '-')}.log"
        removal = ["--workspace", str(workspace)] if removes else []
        guard = [sys.executable, "-m", "paceline.demo.guard", *removal, "--", *command]
        try:
            # Appending, because a server may open the same file for its own log.
            with self._log_path.open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  # our own module and our own servers
                    guard, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
                )
        except OSError as error:
            raise MeasurementError(f"the {name} cannot be started: {error}") from error
        self._deadline_s = clock.now_s() + ready_within_s

    @property
    def guard_pid(self) -> int:
        """Process id of the guard; the server is its only child."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def first_line(self) -> str:
        """Wait for the first line of its standard output.

        Raises:
            MeasurementError: it ended or took too long.
        """
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        seen = b""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in seen:
                left_s = self._deadline_s - self._clock.now_s()
                if left_s <= 0 or not selector.select(left_s):
                    raise self._not_ready(f"was not ready within {self._ready_within_s:g} s")
                piece = os.read(pipe, 4096)
                if not piece:
                    raise self._not_ready("ended before it was ready")
                seen += piece
        return seen.split(b"\n", 1)[0].decode()

    def wait_until(self, answers: Callable[[], bool]) -> None:
        """Ask again and again until ``answers()`` is true.

        Raises:
            MeasurementError: it ended or took too long.
        """
        while not answers():
            if self._clock.now_s() > self._deadline_s:
                raise self._not_ready(f"was not ready within {self._ready_within_s:g} s")
            with suppress(subprocess.TimeoutExpired):  # still running is what is hoped for
                code = self._process.wait(_LOOK_S)
                raise self._not_ready(f"ended with exit code {code} before it was ready")

    def stop(self) -> None:
        """End server and guard, at the latest by SIGKILL; nothing of them is left afterwards."""
        orderly = False
        try:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                # Below 0: the guard itself was killed, so nobody has stopped the server yet.
                orderly = self._process.wait(_STOP_WITHIN_S) >= 0
        finally:  # by SIGKILL after the time limit, and after a second Ctrl-C
            if not orderly:
                self._kill_session()
                self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe is not None
                pipe.close()

    def _kill_session(self) -> None:
        with suppress(ProcessLookupError):  # all of them are gone already
            os.killpg(self._process.pid, signal.SIGKILL)

    def _not_ready(self, what: str) -> MeasurementError:
        lines = self._log_path.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        log = "its log ends with:\n  " + "\n  ".join(lines) if lines else "its log is empty."
        return MeasurementError(
            f"the {self._name} {what}. Mend what its log says, or free the machine and try again; {log}"
        )
