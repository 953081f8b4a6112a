"""Options that several commands share, and how their values are read."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

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


def percentage(_: click.Context, parameter: click.Parameter, text: str) -> float:
    """Callback of an option such as ``5%``: a share. The sign is asked for: 0.05 and 5 could mean one thing or two."""
    number, sign = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(number) / 100
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no percentage such as 2%", param=parameter) from error
    if not sign:
        raise click.BadParameter(f"{text!r} is to be written as a percentage, such as 2%", param=parameter)
    if not 0 < share < 1:
        raise click.BadParameter(f"{text!r} is not between 0 and 100 %", param=parameter)
    return share


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
TLS = (
    click.option("-k", "--insecure", is_flag=True, help="Trust any certificate."),
    click.option("--ca", "ca_file", type=FILE, metavar="FILE", help="Certificates to trust, instead of the system's."),
    click.option("--cert", "cert_file", type=FILE, metavar="FILE", help="Certificate of this client."),
    click.option("--key", "key_file", type=FILE, metavar="FILE", help="Its key."),
)


@dataclass(frozen=True)
class OutputOptions:
    """Where results go; the fields are the options of the same names."""

    baseline: Path | None = None
    save_baseline: Path | None = None
    json_file: Path | None = None
    html: Path | None = None
    junit: Path | None = None
    history: str | None = None
    strict: bool = False
    resume: bool = False
    quiet: bool = False
    no_color: bool = False


def output_options(command: _Command) -> _Command:
    """What every measuring command can be told about its results, and :func:`display_options`.

    ``command`` gets the limits as ``thresholds`` and the rest as ``output``, an :class:`OutputOptions`.
    """
    return packed(
        display_options(command), "output", OutputOptions,
        click.option(
            "-t", "--threshold", "thresholds", multiple=True, metavar="EXPR",
            help="Limit that must hold, such as 'p(95)<500' or 'error_rate<5% over 10s, abort'. Repeatable.",
        ),
        click.option("--baseline", type=FILE, metavar="FILE", help="Compare with the sessions stored in FILE."),
        click.option("--save-baseline", type=FILE, metavar="FILE", help="Add this session to FILE."),
        click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write all results to FILE ('-': stdout)."),
        click.option("--html", type=FILE, metavar="FILE", help="Write the report to FILE as a page for browsers."),
        click.option("--junit", type=FILE, metavar="FILE", help="Write all results to FILE as JUnit XML."),
        click.option(
            "--history", is_flag=False, flag_value=str(Path(".paceline", "history.db")), metavar="[URL]",
            help="Add this session to the history that 'paceline history' shows.",
        ),
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


def packed(
    command: _Command, name: str, kind: Callable[..., Any], *options: Callable[[_Command], _Command]
) -> _Command:
    """``command`` with ``options``, whose values it gets as one argument ``name``: a ``kind``, a dataclass of them."""
    own = [field.name for field in fields(cast("Any", kind))]

    @wraps(command)
    def packing(*args: Any, **given: Any) -> Any:  # noqa: ANN401  # whatever the command takes and returns
        values = {each: given.pop(each) for each in own}
        return command(*args, **given, **{name: kind(**values)})

    return with_options(cast("_Command", packing), *options)


def with_options(command: _Command, *options: Callable[[_Command], _Command]) -> _Command:
    """``command`` with ``options``, listed in their order."""
    # click lists options in reverse order of decoration
    for option in reversed(options):
        command = option(command)
    return command
