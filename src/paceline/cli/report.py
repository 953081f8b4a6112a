"""``paceline report``: show a results file or a journal, or write it in other formats."""

from collections.abc import Callable
from pathlib import Path

import click

from paceline.cli.display import show, show_report
from paceline.cli.options import FILE
from paceline.core.clock import SYSTEM_CLOCK, utc_text
from paceline.core.errors import ConfigurationError, FileFormatError
from paceline.judge.result import TestResult
from paceline.report.document import Document, document_of
from paceline.report.duet_text import render_duets
from paceline.report.text import render_text
from paceline.store.codec import read_results
from paceline.store.duets import StoredDuets, read_duets
from paceline.store.files import check_writable, write_atomically
from paceline.store.journal import is_journal, read_journal
from paceline.sysmon.fingerprint import this_machine


@click.command("report")
@click.argument("file", type=FILE)
@click.option("--text", "text_file", type=FILE, metavar="OUT", help="Write the report to OUT instead of the screen.")
@click.option("--junit", type=FILE, metavar="OUT", help="Write JUnit XML to OUT, a suite with one case for each test.")
@click.option("--markdown", type=FILE, metavar="OUT", help="Write Markdown to OUT, for a pull-request comment.")
@click.option("--csv", "csv_file", type=FILE, metavar="OUT", help="Write the figures to OUT, a row for each test.")
@click.option(
    "--smaller-is-better", type=FILE, metavar="OUT", help="Write JSON to OUT for github-action-benchmark."
)  # fmt: skip
@click.option("--annotations", is_flag=True, help="Print annotations for GitHub Actions instead of the report.")
@click.option("--no-color", is_flag=True, help="No colours (also: NO_COLOR in the environment).")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(
    file: Path,
    text_file: Path | None,
    junit: Path | None,
    markdown: Path | None,
    csv_file: Path | None,
    smaller_is_better: Path | None,
    annotations: bool,
    no_color: bool,
    debug: bool,
) -> int:
    """Show the report of FILE: results written by --json or export_json, or a journal in .paceline/.

    Where OUT is given, the screen stays empty. Duets are in the text alone.
    """
    del debug  # read by main()
    wanted = {
        "--text": text_file,
        "--junit": junit,
        "--markdown": markdown,
        "--csv": csv_file,
        "--smaller-is-better": smaller_is_better,
    }
    outputs = {option: path for option, path in wanted.items() if path is not None}
    _check(outputs)
    results = _results(file)
    environment = results[0].record.fingerprint if results else this_machine()
    document = document_of(results, environment, utc_text(SYSTEM_CLOCK.utc_now()))
    duets = None if is_journal(file) else read_duets(file)

    for option, path in outputs.items():
        data = _text(document, duets, file).encode() if option == "--text" else _WRITERS[option](document)
        write_atomically(path, data)
    if annotations:
        from paceline.report.github import render_annotations

        show(render_annotations(document))
    elif not outputs:
        show_report(_text(document, duets, file), no_color=no_color)
    return 0


def _check(outputs: dict[str, Path]) -> None:
    """Find out before anything is written.

    Raises:
        ConfigurationError: two outputs have one path.
        OutputError: one cannot be written.
    """
    seen: dict[Path, str] = {}
    for option, path in outputs.items():
        if path.absolute() in seen:
            raise ConfigurationError(f"{seen[path.absolute()]} and {option} both name {path}: give each its own file")
        seen[path.absolute()] = option
        check_writable(path)


def _text(document: Document, duets: StoredDuets | None, file: Path) -> str:
    text = "" if duets and not document.results else render_text(document)
    if duets is not None:
        text += "\n" if text else ""
        text += render_duets(duets.judged(str(file)), duets.left_out, duets.notices)
    return text


def _junit(document: Document) -> bytes:
    from paceline.report.junit import render_junit

    return render_junit(document)


def _markdown(document: Document) -> bytes:
    from paceline.report.markdown import render_markdown

    return render_markdown(document).encode()


def _csv(document: Document) -> bytes:
    from paceline.export.comma_separated import to_csv

    return to_csv(document.results)


def _smaller_is_better(document: Document) -> bytes:
    from paceline.export.smaller_is_better import to_smaller_is_better

    return to_smaller_is_better(document.results)


# Each format's module is imported when it is asked for.
_WRITERS: dict[str, Callable[[Document], bytes]] = {
    "--junit": _junit,
    "--markdown": _markdown,
    "--csv": _csv,
    "--smaller-is-better": _smaller_is_better,
}


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
