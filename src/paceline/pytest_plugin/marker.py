"""The marker ``perf``: what a test says about its measuring, checked when it is collected."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from paceline.judge.thresholds import PerformanceThreshold

MARKER = "perf"
DESCRIPTION = (
    "perf(threshold=None, iterations=None, warmup_iterations=None, runs=None, group=None): "
    "how the fixture 'perf' measures this test, and what it is held against"
)


@dataclass(frozen=True)
class Marked:
    """What the markers of a test say; of several the one nearest to the test.

    Attributes:
        threshold: limits, as they were written.
        iterations, warmup_iterations, runs: as in ``run_benchmark``.
        group: for the report's metadata.
    """

    threshold: object = None
    iterations: int | None = None
    warmup_iterations: int | None = None
    runs: int | None = None
    group: str | None = None

    def read_threshold(self) -> "PerformanceThreshold | None":
        """The limits.

        Raises:
            ConfigurationError: they are none.
        """
        if self.threshold is None:
            return None
        from paceline.pytest_plugin.thresholds import threshold_from

        return threshold_from(self.threshold)


_KNOWN = tuple(each.name for each in fields(Marked))
_LEAST = {"iterations": 1, "warmup_iterations": 0, "runs": 1}


def marked(item: pytest.Item) -> Marked | None:
    """What the markers of ``item`` say; None where it has none.

    Raises:
        pytest.UsageError: one says what is not known, or cannot be; the message names the test.
    """
    found = list(item.iter_markers(MARKER))
    if not found:
        return None
    said: dict[str, Any] = {}
    for marker in reversed(found):  # the nearest comes first
        if marker.args:
            raise pytest.UsageError(f"{item.nodeid}: the marker perf takes names, as in perf(iterations=50)")
        said |= marker.kwargs
    _check(item, said)
    return Marked(**said)


def _check(item: pytest.Item, said: Mapping[str, object]) -> None:
    for name, value in said.items():
        if name not in _KNOWN:
            from difflib import get_close_matches

            close = get_close_matches(name, _KNOWN, n=1)
            meant = f": did you mean {close[0]!r}?" if close else f"; known are {', '.join(_KNOWN)}"
            raise pytest.UsageError(f"{item.nodeid}: the marker perf has no argument {name!r}{meant}")
        if value is None:
            continue
        least = _LEAST.get(name)
        if least is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise pytest.UsageError(
                f"{item.nodeid}: {name} in the marker perf must be a whole number of at least {least}, not {value!r}"
            )
        if name == "group" and not isinstance(value, str):
            raise pytest.UsageError(f"{item.nodeid}: group in the marker perf must be a text, not {value!r}")
    if said.get("threshold") is not None:
        from paceline.core.errors import ConfigurationError

        try:
            Marked(threshold=said["threshold"]).read_threshold()
        except ConfigurationError as error:
            raise pytest.UsageError(f"{item.nodeid}: threshold in the marker perf: {error}") from error
