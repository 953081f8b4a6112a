"""The tests that ``paceline duet REVISION -- TESTS`` walks: which files they are, and what pytest is told."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paceline.campaign.lockstep.process import Guest
from paceline.core.errors import ConfigurationError
from paceline.core.redaction import redact

_SERVE = "paceline.pytest_plugin.lockstep:serve"
# Of the folders around the tests: what pytest reads there belongs to them. Tests that lie within the package they are
# about, as in shop/tests, have its __init__.py around them, too: that is code under test, and each side has its own.
_CONFTEST, _PACKAGE = "conftest.py", "__init__.py"
_OF_TESTS = re.compile(r"(?:^|_)(?:tests?|testing|testsuites?|bench|benchmarks?|perf|performance)(?:_|$)")


@dataclass(frozen=True)
class Suite:
    """Arguments for pytest.

    Attributes:
        words: as they were given.

    Raises:
        ConfigurationError: no test file or folder is among them.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self._paths:
            raise ConfigurationError(
                f"{self.text!r} names no tests that are there: after the revision come '--', files or folders, and "
                "pytest's options, as in: paceline duet main -- tests/perf -k orders"
            )

    @property
    def text(self) -> str:
        """For files and people."""
        return redact(shlex.join(self.words))

    @property
    def guest(self) -> Guest:
        """What walks them. Paths are relative: each side has its own."""
        return Guest(_SERVE, tuple(_relative(word) for word in self.words))

    @property
    def _paths(self) -> tuple[Path, ...]:
        paths = [Path(word.partition("::")[0]) for word in self.words if not word.startswith("-")]
        return tuple(path for path in paths if path.exists())

    def files(self, here: Path) -> tuple[Path, ...]:
        """Files and folders that both sides take from the candidate; those that pytest reads around them, too."""
        around = {
            file
            for path in self._paths
            for folder, is_of_tests in _within((here / path).resolve())
            for file in (folder / _CONFTEST, *([folder / _PACKAGE] if is_of_tests else []))
            if file.is_file()
        }
        return (*self._paths, *sorted(around))


def _within(path: Path) -> Iterator[tuple[Path, bool]]:
    """The folders around ``path``, as far as its repository goes, and whether they are named like folders of tests."""
    around = list(path.parents)
    root = next((place for place, folder in enumerate(around) if (folder / ".git").exists()), len(around) - 1)
    is_of_tests = False
    for folder in reversed(around[:root]):
        is_of_tests = is_of_tests or _OF_TESTS.search(folder.name) is not None
        yield folder, is_of_tests
    yield around[root], False


def _relative(word: str) -> str:
    if not Path(word.partition("::")[0]).is_absolute():
        return word
    return os.path.relpath(word)
