"""pyperf's JSON, version 1.0 of the format: runs (processes) with values, each the mean of some loops, in seconds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Annotated

import msgspec

from paceline.core.errors import FileFormatError
from paceline.records.fingerprint import Fingerprint
from paceline.records.foreign import ForeignSession
from paceline.records.run_record import Definition
from paceline.store.codec import convert

TOOL = "pyperf"
VERSION = "1.0"
_MS_PER_S = 1e3
_SECOND, _BYTE = "second", "byte"

_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy"}

_Facts = Mapping[str, object]
# Seconds, or bytes. Below the least no clock says anything, and an inverse may be no number.
_Value = Annotated[float, msgspec.Meta(ge=1e-15, le=1e18)]


@dataclass(frozen=True)
class _Run:
    """A process; one that only calibrated has no values."""

    values: tuple[_Value, ...] = ()
    metadata: _Facts = field(default_factory=dict)


@dataclass(frozen=True)
class _Benchmark:
    runs: tuple[_Run, ...]
    metadata: _Facts = field(default_factory=dict)


@dataclass(frozen=True)
class _File:
    benchmarks: tuple[_Benchmark, ...]
    version: str
    metadata: _Facts = field(default_factory=dict)


@dataclass(frozen=True)
class _Head:
    version: str | int


def pyperf_sessions(content: Mapping[str, object], path: Path) -> tuple[ForeignSession, ...]:
    """A session of each benchmark in ``content``.

    Raises:
        FileFormatError: it is no such file; the message names file, place and what was expected.
    """
    # Before the rest: older versions have another form.
    version = convert(content, _Head, str(path)).version
    if version != VERSION:
        raise FileFormatError(
            f"{path}: version is {version!r}, expected {VERSION!r} - at `$.version`; "
            "'python -m pyperf convert --stdout' writes a file of another version anew"
        )
    file = convert(content, _File, str(path))
    return tuple(_session(file, place, path) for place in range(len(file.benchmarks)))


def _session(file: _File, number: int, path: Path) -> ForeignSession:
    benchmark = file.benchmarks[number]
    place = f"{path}: `$.benchmarks[{number}]`"
    measured = [run for run in benchmark.runs if run.values]
    # What all runs, or all benchmarks, have in common is written once, above them.
    facts = {**file.metadata, **benchmark.metadata}
    each = [{**facts, **run.metadata} for run in measured]
    if not each:
        raise FileFormatError(f"{place} has no run with values")
    return ForeignSession(
        tool=TOOL,
        test=_text(each[0], "name") or path.name.split(".")[0],
        started_at=_text(each[-1], "date"),
        metrics=_metrics(measured, each, place),
        definition=_definition(measured, each[0]),
        machine=_machine(each[0]),
        branch=_text(each[0], "commit_branch"),
        commit=_text(each[0], "commit_id"),
    )


def _metrics(runs: Sequence[_Run], facts: Sequence[_Facts], place: str) -> dict[str, float]:
    """The figures, times in milliseconds.

    Raises:
        FileFormatError: they are in a unit that no figure has.
    """
    values = [value for run in runs for value in run.values]
    unit = _text(facts[0], "unit") or _SECOND
    if unit == _BYTE:
        return {"peak_rss_bytes": median(values)}
    if unit != _SECOND:
        raise FileFormatError(f"{place}: its unit is {unit!r}; times ({_SECOND!r}) and memory ({_BYTE!r}) are read")
    mean = fmean(values)
    metrics = {
        "median_time_ms": median(values) * _MS_PER_S,
        "mean_time_ms": mean * _MS_PER_S,
        "min_time_ms": min(values) * _MS_PER_S,
        "max_time_ms": max(values) * _MS_PER_S,
        "throughput_ops_per_sec": 1 / mean,
        "iterations": float(len(values) * _calls(facts[0])),
    }
    if len(values) > 1:
        metrics["std_dev_ms"] = stdev(values) * _MS_PER_S
    held = [value for each in facts if isinstance(value := each.get("mem_max_rss"), int) and 0 < value < 1 << 60]
    if held:
        metrics["peak_rss_bytes"] = float(median(held))
    return metrics


def _calls(facts: _Facts) -> int:
    """In a value."""
    loops = [facts.get(name) for name in ("loops", "inner_loops")]
    return math.prod(each for each in loops if isinstance(each, int) and 0 < each < 1 << 40)


def _definition(runs: Sequence[_Run], facts: _Facts) -> Definition:
    return Definition(
        iterations=len(runs[0].values),
        warmup_iterations=0,
        calls_per_sample=_calls(facts),
        plan=_text(facts, "timer"),
        target=TOOL,
        runs=len(runs),
    )


def _machine(facts: _Facts) -> Fingerprint:
    cores = facts.get("cpu_count")
    platform = _text(facts, "platform").split("-")  # Linux-6.1.0-x86_64-with-glibc2.36
    python = (_text(facts, "python_version") or "unknown").split(" ")[0]  # 3.11.7 (64-bit)
    implementation = _text(facts, "python_implementation")
    return Fingerprint(
        cpu_model=_text(facts, "cpu_model_name") or "unknown",
        cpu_count=cores if isinstance(cores, int) and 0 < cores < 1 << 40 else None,
        system=platform[0] or "unknown",
        python=f"{_IMPLEMENTATIONS.get(implementation, implementation)} {python}".strip(),
    )


def _text(facts: _Facts, name: str) -> str:
    value = facts.get(name)
    return value if isinstance(value, str) else ""
