"""Runs a command and makes sure that it does not outlive whoever asked for it.

``python -m paceline.demo.guard [--workspace DIR] -- COMMAND...``. A process that is killed with SIGKILL
cannot stop its children. But the system closes its pipes: the guard reads one that its parent holds open, and
the end of that file means that the parent is gone, however it went. Then the guard stops the command and
removes the workspace that it was given, as nobody else is left to do it. SIGTERM and SIGINT stop the command
and leave the workspace alone.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

STDIN = 0
_GRACE_S = 3.0  # from the request to end to SIGKILL
_CANNOT_RUN = 127  # exit code of a command that could not be started, as shells have it
_SIGNALLED = 128  # exit code of a command that a signal ended, as shells count it


class Guard:
    """One command and its end.

    Args:
        command: what to run; it inherits standard output and standard error.
        workspace: directory to remove when the parent is gone, or None.
    """

    def __init__(self, command: Sequence[str], workspace: Path | None) -> None:
        self._command = list(command)
        self._workspace = workspace
        self._child: subprocess.Popen[bytes] | None = None
        self._stop_asked = False
        self._orphaned = False

    def run(self) -> int:
        """Run the command to its end; its exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        try:
            self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)  # noqa: S603  # running it is the purpose
        except OSError as error:
            sys.stderr.write(f"{self._command[0]} cannot be run: {error}\n")
            return _CANNOT_RUN
        if self._stop_asked:  # a signal came while the command was being started
            self._stop()
        threading.Thread(target=self._await_end_of_parent, daemon=True).start()
        code = self._child.wait()
        if self._orphaned and self._workspace is not None:
            # Errors are ignored because another server may still be ending in it.
            shutil.rmtree(self._workspace, ignore_errors=True)
        return code if code >= 0 else _SIGNALLED - code

    def _await_end_of_parent(self) -> None:
        # os.read and not sys.stdin: a daemon thread in the buffer's lock aborts the interpreter's exit.
        while os.read(STDIN, 4096):
            pass
        self._orphaned = True
        self._stop()

    def _stop(self) -> None:
        self._stop_asked = True
        if self._child is None:
            return
        self._child.terminate()
        killer = threading.Timer(_GRACE_S, self._child.kill)
        killer.daemon = True
        killer.start()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m paceline.demo.guard")
    parser.add_argument("--workspace", type=Path, help="removed when the parent process is gone")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    return Guard(options.command, options.workspace).run()


if __name__ == "__main__":
    sys.exit(main())
