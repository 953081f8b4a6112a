"""The journal: each result is on the disk before the next benchmark starts.

One JSON object a line, appended with one write and an fsync. A line that a crash tore is skipped with a
notice when the journal is read, and never joined to what is appended later.

The latest slice of a run that goes on for long stands in a file of its own beside it, replaced whole each
time: appended every ten seconds, the slices of a night would make gigabytes of which only the last counts. Of
several runs at once each has a file of its own.
"""

import contextlib
import fcntl
import glob
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from paceline.core.clock import Clock
from paceline.core.errors import FileFormatError, OutputError
from paceline.judge.result import TestResult, judge
from paceline.records.duet import DuetRecord
from paceline.records.merging import repeats_merged
from paceline.records.run_record import RunRecord
from paceline.store.codec import StoredResult, checked_record, decode, encode, result_of, result_to_plain
from paceline.store.duets import duet_of
from paceline.store.files import read_bounded, reason_of, sync_folder, write_all, write_atomically

JOURNAL_SCHEMA = "paceline/journal/1"
FOLDER = Path(".paceline")
BROKEN_OFF = "broken off between two runs"
# What a journal begins with, or, when a crash tore its first line, the other way round.
_BEGINNING = b'{"schema":"%b"' % JOURNAL_SCHEMA.encode()


@dataclass(frozen=True)
class _Line:
    schema: str
    command: str = ""
    result: StoredResult | None = None
    duet: object = None
    repeat: RunRecord | None = None


@dataclass(frozen=True)
class _Slice:
    schema: str
    partial: RunRecord


@dataclass(frozen=True)
class JournalContent:
    """What a journal holds.

    Attributes:
        command: what was being run.
        results: finished results, in order.
        unfinished: the latest slice of a run that never finished, judged as interrupted.
        repeats: finished runs of levels that had more to come, in order; ``results`` has each such level, too, with
            what was seen of it until then.
        notices: what could not be read, a sentence each.
        beside: the same of further runs that were made at the same time.
        duets: finished ones, in order.
    """

    command: str
    results: tuple[TestResult, ...]
    unfinished: TestResult | None
    notices: tuple[str, ...]
    beside: tuple[TestResult, ...] = ()
    duets: tuple[DuetRecord, ...] = ()
    repeats: tuple[RunRecord, ...] = ()


