"""Ends processes whose parent was killed: nobody can do that after a SIGKILL but somebody else."""

import contextlib
import subprocess
from collections.abc import Iterator

# Reads groups of processes, a line for all that live now; the end of its standard input means that its parent has gone.
_SCRIPT = """
trap '' INT TERM HUP
groups=
while read -r line; do groups=$line; done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
"""


class Guard:
    """A shell that outlives this process by a moment."""

    def __init__(self) -> None:
        self._shell = subprocess.Popen(  # noqa: S603  # the lines above
            ["sh", "-c", _SCRIPT],  # noqa: S607
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, *groups: int) -> None:
        """These are all that live now, each the leader of a group of its own."""
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody has killed it: then there is no guard
            self._shell.stdin.write((" ".join(map(str, groups)) + "\n").encode())
            self._shell.stdin.flush()

    def close(self) -> None:
        """End it; what is watched still ends with it."""
        assert self._shell.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._shell.stdin.close()
        self._shell.wait()


@contextlib.contextmanager
def guard() -> Iterator[Guard]:
    """A guard for as long as the block lasts."""
    made = Guard()
    try:
        yield made
    finally:
        made.close()
