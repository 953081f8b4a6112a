"""``paceline compare``: two files of results, test by test."""

from collections.abc import Iterator
from pathlib import Path

import click

from paceline.cli.display import show, show_lines
from paceline.cli.exit_codes import ExitCode
from paceline.cli.html import checked
from paceline.cli.options import FILE
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.redaction import redact
from paceline.judge.files import FilesCompared, compare_sessions
from paceline.records.quantities import MEDIAN, QUANTITIES
from paceline.report.baseline_text import other_changes, verdict_line, worst_first
from paceline.report.layout import printable
from paceline.store.codec import encode
from paceline.store.files import check_writable, write_atomically
from paceline.store.stored_sessions import load_sessions

_STDOUT = Path("-")
COMPARE_SCHEMA = "paceline/compare/1"


@click.command("compare")
@click.argument("base", type=FILE)
@click.argument("candidate", type=FILE)
@click.option(
    "--metric",
    type=click.Choice(list(QUANTITIES)),
    default=MEDIAN.key,
    show_default=True,
    help="The figure that decides; the others are shown.",
)
@click.option("--all", "show_all", is_flag=True, help="Show what else changed, below each test.")
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write the comparison to FILE ('-': stdout).")
@click.option("--html", type=FILE, metavar="FILE", help="Write the comparison to FILE as a page for browsers.")
@click.option("--strict", is_flag=True, help="An inconclusive comparison is exit code 6.")
@click.option("-q", "--quiet", is_flag=True, help="No text, only exit code and files.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    base: Path,
    candidate: Path,
    metric: str,
    show_all: bool,
    json_file: Path | None,
    html: Path | None,
    strict: bool,
    quiet: bool,
    debug: bool,
) -> int:
    """Compare CANDIDATE with BASE, test by test: results files, journals or baselines.

    A baseline stands for its reference sessions. Only ten sessions on five days can fail a test; what rests on less is
    shown as advice. Exit code 1: a test regressed.
    """
    del debug  # read by main()
    if json_file is not None and json_file != _STDOUT:
        check_writable(json_file)
    html = checked(html, json_file)
    compared = compare_sessions(load_sessions(base), load_sessions(candidate), QUANTITIES[metric])
    if json_file is not None:
        data = encode(as_plain(compared, str(base), str(candidate))) + b"\n"
        show(data) if json_file == _STDOUT else write_atomically(json_file, data)
    if html is not None:
        write_atomically(html, _page(compared, str(base), str(candidate)))
    if not quiet and json_file != _STDOUT:
        show_lines(list(_lines(compared, str(base), str(candidate), show_all=show_all)))
    if compared.regressed:
        return ExitCode.BROKEN
    if not compared.compared:
        return ExitCode.NOTHING_MEASURED
    return ExitCode.NO_VERDICT if strict and not compared.is_settled else ExitCode.HELD


def _lines(compared: FilesCompared, base: str, candidate: str, *, show_all: bool) -> Iterator[str]:
    for name, comparison in worst_first(compared.compared.items()):
        yield verdict_line(name, comparison)
        if show_all and (others := other_changes(comparison)):
            yield f"    {others}"
    for names, file in ((compared.only_base, base), (compared.only_candidate, candidate)):
        if names:
            yield printable(redact(f"only in {file}: {', '.join(names)}"))
    if not compared.compared:
        yield printable(redact(f"{base} and {candidate} have no test in common"))


def _page(compared: FilesCompared, base: str, candidate: str) -> bytes:
    from paceline.report.html.page import render_comparison_html

    text = render_comparison_html(
        dict(worst_first(compared.compared.items())),
        redact(base),
        redact(candidate),
        utc_text(SYSTEM_CLOCK.utc_now()),
        only_base=compared.only_base,
        only_candidate=compared.only_candidate,
    )
    return text.encode()


def as_plain(compared: FilesCompared, base: str, candidate: str) -> dict[str, object]:
    """What ``--json`` writes, before it is JSON; ``docs/files.md`` shows it."""
    return {
        "schema": COMPARE_SCHEMA,
        "base": redact(base),
        "candidate": redact(candidate),
        "compared": {name: comparison.to_dict() for name, comparison in worst_first(compared.compared.items())},
        "only_in_base": compared.only_base,
        "only_in_candidate": compared.only_candidate,
    }
