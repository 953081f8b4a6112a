"""The options ``--perf-*``: what can be said on pytest's command line, and whether it can be meant."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

XDIST = ("refuse", "mark")
_FILES = {
    "json": "Write all results to FILE.",
    "html": "Write the report to FILE as a page for browsers.",
    "junit": "Write all results to FILE as JUnit XML.",
    "baseline": "Compare with the sessions stored in FILE.",
    "save_baseline": "Add this session to FILE.",
}
_FLAGS = {
    "only": "Run only tests that measure.",
    "skip": "Skip tests that measure.",
    "disable": "Call each operation once and measure nothing.",
    "quick": "At most 10 calls, one of warm-up, and a second of load: does it work at all?",
    "strict": "A warning or an inconclusive comparison is exit code 6.",
    "resume": "Go on where a session was cut off: measure only what is missing.",
}


@dataclass(frozen=True)
class PerfOptions:
    """The options by their names without ``--perf-``; paths are absolute, for tests may change the folder."""

    json: Path | None = None
    html: Path | None = None
    junit: Path | None = None
    baseline: Path | None = None
    save_baseline: Path | None = None
    only: bool = False
    skip: bool = False
    disable: bool = False
    quick: bool = False
    strict: bool = False
    resume: bool = False
    xdist: str | None = None


def add_options(parser: pytest.Parser) -> None:
    """Make the options known to pytest."""
    group = parser.getgroup("paceline", "performance tests (paceline)")
    for name, text in _FILES.items():
        group.addoption(_told(name), metavar="FILE", help=text)
    for name, text in _FLAGS.items():
        group.addoption(_told(name), action="store_true", help=text)
    group.addoption(
        "--perf-xdist",
        choices=XDIST,
        help="Measuring beside other workers of pytest-xdist: refuse (the default), or mark what was measured invalid.",
    )


def options_of(config: pytest.Config) -> PerfOptions:
    """The options that were given.

    Raises:
        pytest.UsageError: two of them contradict each other.
    """
    folder = config.invocation_params.dir
    given: dict[str, Any] = {name: config.getoption(f"perf_{name}") for name in (*_FILES, *_FLAGS, "xdist")}
    options = PerfOptions(
        **{name: _path(folder, name, given[name]) for name in _FILES},
        **{name: given[name] for name in _FLAGS},
        xdist=given["xdist"],
    )
    for one, other, why in (
        ("only", "skip", "together they leave no test"),
        ("disable", "save_baseline", "nothing is measured that could be saved"),
        ("disable", "baseline", "nothing is measured that could be compared"),
        ("disable", "json", "nothing is measured that could be written"),
        ("disable", "html", "nothing is measured that could be written"),
        ("disable", "junit", "nothing is measured that could be written"),
        ("disable", "resume", "nothing is measured"),
        ("quick", "save_baseline", "a few calls are no reference for later sessions"),
    ):
        if getattr(options, one) and getattr(options, other):
            raise pytest.UsageError(f"{_told(one)} and {_told(other)} exclude each other: {why}")
    written: dict[Path, str] = {}
    for name in ("json", "html", "junit", "save_baseline"):
        path = getattr(options, name)
        if path is not None and path in written:
            raise pytest.UsageError(
                f"{_told(written[path])} and {_told(name)} both name {path}: give each its own file"
            )
        written[path] = name
    return options


def _told(name: str) -> str:
    return f"--perf-{name.replace('_', '-')}"


def _path(folder: Path, name: str, text: str | None) -> Any:  # noqa: ANN401  # a Path or None, among flags
    if text is None:
        return None
    if not text or "\0" in text:
        raise pytest.UsageError(f"{_told(name)}: {text!r} is no path of a file")
    return Path(os.path.abspath(folder / text))  # noqa: PTH100  # links are followed when the file is written
