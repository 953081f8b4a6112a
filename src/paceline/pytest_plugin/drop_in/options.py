"""The options ``--benchmark-*``: those of pytest-benchmark that can be meant here, and a clear word on the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from paceline.pytest_plugin.drop_in import values
from paceline.pytest_plugin.drop_in.values import DEFAULT_COLUMNS, Limit

_REFUSED = {
    "histogram": "charts are not drawn here",
    "csv": "'paceline report FILE --csv OUT' writes it",
    "cprofile": "profiles are not made here",
    "cprofile-loops": "profiles are not made here",
    "cprofile-top": "profiles are not made here",
    "cprofile-dump": "profiles are not made here",
    "netrc": "results are saved in files only",
}


@dataclass(frozen=True)
class Asked:
    """How a benchmark is measured; the names are pytest-benchmark's.

    Attributes:
        min_time: of a round, in seconds.
        max_time: of all rounds, in seconds.
        min_rounds: at least so many, whatever time they take.
        precision, confidence: stop as soon as the mean is known to this share; None: do all rounds.
        timer: ``module.function`` that returns seconds, or such a function.
        calibration_precision: a round is at least so many steps of the timer long.
        warmup, warmup_iterations: whether the operation is called before, and at most how often.
        disable_gc: whether the garbage collector stands still meanwhile.
        group: that the table puts together.
    """

    min_time: float = 0.000005
    max_time: float = 1.0
    min_rounds: int = 5
    precision: float | None = None
    confidence: float = 0.99
    timer: object = "time.perf_counter"
    calibration_precision: int = 10
    warmup: bool = False
    warmup_iterations: int = 100_000
    disable_gc: bool = False
    group: str | None = None


@dataclass(frozen=True)
class BenchmarkOptions:
    """What was said of the session; the names are the options' without ``--benchmark-``."""

    asked: Asked
    only: bool
    skip: bool
    disable: bool
    save: str | None
    autosave: bool
    save_data: bool
    json: Path | None
    compare: str | None  # a number or a pattern; empty: the latest
    compare_fail: tuple[Limit, ...]
    storage: str
    sort: str
    group_by: str
    columns: tuple[str, ...]
    name: str
    time_unit: str
    quiet: bool
    verbose: bool


def add_options(parser: pytest.Parser) -> None:
    """Make the options known to pytest."""
    group = parser.getgroup("benchmark", "benchmarks, as pytest-benchmark has them (paceline)")
    for name, options in _ADDED.items():
        group.addoption(f"--benchmark-{name}", **options)
    for name, why in _REFUSED.items():
        group.addoption(
            f"--benchmark-{name}", nargs="?", action="append", const="", default=[], help=f"Refused: {why}."
        )


