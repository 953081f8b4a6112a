"""``paceline report``: show a results file or a journal."""

from pathlib import Path

import click

from paceline.cli.display import show_report
from paceline.cli.options import FILE
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import FileFormatError
from paceline.judge.result import TestResult
from paceline.report.document import document_of
from paceline.report.text import render_text
from paceline.store.codec import read_results
from paceline.store.files import check_writable, write_atomically
from paceline.store.journal import is_journal, read_journal
from paceline.sysmon.fingerprint import this_machine


@click.command("report")
@click.argument("file", type=FILE)
@click.option("--text", "text_file", type=FILE, metavar="OUT", help="Write the report to OUT instead of the screen.")
@click.option("--no-color", is_flag=True, help="No colours (also: NO_COLOR in the environment).")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(file: Path, text_file: Path | None, no_color: bool, debug: bool) -> int:
    """Show the report of FILE: results written by --json or export_json, or a journal in .paceline/."""
    del debug  # read by main()
    if text_file is not None:
        check_writable(text_file)
    results = _results(file)
    environment = results[0].record.fingerprint if results else this_machine()
    text = render_text(document_of(results, environment, utc_text(SYSTEM_CLOCK.utc_now())))
    if text_file is not None:
        write_atomically(text_file, text.encode())
    else:
        show_report(text, no_color=no_color)
    return 0


def _results(file: Path) -> tuple[TestResult, ...]:
    try:
        if is_journal(file):
            content = read_journal(file)
            for notice in content.notices:
                click.echo(f"paceline: {notice}", err=True)
            return content.results if content.unfinished is None else (*content.results, content.unfinished)
        return read_results(file)
    except FileNotFoundError as error:
        raise FileFormatError(f"there is no file {file}") from error
