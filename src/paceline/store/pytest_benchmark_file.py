"""pytest-benchmark's JSON (``--benchmark-json``, ``--benchmark-save``) of every version since 2.0; in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from paceline.core.errors import FileFormatError
from paceline.records.fingerprint import Fingerprint
from paceline.records.foreign import ForeignSession
from paceline.records.run_record import Definition
from paceline.stats.summary import quantile_of_sorted
from paceline.store.codec import convert

TOOL = "pytest-benchmark"
_MS_PER_S = 1e3
_PS_PER_S = 1e12
_LEAST = 1e-15  # a mean below is none, and its inverse may be no number
_NO_BRANCH = frozenset({"(unknown)", "(detached head)"})
_NO_COMMIT = frozenset({"unversioned", "unknown"})

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e12)]
_Number = Annotated[int, msgspec.Meta(ge=1, le=1 << 40)]


@dataclass(frozen=True)
class _Stats:
    """``iterations`` are the calls in a round, of which each figure is the mean."""

    mean: _Seconds | None = None
    median: _Seconds | None = None
    min: _Seconds | None = None
    max: _Seconds | None = None
    stddev: _Seconds | None = None
    rounds: _Number | None = None
    iterations: _Number = 1
    data: tuple[_Seconds, ...] | None = None


@dataclass(frozen=True)
class _Benchmark:
    stats: _Stats
    fullname: str | None = None
    name: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class _Cpu:
    brand_raw: str = ""  # py-cpuinfo from 6.0 on
    brand: str = ""  # before
    count: _Number | None = None


@dataclass(frozen=True)
class _Machine:
    system: str = "unknown"
    release: str = "unknown"
    machine: str = "unknown"
    python_implementation: str = "unknown"
    python_version: str = ""
    cpu: _Cpu = field(default_factory=_Cpu)


@dataclass(frozen=True)
class _Commit:
    id: str = ""
    dirty: bool = False
    branch: str = ""


@dataclass(frozen=True)
class _File:
    benchmarks: tuple[_Benchmark, ...]
    machine_info: _Machine
    commit_info: _Commit | None = None
    datetime: str = ""


def pytest_benchmark_sessions(content: Mapping[str, object], path: Path) -> tuple[ForeignSession, ...]:
    """A session of each benchmark in ``content``.

    Raises:
        FileFormatError: it is no such file; the message names file, place and what was expected.
    """
    file = convert(content, _File, str(path))
    machine, commit = _machine(file.machine_info), file.commit_info or _Commit()
    known = "" if commit.id in _NO_COMMIT else commit.id
    return tuple(
        ForeignSession(
            tool=TOOL,
            test=_name(benchmark, place, path),
            started_at=file.datetime,
            metrics=_metrics(benchmark.stats, f"{path}: `$.benchmarks[{place}].stats`"),
            definition=_definition(benchmark),
            machine=machine,
            branch="" if commit.branch in _NO_BRANCH else commit.branch,
            commit=f"{known}-dirty" if known and commit.dirty else known,
        )
        for place, benchmark in enumerate(file.benchmarks)
    )


def _name(benchmark: _Benchmark, place: int, path: Path) -> str:
    name = benchmark.fullname or benchmark.name
    if not name:
        raise FileFormatError(f"{path}: the benchmark has neither fullname nor name - at `$.benchmarks[{place}]`")
    return name


def _metrics(stats: _Stats, place: str) -> dict[str, float]:
    """The figures in milliseconds.

    Raises:
        FileFormatError: there are none.
    """
    times_s: dict[str, float | None] = {
        "median_time_ms": stats.median,
        "mean_time_ms": stats.mean,
        "min_time_ms": stats.min,
        "max_time_ms": stats.max,
        "std_dev_ms": stats.stddev,
    }
    if stats.median is None and stats.mean is None:
        raise FileFormatError(f"{place} has neither median nor mean")
    metrics = {name: value * _MS_PER_S for name, value in times_s.items() if value is not None}
    # pytest-benchmark's "ops" is the same; the oldest files have none.
    if stats.mean and stats.mean > _LEAST:
        metrics["throughput_ops_per_sec"] = 1 / stats.mean
    if stats.rounds is not None:
        metrics["iterations"] = float(stats.rounds * stats.iterations)
    # With several calls a round the data are means of those, and their percentiles are none of calls.
    if stats.data and stats.iterations == 1:
        ordered = sorted(round(seconds * _PS_PER_S) for seconds in stats.data)  # whole numbers, finer than any clock
        for percent in (90, 95, 99):
            metrics[f"p{percent}_time_ms"] = quantile_of_sorted(ordered, percent / 100) * _MS_PER_S / _PS_PER_S
    return metrics


def _definition(benchmark: _Benchmark) -> Definition:
    told = [f"{name}={value}" for name, value in sorted(benchmark.options.items()) if value is not None]
    return Definition(
        iterations=None,
        warmup_iterations=0,
        calls_per_sample=benchmark.stats.iterations,
        plan=", ".join(told),
        target=TOOL,
    )


def _machine(machine: _Machine) -> Fingerprint:
    return Fingerprint(
        cpu_model=machine.cpu.brand_raw or machine.cpu.brand or "unknown",
        cpu_count=machine.cpu.count,
        system=machine.system,
        kernel=machine.release,
        architecture=machine.machine,
        python=f"{machine.python_implementation} {machine.python_version}".rstrip(),
    )
