"""``paceline capacity``: the highest load that keeps the limits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from paceline.campaign.capacity_load import CONSTANT, POISSON, CapacityPlan, capacity_plan
from paceline.cli.capacity_files import CapacityFiles, CapacityJournal, capacity_files, encoded
from paceline.cli.display import Progress, report_width, show, show_report
from paceline.cli.exit_codes import exit_code_of_capacity
from paceline.cli.http_options import RequestOptions, request_options
from paceline.cli.load_options import rate
from paceline.cli.options import display_options, duration, packed
from paceline.core.clock import SYSTEM_CLOCK
from paceline.core.errors import ConfigurationError
from paceline.framework import PerformanceTestFramework
from paceline.judge.capacity import judge_capacity
from paceline.judge.thresholds import PerformanceThreshold
from paceline.report.capacity_text import render_capacities
from paceline.report.layout import page
from paceline.scenario.reading import load_plan

_Command = TypeVar("_Command", bound=Callable[..., Any])
_SCENARIO_FILES = frozenset({".py", ".toml"})


@dataclass(frozen=True)
class SearchOptions:
    """What is searched for; the fields are the options of the same names."""

    thresholds: tuple[str, ...]
    low: float | None
    high: float | None
    budget_s: float
    users: bool
    constant: bool
    connections: int | None
    scenario: str | None
    seed: int | None
    strict: bool

    def plan(self, place: str, request: RequestOptions) -> CapacityPlan:
        """The search on a URL or on a scenario of a file.

        Raises:
            ConfigurationError: something does not go together, or is wrong.
        """
        if self.users and self.constant:
            raise ConfigurationError("--users and --constant exclude each other: users send when they are answered")
        if _is_scenario_file(place):
            return self._of_scenario(Path(place))
        if self.scenario is not None:
            raise ConfigurationError(f"--scenario is for files of scenarios; {place} is taken for a URL")
        target = request.target(place, self.connections, self.seed or 0)
        name = target.part_names[0] if request.name is None else request.name
        return self._made(name, target, PerformanceThreshold(expressions=self.thresholds), own_process=False)

    def _of_scenario(self, file: Path) -> CapacityPlan:
        found = {scenario.name: scenario for scenario in load_plan(file).scenarios}
        if self.connections is not None:
            raise ConfigurationError("-c is for URLs: a scenario's users have as many connections as they need")
        if self.scenario is None and len(found) > 1:
            raise ConfigurationError(f"{file} has several scenarios: name one with --scenario, of {', '.join(found)}")
        name = self.scenario or next(iter(found))
        if name not in found:
            raise ConfigurationError(f"{file} has no scenario {name!r}; it has {', '.join(found)}")
        own = found[name].threshold or PerformanceThreshold()
        threshold = replace(own, expressions=(*own.expressions, *self.thresholds))
        return self._made(name, found[name].target, threshold, own_process=True)

    def _made(
        self, name: str, operation: object, threshold: PerformanceThreshold, *, own_process: bool
    ) -> CapacityPlan:
        return capacity_plan(
            name, operation, threshold,
            low=self.low, high=self.high, budget_s=self.budget_s, arrivals=CONSTANT if self.constant else POISSON,
            of="users" if self.users else "rate", seed=self.seed, own_process=own_process,
        )  # fmt: skip


def _is_scenario_file(place: str) -> bool:
    return "://" not in place and Path(place).suffix.lower() in _SCENARIO_FILES


def _search_options(command: _Command) -> _Command:
    return packed(
        command, "search", SearchOptions,
        click.option(
            "-t", "--threshold", "thresholds", multiple=True, metavar="EXPR",
            help="Limit to keep, such as 'p(99)<200' or 'error_rate<1%'. Repeatable.",
        ),
        click.option("--low", callback=rate, metavar="RATE", help="Lowest load to try.  [default: 10/s; 1 user]"),
        click.option(
            "--high", callback=rate, metavar="RATE", help="Highest load to try.  [default: 100000/s; 1000 users]"
        ),
        click.option(
            "--budget", "budget_s", callback=duration, default="5m", show_default=True, metavar="TIME",
            help="How long it may take in all.",
        ),
        click.option("--users", is_flag=True, help="Search for users that wait for their answers, not for a rate."),
        click.option("--constant", is_flag=True, help="Arrivals evenly spaced instead of at random (Poisson)."),
        click.option(
            "-c", "--connections", type=int, metavar="N", help="Kept open, one request on each.  [default: 100]"
        ),
        click.option("-s", "--scenario", metavar="NAME", help="Of a file with several."),
        click.option("--seed", type=int, help="Of the order of probes and of arrivals.  [default: drawn, and told]"),
        click.option("--strict", is_flag=True, help="A number without a confidence interval is exit code 6."),
    )  # fmt: skip


@click.command("capacity")
@click.argument("place", metavar="URL|FILE")
@_search_options
@request_options
@capacity_files
@display_options
def command(
    place: str,
    search: SearchOptions,
    request: RequestOptions,
    files: CapacityFiles,
    quiet: bool,
    no_color: bool,
    debug: bool,
) -> int:
    """Find the highest load at which URL, or the scenario of FILE, keeps every limit.

    \b
    paceline capacity http://localhost:8000/records/7 -t 'p(99)<200' -t 'error_rate<1%'
    paceline capacity shop.py --scenario checkout -t 'p(95)<500ms' --budget 10m
    paceline capacity http://localhost:8000/ -t 'p(95)<100' --users --high 200

    Doubling and closing in find out where the limit breaks; probes around it, in random order, measure it. Ctrl-C shows
    what is known by then.

    Exit codes: 0 a number was found, or --high held, 1 not even --low holds, or the service did not come back,
    2 interrupted, 3 could not run, 4 wrong use, 6 no answer: the generator was the limit, or no line and no edge.
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    plan = search.plan(place, request)
    files = files.checked()
    progress = Progress(quiet=quiet, no_color=no_color)
    framework = PerformanceTestFramework(observer=progress)
    journal = CapacityJournal(SYSTEM_CLOCK)
    is_saved = False
    try:
        try:
            progress.announce(f"{plan.what.target.text}: the first probe")
            framework.search(plan, journal.keep)
        except KeyboardInterrupt:
            if not framework.capacities:
                raise
        finally:
            progress.clear(interrupted=not framework.capacities)
        result = judge_capacity(framework.capacities[0])
        # Shown before it is written: what took minutes to find out is not to be lost for a full disk.
        if files.takes_stdout:
            show(encoded(result))
        elif not quiet:
            with page(report_width()):
                text = render_capacities([result])
            show_report(text, no_color=no_color)
        files.write(result)
        is_saved = True
    finally:
        journal.close(remove=is_saved)
    return exit_code_of_capacity(result, strict=search.strict)
