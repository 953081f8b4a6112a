"""Recorded sessions judged by pytest-benchmark, pyperf and asv: for ``.venv-peers``, where alone these are installed.

Reads ``[[base, candidate], ...]``, each a session: for every workload the nanoseconds of each call, a list a process.
Writes, for each of these pairs, the workloads that each rule calls slower. Every decision is the tool's own: the check
behind ``--benchmark-compare-fail`` on its own statistics, the command ``pyperf compare_to`` on its own files, and the
function by which ``asv compare`` and ``asv continuous`` mark a line.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyperf  # type: ignore[import-not-found,unused-ignore]
from asv.commands.compare import _is_result_better  # type: ignore[import-not-found,unused-ignore]
from asv_runner.statistics import compute_stats  # type: ignore[import-not-found,unused-ignore]
from pytest_benchmark.stats import Stats  # type: ignore[import-not-found,unused-ignore]
from pytest_benchmark.utils import parse_compare_fail  # type: ignore[import-not-found,unused-ignore]

_NS_PER_S = 1e9
_ASV_SAMPLE_NS = 10_000_000  # its default sample_time
_PYPERF_VALUE_NS = 100_000_000  # its default --min-time
_FACTORS = (1.1, 1.05)  # asv's default, and what finds 5 %

Session = Mapping[str, Sequence[Sequence[int]]]


def by_pytest_benchmark(base: Session, candidate: Session) -> Iterator[tuple[str, list[str]]]:
    """Each call is a round, as in its own sessions of calls that are long enough to be timed singly."""
    for rule in ("mean:5%", "min:5%"):
        check = parse_compare_fail(rule)
        slower = [name for name in base if check.fails(_rounds(candidate[name]), _rounds(base[name]))]
        yield f"pytest-benchmark {rule}", slower


def _rounds(processes: Sequence[Sequence[int]]) -> Any:  # noqa: ANN401  # what it writes to its JSON
    stats = Stats()
    for calls in processes:
        for call_ns in calls:
            stats.update(call_ns / _NS_PER_S)
    return stats.as_dict()


def by_pyperf(base: Session, candidate: Session) -> Iterator[tuple[str, list[str]]]:
    """A process is a run, as many calls as take 100 ms are a value."""
    with tempfile.TemporaryDirectory(prefix="paceline-bench-") as folder:
        files = [str(Path(folder, name)) for name in ("base.json", "candidate.json")]
        for file, session in zip(files, (base, candidate), strict=True):
            pyperf.BenchmarkSuite([_benchmark(*each) for each in session.items()]).dump(file)
        for more in ([], ["--min-speed=5"]):
            done = subprocess.run(
                [sys.executable, "-m", "pyperf", "compare_to", "--group-by-speed", *more, *files],
                capture_output=True,
                text=True,
                check=True,
            )
            told = re.search(r"^Slower \(\d+\):\n((?:- .*\n?)*)", done.stdout, re.MULTILINE)
            names = re.findall(r"^- (\w+):", told[1], re.MULTILINE) if told else []
            yield " ".join(["pyperf compare_to", *more]), names


def _benchmark(name: str, processes: Sequence[Sequence[int]]) -> Any:  # noqa: ANN401  # a pyperf.Benchmark
    runs = [
        pyperf.Run(list(_means_s(calls, _PYPERF_VALUE_NS)), metadata={"name": name}, collect_metadata=False)
        for calls in processes
    ]
    return pyperf.Benchmark(runs)


def by_asv(base: Session, candidate: Session) -> Iterator[tuple[str, list[str]]]:
    """As many calls as take 10 ms are a sample; those of all processes are one set."""
    for factor in _FACTORS:
        slower = []
        for name in base:
            (before, *stats), (after, *new_stats) = _asv_result(base[name]), _asv_result(candidate[name])
            if _is_result_better(before, after, stats, new_stats, factor):
                slower.append(name)
        yield f"asv, factor {factor:g} and Mann-Whitney", slower


def _asv_result(processes: Sequence[Sequence[int]]) -> tuple[float, dict[str, Any], list[float]]:
    """Value, statistics and samples, as it stores them."""
    samples = [mean_s for calls in processes for mean_s in _means_s(calls, _ASV_SAMPLE_NS)]
    value, stats = compute_stats(samples, 1)
    return value, stats, samples


def _means_s(calls: Sequence[int], length_ns: int) -> Iterator[float]:
    """Seconds a call over stretches of ``length_ns``; what is left at the end belongs to none."""
    total_ns = count = 0
    for call_ns in calls:
        total_ns, count = total_ns + call_ns, count + 1
        if total_ns >= length_ns:
            yield total_ns / count / _NS_PER_S
            total_ns = count = 0


def main() -> None:
    """Judge what comes."""
    told = [
        {rule: names for judge in (by_pytest_benchmark, by_pyperf, by_asv) for rule, names in judge(base, candidate)}
        for base, candidate in json.load(sys.stdin)
    ]
    versions = {name: version(name) for name in ("pytest-benchmark", "pyperf", "asv")}
    json.dump({"versions": versions, "told": told}, sys.stdout)


if __name__ == "__main__":
    main()
