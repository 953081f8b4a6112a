"""Options of commands that can measure at several levels of concurrency, and the runs that they ask for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from paceline.campaign.sweep import requests_at
from paceline.cli.display import Progress
from paceline.cli.live import span_text
from paceline.cli.options import packed, whole_numbers
from paceline.core.errors import ConfigurationError
from paceline.core.units import counted
from paceline.engine.request import RunRequest
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold
from paceline.stats.scalability import LEAST_LEVELS
from paceline.workload.models import ClosedLoop, FixedIterations

_Command = TypeVar("_Command", bound=Callable[..., Any])

REPEATS = 3


@dataclass(frozen=True)
class SweepOptions:
    """Which levels, how often each; the fields are the options of the same names."""

    levels: tuple[int, ...] | None = None
    repeats: int | None = None

    def check(self, workers_option: str, workers: object) -> None:
        """Find out what contradicts itself.

        Args:
            workers_option: the option that says how many at once where there is but one level.
            workers: its value.

        Raises:
            ConfigurationError: it does.
        """
        if self.levels is None and self.repeats is not None:
            raise ConfigurationError("--repeats goes with --sweep: it says how often each level is measured")
        if self.levels is not None and workers is not None:
            raise ConfigurationError(f"{workers_option} and --sweep exclude each other: both say how many at once")

    def requests(self, request: RunRequest) -> list[RunRequest]:
        """``request`` at each level; alone where there is no sweep.

        Raises:
            ConfigurationError: a level is none, or the load is one of rates or stages.
        """
        if self.levels is None:
            return [request]
        if not isinstance(request.workload, ClosedLoop | FixedIterations):
            raise ConfigurationError(
                "--sweep varies how many there are at once; --rate and --stage say that themselves"
            )
        return requests_at(request, self.levels, REPEATS if self.repeats is None else self.repeats)

    def run(
        self,
        framework: PerformanceTestFramework,
        progress: Progress,
        requests: Sequence[RunRequest],
        threshold: PerformanceThreshold | None,
        seed: int | None,
    ) -> None:
        """Make what :meth:`requests` gave, and say of a sweep beforehand how long it will take."""
        if self.levels is None:
            framework.run(requests[0], threshold)
            return
        progress.say(plan_text(requests))
        framework.run_levels(requests, threshold, seed)


def plan_text(requests: Sequence[RunRequest]) -> str:
    """What is about to be measured, and how long that takes where it is known."""
    first = requests[0]
    workload, runs = first.workload, len(requests) * first.repeats
    levels = ", ".join(f"{request.workers:,}" for request in requests)
    text = f"a sweep of {counted(runs, 'run')}, {first.repeats:,} at each of {levels} at once, "
    if isinstance(workload, FixedIterations):
        text += f"of {counted(workload.iterations, 'attempt')}"
    elif isinstance(workload, ClosedLoop):
        each_s = workload.duration_s + first.warmup_s
        warmed = f" after {first.warmup_s:g} s of warm-up" if first.warmup_s else ""
        text += f"of {workload.duration_s:g} s{warmed}: {span_text(runs * each_s)} and what starting takes"
    if len(requests) < LEAST_LEVELS:
        text += f"; no law is fitted to fewer than {LEAST_LEVELS} levels"
    return text


def sweep_options(command: _Command) -> _Command:
    """Several levels of concurrency; ``command`` gets them as ``sweep``, a :class:`SweepOptions`."""
    return packed(
        command, "sweep", SweepOptions,
        click.option(
            "--sweep", "levels", callback=whole_numbers, metavar="N,N,...",
            help="With so many at once, in an order that is drawn: how throughput scales, as 1,2,4,8,16,32.",
        ),
        click.option("--repeats", type=int, metavar="N", help=f"With --sweep: runs a level.  [default: {REPEATS}]"),
    )  # fmt: skip
