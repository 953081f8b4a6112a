"""``paceline run``: the scenarios of a Python file."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from paceline.campaign.load import load_request
from paceline.cli.display import Progress
from paceline.cli.load_options import LoadOptions, load_options
from paceline.cli.measuring import measure
from paceline.cli.options import OutputOptions, output_options
from paceline.core.errors import ConfigurationError
from paceline.engine.request import RunRequest
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold
from paceline.scenario.files import FileScenario, load_scenarios
from paceline.scenario.model import Scenario
from paceline.workload.description import describe
from paceline.workload.models import FixedIterations, Workload


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-s", "--scenario", "names", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@click.option("-c", "--users", type=int, metavar="N", help="Virtual users, instead of the scenario's own load.")
@click.option("--no-probe", is_flag=True, help="No second, independent client beside a load of 5 s and more.")
@load_options
@output_options
def command(
    file: Path,
    names: tuple[str, ...],
    users: int | None,
    load: LoadOptions,
    no_probe: bool,
    thresholds: tuple[str, ...],
    output: OutputOptions,
    debug: bool,
) -> int:
    """Let virtual users go through the scenarios of a Python file, one scenario after the other.

    \b
    paceline run shop.py
    paceline run shop.py -c 200 -d 1m -t 'p(95)<300ms'
    paceline run shop.py --scenario checkout --rate 50/s

    Load and limits are the scenario's own unless they are given here: -c and -d change them, --rate, --stage and -n
    (iterations) put another load in their place.
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    probe = False if no_probe else None
    runs = [_run_of(file, scenario, users, load, thresholds, probe=probe) for scenario in _chosen(file, names)]

    def work(framework: PerformanceTestFramework, progress: Progress) -> None:
        for request, threshold in runs:
            progress.announce(f"{request.name}: starting the users and warming up")
            framework.run(request, threshold)

    return measure(output, work)


def _chosen(file: Path, names: tuple[str, ...]) -> list[Scenario]:
    found = {str(scenario.name): scenario for scenario in load_scenarios(file)}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ConfigurationError(f"{file} has no scenario {unknown[0]!r}; it has {', '.join(found)}")
    return [scenario for name, scenario in found.items() if not names or name in names]


def _own_load(scenario: Scenario, users: int | None, duration_s: float | None) -> Workload:
    """The scenario's own load, with so many users and so long where that is said.

    Raises:
        ConfigurationError: its load has no such thing.
    """
    own = scenario.workload
    if own is None or (users is None and duration_s is None):
        return own or LoadOptions(duration_s).workload(users)
    changes: dict[str, Any] = {}
    if users is not None:
        changes["workers" if isinstance(own, FixedIterations) else "users"] = users
    if duration_s is not None:
        changes["duration_s"] = duration_s
    known = {field.name for field in fields(own)}
    if not changes.keys() <= known:
        raise ConfigurationError(
            f"the load of scenario {scenario.name!r} is {describe(own)}: it has no "
            f"{', '.join(changes.keys() - known)} of its own that could be changed; say the whole load"
        )
    return replace(own, **changes)


def _run_of(
    file: Path,
    scenario: Scenario,
    users: int | None,
    load: LoadOptions,
    thresholds: tuple[str, ...],
    *,
    probe: bool | None,
) -> tuple[RunRequest, PerformanceThreshold | None]:
    """A scenario's run and limits: its own, and what the options say."""
    request = load_request(
        str(scenario.name),
        # The users live in a process of their own, which loads the file again.
        FileScenario(str(file), str(scenario.name), scenario.text),
        load.workload(users) if load.is_whole else _own_load(scenario, users, load.duration_s),
        {},
        warmup_s=scenario.warmup_s if load.warmup_s is None else load.warmup_s,
        target_pids=load.target_pids,
        probe=probe,
        own_process=True,
    )
    if not thresholds:
        return request, scenario.threshold
    if scenario.threshold is None:
        return request, PerformanceThreshold(expressions=thresholds)
    return request, replace(scenario.threshold, expressions=(*scenario.threshold.expressions, *thresholds))