class Journal:
    """Appends to one journal file, which is made when it does not exist. Opening it again goes on with it.

    Args:
        path: the file; its folder must exist.
        command: what is being run, for whoever finds the journal.

    Raises:
        OutputError: the file cannot be opened for appending, holds something else, or another process is
            writing to it; it was left as it is.
    """

    def __init__(self, path: Path, command: str = "") -> None:
        self.path = path = Path(os.path.abspath(path))  # noqa: PTH100  # the operation may change the folder
        self._slices: dict[str, int] = {}  # by the name of the run: the number of its file
        try:
            self._descriptor = os.open(
                path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o666
            )
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot write the journal {path}: {reason_of(error)}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._torn = self._must_begin_anew()
            sync_folder(Path(os.path.realpath(path)).parent)
            # At each opening: the first may have been torn, and the file tells when it was gone on with.
            self._append(encode({"schema": JOURNAL_SCHEMA, "command": command}))
        except OutputError:
            self.close()
            raise
        except BlockingIOError as error:
            self.close()
            raise OutputError(f"cannot write the journal {path}: another process is writing to it") from error
        except OSError as error:
            self.close()
            raise OutputError(f"cannot write the journal {path}: {reason_of(error)}") from error

    def _must_begin_anew(self) -> bool:
        """Whether what is appended must begin with a line end, because what stands there has none."""
        facts = os.fstat(self._descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise OutputError(f"cannot write the journal {self.path}: it is no regular file")
        beginning = os.pread(self._descriptor, len(_BEGINNING), 0)
        if not _may_begin_a_journal(beginning):
            raise OutputError(
                f"cannot write the journal {self.path}: the file is no journal of {JOURNAL_SCHEMA!r}; "
                "it was left as it is"
            )
        if len(beginning) < len(_BEGINNING):  # torn before it said anything
            os.ftruncate(self._descriptor, 0)
            return False
        return os.pread(self._descriptor, 1, facts.st_size - 1) != b"\n"

    def add(self, result: TestResult) -> None:
        """Put a finished result on the disk.

        Raises:
            OutputError: that failed, for example because the disk is full.
        """
        self._append(encode({"schema": JOURNAL_SCHEMA, "result": result_to_plain(result)}))
        self._forget_slice(result.metrics.test_name)

    def add_duet(self, record: DuetRecord) -> None:
        """Put a finished duet on the disk.

        Raises:
            OutputError: that failed.
        """
        self._append(encode({"schema": JOURNAL_SCHEMA, "duet": record}))

    def add_repeat(self, record: RunRecord) -> None:
        """Put a finished repeat of a level on the disk, of which more are to come.

        Raises:
            OutputError: that failed.
        """
        self._append(encode({"schema": JOURNAL_SCHEMA, "repeat": record}))
        self._forget_slice(record.name)

    def _forget_slice(self, name: str) -> None:
        number = self._slices.pop(name, 0)
        if number not in self._slices.values():  # that of a run beside it stays
            self._remove_slice(number)

    def add_partial(self, record: RunRecord) -> None:
        """Put what was seen so far of a long run on the disk, in the place of what was seen before.

        Raises:
            OutputError: that failed; the slice before is kept.
        """
        taken = self._slices.values()
        number = self._slices.get(record.name, next(each for each in count() if each not in taken))
        self._slices[record.name] = number
        write_atomically(_slice_path(self.path, number), encode({"schema": JOURNAL_SCHEMA, "partial": record}) + b"\n")

    def _append(self, line: bytes) -> None:
        whole = (b"\n" if self._torn else b"") + line + b"\n"
        # Until it is known to be whole: the disk may be full, or an interrupt may come in between.
        self._torn = True
        try:
            write_all(self._descriptor, whole)
            os.fsync(self._descriptor)
        except OSError as error:
            raise OutputError(
                f"cannot write the journal {self.path}: {reason_of(error)}; the results before are safe in it"
            ) from error
        self._torn = False

    def _remove_slice(self, number: int = 0) -> None:
        path = _slice_path(self.path, number)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108  # call by call, as in files.py
        except OSError as error:
            raise OutputError(f"cannot remove {path}: {reason_of(error)}") from error

    def close(self, *, remove: bool = False) -> None:
        """Close the file; ``remove`` it after a clean end, when the results are elsewhere."""
        descriptor, self._descriptor = self._descriptor, -1  # its number may soon be another file's
        if descriptor >= 0:
            os.close(descriptor)
        if remove:
            for number in {0, *self._slices.values()}:
                self._remove_slice(number)
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()


def new_journal(clock: Clock, command: str, folder: Path = FOLDER) -> Journal:
    """A journal with a name of its own in ``folder``, which is made and ignores itself in git.

    Raises:
        OutputError: the folder or file cannot be made.
    """
    make_folder(folder, "the journal")
    stamp = clock.utc_now().strftime("%Y%m%dT%H%M%S.%f")
    return Journal(folder / f"journal-{stamp}-{os.getpid()}.jsonl", command)


def make_folder(folder: Path, purpose: str) -> None:
    """Make ``folder``, which ignores itself in git; ``purpose`` says in the error what it is wanted for.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        if not (folder / ".gitignore").exists():
            write_atomically(folder / ".gitignore", b"*\n")
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot make the folder {folder} for {purpose}: {reason_of(error)}") from error


def newest_journal(command: str, folder: Path = FOLDER) -> tuple[Path, JournalContent] | None:
    """The newest readable journal of ``command`` in ``folder`` that no process is still writing to."""
    for path in sorted(folder.glob("journal-*.jsonl"), reverse=True):
        if _in_use(path):
            continue
        with contextlib.suppress(FileNotFoundError, FileFormatError):  # gone, or nothing to go on from
            content = read_journal(path)
            if content.command == command:
                return path, content
    return None


def _in_use(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False  # gone, or not to be read: whoever reads it says so
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_journal(path: Path) -> bool:
    """Whether ``path`` begins as a journal does.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: it is no regular file, or cannot be read.
    """
    return _may_begin_a_journal(read_bounded(path)[: len(_BEGINNING)])


def read_journal(path: Path) -> JournalContent:
    """All that a journal holds.

    Raises:
        FileNotFoundError: there is none.
        FileFormatError: it is no journal, or nothing in it can be read.
    """
    commands: list[str] = []
    results: list[TestResult] = []
    duets: list[DuetRecord] = []
    repeats: dict[str, list[RunRecord]] = {}  # of levels that were not finished, by name
    untold: list[str] = []  # those that went on after what the last result says of them, if there is one
    notices: list[str] = []
    data = read_bounded(path)
    _check_beginning(data, path)
    for number, text in enumerate(data.split(b"\n"), start=1):
        if not text.strip():
            continue
        place = f"{path}, line {number}"
        try:
            line = _decode_line(text, place)
            if line.result is not None:
                results.append(result := result_of(line.result, place))
                untold = [name for name in untold if name != result.record.name]
                if result.record.circumstances.interruption is None:
                    repeats.pop(result.record.name, None)
            elif line.duet is not None:
                duets.append(duet_of(line.duet, place))
            elif line.repeat is not None:
                record = checked_record(line.repeat, place)
                repeats.setdefault(record.name, []).append(record)
                untold = [*(name for name in untold if name != record.name), record.name]
            else:
                commands.append(line.command)
        except FileFormatError as error:
            notices.append(f"skipped a line that cannot be read, as a crash leaves it: {error}")
    if not commands and not results and not duets and not repeats:
        raise FileFormatError(f"{path}: no line of it was written to its end; no result was finished")
    unfinished = _left_open(path, results, repeats, untold, notices)
    return JournalContent(
        command=commands[0] if commands else "",
        results=tuple(results),
        unfinished=unfinished[0] if unfinished else None,
        notices=tuple(notices),
        beside=tuple(unfinished[1:]),
        duets=tuple(duets),
        repeats=tuple(chain.from_iterable(repeats.values())),
    )


def _left_open(
    path: Path,
    results: list[TestResult],
    repeats: Mapping[str, list[RunRecord]],
    untold: Iterable[str],
    notices: list[str],
) -> list[TestResult]:
    """Runs that were under way, judged; what there is of levels that were begun is added to ``results``."""
    known = [*(each.record for each in results), *chain.from_iterable(repeats.values())]
    slices = [_slice_path(path), *sorted(path.parent.glob(f"{glob.escape(path.name)}.*.slice"))]
    found = [(place, _slice(place, known, notices)) for place in slices]
    begun = {name: [*repeats[name]] for name in untold if name in repeats}
    unfinished = []
    for place, piece in found:
        if piece is not None and piece.name in begun:
            begun[piece.name].append(piece)
        elif piece is not None and (result := _judged(piece, place, notices)) is not None:
            unfinished.append(result)
    merged = (repeats_merged(every, BROKEN_OFF) for every in begun.values())
    results += [each for record in merged if (each := _judged(record, path, notices)) is not None]
    return unfinished


def _check_beginning(data: bytes, path: Path) -> None:
    if _may_begin_a_journal(data[: len(_BEGINNING)]):
        return
    expected = f"expected a journal ({JOURNAL_SCHEMA!r}), one JSON object a line"
    _decode_line(data.split(b"\n", 1)[0], f"{path} is no journal; {expected}; line 1")
    raise FileFormatError(f"{path} is no journal; {expected} that begins with {_BEGINNING.decode()}")


def _may_begin_a_journal(beginning: bytes) -> bool:
    return _BEGINNING.startswith(beginning)  # all of it, a torn part, or nothing


def _decode_line(text: bytes, place: str) -> _Line:
    line = decode(text, _Line, place)
    if line.schema != JOURNAL_SCHEMA:
        raise FileFormatError(f"{place}: schema is {line.schema!r}, expected {JOURNAL_SCHEMA!r}")
    return line


def _slice_path(path: Path, number: int = 0) -> Path:
    return path.with_name(f"{path.name}.{number}.slice" if number else f"{path.name}.slice")


def _slice(place: Path, known: Iterable[RunRecord], notices: list[str]) -> RunRecord | None:
    """What was seen of a run that was under way."""
    try:
        piece = decode(read_bounded(place), _Slice, str(place))
        if piece.schema != JOURNAL_SCHEMA:
            raise FileFormatError(f"{place}: schema is {piece.schema!r}, expected {JOURNAL_SCHEMA!r}")
        record = checked_record(piece.partial, str(place))
    except FileNotFoundError:
        return None
    except FileFormatError as error:
        notices.append(f"skipped the slice of an unfinished run: {error}")
        return None
    # Left behind when the process died after the run's result was added and before its slice was removed.
    left = any((each.name, each.started_at) == (record.name, record.started_at) for each in known)
    return None if left else record


def _judged(record: RunRecord, place: Path, notices: list[str]) -> TestResult | None:
    """The one place where a stored record is judged anew: judging expects what runs leave, a file holds anything."""
    try:
        return judge(record)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        notices.append(f"skipped the slice of an unfinished run: {place} contradicts itself: {error}")
    return None
