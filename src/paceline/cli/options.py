"""Options that several commands share, and how their values are read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from paceline.core.errors import ConfigurationError
from paceline.core.units import parse_duration_s

_Command = TypeVar("_Command", bound=Callable[..., Any])


def duration(_: click.Context, parameter: click.Parameter, text: str | None) -> float | None:
    """Callback of an option such as ``30s``: seconds."""
    if text is None:
        return None
    try:
        seconds = parse_duration_s(text)
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param=parameter) from error
    if seconds <= 0:
        raise click.BadParameter(f"{text!r} must be longer than nothing", param=parameter)
    return seconds


def whole_numbers(_: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    """Callback of an option such as ``1,5,10``: whole numbers above 0."""
    if text is None:
        return None
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no list of whole numbers such as 1,5,10", param=parameter) from error
    if min(numbers) < 1:
        raise click.BadParameter(f"{text!r} has a number below 1", param=parameter)
    return numbers


FILE = click.Path(path_type=Path)


def output_options(command: _Command) -> _Command:
    """What every measuring command can be told about its results, and :func:`display_options`."""
    return with_options(
        display_options(command),
        click.option(
            "-t", "--threshold", "thresholds", multiple=True, metavar="EXPR",
            help="Limit that must hold, such as 'p(95)<500' or 'error_rate<1%'. Repeatable.",
        ),
        click.option("--baseline", type=FILE, metavar="FILE", help="Compare with the sessions stored in FILE."),
        click.option("--save-baseline", type=FILE, metavar="FILE", help="Add this session to FILE."),
        click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write all results to FILE ('-': stdout)."),
        click.option("--strict", is_flag=True, help="A warning or an inconclusive comparison is exit code 6."),
        click.option("--resume", is_flag=True, help="Go on where the same command was cut off."),
    )  # fmt: skip


def display_options(command: _Command) -> _Command:
    """How a command talks."""
    return with_options(
        command,
        click.option("-q", "--quiet", is_flag=True, help="No report and no progress, only exit code and files."),
        click.option("--no-color", is_flag=True, help="No colours (also: NO_COLOR in the environment)."),
        click.option("--debug", is_flag=True, help="Show the traceback of an error."),
    )


def with_options(command: _Command, *options: Callable[[_Command], _Command]) -> _Command:
    """``command`` with ``options``, listed in their order."""
    # click lists options in reverse order of decoration
    for option in reversed(options):
        command = option(command)
    return command
