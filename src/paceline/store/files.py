"""Files that are whole or not there: atomic replacement and bounded reads.

Writing goes through ``os`` call by call, so that a test can end the process between any two of them.
"""

import contextlib
import errno
import os
import re
import shlex
import stat
from pathlib import Path
from uuid import uuid4

from paceline.core.errors import ConfigurationError, FileFormatError, OutputError

MOST_BYTES = 512 * 1024 * 1024
# Paths that mean a descriptor this process has open already. Opening them anew would begin at offset 0 of a
# redirected file, fail on sockets, and replacing them would put a new file where the shell's redirection is.
_OWN_DESCRIPTOR = re.compile(r"/dev/(?P<name>stdout|stderr)|(?:/dev/fd|/proc/self/fd)/(?P<number>[0-9]{1,6})")
_NUMBERS = {"stdout": 1, "stderr": 2}
# Some network file systems cannot sync a folder, and a folder may be writable but not readable: there the
# operating system leaves nothing more to be done. Any other failure (EIO above all) is reported.
_CANNOT_SYNC_FOLDERS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES})


def checked_path(name: str, path: object) -> Path:
    """``path`` as a :class:`Path`.

    Raises:
        ConfigurationError: it is none; the message names ``name``.
    """
    try:
        checked = Path(path)  # type: ignore[arg-type]  # it says so itself
    except TypeError as error:
        raise ConfigurationError(f"{name} must be a path, not {path!r}") from error
    if not str(path) or "\0" in str(checked):
        raise ConfigurationError(f"{name} must be the path of a file, not {path!r}")
    return checked


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``: readers and crashes see the old file or the new one, never a part.

    The data are on the disk when the call returns. A symbolic link is followed; the permissions of a file
    that is replaced are kept, and one that is read-only is not replaced. What is no regular file, such as
    ``/dev/stdout`` or a pipe, is written to directly.

    Raises:
        OutputError: the file cannot be written; what stood there still does.
    """
    try:
        if _is_stream(path):
            _write_into(path, data)
            return
        target = Path(os.path.realpath(path))
        _replace(target, data)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL or a lone surrogate in it
        raise OutputError(f"cannot write {path}: {reason_of(error)}; what stood there is unchanged") from error
    try:
        sync_folder(target.parent)
    except OSError as error:
        raise OutputError(
            f"{path} was written, but a power cut may undo it: its folder cannot be synced ({reason_of(error)})"
        ) from error


def _replace(target: Path, data: bytes) -> None:
    kept_mode = _mode_of_replaceable(target)
    descriptor, temporary = _new_file_beside(target, 0o666 if kept_mode is None else 0o600)
    try:
        try:
            if kept_mode is not None and kept_mode != stat.S_IMODE(os.fstat(descriptor).st_mode):
                os.fchmod(descriptor, kept_mode)
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)  # noqa: PTH105  # call by call, see above
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108
        raise


def _new_file_beside(target: Path, mode: int) -> tuple[int, Path]:
    """A new file on the same file system; ``mode`` is subject to the umask, as for any file a user makes."""
    # The target's own name is not part of it: it may be as long as names can be.
    path = target.with_name(f".paceline-{uuid4().hex}.tmp")
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), path


def write_all(descriptor: int, data: bytes) -> None:
    """``os.write`` until everything is written: it may take only a part."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def sync_folder(folder: Path) -> None:
    """Make a rename or a new file in ``folder`` survive a power cut, where the file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS:
            raise


def reason_of(error: OSError | ValueError) -> str:
    """What went wrong, without number and path, which the message around it names already."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _own_descriptor(path: Path) -> int | None:
    match = _OWN_DESCRIPTOR.fullmatch(os.path.abspath(path))  # noqa: PTH100  # Path.absolute keeps '..'
    if match is None:
        return None
    return _NUMBERS[match["name"]] if match["name"] else int(match["number"])


def _is_stream(path: Path) -> bool:
    if _own_descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:  # also a link to a file that is still to be made
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _write_into(path: Path, data: bytes) -> None:
    own = _own_descriptor(path)
    if own is not None:
        write_all(own, data)
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _mode_of_replaceable(target: Path) -> int | None:
    """The permissions of ``target``, None when it is still to be made; an OSError when it must not be replaced."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        if not target.parent.is_dir():
            remedy = f"make it: mkdir -p {shlex.quote(str(target.parent))}"
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {target.parent}; {remedy}") from None
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it")
    # A rename asks for no permission on the file; whoever made a file read-only wants it kept.
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "it is read-only")
    return stat.S_IMODE(mode)


def check_writable(path: Path) -> None:
    """Find out now, not after a long measurement, whether ``path`` can be written; nothing there is changed.

    Raises:
        OutputError: its folder is missing or read-only, or it is read-only or a folder itself.
    """
    try:
        own = _own_descriptor(path)
        if own is not None:
            os.fstat(own)
        elif _is_stream(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, "it is read-only")
        else:
            target = Path(os.path.realpath(path))
            _mode_of_replaceable(target)
            descriptor, probe = _new_file_beside(target, 0o600)
            os.close(descriptor)
            os.unlink(probe)  # noqa: PTH108
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {path}: {reason_of(error)}") from error


def read_bounded(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file.

    Raises:
        FileNotFoundError: there is none.
        FileFormatError: it is no regular file, larger than ``most_bytes``, or cannot be read.
    """
    try:
        # Without waiting for somebody to write into it, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise FileFormatError(f"{path} is no regular file")
            if facts.st_size > most_bytes:
                raise FileFormatError(f"{path} has {facts.st_size:,} bytes; at most {most_bytes:,} are read")
            with open(descriptor, "rb", closefd=False) as stream:
                # No more than was there at first, in case somebody is appending.
                return stream.read(facts.st_size)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, FileFormatError):
        raise
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path} cannot be read: {reason_of(error)}") from error
