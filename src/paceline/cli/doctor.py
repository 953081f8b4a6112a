"""``paceline doctor``: is this machine fit to measure on."""

import secrets
from pathlib import Path

import click

from paceline.campaign.doctor import QUICK_PAIRS, DoctorPlan, examine
from paceline.campaign.duet import FEWEST_PAIRS, PAIRS
from paceline.campaign.lockstep.pairs import PLANTED
from paceline.cli.display import DuetProgress, show, show_report
from paceline.cli.exit_codes import ExitCode
from paceline.cli.options import FILE, display_options, percentage
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import ConfigurationError
from paceline.judge.fitness import Fitness, Grade, judge_fitness
from paceline.judge.fitness_advice import advice_of
from paceline.report.doctor_text import render_doctor
from paceline.store.doctor import encode_doctor
from paceline.store.files import check_writable, write_atomically

_STDOUT = Path("-")
_QUICK_CORES_S = 0.2


@click.command("doctor")
@click.option(
    "--effect",
    default=f"{PLANTED:.0%}",
    show_default=True,
    callback=percentage,
    metavar="SHARE",
    help="The change that is to be found.",
)
@click.option(
    "--pairs", type=click.IntRange(min=FEWEST_PAIRS), help=f"Of the duets that are to find it.  [default: {PAIRS}]"
)
@click.option("--quick", is_flag=True, help=f"Look at the cores for a moment, and make {QUICK_PAIRS} pairs only.")
@click.option("--seed", type=int, help="What order, cores and layout are drawn from.  [default: another each time]")
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write what was seen to FILE ('-': stdout).")
@display_options
def command(
    effect: float,
    pairs: int | None,
    quick: bool,
    seed: int | None,
    json_file: Path | None,
    quiet: bool,
    no_color: bool,
    debug: bool,
) -> int:
    """Say whether changes of a given size can be found on this machine, and what disturbs it.

    Three workloads are compared with themselves, and with themselves made slower by the change. Takes 10 to 30 s and
    changes nothing. Exit code 0: fit; 6: noisy or unfit.

    \b
    paceline doctor
    paceline doctor --effect 3% --pairs 48 --json doctor.json
    """  # noqa: D301  # \b is the character that keeps click from joining the lines
    del debug  # read by main()
    if quick and pairs is not None:
        raise ConfigurationError("--quick and --pairs exclude each other: name one")
    plan = DoctorPlan(
        effect=effect,
        pairs=QUICK_PAIRS if quick else pairs or PAIRS,
        seed=secrets.randbits(32) if seed is None else seed,
        **({"cores_s": _QUICK_CORES_S} if quick else {}),
    )
    if json_file is not None and json_file != _STDOUT:
        check_writable(json_file)
    progress = DuetProgress(quiet=quiet, no_color=no_color)
    progress.announce("looking at clock and cores")
    interrupted = True
    try:
        fitness = judge_fitness(examine(plan, SYSTEM_CLOCK, progress))
        interrupted = fitness.record.interrupted
    finally:
        progress.clear(interrupted=interrupted)
    _show_and_save(fitness, json_file, quiet=quiet, no_color=no_color)
    return exit_code_of(fitness)


def exit_code_of(fitness: Fitness) -> ExitCode:
    """The code for an examination: on a machine that is noisy or unfit no verdict is to be expected."""
    if fitness.record.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.HELD if fitness.grade is Grade.FIT else ExitCode.NO_VERDICT


def _show_and_save(fitness: Fitness, json_file: Path | None, *, quiet: bool, no_color: bool) -> None:
    advice = advice_of(fitness)
    data = encode_doctor(fitness, advice, utc_text(SYSTEM_CLOCK.utc_now()))
    if json_file == _STDOUT:
        show(data)
        return
    if json_file is not None:
        write_atomically(json_file, data)
    if not quiet:
        show_report(render_doctor(fitness, advice), no_color=no_color)
