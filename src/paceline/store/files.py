"""Files that are whole or not there: atomic replacement, locks, bounded reads.

Writing goes through ``os`` call by call, so that a test can end the process between any two of them.
"""

import contextlib
import os
import stat
import tempfile
from collections.abc import Generator
from pathlib import Path

from paceline.core.errors import FileFormatError, OutputError

MOST_BYTES = 512 * 1024 * 1024
_LOCK_TIMEOUT_S = 30.0


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``: readers and crashes see the old file or the new one, never a part.

    The data are on the disk when the call returns. A symbolic link is followed; the permissions of a file
    that is replaced are kept. Something that is no regular file, such as ``/dev/stdout``, is written to directly.

    Raises:
        OutputError: the file cannot be written; what stood there still does.
    """
    target = path.resolve()
    try:
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as stream:
                stream.write(data)
            return
        _replace(target, data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}; what stood there is unchanged") from error


def _replace(target: Path, data: bytes) -> None:
    if target.is_dir():
        raise IsADirectoryError(None, "it is a folder")
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent)
    try:
        try:
            os.fchmod(descriptor, _mode_of(target))
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)  # noqa: PTH105  # call by call, see above
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108
        raise
    sync_folder(target.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """``os.write`` until everything is written: it may take only a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make a rename or a new file in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mode_of(target: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return stat.S_IMODE(target.stat().st_mode)
    mask = os.umask(0)  # the only way to ask
    os.umask(mask)
    return 0o666 & ~mask


def check_writable(path: Path) -> None:
    """Find out now, not after a long measurement, whether ``path`` can be written.

    Raises:
        OutputError: its folder is missing or read-only, or it is a folder itself.
    """
    target = path.resolve()
    if target.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it")
    if target.exists() and not target.is_file():
        return  # a device or pipe
    if not target.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no folder {target.parent}; create it first")
    try:
        descriptor, probe = tempfile.mkstemp(prefix=".paceline-", suffix=".tmp", dir=target.parent)
        os.close(descriptor)
        os.unlink(probe)  # noqa: PTH108
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(None, "it is read-only")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def read_bounded(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file.

    Raises:
        FileNotFoundError: there is none.
        FileFormatError: it is no regular file, larger than ``most_bytes``, or cannot be read.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise FileFormatError(f"{path} is no regular file")
        if facts.st_size > most_bytes:
            raise FileFormatError(f"{path} has {facts.st_size:,} bytes; at most {most_bytes:,} are read")
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror or error}") from error


@contextlib.contextmanager
def locked(path: Path) -> Generator[None, None, None]:
    """Keep other processes from changing ``path`` meanwhile, by a lock file beside it.

    Raises:
        OutputError: another process held the lock for 30 s, or the lock file cannot be made.
    """
    from filelock import FileLock, Timeout

    lock_path = path.resolve().with_name(f".{path.name}.lock")
    try:
        with FileLock(lock_path, timeout=_LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise OutputError(
            f"cannot write {path}: another process has held {lock_path} for {_LOCK_TIMEOUT_S:g} s"
        ) from error
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
