"""Saved sessions: ``.benchmarks/MACHINE/0001_NAME.json``, as pytest-benchmark lays them out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paceline.core.errors import ConfigurationError, FileFormatError, OutputError
from paceline.store.codec import decode
from paceline.store.files import read_bounded, write_atomically

_NUMBERED = re.compile(r"(\d{4,})_")
_MOST_PARTS = 2


@dataclass(frozen=True)
class _Benchmark:
    fullname: str
    name: str
    stats: Mapping[str, Any]
    group: str | None = None
    param: str | None = None
    params: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Saved:
    """A saved session.

    Attributes:
        benchmarks: as they stand in the file.
        machine_info: likewise.
    """

    benchmarks: tuple[_Benchmark, ...]
    machine_info: Mapping[str, Any] = field(default_factory=dict)


class Storage:
    """A folder of saved sessions.

    Args:
        uri: ``file://PATH``, or a path.
        folder: that paths start from.
        machine: name of this machine's folder.

    Raises:
        ConfigurationError: it is no folder of files.
    """

    def __init__(self, uri: str, folder: Path, machine: str) -> None:
        if "://" in uri and not uri.startswith("file://"):
            raise ConfigurationError(
                f"--benchmark-storage: {uri.partition('://')[0]} is not to be had here: name a folder, such as "
                "file://./.benchmarks, or keep sessions in a database with 'paceline history import'"
            )
        self.path = (folder / uri.removeprefix("file://")).resolve()
        self._machine = machine

    def save(self, data: bytes, name: str) -> Path:
        """Write a session under the next number.

        Raises:
            OutputError: the file cannot be written.
        """
        folder = self.path / self._machine
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the folder {folder}: {error.strerror or error}") from error
        numbers = [int(found[1]) for file in self._files("*") if (found := _NUMBERED.match(file.name))]
        path = folder / f"{max(numbers, default=0) + 1:04}_{name}.json"
        write_atomically(path, data)
        return path

    def found(self, wanted: str) -> list[Path]:
        """The files of ``wanted``: a number, a path, a pattern ``[MACHINE/]NAME``; empty: the latest file."""
        if not wanted:
            return self._files("[0-9][0-9][0-9][0-9]_*")[-1:]
        try:
            if Path(wanted).is_file():
                return [Path(wanted)]
            return self._files(wanted)
        except (OSError, ValueError, NotImplementedError):  # no path, no pattern
            return []

    def load(self, path: Path) -> Saved:
        """The session in ``path``.

        Raises:
            FileFormatError: it is none; the message names file, place and what was expected.
        """
        try:
            return decode(read_bounded(path), Saved, str(path))
        except FileNotFoundError as error:
            raise FileFormatError(f"there is no file {path}") from error

    def short(self, path: Path) -> str:
        """A file's name for tables: without this machine's folder and its ending."""
        try:
            inside = path.resolve().relative_to(self.path)
        except ValueError:
            inside = path
        parts = inside.parts[1:] if inside.parts[:1] == (self._machine,) else inside.parts
        return "/".join(parts).removesuffix(".json")

    def _files(self, pattern: str) -> list[Path]:
        parts = Path(pattern).parts
        if len(parts) > _MOST_PARTS:
            return []
        machine, name = parts if len(parts) == _MOST_PARTS else (self._machine, *parts)
        files = {*self.path.glob(f"{machine}/{name.rstrip('*')}*.json"), *self.path.glob(f"{name.rstrip('*')}*.json")}
        return sorted(files, key=lambda file: (file.name, str(file.parent)))
