"""How the values of ``--benchmark-*`` are read: in pytest-benchmark's forms, before any test is collected."""

import argparse
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

FIGURES = ("min", "max", "mean", "stddev", "median", "iqr")
PERCENTILES = ("p90", "p95", "p99")  # pytest-benchmark has none
COLUMNS = (*FIGURES, *PERCENTILES, "outliers", "ops", "rounds", "iterations")
DEFAULT_COLUMNS = tuple(column for column in COLUMNS if column not in PERCENTILES)
SORTS = ("min", "max", "mean", "stddev", "median", "name", "fullname")
NAMES = ("short", "normal", "long", "trial")
TIME_UNITS = ("ns", "us", "ms", "s", "auto")

_FAIL = re.compile(
    r"(?P<figure>min|max|mean|median|stddev|iqr|p90|p95|p99):"
    r"(?:(?P<percent>\d+(?:\.\d+)?)%|(?P<seconds>\d*\.?\d+(?:[eE][-+]?\d+)?))"
)
_NOT_IN_NAMES = "\\/:*?<>|"
_WARM_UP = {"off": False, "false": False, "no": False, "on": True, "true": True, "yes": True, "": True}


@dataclass(frozen=True)
class Limit:
    """A limit of ``--benchmark-compare-fail``: how much more than the saved figure is too much.

    Attributes:
        figure: one of seconds, such as ``mean``.
        percent: of the saved figure; None where the limit is a difference.
        seconds: the difference; None where it is a share.
    """

    figure: str
    percent: float | None = None
    seconds: float | None = None

    def broken(self, now: Mapping[str, float | None], saved: Mapping[str, float | None]) -> str:
        """Why it does not hold, in words; empty where it does, and where either side has no such figure."""
        here, there = now.get(self.figure), saved.get(self.figure)
        if here is None or there is None:
            return ""
        if self.seconds is not None:
            grown, limit, unit = here - there, self.seconds, " s"
        else:
            assert self.percent is not None
            grown, limit, unit = (here / there - 1) * 100 if there else math.inf, self.percent, " %"
        return f"{self.figure} grew by {grown:.6g}{unit}, more than {limit:g}{unit}" if grown > limit else ""


def seconds(text: str) -> float:
    """A number of seconds of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"Invalid decimal value {text!r}: expected seconds, such as 0.5")
    return value


def rounds(text: str) -> int:
    """A whole number of at least 1."""
    try:
        value = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"Value must be at least 1, not {value}.")
    return value


def fraction(text: str) -> float:
    """A number between 0 and 1."""
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"Value must be between 0 and 1, not {text}.")
    return value


def warm_up(text: str) -> bool:
    """``auto`` (on where there is a just-in-time compiler), ``on`` or ``off``."""
    if text.lower().strip() == "auto":
        return sys.implementation.name == "pypy"
    try:
        return _WARM_UP[text.lower().strip()]
    except KeyError:
        raise argparse.ArgumentTypeError(f"Could not parse value: {text!r}; expected auto, on or off.") from None


def columns(text: str) -> tuple[str, ...]:
    """Names of columns, separated by commas."""
    found = tuple(part.strip() for part in text.lower().split(","))
    if unknown := [column for column in found if column not in COLUMNS]:
        raise argparse.ArgumentTypeError(
            f"Invalid column name(s): {', '.join(unknown)}. The only valid column names are: {', '.join(COLUMNS)}"
        )
    return found


def sort(text: str) -> str:
    """A column to sort by."""
    if (found := text.lower().strip()) not in SORTS:
        raise argparse.ArgumentTypeError(
            f"Unacceptable value: {text!r}. Value for --benchmark-sort must be one of: {', '.join(map(repr, SORTS))}."
        )
    return found


def group_by(text: str) -> str:
    """What tests are grouped by; several separated by commas."""
    for part in text.split(","):
        if part not in {"group", "name", "fullname", "func", "fullfunc", "param"} and not part.startswith("param:"):
            raise argparse.ArgumentTypeError(
                f"Unsupported grouping {text!r}; known are group, name, fullname, func, fullfunc, param and param:NAME."
            )
    return text


def name_format(text: str) -> str:
    """A form of names in the table."""
    if (found := text.lower().strip()) not in NAMES:
        raise argparse.ArgumentTypeError(f"Could not parse value: {text!r}; expected one of {', '.join(NAMES)}.")
    return found


def save_name(text: str) -> str:
    """Part of a file's name."""
    if not text:
        raise argparse.ArgumentTypeError("Can't be empty.")
    if illegal := "".join(char for char in _NOT_IN_NAMES if char in text):
        raise argparse.ArgumentTypeError(f"Must not contain any of these characters: /:*?<>|\\ (it has {illegal!r})")
    return text


def limit(text: str) -> Limit:
    """``mean:5%``, or ``mean:0.001`` for a difference in seconds."""
    found = _FAIL.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"Could not parse value: {text!r}; expected such as mean:5% or min:0.001.")
    if found["percent"] is not None:
        return Limit(found["figure"], percent=float(found["percent"]))
    return Limit(found["figure"], seconds=float(found["seconds"]))