_ADDED: Mapping[str, Mapping[str, Any]] = {
    "min-time": {
        "metavar": "SECONDS", "type": values.seconds, "default": "0.000005",
        "help": "Minimum time per round in seconds. Default: %(default)r",
    },
    "max-time": {
        "metavar": "SECONDS", "type": values.seconds, "default": "1.0",
        "help": "Time that the rounds of a test may take; --benchmark-min-rounds goes before. Default: %(default)r",
    },
    "min-rounds": {
        "metavar": "NUM", "type": values.rounds, "default": 5, "help": "Rounds at least. Default: %(default)r",
    },
    "precision": {
        "metavar": "FRACTION", "type": values.fraction, "default": None,
        "help": "Stop when the mean is known to this share, such as 0.02. Default: all rounds are made",
    },
    "confidence": {
        "metavar": "FRACTION", "type": values.fraction, "default": 0.99,
        "help": "Of --benchmark-precision. Default: %(default)r",
    },
    "timer": {
        "metavar": "FUNC", "default": "time.perf_counter",
        "help": "Function that returns seconds, as module.function. Default: %(default)r",
    },
    "calibration-precision": {
        "metavar": "NUM", "type": values.rounds, "default": 10,
        "help": "A round is so many steps of the timer long at least. Default: %(default)r",
    },
    "warmup": {
        "metavar": "KIND", "nargs": "?", "type": values.warm_up, "default": "auto", "const": True,
        "help": "Warm up first: auto, on or off. Default: auto (on PyPy)",
    },
    "warmup-iterations": {
        "metavar": "NUM", "type": values.rounds, "default": 100_000,
        "help": "Calls in the warm-up at most. Default: %(default)r",
    },
    "disable-gc": {"action": "store_true", "help": "Stop the garbage collector in each round."},
    "skip": {"action": "store_true", "help": "Skip tests that take the fixture 'benchmark'."},
    "only": {"action": "store_true", "help": "Skip all other tests. Goes before --benchmark-skip."},
    "disable": {"action": "store_true", "help": "Call each operation once and measure nothing."},
    "enable": {"action": "store_true", "help": "Undo a --benchmark-disable in the configuration."},
    "save": {"metavar": "NAME", "type": values.save_name, "help": "Save it as STORAGE/MACHINE/NUMBER_NAME.json."},
    "autosave": {"action": "store_true", "help": "Save it as STORAGE/MACHINE/NUMBER_COMMIT_TIME.json."},
    "save-data": {"action": "store_true", "help": "Save all timings, not only the figures."},
    "json": {"metavar": "PATH", "help": "Write all timings and figures to PATH."},
    "compare": {
        "metavar": "NUM", "nargs": "?", "default": None, "const": "",
        "help": "Compare with the saved session NUM, or with the latest.",
    },
    "compare-fail": {
        "metavar": "EXPR", "nargs": "+", "type": values.limit, "action": "append", "default": [],
        "help": "Fail when a figure grew by more, such as mean:5%% or min:0.001 (seconds).",
    },
    "storage": {
        "metavar": "URI", "default": "file://./.benchmarks", "help": "Folder of saved sessions. Default: %(default)r",
    },
    "sort": {"metavar": "COL", "type": values.sort, "default": "min", "help": "Column to sort by. Default: min"},
    "group-by": {
        "metavar": "LABEL", "type": values.group_by, "default": "group",
        "help": "What makes a table: group, name, fullname, func, fullfunc, param, param:NAME. Default: %(default)r",
    },
    "columns": {
        "metavar": "LABELS", "type": values.columns, "default": DEFAULT_COLUMNS,
        "help": f"Columns of the table, of {', '.join(values.COLUMNS)}. Default: {', '.join(DEFAULT_COLUMNS)}",
    },
    "name": {
        "metavar": "FORMAT", "type": values.name_format, "default": "normal",
        "help": "Names in the table: short, normal, long or trial. Default: %(default)r",
    },
    "time-unit": {"choices": values.TIME_UNITS, "default": "auto", "help": "Of the table. Default: %(default)r"},
    "verbose": {"action": "store_true", "help": "Say more."},
    "quiet": {"action": "store_true", "help": "Print no table."},
}  # fmt: skip


def options_of(config: pytest.Config) -> BenchmarkOptions:
    """The options that were given.

    Raises:
        pytest.UsageError: one is not to be had here, or two contradict each other.
    """

    def said(name: str) -> Any:  # noqa: ANN401  # of each option its own type
        return config.getoption(f"benchmark_{name}")

    for name, why in _REFUSED.items():
        if said(name.replace("-", "_")):
            raise pytest.UsageError(f"--benchmark-{name}: {why}; with pytest-benchmark installed it is as it was")
    disable, only = said("disable") and not said("enable"), said("only")
    if disable and only:
        raise pytest.UsageError(
            "Can't have both --benchmark-only and --benchmark-disable options: nothing would be measured"
        )
    limits = tuple(each for given in said("compare_fail") for each in given)
    if limits and said("compare") is None:
        raise pytest.UsageError("--benchmark-compare-fail requires --benchmark-compare: what is to be compared with?")
    path = said("json")
    fields = (
        "min_time", "max_time", "min_rounds", "precision", "confidence", "timer", "calibration_precision", "warmup",
        "warmup_iterations", "disable_gc",
    )  # fmt: skip
    return BenchmarkOptions(
        asked=Asked(**{name: said(name) for name in fields}),
        only=only,
        skip=said("skip") and not only,
        disable=disable,
        json=None if path is None else config.invocation_params.dir / path,
        compare_fail=limits,
        **{
            name: said(name)
            for name in (
                "save", "autosave", "save_data", "compare", "storage", "sort", "group_by", "columns", "name",
                "time_unit", "quiet", "verbose",
            )
        },
    )  # fmt: skip
