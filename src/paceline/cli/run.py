"""``paceline run``: the scenarios of a file, one after the other or together."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from paceline.campaign.load import load_request
from paceline.campaign.together import Member
from paceline.cli.display import Progress, show
from paceline.cli.load_options import LoadOptions, load_options
from paceline.cli.measuring import measure
from paceline.cli.options import OutputOptions, output_options
from paceline.core.errors import ConfigurationError
from paceline.engine.child_process import usable_cores
from paceline.framework import PerformanceTestFramework
from paceline.judge.thresholds import PerformanceThreshold
from paceline.scenario.model import Scenario
from paceline.scenario.plan import Plan, Planned
from paceline.scenario.reading import load_plan
from paceline.workload.description import describe
from paceline.workload.models import FixedIterations, Workload
from paceline.workload.splitting import split

_PROBED_PROCESSES = 2  # a load and its probe


def _show_schema(context: click.Context, _: click.Parameter, is_wanted: bool) -> None:
    if is_wanted:
        from paceline.scenario.toml_form import json_schema

        show(json_schema())
        context.exit()


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-s", "--scenario", "names", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@click.option("-c", "--users", type=int, metavar="N", help="Virtual users, instead of the scenario's own load.")
@click.option("--together", is_flag=True, help="All at once, each in a process of its own, instead of one by one.")
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_schema,
    help="Show the JSON Schema of scenario files in TOML, and make nothing.",
)
@click.option("--no-probe", is_flag=True, help="No second, independent client beside a load of 5 s and more.")
@load_options
@output_options
def command(
    file: Path,
    names: tuple[str, ...],
    users: int | None,
    load: LoadOptions,
    together: bool,
    no_probe: bool,
    thresholds: tuple[str, ...],
    output: OutputOptions,
    debug: bool,
) -> int:
    """Make the scenarios of a Python or TOML file, one after the other or together.

    \b
    paceline run shop.py
    paceline run shop.toml --together --rate 500/s
    paceline run shop.py -c 200 -d 1m -t 'p(95)<300ms'
    paceline run shop.py --scenario checkout --rate 50/s

    Load and limits are the scenario's own unless they are given here: -c and -d change them, --rate, --stage and -n
    (iterations) put another load in their place. With --together that is the load of all, shared by their weights.
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main(), before the command is known
    plan = _chosen(file, names)
    together = together or plan.together
    # Probes on the generators' cores would make the difference that they look for.
    crowded = together and _PROBED_PROCESSES * len(plan.scenarios) > len(usable_cores())
    probe = False if no_probe or crowded else None
    loads = _loads(plan, users, load, together=together)
    members = [
        _member(scenario, workload, load, thresholds, probe=probe)
        for scenario, workload in zip(plan.scenarios, loads, strict=True)
    ]

    def work(framework: PerformanceTestFramework, progress: Progress) -> None:
        if together:
            progress.announce(f"{len(members)} scenarios: starting the users and warming up")
            framework.run_together(members)
            return
        for member in members:
            progress.announce(f"{member.request.name}: starting the users and warming up")
            framework.run(member.request, member.threshold)

    return measure(output, work)


def _chosen(file: Path, names: tuple[str, ...]) -> Plan:
    plan = load_plan(file)
    found = [scenario.name for scenario in plan.scenarios]
    unknown = [name for name in names if name not in found]
    if unknown:
        raise ConfigurationError(f"{file} has no scenario {unknown[0]!r}; it has {', '.join(found)}")
    return replace(
        plan, scenarios=tuple(scenario for scenario in plan.scenarios if not names or scenario.name in names)
    )


def _loads(plan: Plan, users: int | None, load: LoadOptions, *, together: bool) -> Sequence[Workload]:
    """The load of each scenario: what the options say, its own, or its share of what they have in common."""
    scenarios = plan.scenarios
    if load.is_whole or (together and users is not None):
        whole = load.workload(users)
        return _shared(whole, scenarios) if together else [whole] * len(scenarios)
    common = plan.workload
    if common is None:
        return [_own_load(scenario, users, load.duration_s) for scenario in scenarios]
    without = [scenario for scenario in scenarios if scenario.workload is None]
    shares = iter(_shared(common, without) if together and without else [common] * len(without))
    given = [replace(each, workload=next(shares)) if each.workload is None else each for each in scenarios]
    return [_own_load(scenario, users, load.duration_s) for scenario in given]


def _shared(whole: Workload, scenarios: Sequence[Planned]) -> Sequence[Workload]:
    return split(whole, [scenario.weight for scenario in scenarios])


def _own_load(scenario: Scenario | Planned, users: int | None, duration_s: float | None) -> Workload:
    """The scenario's own load, with so many users and so long where that is said.

    Raises:
        ConfigurationError: its load has no such thing.
    """
    own = scenario.workload
    if own is None or (users is None and duration_s is None):
        return own or LoadOptions(duration_s=duration_s).workload(users)
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


def _member(
    scenario: Planned, workload: Workload, load: LoadOptions, thresholds: tuple[str, ...], *, probe: bool | None
) -> Member:
    """A scenario's run and limits: its own, and what the options say."""
    request = load_request(
        scenario.name,
        scenario.target,
        workload,
        {},
        warmup_s=scenario.warmup_s if load.warmup_s is None else load.warmup_s,
        target_pids=load.target_pids,
        processes=load.processes,
        cluster=load.where,
        tolerated_loss=load.tolerated_loss,
        probe=probe,
        own_process=True,
    )
    return Member(request, _with(scenario.threshold, thresholds), scenario.start_s)


def _with(threshold: PerformanceThreshold | None, more: tuple[str, ...]) -> PerformanceThreshold | None:
    if not more:
        return threshold
    if threshold is None:
        return PerformanceThreshold(expressions=more)
    return replace(threshold, expressions=(*threshold.expressions, *more))
