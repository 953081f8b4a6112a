"""A lock for files that several processes change. It leaves nothing beside the file it guards."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path
from threading import Event

from paceline.core.clock import SYSTEM_CLOCK, Clock
from paceline.core.errors import OutputError
from paceline.store.files import reason_of

_TIMEOUT_S = 30.0
_POLL_S = 0.01


@contextlib.contextmanager
def locked(path: Path, *, timeout_s: float = _TIMEOUT_S, clock: Clock = SYSTEM_CLOCK) -> Generator[None, None, None]:
    """Keep other processes and threads that ask likewise from changing ``path`` meanwhile.

    The lock is the kernel's (``flock``) on a file ``.NAME.lock`` in the folder of the file that ``path`` leads
    to. The kernel drops it when its holder dies, however that dies, so a lock file that was left behind holds
    nobody up: the next holder takes it over and removes it.

    Raises:
        OutputError: another process held the lock for ``timeout_s``, or the lock file cannot be made.
    """
    target = Path(os.path.realpath(path))  # one lock for a file, by whichever link it is reached
    lock_path = target.with_name(f".{target.name}.lock")
    descriptor = _acquired(path, lock_path, timeout_s, clock)
    try:
        yield
    finally:
        # Removed while it is still held: after the release it may be another's already.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(lock_path)  # noqa: PTH108
        os.close(descriptor)


def _acquired(path: Path, lock_path: Path, timeout_s: float, clock: Clock) -> int:
    deadline_s = clock.now_s() + timeout_s
    pause = Event()
    try:
        while (descriptor := _try(lock_path)) is None:
            if clock.now_s() >= deadline_s:
                break
            pause.wait(_POLL_S)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot lock {path} by {lock_path}: {reason_of(error)}") from error
    if descriptor is None:
        raise OutputError(f"cannot write {path}: another process has held {lock_path} for {timeout_s:g} s")
    return descriptor


def _try(lock_path: Path) -> int | None:
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A holder removes the file before it lets go: what was locked here may have lost its name since it
        # was opened, and whoever comes next makes a new one. Only the lock on the file of that name counts.
        if os.path.samestat(os.fstat(descriptor), os.stat(lock_path)):  # noqa: PTH116
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass  # held by another, or removed by its holder just now: not acquired this time
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
