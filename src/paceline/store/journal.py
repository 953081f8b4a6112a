"""The journal: each result is on the disk before the next benchmark starts.

One JSON object a line, appended with one write and an fsync. A line that a crash tore is skipped with a
notice when the journal is read, and never joined to what is appended later.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paceline.core.clock import Clock
from paceline.core.errors import FileFormatError, OutputError
from paceline.judge.result import TestResult, judge
from paceline.records.run_record import RunRecord
from paceline.store.codec import StoredResult, decode, encode, result_of, result_to_plain
from paceline.store.files import read_bounded, sync_folder, write_all

JOURNAL_SCHEMA = "paceline/journal/1"
FOLDER = Path(".paceline")


@dataclass(frozen=True)
class _Line:
    schema: str
    command: str = ""
    result: StoredResult | None = None
    partial: RunRecord | None = None


@dataclass(frozen=True)
class JournalContent:
    """What a journal holds.

    Attributes:
        command: what was being run.
        results: finished results, in order.
        unfinished: the latest slice of a run that never finished, judged as interrupted.
        notices: lines that could not be read, a sentence each.
    """

    command: str
    results: tuple[TestResult, ...]
    unfinished: TestResult | None
    notices: tuple[str, ...]


class Journal:
    """Appends to one journal file, which is made when it does not exist.

    Args:
        path: the file; its folder must exist.
        command: what is being run, for whoever finds the journal.

    Raises:
        OutputError: the file cannot be opened for appending.
    """

    def __init__(self, path: Path, command: str = "") -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            size = os.fstat(self._descriptor).st_size
            # A torn last line must not swallow the first new one.
            torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
            sync_folder(path.resolve().parent)
        except OSError as error:
            raise OutputError(f"cannot write the journal {path}: {error.strerror or error}") from error
        if torn:
            self._append(b"\n")
        if size == 0:
            self._append(encode({"schema": JOURNAL_SCHEMA, "command": command}) + b"\n")

    def add(self, result: TestResult) -> None:
        """Put a finished result on the disk.

        Raises:
            OutputError: that failed, for example because the disk is full.
        """
        self._append(encode({"schema": JOURNAL_SCHEMA, "result": result_to_plain(result)}) + b"\n")

    def add_partial(self, record: RunRecord) -> None:
        """Put what was seen so far of a long run on the disk.

        Raises:
            OutputError: that failed.
        """
        self._append(encode({"schema": JOURNAL_SCHEMA, "partial": record}) + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            write_all(self._descriptor, line)
            os.fsync(self._descriptor)
        except OSError as error:
            raise OutputError(
                f"cannot write the journal {self.path}: {error.strerror or error}; the results before are safe in it"
            ) from error

    def close(self, *, remove: bool = False) -> None:
        """Close the file; ``remove`` it after a clean end, when the results are elsewhere."""
        os.close(self._descriptor)
        if remove:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()


def new_journal(clock: Clock, command: str, folder: Path = FOLDER) -> Journal:
    """A journal with a name of its own in ``folder``, which is made and ignores itself in git.

    Raises:
        OutputError: the folder or file cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder} for the journal: {error.strerror or error}") from error
    stamp = clock.utc_now().strftime("%Y%m%dT%H%M%S.%f")
    return Journal(folder / f"journal-{stamp}-{os.getpid()}.jsonl", command)


def newest_journal(command: str, folder: Path = FOLDER) -> tuple[Path, JournalContent] | None:
    """The newest readable journal of ``command`` in ``folder``, if a run of it was broken off."""
    for path in sorted(folder.glob("journal-*.jsonl"), reverse=True):
        with contextlib.suppress(FileNotFoundError, FileFormatError):  # gone, or nothing to go on from
            content = read_journal(path)
            if content.command == command:
                return path, content
    return None


def read_journal(path: Path) -> JournalContent:
    """All that a journal holds.

    Raises:
        FileNotFoundError: there is none.
        FileFormatError: it is no journal.
    """
    lines, notices = [], []
    for number, text in enumerate(read_bounded(path).split(b"\n"), start=1):
        if not text.strip():
            continue
        try:
            line = decode(text, _Line, f"{path}, line {number}")
            if line.schema != JOURNAL_SCHEMA:
                raise FileFormatError(f"{path}, line {number}: schema is {line.schema!r}, expected {JOURNAL_SCHEMA!r}")
            lines.append(line)
        except FileFormatError as error:
            if not lines:
                raise FileFormatError(f"{path} is no journal: {error}") from error
            notices.append(f"skipped a line that was not written to its end: {error}")
    if not lines:
        raise FileFormatError(f"{path} is empty: no result was finished")
    return JournalContent(
        command=lines[0].command,
        results=tuple(result_of(line.result) for line in lines if line.result is not None),
        unfinished=_unfinished(lines),
        notices=tuple(notices),
    )


def _unfinished(lines: Sequence[_Line]) -> TestResult | None:
    last = next((line for line in reversed(lines) if line.result is not None or line.partial is not None), None)
    return judge(last.partial) if last is not None and last.partial is not None else None
