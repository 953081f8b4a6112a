"""The table ``[tool.paceline]`` of ``pyproject.toml``: what holds for the whole suite, checked before a test runs."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from paceline.pytest_plugin.options import XDIST

if TYPE_CHECKING:
    from paceline.judge.thresholds import PerformanceThreshold

_FILE = "pyproject.toml"
_TABLE = "[tool.paceline]"


@dataclass(frozen=True)
class Settings:
    """What the table says; without one, the defaults.

    Attributes:
        source: the file, for messages.
        baseline: as ``--perf-baseline``; absolute.
        history: address of a run history that every session is added to.
        strict: as ``--perf-strict``.
        xdist: as ``--perf-xdist``.
        iterations, warmup_iterations, runs: where neither call nor marker says so.
        budget_s: seconds of measuring, after which tests are skipped.
        thresholds: limits by pattern of node ids, as they were written.
        margins: changes by pattern of node ids, as shares, below which a regression does not fail a test.
    """

    source: str = _FILE
    baseline: Path | None = None
    history: str | None = None
    strict: bool = False
    xdist: str = XDIST[0]
    iterations: int | None = None
    warmup_iterations: int | None = None
    runs: int | None = None
    budget_s: float | None = None
    thresholds: Mapping[str, object] = field(default_factory=dict)
    margins: Mapping[str, float] = field(default_factory=dict)

    def threshold_of(self, nodeid: str) -> "PerformanceThreshold | None":
        """All limits whose pattern fits ``nodeid``, together; None where there are none.

        Raises:
            pytest.UsageError: one is wrong; the message names the file and the place.
        """
        fitting = [self._threshold(pattern) for pattern in self.thresholds if fnmatchcase(nodeid, pattern)]
        if not fitting:
            return None
        from paceline.pytest_plugin.thresholds import together

        return together(fitting)

    def check_thresholds(self) -> None:
        """Read all limits, whether or not a test has them.

        Raises:
            pytest.UsageError: one is wrong.
        """
        for pattern in self.thresholds:
            self._threshold(pattern)

    def margin_of(self, nodeid: str) -> float | None:
        """The largest margin whose pattern fits ``nodeid``; None where there is none."""
        return max((share for pattern, share in self.margins.items() if fnmatchcase(nodeid, pattern)), default=None)

    def _threshold(self, pattern: str) -> "PerformanceThreshold":
        from paceline.core.errors import ConfigurationError
        from paceline.pytest_plugin.thresholds import threshold_from

        try:
            return threshold_from(self.thresholds[pattern])
        except ConfigurationError as error:
            raise pytest.UsageError(f"{self.source}: {_TABLE} thresholds.{pattern!r}: {error}") from error


def read_settings(folder: Path) -> Settings:
    """The settings in ``folder``'s ``pyproject.toml``; the defaults where it has none.

    Raises:
        pytest.UsageError: a key is unknown or a value is wrong; the message names the file and the key.
    """
    path = folder / _FILE
    try:
        data = path.read_bytes()
    except OSError:  # none, or one that pytest has not read either
        return Settings()
    if b"paceline" not in data:  # reading TOML takes longer than all the rest of the plugin's start
        return Settings()
    import tomllib

    try:
        tool = tomllib.loads(data.decode()).get("tool", {})
    except ValueError as error:
        raise pytest.UsageError(f"{path}: it is no TOML: {error}") from error
    table = tool.get("paceline", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise pytest.UsageError(f"{path}: tool.paceline is a table, not {table!r:.100}")
    return _settings(path, table)


def _settings(path: Path, table: Mapping[str, object]) -> Settings:
    given: dict[str, Any] = {"source": str(path)}
    for key, value in table.items():
        if key not in _READERS:
            from difflib import get_close_matches

            close = get_close_matches(key, _READERS, n=1)
            meant = f": did you mean {close[0]!r}?" if close else f"; known are {', '.join(_READERS)}"
            raise pytest.UsageError(f"{path}: {_TABLE} has an unknown key {key!r}{meant}")
        name, read = _READERS[key]
        try:
            given[name] = read(value)
        except (TypeError, ValueError) as error:
            raise pytest.UsageError(f"{path}: {_TABLE} {key}: {error}") from error
    # Relative to the file that says so, wherever pytest was started.
    if "baseline" in given:
        given["baseline"] = Path(os.path.abspath(path.parent / given["baseline"]))  # noqa: PTH100  # links are followed when read
    if "://" not in given.get("history", "://"):
        given["history"] = os.path.abspath(path.parent / given["history"])  # noqa: PTH100  # likewise
    return Settings(**given)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"it must be a text that is not empty, not {value!r:.100}")
    return value


def _path(value: object) -> Path:
    return Path(_text(value))


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"it must be true or false, not {value!r:.100}")
    return value


def _choice(value: object) -> str:
    if value not in XDIST:
        raise ValueError(f"it must be one of {', '.join(map(repr, XDIST))}, not {value!r:.100}")
    return str(value)


def _count(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"it must be a whole number of at least {least}, not {value!r:.100}")
        return value

    return read


def _seconds(value: object) -> float:
    from paceline.core.units import parse_duration_s

    seconds = parse_duration_s(_text(value))
    if seconds <= 0:
        raise ValueError(f"{value!r} must be longer than nothing")
    return seconds


def _by_pattern(read: Callable[[object], Any]) -> Callable[[object], Mapping[str, Any]]:
    def read_all(value: object) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise TypeError(f'it is a table of patterns, such as "tests/perf/*" = ..., not {value!r:.100}')
        known: dict[str, Any] = {}
        for pattern, item in value.items():
            try:
                known[pattern] = read(item)
            except (TypeError, ValueError) as error:
                raise ValueError(f"{pattern!r}: {error}") from error
        return known

    return read_all


def _limits(value: object) -> object:
    if isinstance(value, dict | list | str):
        return value
    raise TypeError(f'limits are a list such as ["p(95)<100ms"], or a table {{ max_p95_ms = 100 }}, not {value!r:.100}')


def _share(value: object) -> float:
    text = _text(value).strip()
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not text.endswith("%") or not 0 < share < 1:
        raise ValueError(f"a margin is a text such as '10%', above 0 and below 100 %, not {value!r:.100}")
    return share


_READERS: Mapping[str, tuple[str, Callable[[object], Any]]] = {
    "baseline": ("baseline", _path),
    "history": ("history", _text),
    "strict": ("strict", _flag),
    "xdist": ("xdist", _choice),
    "iterations": ("iterations", _count(1)),
    "warmup_iterations": ("warmup_iterations", _count(0)),
    "runs": ("runs", _count(1)),
    "budget": ("budget_s", _seconds),
    "thresholds": ("thresholds", _by_pattern(_limits)),
    "margins": ("margins", _by_pattern(_share)),
}
